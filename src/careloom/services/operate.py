"""Operate: schema migrations and the check that a zone's content and index agree."""

from typing import Any

from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.access_decision import require
from careloom.services.admission import admit, event, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.search import zone_of
from careloom.store.migrate import migrate as migrate_database
from careloom.store.synthesis import listed


def migrate(platform: Platform, who: Principal) -> dict[str, str]:
    """Brings the database of every zone that has one to this version's schema; zone -> what was done.

    raises  AccessError; Conflict if a database is in use
    """
    done: dict[str, str] = {}
    data = platform.settings.data
    for zone in STORED_ZONES:
        require(who, "operate", zone)
        before, now = migrate_database(data.database or data.directory, zone)
        changed = f"schema {now}" if before == now else f"schema {before} to {now}"
        done[zone] = changed if now else "no database yet"
    return done


def check(platform: Platform, who: Principal, zone_name: str) -> dict[str, Any]:
    """Unseals every resource of a zone, every earlier version and every record; compares hashes and index rows.

    returns  ``zone``, how many of each: ``resources``, ``versions`` (earlier), ``records``, ``manifests``;
             ``consistent``, ``problems`` (codes), ``named`` (code and name of what is wrong with synthetic data)
             and ``content_hash``, equal exactly if types, ids, versions and contents are equal
    """
    zone = zone_of(zone_name)
    admit(platform, who, "operate", zone, operation="check")
    store = platform.store(zone)
    report = store.check()
    for code, name in _synthetic(platform, zone):
        report.note(code, name)
    note(platform, who, "check", zone, action="execute", detail={"problems": len(report.problems)})
    return {
        "zone": zone,
        "resources": report.resources,
        "versions": report.versions,
        "records": report.records,
        "manifests": report.manifests,
        "consistent": report.is_whole,
        "problems": [code for code, _ in report.problems],
        "named": [f"{code} {name}" for code, name in report.problems if code.startswith("store.synthetic-")],
        "content_hash": store.content_hash(),
    }


def _synthetic(platform: Platform, zone: str) -> list[tuple[str, str]]:
    """What `careloom.services.synthesize_check` finds, in both zones that it looks at, where there is anything."""
    if zone == "research" or not platform.has_store("identified"):
        return []
    with platform.store("identified").connect() as connection:
        is_any = bool(listed(connection, "model"))
    found: list[tuple[str, str]] = load("check.synthetic")(platform) if is_any else []
    return found


def rotate_keys(platform: Platform, who: Principal) -> dict[str, Any]:
    """A new key-encryption key, and every data key of every zone wrapped under it.

    The old key stays, because backups still need it; data is not sealed anew, so this takes seconds.
    returns  ``kek`` (id of the new key) and ``wrapped`` (data keys that moved to it)
    """
    zones = [zone for zone in STORED_ZONES if platform.has_store(zone)]
    for zone in zones:
        admit(platform, who, "operate", zone, operation="rotate-keys")
    kek = platform.keys.rotate()
    wrapped = 0
    for zone in zones:
        told = event(platform, who, "rotate-keys", zone, action="execute", detail={"kek": kek})
        with platform.store(zone).transaction(told) as tx:
            wrapped += tx.rewrap()
    return {"kek": kek, "wrapped": wrapped}
