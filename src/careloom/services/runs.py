"""Finished runs, as their manifests tell of them: one, a page of their ids, and all of them added up.

A manifest is written once, when its run has ended, and never changed. The sums of all are kept in one file beside them,
which names the runs that it covers: whoever looks adds the new ones. Losing that file costs time only.
"""

import heapq
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from careloom.pipeline.manifest import FileEntry
from careloom.services.platform import Platform

COUNTS = ("records", "known", "stored", "kept", "quarantined", "erased", "resources", "bytes")
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}")
_SUMS_NAME = "sums.json"
_SUMS_VERSION = 1


@dataclass(slots=True)
class Sums:
    """All finished runs added up.

    runs       ids of those that are in the sums
    totals     files and `COUNTS`
    formats    format -> [records, quarantined]
    days       ISO date on which a run ended -> [stored, quarantined]
    issues     (code, severity) -> count
    last       when the last one ended, ISO; empty if none has
    """

    runs: set[str] = field(default_factory=set)
    totals: Counter[str] = field(default_factory=Counter)
    formats: dict[str, list[int]] = field(default_factory=dict)
    days: dict[str, list[int]] = field(default_factory=dict)
    issues: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: str = ""

    def add(self, manifest: Mapping[str, Any]) -> None:
        """Adds one run."""
        summary = told_of(manifest)
        totals = summary["totals"]
        self.runs.add(manifest["run_id"])
        self.totals.update(totals)
        for one in summary["by_format"]:
            _add(self.formats, one["format"], one["records"], one["quarantined"])
        for issue in summary["issues"]:
            self.issues[issue["code"], issue["severity"]] += issue["count"]
        ended = manifest["ended"] or manifest["started"]
        _add(self.days, ended[:10], totals["stored"], totals["quarantined"])
        self.last = max(self.last, ended)


def told(files: Sequence[FileEntry], issues: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What people want to know of a run, finished or not: totals, by_format and issues."""
    formats: dict[str, list[int]] = {}
    for file in files:
        _add(formats, file.format or "unknown", file.records, file.quarantined)
    return {
        "totals": {"files": len(files)} | {name: sum(getattr(file, name) for file in files) for name in COUNTS},
        "by_format": [
            {"format": name, "records": records, "quarantined": quarantined}
            for name, (records, quarantined) in sorted(formats.items())
        ],
        "issues": list(issues),
    }


def told_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a finished run, from its manifest."""
    return told([FileEntry(**file) for file in manifest["files"]], manifest["issues"])


def find_run(platform: Platform, run_id: str) -> dict[str, Any] | None:
    """The manifest of a finished run, None if there is none of this id."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        manifest: dict[str, Any] = orjson.loads((platform.runs_folder / f"{run_id}.json").read_bytes())
    except FileNotFoundError:
        return None
    return manifest


def run_ids(platform: Platform, *, before: str, limit: int) -> list[str]:
    """Ids of finished runs, newest first, those below `before`."""
    return heapq.nlargest(limit, (run_id for run_id in _ids(platform) if run_id < before))


def sums(platform: Platform) -> Sums:
    """All finished runs added up."""
    kept = _kept(platform)
    new = [run_id for run_id in _ids(platform) if run_id not in kept.runs]
    for manifest in (find_run(platform, run_id) for run_id in new):
        if manifest is not None:
            kept.add(manifest)
    if new:
        with suppress(OSError):  # a disk that is full hides no numbers: they are added up again next time
            _keep(platform, kept)
    return kept


def _ids(platform: Platform) -> Iterable[str]:
    with suppress(FileNotFoundError), os.scandir(platform.runs_folder) as entries:
        names = [entry.name for entry in entries]
        return [name[:-5] for name in names if name.endswith(".json") and _RUN_ID.fullmatch(name[:-5])]
    return []


def _kept(platform: Platform) -> Sums:
    try:
        read = orjson.loads((platform.runs_folder / _SUMS_NAME).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return Sums()
    if read.pop("version", None) != _SUMS_VERSION:
        return Sums()
    issues = Counter({(code, severity): count for code, severity, count in read.pop("issues")})
    return Sums(runs=set(read.pop("runs")), totals=Counter(read.pop("totals")), issues=issues, **read)


def _keep(platform: Platform, made: Sums) -> None:
    """Replaces the file as a whole: several processes may do so at once, and each writes sums that are right."""
    written = {
        "version": _SUMS_VERSION,
        "runs": sorted(made.runs),
        "totals": made.totals,
        "formats": made.formats,
        "days": made.days,
        "issues": [[code, severity, count] for (code, severity), count in sorted(made.issues.items())],
        "last": made.last,
    }
    draft = platform.runs_folder / f"{_SUMS_NAME}.{platform.runtime.random_bytes(8).hex()}.part"
    draft.write_bytes(orjson.dumps(written))
    draft.replace(platform.runs_folder / _SUMS_NAME)


def _add(into: dict[str, list[int]], name: str, one: int, other: int) -> None:
    pair = into.setdefault(name, [0, 0])
    pair[0] += one
    pair[1] += other
