"""Timed facts of a zone, for cohorts and features: in memory, or as a table of its lake to pin training sets to.

In memory are the facts that the caller may see; of the identified zone they stay there. The table holds nobody who is
kept out of exports, and who is kept from its reader is left out when it is read. It remembers the zone's count of
erasures and the policies it was made under: facts of an earlier state are not read, and where another policy rules the
next run of de-identification drops the table.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from careloom.deid.dates import MOST_DAYS
from careloom.deid.policy import SHIPPED, Policy, packaged_policy
from careloom.errors import CareloomError, Conflict, NotFound, QueryError, StateError
from careloom.fhir.readmissions import instant
from careloom.fhir.views import compile_view
from careloom.risk.cohorts import Cohort
from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.cohorts_fhir import GROUP_VIEWS, VIEWS, definitions, fhir_events
from careloom.risk.cohorts_hints import Hint, Ruled, hints
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.access_decision import Ask, decide
from careloom.services.admission import admit, note
from careloom.services.export import policy_mark
from careloom.services.lake_sight import rows_seen
from careloom.services.note_facts import FactsAsk, facts
from careloom.services.note_query import NoteScope
from careloom.services.own_policies import kept
from careloom.services.platform import Platform
from careloom.services.restrictions import not_exported
from careloom.services.search import zone_of
from careloom.services.stored_notes import TYPE, known_of
from careloom.services.synthesize_gate import require_open
from careloom.services.view import Watch, recipe_of, seen, tell
from careloom.services.view_table import ERASURES, OF_RESOURCES, POLICIES, require_kind
from careloom.store import lake_snapshots as snapshots
from careloom.store.database import erasures
from careloom.store.snapshot import Snapshot, snapshot, without
from careloom.store.zone_policy import policies_of
from careloom.store.zone_store import Zone

OPERATION = "risk-facts"
_NOTE_ZONES = ("identified", "research")
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class FactsReport:
    """The table of a zone's facts.

    name       what it is read by: table, version, digest
    resources  type -> how many were looked at
    kinds      kind -> rows
    """

    name: str
    version: int
    rows: int
    patients: int
    resources: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ZoneState:
    """What rules over a zone's tables.

    marks  what a table remembers: the count of erasures, and a number for the policies and whom no export holds
    runs   the runs of de-identification that made the zone
    """

    marks: dict[str, int]
    runs: str


def zone_facts(
    platform: Platform, who: Principal, zone_name: str, watch: Watch | None = None, *, notes: bool = False
) -> pl.DataFrame:
    """The facts that `who` may see of a zone, as `careloom.risk.cohorts_events.EVENTS`; nothing is written.

    notes   what notes say of the patient, too: coded entities of annotated notes, as `note_fact`
    raises  AccessError; QueryError for a zone that is none, or for notes of a zone without
    """
    zone = _admitted(platform, who, zone_name)
    return _read(platform, who, zone, watch, is_table=False, notes=notes)[0]


def zone_rows(
    platform: Platform, who: Principal, zone_name: str, names: tuple[str, ...], watch: Watch | None = None
) -> dict[str, pl.DataFrame]:
    """The rows that `who` may see of views of a zone (`careloom.risk.cohorts_fhir.definitions`), by their names.

    raises  AccessError; QueryError for a zone that is none
    """
    zone, found = zone_of(zone_name), definitions(names)
    for kind in dict.fromkeys(one["resource"] for one in found.values()):
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    return {
        name: _rows(platform, who, zone, definition, watch, is_table=False)[0] for name, definition in found.items()
    }


def make_facts(
    platform: Platform, who: Principal, zone_name: str, watch: Watch | None = None, *, notes: bool = False
) -> FactsReport:
    """Makes the table of a zone's facts in its lake anew, and keeps the version as a snapshot.

    raises  AccessError; QueryError for the identified zone; Conflict if patients are erased or the zone is made anew
            meanwhile, or if the lake is being written
    """
    zone = _admitted(platform, who, zone_name)
    if zone == "identified":
        raise QueryError(
            "the identified zone has no lake", "Its cohorts are extracted in memory: leave the table away."
        )
    lake, before = platform.lake(zone), state_of_zone(platform, zone)
    require_kind(lake, EVENTS.path, OF_RESOURCES)
    found, resources = _read(platform, who, zone, watch, is_table=True, notes=notes)
    require_same(platform, zone, before)
    run = platform.run_id()
    version = lake.replace(EVENTS, [found], run, before.marks, {OF_RESOURCES: OPERATION})
    try:
        require_same(platform, zone, before)
    except Conflict:
        lake.drop(EVENTS.path)
        raise
    kept = snapshots.keep(lake, f"{EVENTS.path}@{version}", run)
    kinds = dict(found["kind"].value_counts(sort=True).iter_rows())
    note(platform, who, OPERATION, zone, action="create", detail={"table": f"{EVENTS.path}@{version}"})
    return FactsReport(kept.name, version, found.height, found["patient_id"].n_unique(), resources, kinds)


def read_facts(platform: Platform, who: Principal, zone_name: str, name: str) -> pl.DataFrame:
    """The rows of a version of the table that `who` may see (``gold/risk_events@3#digest``).

    raises  AccessError; NotFound; QueryError; StateError for a version of before an erasure or of another policy;
            IntegrityError where the rows are not those of the digest
    """
    zone = _admitted(platform, who, zone_name)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Leave the table away.")
    lake, path = platform.lake(zone), name.partition("@")[0]
    if path != EVENTS.path:
        raise QueryError(f"{path} is no table of facts", f"Name a version of {EVENTS.path}.")
    state = lake.state(name)
    require_open(platform, zone, state)
    held = {mark: lake.mark(path, mark) for mark in (ERASURES, POLICIES)}
    if held != state_of_zone(platform, zone).marks:
        raise StateError("the zone was made anew, or somebody erased, since the facts", "Make the table again.")
    try:
        found = rows_seen(platform, who, zone, state)(lake.read(name))
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    subjects = map(platform.store(zone).pseudonym, found["patient_id"].unique().to_list())
    note(platform, who, OPERATION, zone, subjects=subjects, detail={"table": f"{path}@{state.version}"})
    return found.select(list(EVENTS.dtypes))


def newest_facts(platform: Platform, zone_name: str) -> str:
    """The name of the newest snapshot of a zone's facts. raises NotFound"""
    zone = zone_of(zone_name)
    kept = snapshots.kept(platform.lake(zone), EVENTS.path) if EVENTS.path in platform.lake(zone).paths() else []
    readable = [one for one in kept if one.is_readable]
    if not readable:
        raise NotFound("there is no table of facts", "Make it: careloom risk facts.")
    return readable[-1].name


def _admitted(platform: Platform, who: Principal, zone_name: str) -> Zone:
    zone = zone_of(zone_name)
    for kind in dict.fromkeys(one["resource"] for one in definitions().values()):
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    return zone


def state_of_zone(platform: Platform, zone: Zone) -> ZoneState:
    """What a table of the zone's resources has to be made under."""
    with platform.store(zone).connect() as connection:
        policies = [one.digest for one in policies_of(connection)] if zone == "research" else []
        ruled = f"{'|'.join(policies)}/{sorted(not_exported(platform, zone).numbers)}"
        number = int.from_bytes(hashlib.blake2b(ruled.encode(), digest_size=7).digest(), "big")
        return ZoneState({ERASURES: erasures(connection), POLICIES: number}, policy_mark(connection, zone))


def shift_of(platform: Platform, zone: Zone) -> int:
    """The most days by which the dates of a patient of a zone were moved: 0 where its policies keep them.

    A policy that nobody can read any more, or one of the installation's own, counts as one that moves them.
    """
    if zone != "research" or not platform.has_store(zone):
        return 0
    with platform.store(zone).connect() as connection:
        known = policies_of(connection)
    kept = all(one.name in SHIPPED and packaged_policy(one.name).moments != "shift" for one in known)
    return 0 if kept else MOST_DAYS


def cohort_hints(platform: Platform, zone: Zone, found: Cohort, events: pl.DataFrame) -> tuple[Hint, ...]:
    """What a cohort of a zone lacks because of the policies that the zone was made under.

    Of a policy that nobody can read any more nothing is told.
    """
    mine: list[Ruled] = []
    if zone == "research" and platform.has_store(zone):
        with platform.store(zone).connect() as connection:
            known = policies_of(connection)
        read = [packaged_policy(one.name) if one.name in SHIPPED else kept(platform, one.digest) for one in known]
        mine = [
            Ruled(one.name or "unknown", None, "shift") if policy is None else _ruled(policy)
            for one, policy in zip(known, read, strict=True)
        ]
    return tuple(hints(found, events, mine, [_ruled(packaged_policy(name)) for name in SHIPPED]))


def _ruled(policy: Policy) -> Ruled:
    return Ruled(policy.name, policy.passing, policy.moments, None if policy.targets is None else policy.targets.k)


def require_same(platform: Platform, zone: Zone, before: ZoneState) -> None:
    """Returns where nobody was erased and no run of de-identification began since. raises Conflict"""
    if state_of_zone(platform, zone) != before:
        raise Conflict("the zone was made anew, or somebody erased, meanwhile", "Make the table again.")


def _read(
    platform: Platform, who: Principal, zone: Zone, watch: Watch | None, *, is_table: bool, notes: bool
) -> tuple[pl.DataFrame, dict[str, int]]:
    if notes and zone not in _NOTE_ZONES:
        raise QueryError("this zone has no annotated notes", f"Ask for notes of {' or '.join(_NOTE_ZONES)}.")
    frames, resources = {}, {}
    for name, definition in definitions(_views(who, zone)).items():
        kind = definition["resource"]
        frames[name], resources[kind] = _rows(platform, who, zone, definition, watch, is_table=is_table)
    found = fhir_events(frames)
    if notes:
        said = list(_said(platform, who, zone))
        if said:
            found = as_events(pl.concat([found.drop("event_id"), pl.DataFrame(said, schema=_NOTE)], how="diagonal"))
            resources["DocumentReference"] = len({one["resource_key"] for one in said})
    return found, resources


def _views(who: Principal, zone: Zone) -> tuple[str, ...]:
    """The views that `who` may read; whom groups are not for learns facts without them."""
    return VIEWS + tuple(
        name
        for name, one in definitions(GROUP_VIEWS).items()
        if decide(who, Ask("search", zone, one["resource"])).is_permit
    )


def _rows(
    platform: Platform, who: Principal, zone: Zone, definition: Any, watch: Watch | None, *, is_table: bool
) -> tuple[pl.DataFrame, int]:
    compiled, store = compile_view(definition), platform.store(zone)
    with store.connect() as connection:
        state = _exported(platform, zone, connection, compiled.resource) if is_table else seen(
            platform, who, zone, connection, compiled.resource
        )  # fmt: skip
    recipe = recipe_of(platform, zone, definition, state.as_of)
    found, done = [pl.DataFrame(schema=compiled.schema())], 0
    cores = view_scan.usable_cores()
    for piece in view_scan.pieces(recipe, state.rows, cores, store.connect, size=view_scan.BATCH):
        tell(platform, who, zone, compiled, piece)
        found.append(piece.opened())
        done += piece.resources
        if watch is not None:
            watch(done, len(state.rows))
    return pl.concat(found), done


def _exported(platform: Platform, zone: Zone, connection: Any, kind: str) -> Snapshot:
    return without(connection, snapshot(connection, kind), not_exported(platform, zone).numbers)


_TIME = pl.Datetime("us", "UTC")
_WHOLE = {4: "1y", 7: "1mo", 10: "1d"}
"""Letters of a FHIR date -> what it is the whole of."""
_NOTE = {
    "patient_id": pl.String(), "kind": pl.String(), "time": _TIME, "available_time": _TIME, "system": pl.String(),
    "code": pl.String(), "detail": pl.String(), "encounter_key": pl.String(), "resource_key": pl.String(),
}  # fmt: skip


def _said(platform: Platform, who: Principal, zone: Zone) -> Iterator[dict[str, Any]]:
    """What annotated notes say, as facts of kind ``note``: one an annotation with a code and a time of the note."""
    return (made for item in _items(platform, who, zone) if (made := note_fact(item)) is not None)


def _items(platform: Platform, who: Principal, zone: Zone, *patients: str) -> Iterator[Mapping[str, Any]]:
    store, cursor = platform.store(zone), ""
    while True:
        scope = NoteScope(zone=zone, patients=patients, limit=_PAGE, cursor=cursor)
        page = facts(platform, who, FactsAsk(scope))
        names = {_note_id(item) for item in page.items}
        read = store.read_named(TYPE, names)
        known = {name: known_of(one.resource()) for name, one in read.items() if not one.deleted}
        yield from ({**item, "known": known.get(_note_id(item), "")} for item in page.items)
        if page.next is None:
            return
        cursor = page.next


def _note_id(item: Mapping[str, Any]) -> str:
    return str(item["note"]).split("/")[1]


def notes_of_one(
    platform: Platform, who: Principal, zone: Zone, patient_id: str
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """What the annotated notes of one patient say, as `note_fact`, and the versions of the notes that were read; none
    in a zone without notes.

    raises  AccessError for who may not search notes
    """
    if zone not in _NOTE_ZONES:
        return [], {}
    found, versions = [], {}
    for item in _items(platform, who, zone, patient_id):
        if (made := note_fact(item)) is not None:
            found.append(made)
            versions[made["resource_key"]] = int(str(item["note"]).rpartition("/")[2])
    return found, versions


def note_fact(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """An item of `careloom.services.note_facts.facts` as a fact; None where it has no code, or its note no time.

    item    with ``known``: `careloom.services.stored_notes.known_of`; a day, a month or a year is known when it is over

    The detail is the assertion: present, absent, possible, ...; ``present/historical`` or ``present/future`` for what
    is not of now; ``family`` or ``other`` for what is of somebody else.
    """
    codes, written, known = item.get("codes") or [], str(item.get("time") or ""), str(item.get("known") or "")
    over = instant(pl.lit(known, pl.String)).dt.offset_by(_WHOLE.get(len(known), "0d"))
    time, known_time = pl.select(instant(pl.lit(written, pl.String)).alias("time"), over.alias("known")).row(0)
    if not codes or time is None or known_time is None:
        return None
    said = item.get("assertion") or {}
    parts = [str(said.get("presence", "present"))]
    if said.get("temporality", "current") != "current":
        parts.append(str(said["temporality"]))
    if said.get("experiencer", "patient") != "patient":
        parts = [str(said["experiencer"])]
    return {
        "patient_id": str(item["patient"]).rpartition("/")[2], "kind": "note", "time": time,
        "available_time": known_time, "system": codes[0].get("system"), "code": codes[0].get("code"),
        "detail": "/".join(parts),
        "encounter_key": item.get("encounter") or None,
        "resource_key": str(item["note"]).partition("/_history")[0],
    }  # fmt: skip
