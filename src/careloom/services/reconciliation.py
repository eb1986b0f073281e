"""Reconciliation: of every file of a run, what came in = stored + known + quarantined (+ kept + erased), per type.

The run's own counters stand on one side; on the other what the tables hold now, counted record by record
(`careloom.store.reconciliation`). A file is whole where both say the same and its hashes give its root.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from careloom.errors import NotFound
from careloom.fhir.search_parameters import resource_types
from careloom.pipeline.manifest import FileEntry
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.runs import find_run
from careloom.store.kept_reports import KeptReports
from careloom.store.reconciliation import FATES, Fate, reconciled
from careloom.store.zone_store import ZoneStore

FOLDER_NAME = "reconciliations"
MOST_KEPT = 1_000
"""Reports that are kept; an older one is told anew when somebody asks."""
Json = dict[str, Any]


def reconcile(platform: Platform, who: Principal, run_id: str) -> Json:
    """What became of a finished run's records, as the tables tell now.

    ``files``: of each ``manifest``, ``state``, ``bytes``, ``root``, ``is_verified``, ``is_whole``, ``received``, the
    `careloom.store.reconciliation.FATES`, and ``types``: the same of each type (empty: unknown) with a ``hash``.
    ``totals`` and ``is_whole`` are over all files.

    raises  AccessError; NotFound
    """
    admit(platform, who, "monitor", "landing", operation="reconcile")
    report = _report(platform, run_id)
    detail = {"run": run_id, "received": report["totals"]["received"], "is_whole": report["is_whole"]}
    note(platform, who, "reconcile", "landing", detail=detail)
    return report


def kept(platform: Platform, who: Principal, run_id: str) -> Json:
    """The same, kept for those who ask later; who asks was admitted to what ran. raises NotFound."""
    report = _report(platform, run_id)
    detail = {"run": run_id, "received": report["totals"]["received"], "is_whole": report["is_whole"]}
    note(platform, who, "reconcile", "landing", detail=detail)
    _reports(platform).keep(report, most=MOST_KEPT)
    return report


def find(platform: Platform, run_id: str) -> Json | None:
    """What was kept; None where nothing is."""
    return _reports(platform).find(run_id)


def _reports(platform: Platform) -> KeptReports:
    return KeptReports(platform.settings.data.directory / FOLDER_NAME)


def _report(platform: Platform, run_id: str) -> Json:
    manifest = find_run(platform, run_id)
    if manifest is None:
        raise NotFound("there is no finished run of this id", "List them: careloom jobs list.")
    store = platform.store("identified")
    files = [_file(store, FileEntry(**entry)) for entry in manifest["files"]]
    totals = {name: sum(file[name] for file in files) for name in ("received", *FATES)}
    return {
        "id": run_id,
        "actor": manifest["actor"],
        "started": manifest["started"],
        "ended": manifest["ended"],
        "reconciled": platform.runtime.now().isoformat(),
        "files": files,
        "totals": totals,
        "is_whole": all(file["is_whole"] for file in files),
    }


def _file(store: ZoneStore, entry: FileEntry) -> Json:
    """One file. What another run, or the same file before it, had stored counts as known here."""

    def type_of_refused(record_id: str) -> str:
        return _type_of(store.raw_record(record_id).raw)

    with store.connect() as connection:
        found = reconciled(connection, entry.manifest_id, type_of_refused) if entry.manifest_id else None
    types: Mapping[str, Fate] = found["types"] if found else {}
    if entry.state == "unchanged":
        for fate in types.values():
            fate.counts |= {"known": fate.counts["known"] + fate.counts["stored"], "stored": 0}
    told = {name: one.as_json() for name, one in sorted(types.items())}
    sums = {name: sum(one[name] for one in told.values()) for name in ("received", *FATES)}
    is_verified = bool(found and found["is_verified"])
    return {
        "manifest": entry.manifest_id,
        "state": entry.state,
        "bytes": entry.bytes,
        "root": found["root"] if found else "",
        "is_verified": is_verified,
        "is_whole": is_verified and entry.state != "unreadable" and sums["received"] == entry.records,
        **sums,
        "types": told,
    }


def _type_of(raw: bytes) -> str:
    """The type that a refused record calls itself; empty where it calls itself nothing that FHIR knows."""
    try:
        read = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ""
    kind = read.get("resourceType") if isinstance(read, dict) else None
    if isinstance(read, dict) and kind is None and isinstance(read.get("resource"), dict):
        kind = read["resource"].get("resourceType")
    return kind if isinstance(kind, str) and kind in resource_types() else ""
