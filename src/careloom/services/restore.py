"""Restore: a backup in place of the zones' databases, with every erasure, audit event and rule since.

A copy is made whole first, beside the databases; only then does it take their place. Killed at any moment, the same
command does all of it again from the backup, which it never changes.
"""

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careloom.errors import Conflict, IntegrityError, NotFound, SetupError
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.backups import ledger_of, read_manifest
from careloom.services.platform import STORED_ZONES, Platform
from careloom.store import backup, database
from careloom.store.audit_log import microseconds
from careloom.store.clients import FILE_NAME as CLIENTS_NAME
from careloom.store.engine import DATABASE_NAME, is_url, open_engine, private_folder, writing
from careloom.store.key_ledger import KeyLedger
from careloom.store.migrate import migrate
from careloom.store.rights import RightsRule
from careloom.store.zone_store import ANCHOR_NAME, Zone, ZoneStore

STAGE = "restoring"
_MARK = "backup"
Json = dict[str, Any]


def restore(platform: Platform, who: Principal, folder: Path, *, over: bool = False) -> Json:
    """Restores a backup. Stop the server, the worker and the listeners first.

    over     zones that hold something may be replaced: what came after the backup is lost but for erasures, audit
             events, holds, restrictions and objections
    returns  ``backup``; ``zones``: zone -> ``left`` (rows of erased patients that did not come back), ``lost_keys``,
             ``events`` (carried over), ``rules`` (carried over), ``resources``
    raises   AccessError; NotFound; IntegrityError where the backup is not as it was made; Conflict where a zone holds
             something and `over` is false, or where a process uses it
    """
    for zone in STORED_ZONES:
        admit(platform, who, "operate", zone, operation="restore")
    manifest, ledger = read_manifest(platform, folder), ledger_of(platform)
    if not ledger.is_there:
        raise SetupError("the ledger of the backups' keys is not here", "Restore the folder of the keys first.")
    zones: list[Zone] = [zone for zone in STORED_ZONES if zone in manifest["zones"]]
    stage = platform.settings.data.directory / STAGE
    over = over or _was_begun(stage, manifest["backup"])
    shutil.rmtree(stage, ignore_errors=True)
    private_folder(stage)
    (stage / _MARK).write_text(manifest["backup"], "utf-8")
    told: Json = {}
    with ledger.locked():
        live = {zone: _live(platform, ledger, zone, over=over) for zone in zones}
        for zone in zones:
            told[zone] = _staged(platform, ledger, folder, stage, zone, live[zone])
            told[zone] |= _made_whole(platform, who, stage, zone, manifest["backup"], live[zone])
        platform.close()
        for zone in zones:
            _put_in_place(platform, stage, zone)
        _put_files(platform, folder)
    shutil.rmtree(stage, ignore_errors=True)
    return {"backup": manifest["backup"], "zones": told}


@dataclass(frozen=True, slots=True)
class _Live:
    """What is carried over from a zone as it is.

    is_fresh  it holds nothing and never did: a chain of its own that has only begun gives way to the backup's
    """

    counters: Mapping[str, int]
    rules: Sequence[RightsRule]
    is_fresh: bool


def _was_begun(stage: Path, name: str) -> bool:
    """True where the restoration of this backup was killed."""
    mark = stage / _MARK
    return mark.is_file() and mark.read_text("utf-8") == name


def _live(platform: Platform, ledger: KeyLedger, zone: Zone, *, over: bool) -> _Live | None:
    """The zone as it is; None where there is none. raises Conflict where it holds something that may not go"""
    if not platform.has_store(zone):
        return None
    store = platform.store(zone)
    with store.connect() as connection:
        ledger.take(zone, connection)
        counters = database.counters(connection)
        is_fresh = not counters["rid"] and not counters["erasures"]
    if not over and any(store.count().values()):
        raise Conflict(f"the {zone} zone holds something", "Restore into an empty installation, or give --over.")
    with store.rights() as reader:
        return _Live(counters, reader.rules(), is_fresh)


def _staged(platform: Platform, ledger: KeyLedger, folder: Path, stage: Path, zone: Zone, live: _Live | None) -> Json:
    """The copy of one zone without whoever was erased since, with all that the audit chain holds now."""
    place = stage / zone / DATABASE_NAME
    private_folder(place.parent)
    shutil.copyfile(folder / f"{zone}.db", place)
    place.chmod(0o600)
    migrate(stage, zone)
    now = microseconds(platform.runtime.now())
    left, lost = backup.fill(place, zone, ledger, now, {} if live is None else live.counters)
    events = 0
    if live is not None:
        with platform.store(zone).connect() as connection:
            try:
                events = backup.carry_audit(place, connection)
            except IntegrityError:
                if not live.is_fresh:
                    raise
    return {"left": left, "lost_keys": lost, "events": events}


def _made_whole(platform: Platform, who: Principal, stage: Path, zone: Zone, name: str, live: _Live | None) -> Json:
    """Carries rules over into the copy, and says in its audit chain what happens."""
    indexer = platform.blind_index(zone).index
    opened = ZoneStore.open(stage, zone=zone, keys=platform.keys, runtime=platform.runtime, indexer=indexer)
    try:
        opened.anchor_again()
        told = event(platform, who, "restore", zone, action="execute", detail={"backup": name})
        with opened.transaction(told) as step:
            there = {one.rule for one in step.rights.reader.rules(ended=True)}
            rules = [rule for rule in (() if live is None else live.rules) if rule.rule not in there]
            for rule in rules:
                step.rights.carry(rule)
        found: Json = {"rules": len(rules), "resources": sum(opened.count().values())}
    finally:
        opened.close()
    backup.settle_journal(stage / zone / DATABASE_NAME)
    return found


def _put_in_place(platform: Platform, stage: Path, zone: Zone) -> None:
    data, place = platform.settings.data, stage / zone / DATABASE_NAME
    if is_url(data.database):
        engine = open_engine(data.database, zone)
        try:
            with writing(engine) as connection:
                backup.load(place, connection)
        finally:
            engine.dispose()
    else:
        target = data.directory / zone / DATABASE_NAME
        private_folder(target.parent)
        _require_alone(target)
        for ending in ("-wal", "-shm"):
            target.with_name(target.name + ending).unlink(missing_ok=True)
        place.replace(target)
        backup.sync(target)
    (data.directory / zone / ANCHOR_NAME).unlink(missing_ok=True)
    platform.store(zone).anchor_again()


def _require_alone(target: Path) -> None:
    """Nobody else has the database open. raises Conflict"""
    if not target.is_file():
        return
    try:
        with closing(sqlite3.connect(target, timeout=2)) as held:
            (mode,) = held.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.Error:
        mode = ""
    if mode != "delete":
        raise Conflict("a process uses the store", "Stop the server, the worker and the listeners, then restore again.")


def _put_files(platform: Platform, folder: Path) -> None:
    """Puts back files that are not here."""
    root = platform.settings.data.directory
    for file in sorted((folder / "files").rglob("*")):
        target = root / file.relative_to(folder / "files")
        if file.is_file() and not target.exists():
            private_folder(target.parent)
            shutil.copyfile(file, target)
    clients = root / "access" / CLIENTS_NAME
    if (folder / CLIENTS_NAME).is_file() and not clients.exists():
        private_folder(clients.parent)
        shutil.copyfile(folder / CLIENTS_NAME, clients)
        clients.chmod(0o600)


def check(platform: Platform, who: Principal, folder: Path) -> Json:
    """Whether a backup could be restored: digests, signature, keys. raises as `restore`"""
    admit(platform, who, "operate", "identified", operation="check-backup")
    manifest, ledger = read_manifest(platform, folder), ledger_of(platform)
    if not ledger.is_there:
        raise NotFound("the ledger of the backups' keys is not here", "Restore the folder of the keys first.")
    told = {}
    for zone in manifest["zones"]:
        keys = ledger.keys(zone)
        with closing(sqlite3.connect(folder / f"{zone}.db")) as file:
            known = [row[0] for row in file.execute("SELECT subject FROM subject_key")]
        told[zone] = {"keys": len(known), "missing": sum(number not in keys for number in known)}
    return {"backup": manifest["backup"], "created": manifest["created"], "zones": told}
