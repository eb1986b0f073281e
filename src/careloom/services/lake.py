"""The lake as its users and its keeper see it: tables, versions, snapshots, upkeep, and copies in the clear."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from careloom.errors import NotFound, QueryError, StateError
from careloom.services.access import Principal, Verb
from careloom.services.admission import admit, note
from careloom.services.lake_sight import rows_seen
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.synthesize_gate import require_open
from careloom.services.view_table import ERASURES, TableReport, refresh_table
from careloom.store import lake_snapshots as snapshots
from careloom.store.database import erasures
from careloom.store.lake import Lake
from careloom.store.lake_versions import reference
from careloom.store.zone_store import Zone

OPERATION = "lake"
Json = dict[str, Any]


def _admitted(platform: Platform, who: Principal, verb: Verb, zone_name: str) -> tuple[Zone, Lake]:
    zone = zone_of(zone_name)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Its views go to the screen: careloom view.")
    admit(platform, who, verb, zone, operation=OPERATION)
    return zone, platform.lake(zone)


def lake_tables(platform: Platform, who: Principal, zone_name: str) -> list[Json]:
    """Every table of a zone's lake: path, version, rows, files, size_bytes, is_sealed, facts, phi.

    raises  AccessError
    """
    zone, lake = _admitted(platform, who, "search", zone_name)
    found = [asdict(state) for state in lake.tables()]
    note(platform, who, OPERATION, zone, detail={"tables": len(found)})
    return found


def lake_table(platform: Platform, who: Principal, zone_name: str, path: str) -> Json:
    """One table with its ``columns`` (name, type, meaning, phi, unit), its ``versions`` (number, time, operation, run,
    is_readable) and its ``snapshots``.

    raises  AccessError; NotFound
    """
    zone, lake = _admitted(platform, who, "search", zone_name)
    told = asdict(lake.state(path)) | {"columns": lake.columns(path)}
    told["versions"] = [
        asdict(one) | {"time": one.time.isoformat(), "is_readable": lake.has(path, one.number)}
        for one in lake.versions(path)
    ]
    told["snapshots"] = [asdict(one) | {"name": one.name} for one in snapshots.kept(lake, path)]
    note(platform, who, OPERATION, zone, detail={"table": path})
    return told


def lake_snapshot(platform: Platform, who: Principal, zone_name: str, name: str) -> Json:
    """Keeps a version (``silver/observations``, ``silver/observations@3``); its ``name`` reads exactly its rows.

    raises  AccessError; NotFound; StateError for the table of a view that knows less erasures than the zone has seen
    """
    zone, lake = _admitted(platform, who, "search", zone_name)
    known = lake.mark(reference(name)[0], ERASURES)
    with platform.store(zone).connect() as connection:
        is_behind = known is not None and known != erasures(connection)
    if is_behind:
        raise StateError("somebody was erased since the table was made", "Refresh it first: careloom lake refresh.")
    made = snapshots.keep(lake, name, platform.run_id())
    note(platform, who, OPERATION, zone, action="create", detail={"snapshot": f"{made.path}@{made.version}"})
    return asdict(made) | {"name": made.name}


def lake_release(platform: Platform, who: Principal, zone_name: str, name: str) -> Json:
    """Lets a snapshot go. raises AccessError; NotFound"""
    zone, lake = _admitted(platform, who, "operate", zone_name)
    snapshots.release(lake, name)
    note(platform, who, OPERATION, zone, action="delete", detail={"snapshot": name.partition("#")[0]})
    return {"released": name.partition("#")[0]}


def lake_refresh(platform: Platform, who: Principal, zone_name: str, path: str) -> TableReport:
    """Brings the table of a view up to date. raises AccessError; NotFound; StateError"""
    zone, lake = _admitted(platform, who, "search", zone_name)
    del lake
    return refresh_table(platform, who, zone, path)


def lake_compact(
    platform: Platform, who: Principal, zone_name: str, path: str = "", *, is_forced: bool = False
) -> list[Json]:
    """Joins the data files of a table, or of all: path and files afterwards. Older versions stay readable.

    is_forced  writes every file again, so that it is sealed under the newest key
    raises     AccessError; NotFound; Conflict if the lake is being written
    """
    zone, lake = _admitted(platform, who, "operate", zone_name)
    done = [
        {"path": one, "files": lake.compact(one, platform.run_id(), is_forced=is_forced)}
        for one in ([path] if path else lake.paths())
    ]
    note(platform, who, OPERATION, zone, action="update", detail={"compacted": len(done)})
    return done


def lake_vacuum(
    platform: Platform, who: Principal, zone_name: str, path: str = "", keep_hours: float | None = None
) -> list[Json]:
    """Deletes the data files that no version needs that is kept: path and files ``deleted``. Snapshots stay.

    keep_hours  how long a version stays readable that is no longer the newest; ``[lake] keep_hours`` where None
    raises      AccessError; NotFound; Conflict if the lake is being written
    """
    zone, lake = _admitted(platform, who, "operate", zone_name)
    hours = platform.settings.lake.keep_hours if keep_hours is None else keep_hours
    done = [
        {"path": one, "deleted": lake.vacuum(one, hours, snapshots.numbers_kept(lake, one))}
        for one in ([path] if path else lake.paths())
    ]
    note(platform, who, OPERATION, zone, action="delete", detail={"vacuumed": len(done)})
    return done


def lake_drop(platform: Platform, who: Principal, zone_name: str, path: str) -> Json:
    """Removes a table with its history and snapshots. raises AccessError; NotFound; Conflict"""
    zone, lake = _admitted(platform, who, "operate", zone_name)
    if path not in lake.paths():
        raise NotFound("there is no such table", "See careloom lake tables.")
    lake.drop(path)
    note(platform, who, OPERATION, zone, action="delete", detail={"table": path})
    return {"dropped": path}


def lake_export(platform: Platform, who: Principal, zone_name: str, name: str, out: Path) -> Json:
    """Writes a table, or a version of it, as a plain Delta table in a new folder: ``rows``. It is audited before.

    What restrictions and consents keep from `who` now is left out, whatever the version holds.

    raises  AccessError; NotFound; Conflict if the folder is there
    """
    zone, lake = _admitted(platform, who, "search", zone_name)
    state = lake.state(name)
    require_open(platform, zone, state)
    detail = {"exported": f"{state.path}@{state.version}", "rows": state.rows}
    note(platform, who, OPERATION, zone, action="read", detail=detail)
    narrow = rows_seen(platform, who, zone, state, "export")
    rows = lake.export(f"{state.path}@{state.version}", out, narrow)
    return {"path": state.path, "version": state.version, "rows": rows}
