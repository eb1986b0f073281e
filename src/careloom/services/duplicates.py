"""Duplicates: resources of the identified zone that are there twice, across all records of a person.

A look reads the whole zone in memory and keeps what it found: counts, and the row numbers of the groups. Nothing is
removed.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from careloom.errors import NotFound
from careloom.fhir.references import patients_of
from careloom.quality.duplicates import Finder, policy
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.linkage_states import groups_of
from careloom.services.platform import Platform
from careloom.store.kept_reports import KeptReports
from careloom.store.zone_store import Zone, ZoneStore

ZONE: Zone = "identified"
FOLDER_NAME = "duplicates"
MOST_LOOKS = 20
MOST_GROUPS = 50_000
"""Groups that a look keeps, by type; its counts are always of all."""
MOST_MEMBERS = 50
"""Members of a group that a page shows; an export holds all."""
TELL_EVERY = 1000
Json = dict[str, Any]
Watch = Callable[[int, int], None]
Kept = list[tuple[str, str, list[int]]]
"""(kind, type, row numbers) of each group."""


def duplicates(platform: Platform, who: Principal, *, limit: int = 1000, watch: Watch | None = None) -> Json:
    """One look: the report, as `look` gives it, with ``groups``: at most `limit` of them, each with all its members.

    raises  AccessError
    """
    admit(platform, who, "link", ZONE, operation="duplicates")
    report, groups = _looked(platform, who, "", watch)
    some = [{"kind": group.kind, "type": group.type, "members": group.names} for group in groups[:limit]]
    return report | {"groups": some}


def look(platform: Platform, who: Principal, run_id: str = "", watch: Watch | None = None) -> Json:
    """One look, kept as the newest.

    run_id   of the look; empty for a new one
    watch    (resources done, resources in all), called now and then
    returns  ``id``, ``actor``, ``started``, ``ended``, ``resources`` looked at, ``group_count``, ``is_whole`` (False
             where more than `MOST_GROUPS` were found: the rest are counted only), and ``counts``: of each type and kind
             how many groups, and how many resources are more than one of each
    raises   AccessError
    """
    admit(platform, who, "link", ZONE, operation="duplicates")
    return _looked(platform, who, run_id, watch)[0]


@dataclass(frozen=True, slots=True)
class GroupsAsk:
    """Which groups of the newest look, and which page of them; `cursor` as the page before gave it."""

    type: str = ""
    kind: str = ""
    limit: int = 20
    cursor: str = ""


def list_groups(platform: Platform, who: Principal, ask: GroupsAsk = GroupsAsk()) -> Json:
    """``look``: the newest, None before the first; ``counts`` of it; ``items``: one page of its groups; ``next``.

    A group has ``kind``, ``type``, ``size`` and ``members``, each with ``resource``, ``patient`` and ``record``. What
    was deleted or erased since the look is left out, and groups of which one is left: a page may hold fewer than asked.
    A cursor goes on in the look that it began in.

    raises  AccessError; NotFound if that look is not kept any more
    """
    admit(platform, who, "link", ZONE, operation="duplicates-list")
    kept, (run_id, _, first) = kept_looks(platform), ask.cursor.partition(":")
    report = kept.find(run_id) if run_id else kept.newest()
    if report is None and run_id:
        note(platform, who, "duplicates-list", ZONE, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("the look of this cursor is not kept any more", "Begin again without a cursor.")
    if report is None:
        note(platform, who, "duplicates-list", ZONE, detail={"listed": 0})
        return {"look": None, "counts": [], "items": [], "next": None}
    found = (one for one in _kept(kept, report["id"]) if ask.kind in ("", one[0]) and ask.type in ("", one[1]))
    page = list(islice(found, int(first or 0), int(first or 0) + ask.limit + 1))
    store = platform.store(ZONE)
    items = list(_items(store, page[: ask.limit]))
    patients = {member["patient"] for item in items for member in item["members"] if member["patient"]}
    subjects = {store.pseudonym(one.removeprefix("Patient/")) for one in patients}
    note(platform, who, "duplicates-list", ZONE, subjects=subjects, detail={"listed": len(items)})
    told = {name: report[name] for name in report if name != "counts"}
    following = f"{report['id']}:{int(first or 0) + ask.limit}" if len(page) > ask.limit else None
    return {"look": told, "counts": report["counts"], "items": items, "next": following}


def export_groups(platform: Platform, who: Principal, run_id: str) -> Iterator[tuple[int, str, str, str, str]]:
    """(number of the group, kind, type, ``Type/id``, source record) of every resource that is there twice.

    raises  AccessError; NotFound
    """
    admit(platform, who, "link", ZONE, operation="duplicates-export")
    kept = kept_looks(platform)
    if kept.find(run_id) is None:
        note(platform, who, "duplicates-export", ZONE, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no look for duplicates of this id", "GET /api/v1/linkage/duplicates names the newest.")
    groups = _kept(kept, run_id)
    note(platform, who, "duplicates-export", ZONE, detail={"run": run_id, "groups": len(groups)})
    rows = [row for _, _, members in groups for row in members]
    named = {one.row: one for one in platform.store(ZONE).row_names(rows)}
    for number, (kind, name, members) in enumerate(groups, 1):
        left = [named[row] for row in members if row in named]
        if len(left) > 1:
            yield from ((number, kind, name, f"{one.type}/{one.id}", one.record_id) for one in left)


def kept_looks(platform: Platform) -> KeptReports:
    """Where finished looks are kept."""
    return KeptReports(platform.settings.data.directory / FOLDER_NAME)


@dataclass(frozen=True, slots=True)
class _Group:
    """One group: row numbers and ``Type/id`` of its members, in the same order, sorted by the latter."""

    kind: str
    type: str
    rows: list[int]
    names: list[str]


def _looked(platform: Platform, who: Principal, run_id: str, watch: Watch | None) -> tuple[Json, list[_Group]]:
    started, store = platform.runtime.now(), platform.store(ZONE)
    groups, looked_at = _found(store, watch)
    counts: Counter[tuple[str, str]] = Counter((group.type, group.kind) for group in groups)
    surplus: Counter[tuple[str, str]] = Counter()
    for group in groups:
        surplus[group.type, group.kind] += len(group.rows) - 1
    report: Json = {
        "id": run_id or platform.run_id(),
        "actor": who.name,
        "started": started.isoformat(),
        "ended": platform.runtime.now().isoformat(),
        "resources": looked_at,
        "group_count": len(groups),
        "is_whole": len(groups) <= MOST_GROUPS,
        "counts": [
            {"type": name, "kind": kind, "groups": count, "surplus": surplus[name, kind]}
            for (name, kind), count in sorted(counts.items())
        ],
    }
    rows = [(group.kind, group.type, group.rows) for group in groups[:MOST_GROUPS]]
    kept_looks(platform).keep(report, rows, most=MOST_LOOKS)
    detail = {"run": report["id"], "looked_at": looked_at, "groups": len(groups)}
    note(platform, who, "duplicates", ZONE, action="execute", detail=detail)
    return report, groups


def _found(store: ZoneStore, watch: Watch | None) -> tuple[list[_Group], int]:
    """Every group by type and first member, and how many resources were looked at."""
    with store.linkage() as reader:
        persons = {each: group[0] for each, group in groups_of(reader.all()).items()}
    finder, looked_at = Finder(lambda patient: persons.get(patient, patient)), 0
    types = sorted(policy().events)
    total = sum(count for name, count in store.count().items() if name in policy().events)
    for stored in store.scan(types):
        finder.take(stored.resource(), stored.rid)
        looked_at += 1
        if watch is not None and looked_at % TELL_EVERY == 0:
            watch(looked_at, max(total, looked_at))
    if watch is not None:
        watch(looked_at, looked_at)
    found = [(one, [int(name.partition("/")[2]) for name in one.members]) for one in finder.groups()]
    named = {one.row: f"{one.type}/{one.id}" for one in store.row_names([row for _, rows in found for row in rows])}
    groups = []
    for one, rows in found:
        here = sorted((named[row], row) for row in rows if row in named)
        if len(here) > 1:
            groups.append(_Group(one.kind, one.type, [row for _, row in here], [name for name, _ in here]))
    return sorted(groups, key=lambda group: (group.type, group.names, group.kind)), looked_at


def _kept(kept: KeptReports, run_id: str) -> Kept:
    return kept.rows(run_id) or []


def _items(store: ZoneStore, groups: Kept) -> Iterator[Json]:
    left = {one.row for one in store.row_names([row for _, _, rows in groups for row in rows])}
    here = [(kind, name, [row for row in rows if row in left]) for kind, name, rows in groups]
    shown = {one.rid: one for one in store.read_many([row for _, _, rows in here for row in rows[:MOST_MEMBERS]])}
    for kind, name, rows in here:
        members = [
            {
                "resource": f"{one.type}/{one.id}",
                "patient": next((f"Patient/{patient}" for patient in patients_of(one.resource())), ""),
                "record": one.record_id,
            }
            for one in (shown[row] for row in rows if row in shown)
        ]
        if len(rows) > 1:
            yield {"kind": kind, "type": name, "size": len(rows), "members": members}
