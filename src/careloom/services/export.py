"""Export: one state of a zone as sealed files of NDJSON, page by page; one that was stopped goes on where it was.

The files hold what reading every resource at that moment would give. What is written meanwhile is left out, what is
erased meanwhile is gone: an erasure throws away an export that is not whole, and it begins anew.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from careloom.errors import IntegrityError, NotFound, QueryError, StateError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_query import Query
from careloom.fhir.search_shape import element_names
from careloom.fhir.search_shape import shaped as shaped_by
from careloom.services import own_parameters
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.export_ask import ExportAsk, since_of
from careloom.services.platform import Platform
from careloom.services.restrictions import not_exported
from careloom.services.search import zone_of
from careloom.services.search_terms import resolved
from careloom.services.sight import Use, view_of
from careloom.store.audit_log import microseconds
from careloom.store.database import erasures
from careloom.store.export_scan import Choice, Plan, Scan, numbers_of, planned
from careloom.store.exports import FOLDER_NAME, ExportFile, Exports, ExportState, FrameWriter
from careloom.store.reads import Reader
from careloom.store.seal import Bodies
from careloom.store.search_links import Index
from careloom.store.search_sql import search as run_search
from careloom.store.sight import select_rows
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_policy import policies_of
from careloom.store.zone_store import Zone, ZoneStore

CHECKPOINT_LINES = 50_000
"""What a killed worker may have to write again."""
DELETED = "deleted"
"""How files of deletions are called."""
_SEARCH_PAGE = 5000
Watch = Callable[[int, int], None]
"""(resources written, in all), called before and after each part; may raise to stop the export."""


class _ThrownAway(Exception):  # noqa: N818 - no error: an erasure took the files of an export that was not whole
    pass


def exports_of(platform: Platform) -> Exports:
    """Where exports lie sealed."""
    folder = platform.settings.data.directory / FOLDER_NAME
    return Exports(folder, platform.keys.derive("seal", "exports"), platform.runtime.random_bytes)


def export(platform: Platform, who: Principal, ask: ExportAsk, export_id: str, watch: Watch | None = None) -> None:
    """Makes the files of an export, or finishes them; the caller has asked for admission.

    raises  NotFound, QueryError for its group; StateError if the research zone was made anew meanwhile; SetupError if
            the disk is full: the same call goes on; IntegrityError if the files do not hold what the snapshot counted
    """
    zone, folder = zone_of(ask.zone), exports_of(platform)
    while True:
        try:
            with _Export(platform, who, folder, ask, export_id) as run:
                run.write(watch)
                state = run.state
            break
        except _ThrownAway:
            continue
    written = sum(one.lines for one in state.files)
    detail: dict[str, object] = {"run": export_id, "lines": written}
    if state.is_limited:
        detail["withheld"] = True
    note(platform, who, "export", zone, action="execute", detail=detail)


class _Export:
    """One export while it is written."""

    def __init__(self, platform: Platform, who: Principal, folder: Exports, ask: ExportAsk, export_id: str) -> None:
        self._platform, self._folder, self._ask, self._id = platform, folder, ask, export_id
        self._who, self._store = who, platform.store(zone_of(ask.zone))
        self._choice = Choice(ask.types, since_of(ask), ask.level == "patient")
        self._writers: dict[str, FrameWriter] = {}
        self.state, rows = self._begun()
        self._choice = replace(self._choice, hidden=tuple(self.state.hidden))
        plan = Plan(self.state.as_of, self.state.high, rows, self.state.expected)
        shaped = _shaper(ask.elements)
        self._scan = Scan(self._store.keys, platform.runtime.random_bytes, plan, self._choice, shaped)

    def __enter__(self) -> "_Export":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, watch: Watch | None) -> None:
        """Writes what is left, and closes the files."""
        total, done = sum(self.state.expected.values()), sum(one.lines for one in self.state.files)
        fresh, after = 0, self.state.after
        while not self.state.ended:
            if watch is not None and fresh == 0:
                watch(done, total)
            with self._store.connect() as connection:
                lines, last = self._scan.page(connection, after)
            count = sum(len(texts) for texts, _ in lines.values())
            for kind, (texts, subjects) in lines.items():
                writer = self._writers.get(kind) or self._writer(kind)
                writer.add(texts, subjects)
            after, fresh, done = last or after, fresh + count, done + count
            if not last or fresh >= CHECKPOINT_LINES:
                self._checkpoint(after, is_last=not last)
                fresh = 0
        if watch is not None:
            watch(done, total)

    def _begun(self) -> tuple[ExportState, Any]:
        """The export as it stands, or a new one from the store as it is now."""
        with self._folder.locked():
            state = self._folder.find(self._id)
        if state is not None and (state.high or state.ended):
            rows = self._folder.rows(self._id, state)
            is_chosen = (
                self._ask.types or self._ask.filters or self._ask.group or self._ask.patients or state.is_limited
            )
            if rows is not None or not is_chosen:
                return state, rows
        with self._folder.locked():
            state = self._folder.begin(self._id, self._ask.as_json())
        begun = state.key
        state.hidden = list(not_exported(self._platform, zone_of(self._ask.zone)).numbers)
        with self._store.connect() as connection:
            self._choice = _chosen(self._platform, self._store, connection, self._ask, self._choice)
            left_out = withheld_rows(self._platform, self._who, self._store, connection)
            self._choice = replace(self._choice, hidden=tuple(state.hidden), left_out=left_out)
            state.is_limited = left_out is not None
            plan = planned(connection, self._choice)
            state.policy = policy_mark(connection, self._store.zone)
            state.erasures = erasures(connection)
        state.as_of, state.high, state.expected = plan.as_of, plan.high, plan.expected
        with self._folder.locked():
            self._require_same(begun)
            self._folder.keep_rows(self._id, state, plan.rows)
            self._folder.keep(self._id, state)
        return state, plan.rows

    def _writer(self, kind: str) -> FrameWriter:
        """The writer of a type's last file, or of a new one."""
        of_kind = [one for one in self.state.files if one.type == kind]
        if not of_kind or of_kind[-1].digest:
            of_kind.append(ExportFile(f"{kind or DELETED}.{len(of_kind) + 1}.ndjson", kind))
            self.state.files.append(of_kind[-1])
        hasher = self._store.keys.content_hasher()
        try:
            made = self._folder.writer(self._id, self.state, of_kind[-1], hasher)
        except NotFound:
            raise _ThrownAway from None
        self._writers[kind] = made
        return made

    def _checkpoint(self, after: int, *, is_last: bool) -> None:
        """Makes durable what was written, closes files that are long enough, and checks the whole at its end."""
        most = self._platform.settings.export.file_resources
        for kind, writer in list(self._writers.items()):
            writer.flush(is_durable=True)
            if is_last or writer.file.lines >= most:
                writer.file.digest = writer.hasher.hexdigest()
                writer.close()
                del self._writers[kind]
        self.state.after = after
        if is_last:
            self._close()
        with self._folder.locked():
            self._require_same(self.state.key)
            self._folder.keep(self._id, self.state)

    def _close(self) -> None:
        for file in self.state.files:
            if not file.digest:  # its last lines were written before this process began
                self._writer(file.type).close()
                file.digest = self._writers.pop(file.type).hasher.hexdigest()
        with self._store.connect() as connection:
            if erasures(connection) != self.state.erasures:
                self._folder.destroy(self._id)
                raise _ThrownAway
            if policy_mark(connection, self._store.zone) != self.state.policy:
                raise StateError("the research zone was made anew during the export", "Export again.")
        written: Counter[str] = Counter()
        for file in self.state.files:
            written[file.type] += file.lines
        if +written != +Counter(self.state.expected):
            raise IntegrityError(
                "the files of the export do not hold what the snapshot counted",
                "Export again; if that fails too, see careloom store check.",
            )
        self.state.ended = microseconds(self._platform.runtime.now())

    def _require_same(self, key: str) -> None:
        """Returns while the folder is the one that this export began."""
        found = self._folder.find(self._id)
        if found is None or found.key != key:
            raise _ThrownAway


def withheld_rows(
    platform: Platform, who: Principal, store: ZoneStore, connection: Any, use: Use = "export"
) -> frozenset[int] | None:
    """Numbers of the rows that consents in force withhold from a use; None where nobody withholds anything."""
    view = view_of(platform, who, zone_of(store.zone), use)
    if view.sight.is_whole:
        return None
    hidden = (row[0] for row in select_rows(connection, view.sight.withheld())) if view.sight.hidden else ()
    unsure = [row[0] for row in select_rows(connection, view.sight.unsure())] if view.sight.partly else []
    reader = Reader(store.keys, SubjectKeys(store.keys, store.runtime.random_bytes), Bodies())
    found = set(hidden)
    for start in range(0, len(unsure), _SEARCH_PAGE):
        some = reader.many(connection, unsure[start : start + _SEARCH_PAGE])
        found.update(one.rid for one in some if not view.shows(orjson.loads(one.content)))
    return frozenset(found)


def policy_mark(connection: Any, zone: str) -> str:
    """What tells the research zone as it is from what another run makes of it; empty for other zones."""
    if zone != "research":
        return ""
    return "|".join(f"{one.digest}:{one.run}" for one in policies_of(connection))


def _shaper(elements: tuple[str, ...]) -> Callable[[Resource], Resource] | None:
    if not elements:
        return None
    general = {name for name in elements if "." not in name}
    special: dict[str, set[str]] = {}
    for name in elements:
        kind, dot, element = name.rpartition(".")
        if dot:
            special.setdefault(kind, set()).add(element)

    def shaped(resource: Resource) -> Resource:
        kind = resource["resourceType"]
        names = (general | special.get(kind, set())) & element_names(kind).keys()
        is_named = bool(general) or kind in special
        return shaped_by(resource, Query(kind, elements=(*sorted(names), "id", "meta"))) if is_named else resource

    return shaped


def _chosen(platform: Platform, store: ZoneStore, connection: Any, ask: ExportAsk, choice: Choice) -> Choice:
    """The choice with the patients of its group and the matches of its filters, as the connection sees them."""
    subjects, names = None, members(store, ask.group) if ask.level == "group" else list(ask.patients)
    if ask.patients:
        names = [one for one in names if one in ask.patients]
    if ask.patients or ask.level == "group":
        subjects = numbers_of(connection, [store.pseudonym(one) for one in names])
    matches: dict[str, set[int]] = {}
    for text in ask.filters:
        kind = text.partition("?")[0]
        matches.setdefault(kind, set()).update(_matches(platform, zone_of(ask.zone), connection, text))
    return Choice(choice.types, choice.since, choice.is_patients, subjects, matches)


def _matches(platform: Platform, zone: Zone, connection: Any, text: str) -> "list[int]":
    """The row numbers of all that a filter finds."""
    source, store = platform.settings.ingest.source, platform.store(zone)
    query = resolved(parse_search(text, own_parameters.searched(platform, zone)), platform)
    reader = Reader(store.keys, SubjectKeys(store.keys, store.runtime.random_bytes), Bodies())

    def stored_ids(kind: str, name: str) -> tuple[str, ...]:
        return name, platform.names.resource_id(source, kind, name)

    def read(rids: Sequence[int]) -> Iterator[tuple[int, Resource]]:
        return ((one.rid, orjson.loads(one.content)) for one in reader.many(connection, rids))

    index = Index(connection, platform.blind_index(zone), stored_ids, read)
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = run_search(index, query, limit=_SEARCH_PAGE, cursor=cursor)
        found += page.rids
        cursor = page.next_cursor
        if not cursor:
            return found


def named_patients(platform: Platform, ask: ExportAsk) -> tuple[str, ...]:
    """The stored ids of the patients whom an export names. raises NotFound if one is not there, or not in the group"""
    store, source = platform.store(zone_of(ask.zone)), platform.settings.ingest.source
    inside = set(members(store, ask.group)) if ask.level == "group" else None
    found = []
    for number, text in enumerate(ask.patients, 1):
        named = store.read_named("Patient", {text, platform.names.resource_id(source, "Patient", text)})
        there = [one.id for one in named.values() if not one.deleted and (inside is None or one.id in inside)]
        if not there:
            where = ask.zone if inside is None else "the group"
            raise NotFound(f"{where}: the patient number {number} of the list is not there", "Leave it out.")
        found += there
    return tuple(dict.fromkeys(found))


def members(store: ZoneStore, group: str) -> list[str]:
    """The stored ids of the patients who are in a Group and not inactive there.

    raises  NotFound; QueryError for a group that is no list of patients
    """
    found = store.read("Group", group)
    if found.deleted:
        raise NotFound(f"{store.zone}: this Group was deleted", "Name a Group that is there.")
    patients = []
    for member in found.resource().get("member", []):
        kind, _, name = str(member.get("entity", {}).get("reference", "")).partition("/")
        if kind != "Patient" or not name:
            raise QueryError("the group has members that are no patients", "Export a Group of patients.")
        if not member.get("inactive", False):
            patients.append(name.partition("/")[0])
    return patients
