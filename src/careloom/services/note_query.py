"""What queries over stored notes share: which notes in which order, what is held of each, and what a concept means.

Notes are sealed, and no index of their words lies anywhere: a query opens them one after the other, in order of their
ids. A page ends when it is full or when so many notes were opened; its cursor says where the next one goes on.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import orjson

from careloom.errors import CareloomError, QueryError
from careloom.fhir.search_values import time_span
from careloom.nlp.assertion import LABELS
from careloom.nlp.labels import SOCIAL
from careloom.pipeline.batch import some_at_a_time
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.annotate import ZONES
from careloom.services.annotate_documents import KIND, PERSON, READER, Kept, document_id, kept_of
from careloom.services.annotate_patient import of_patient
from careloom.services.platform import Platform
from careloom.services.records import told_of
from careloom.services.search import zone_of
from careloom.services.sight import View, view_of
from careloom.services.stored_notes import TYPE, whose
from careloom.services.terminology import system_of
from careloom.store.rows import Stored
from careloom.terminology.operations import descendants, known
from careloom.text.note import Assertion

MOST_SCANNED = 1000
"""Notes that are opened for one page at most."""
MOST_ITEMS = 1000
MOST_PATIENTS = 10_000
MOST_CONCEPTS = 50
_LOOKED_UP = 100
"""So many patients are looked up in the index; for more of them all notes of the zone are opened."""
_BATCH = 50
_CURSOR = re.compile(r"([A-Za-z0-9.-]{1,64})(?:~([0-9]{1,6}))?", re.ASCII)
_USUAL = {name: getattr(Assertion(), name) for name in Assertion.__slots__}
Codes = frozenset[tuple[str, str]]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NoteScope:
    """Whose notes are looked at, and which page of what is found.

    zone      identified or research
    patients  ids, or ``Patient/<id>``: a patient, or a cohort; everybody where empty
    limit     items of a page at most
    cursor    `next` of the page before; empty for the first
    """

    zone: Zone = "identified"
    patients: tuple[str, ...] = ()
    limit: int = 50
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class ConceptAsk:
    """Codes of which an annotation must have one as its best.

    concepts     as ``SNOMED|73211009``: the system by URI, OID or short name
    descendants  what is a kind of them counts, too
    candidates   codes that may be meant count, too, not only the likeliest
    """

    concepts: tuple[str, ...] = ()
    descendants: bool = True
    candidates: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open range of times: from the start of `since` on, before the start of `until`; open where empty."""

    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class NotePage:
    """One page.

    items    what was found, in order of the note's id, then of its place
    next     cursor of the page after it; None on the last. A page may be empty and not be the last
    scanned  notes that were looked at for it
    notes    notes of the zone, of everybody and whatever their state
    """

    items: tuple[Json, ...]
    next: str | None
    scanned: int
    notes: int

    def as_json(self) -> Json:
        """The page as plain JSON."""
        return {"items": list(self.items), "next": self.next, "scanned": self.scanned, "notes": self.notes}


@dataclass(frozen=True, slots=True)
class Annotated:
    """A note and what is held of it; None where nobody has annotated it."""

    stored: Stored
    patient: str
    kept: Kept | None

    @property
    def reference(self) -> str:
        """The note as it is now."""
        return f"{TYPE}/{self.stored.id}/_history/{self.stored.version}"

    @property
    def is_current(self) -> bool:
        """True where what is held is of the note as it is now."""
        return self.kept is not None and self.kept.note == self.reference


Look = Callable[[Annotated], list[Json]]


def asked(
    platform: Platform, who: Principal, operation: str, scope: NoteScope, by: Iterable[str], look: Callable[[], Look]
) -> NotePage:
    """The page that a query asks for; what was disclosed about whom is audited, without what was asked.

    by      names of what the query narrows by
    look    makes what finds the items of one note; it may refuse the query
    raises  AccessError; QueryError, NotFound: audited, too
    """
    zone = zone_of(scope.zone)
    if zone not in ZONES:
        raise QueryError(f"notes of the {zone} zone are not annotated", f"Choose one of {', '.join(ZONES)}.")
    admit(platform, who, "search", zone, TYPE, operation=operation)
    try:
        view, found = view_of(platform, who, zone, verb="search"), look()
        page = _page(platform, scope, found if view.sight.is_whole else _seen(view, found))
    except CareloomError as error:
        note(platform, who, operation, zone, outcome="failed", detail={"code": error.code})
        raise
    store = platform.store(zone)
    subjects = {store.pseudonym(one["patient"].removeprefix("Patient/")) for one in page.items}
    detail = {"found": len(page.items), "scanned": page.scanned, "by": sorted(by)} | told_of(who, view)
    note(platform, who, operation, zone, subjects=subjects, detail=detail)
    return page


def _seen(view: View, look: Look) -> Look:
    """What finds nothing in a note that consents withhold."""
    return lambda one: look(one) if view.shows(orjson.loads(one.stored.content)) else []


def narrowed_by(ask: Any) -> list[str]:
    """Names of what a query narrows by: members that are not as they are where nothing is asked."""
    scope: NoteScope = ask.scope
    usual = {one.name: one.default_factory() if callable(one.default_factory) else one.default for one in fields(ask)}
    named = [name for name, value in usual.items() if name != "scope" and getattr(ask, name) != value]
    return named + ["patients"] * bool(scope.patients)


def require_known(name: str, values: Iterable[str], among: Sequence[str]) -> None:
    """Returns where all values are among those. raises QueryError"""
    if not set(values) <= set(among):
        raise QueryError(f"one of the {name} is not known here", f"Choose of {', '.join(among)}.")


def codes_meant(platform: Platform, ask: ConceptAsk) -> Codes:
    """(system, code) of everything that some concepts mean; empty where none is asked.

    raises  QueryError for what is no concept; NotFound for a system or code that is not known
    """
    if len(ask.concepts) > MOST_CONCEPTS:
        raise QueryError(f"a query names {MOST_CONCEPTS} concepts at most", "Name what includes them.")
    terminology, found = platform.terminologies.all, set()
    for name in ask.concepts:
        system, _, code = name.rpartition("|")
        if not system.strip() or not code.strip():
            raise QueryError("a concept is a system and a code", "Write it as SNOMED|73211009.")
        concept = known(terminology, system_of(system), code.strip())
        below = descendants(terminology, concept) if ask.descendants else []
        found |= {(concept.system, each) for each in (concept.code, *below)}
    return frozenset(found)


def is_meant(annotation: Json, codes: Codes, *, candidates: bool) -> bool:
    """True where an annotation has one of the codes; any annotation where none is asked."""
    held = annotation.get("codes", ())
    return not codes or any((one["system"], one["code"]) in codes for one in held if candidates or one["rank"] == 1)


def asserted(annotation: Json) -> Json:
    """How an annotation is asserted: as facts take it, what nobody said more of is there, now and in the patient.

    Empty for what can be neither there nor absent, as a dose.
    """
    told: Json | None = annotation.get("assertion")
    if told is not None:
        return told
    return _USUAL if annotation["label"] in LABELS or annotation["label"] in SOCIAL else {}


def within(period: Period) -> Callable[[str, str], bool]:
    """Whether a time, from the start of one to the end of another, touches the period; an empty one is the other.

    What has no time is in no period, but in the one that is open at both ends. raises QueryError for what is no time
    """
    spans = {name: time_span(name) for name in (period.since, period.until) if name}
    if not all(spans.values()):
        raise QueryError("a time is not one", "Write it as 2024, 2024-05, 2024-05-17 or 2024-05-17T10:15:00Z.")
    since, until = spans.get(period.since), spans.get(period.until)

    def test(start: str, end: str) -> bool:
        if since is None and until is None:
            return True
        first, last = time_span(start or end), time_span(end or start)
        if first is None or last is None:
            return False
        return (since is None or last[1] > since[0]) and (until is None or first[0] < until[0])

    return test


def _page(platform: Platform, scope: NoteScope, look: Look) -> NotePage:
    patients = frozenset(one.removeprefix("Patient/") for one in scope.patients)
    if not 0 < scope.limit <= MOST_ITEMS or len(patients) > MOST_PATIENTS:
        raise QueryError(
            f"a page has 1 to {MOST_ITEMS} items, a query {MOST_PATIENTS} patients at most", "Ask for fewer."
        )
    place = _CURSOR.fullmatch(scope.cursor) if scope.cursor else None
    if scope.cursor and place is None:
        raise QueryError("the cursor is none", "Send `next` of the page before.")
    last, given = (place[1], place[2]) if place is not None else ("", None)
    items: list[Json] = []
    scanned, skip, here = 0, int(given or 0), last
    total = platform.store(zone_of(scope.zone)).count().get(TYPE, 0)
    with closing(_annotated(platform, scope, patients, last, is_begun=given is not None)) as notes:
        for one in notes:
            if len(items) == scope.limit or scanned == MOST_SCANNED:
                return NotePage(tuple(items), here, scanned, total)
            scanned += 1
            start = skip if one.stored.id == last else 0
            found = look(one)[start:] if one.patient and (not patients or one.patient in patients) else []
            room = scope.limit - len(items)
            items += found[:room]
            here = one.stored.id
            if len(found) > room:
                return NotePage(tuple(items), f"{here}~{start + room}", scanned, total)
    return NotePage(tuple(items), None, scanned, total)


def _annotated(
    platform: Platform, scope: NoteScope, patients: frozenset[str], last: str, *, is_begun: bool
) -> Generator[Annotated, None, None]:
    """Notes after one, with it where some of it was given already, each with what is held of it."""
    store = platform.store(zone_of(scope.zone))
    before = store.read_named(TYPE, [last]).values() if is_begun else ()
    if 0 < len(patients) <= _LOOKED_UP:
        ids = sorted({one.id for each in patients for one in of_patient(platform, store, TYPE, each) if one.id > last})
        rest = (one for some in some_at_a_time(ids, _BATCH) for _, one in sorted(store.read_named(TYPE, some).items()))
        yield from _with_documents(platform, scope, chain(before, rest))
        return
    yield from _with_documents(platform, scope, chain(before, store.scan([TYPE], after=last)))


def _with_documents(platform: Platform, scope: NoteScope, notes: Iterable[Stored]) -> Iterator[Annotated]:
    store = platform.store(zone_of(scope.zone))
    for some in some_at_a_time((one for one in notes if not one.deleted), _BATCH):
        names = {one.id: [document_id(platform.names, one.id, by) for by in (PERSON, READER)] for one in some}
        held = store.read_named(KIND, [name for pair in names.values() for name in pair])
        for one in some:
            kept = [kept_of(held[name]) for name in names[one.id] if name in held and not held[name].deleted]
            yield Annotated(one, whose(one.resource()), _best(one, [each for each in kept if each is not None]))


def _best(stored: Stored, kept: Sequence[Kept]) -> Kept | None:
    """A person's word before the reader's, what is of the note as it is now before what is not."""
    now = f"{TYPE}/{stored.id}/_history/{stored.version}"
    return next((one for one in kept if one.note == now), kept[0] if kept else None)
