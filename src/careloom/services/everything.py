"""Everything of a patient or an encounter: pages of a compartment, and what it refers to, audited with the patients.

source  FHIR R4 (4.0.1), patient-operation-everything and encounter-operation-everything; CompartmentDefinition
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.errors import AccessError, CareloomError, QueryError
from careloom.fhir.care_dates import is_of_care_between
from careloom.fhir.references import each_reference, parse_reference
from careloom.fhir.search_parameters import parameters, resource_types
from careloom.fhir.search_values import time_span
from careloom.services.access import Principal
from careloom.services.access_decision import COMMON
from careloom.services.admission import admit, note
from careloom.services.export_ask import ExportAsk, since_of
from careloom.services.platform import Platform
from careloom.services.records import Disclosed, outgoing, read, told_of
from careloom.services.restrictions import Hidden, hidden
from careloom.services.search import SearchPage, zone_of
from careloom.services.sight import View, view_of
from careloom.store.audit_log import microseconds
from careloom.store.compartment_rows import rows_after
from careloom.store.export_scan import numbers_of
from careloom.store.rows import Stored
from careloom.store.search_links import Index, pointing
from careloom.store.zone_store import Zone, ZoneStore

OPERATION = "everything"
MOST_POINTING = 100_000
"""Resources of one encounter."""
_LOOKED_AT = 5_000
"""Rows that one page looks at; where few of them show, the page is short and has a next one."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EverythingAsk:
    """What is wanted.

    resource_type  Patient or Encounter
    resource_id    stored id; empty for every patient's, or for the one patient to whom the caller is bound
    start, end     FHIR date: when the care took place; empty where open
    since          FHIR instant: only what was updated later; empty for everything
    types          names of resource types; empty for all that the caller may search
    count          resources on a page; None for the default of searches, whose most holds here too
    cursor         of the page before; empty for the first
    """

    resource_type: str
    resource_id: str = ""
    start: str = ""
    end: str = ""
    since: str = ""
    types: tuple[str, ...] = ()
    count: int | None = None
    cursor: str = ""


def everything(platform: Platform, who: Principal, zone_name: str, ask: EverythingAsk) -> SearchPage:
    """One page of what is in the compartment; beside it, each once a page, what that refers to and is about nobody.

    raises  AccessError; QueryError; NotFound, Erased for the patient or the encounter; all of them audited
    """
    zone = zone_of(zone_name)
    types = _types(platform, who, zone, ask)
    try:
        _refuse_senseless(ask)
        if ask.resource_id:
            read(platform, who, zone, ask.resource_type, ask.resource_id)
        view = view_of(platform, who, zone, verb="search")
        page, subjects = _Pages(platform, who, zone, ask, types, view).page()
    except AccessError:
        raise  # audited by who refused
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"type": ask.resource_type, "code": error.code})
        raise
    detail: dict[str, object] = {"type": ask.resource_type, "count": len(page.found), "included": len(page.included)}
    note(platform, who, OPERATION, zone, subjects=subjects, detail=detail | told_of(who, view))
    return page


def _types(platform: Platform, who: Principal, zone: Zone, ask: EverythingAsk) -> list[str]:
    """The types to show. raises AccessError for one that is named and may not be searched"""
    admit(platform, who, "read", zone, ask.resource_type, operation=OPERATION)
    if any(kind not in resource_types() for kind in ask.types):
        error = QueryError("_type names no resource type of FHIR R4", "Write types as FHIR does: Patient,Observation.")
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise error
    for kind in ask.types:
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    found = [kind for kind in ask.types or sorted(resource_types()) if who.may("search", zone, kind)]
    if not found:
        admit(platform, who, "search", zone, operation=OPERATION)
    return found


def _refuse_senseless(ask: EverythingAsk) -> None:
    """Returns when every part of the ask means something. raises QueryError"""
    since_of(ExportAsk("", since=ask.since))
    for name, value in (("start", ask.start), ("end", ask.end)):
        if value and time_span(value) is None:
            raise QueryError(f"{name} is no date", "Write it as FHIR does: 2026, 2026-11 or 2026-11-22.")
    if ask.cursor and not ask.cursor.isdecimal():
        raise QueryError("there is no such page", "Follow the link as it came.")


class _Pages:
    """An ask that is understood and admitted."""

    def __init__(
        self, platform: Platform, who: Principal, zone: Zone, ask: EverythingAsk, types: Sequence[str], view: View
    ) -> None:
        self._platform, self._who, self._zone = platform, who, zone
        self._ask, self._types, self._view = ask, types, view
        self._store: ZoneStore = platform.store(zone)
        self._left_out: Hidden = hidden(platform, who, zone)
        self._since = since_of(ExportAsk("", since=ask.since))
        settings = platform.settings.search
        self._size = min(settings.default_count if ask.count is None else max(1, ask.count), settings.max_count)

    def page(self) -> tuple[SearchPage, set[str]]:
        """The page, and the keyed pseudonyms of the patients whom it discloses."""
        after, looked_at, shown = int(self._ask.cursor or 0), 0, list[Disclosed]()
        is_last = False
        while len(shown) < self._size and looked_at < _LOOKED_AT and not is_last:
            rids = self._rows(after, _AT_ONCE)
            is_last = len(rids) < _AT_ONCE
            for stored in self._store.read_many(rids):
                if len(shown) == self._size:
                    is_last = False
                    break
                after, looked_at = stored.rid, looked_at + 1
                shown += self._shown(stored)
            else:
                after = rids[-1] if rids else after
        beside = self._beside(shown)
        cursor = "" if is_last else str(after)
        subjects = set[str]().union(*(one.subjects for one in (*shown, *beside)))
        found, included = tuple(one.found for one in shown), tuple(one.found for one in beside)
        return SearchPage(found, None, cursor, included), subjects

    def _rows(self, after: int, most: int) -> list[int]:
        with self._store.connect() as connection:
            if self._ask.resource_type == "Encounter":
                return self._of_encounter(connection, after, most)
            subjects, sight = self._subjects(connection), self._view.sight
            return rows_after(
                connection, sight, self._types, subjects=subjects, since=self._since, between=(after, most)
            )

    def _subjects(self, connection: Connection) -> tuple[int, ...] | None:
        """Numbers of the keys that seal something of the patient; None for everybody's."""
        named = self._ask.resource_id or self._who.patient
        return numbers_of(connection, [self._store.pseudonym(named)]) if named else None

    def _of_encounter(self, connection: Connection, after: int, most: int) -> list[int]:
        """Rows that point to the encounter by what FHIR calls ``encounter`` or ``context``, and its own."""
        blind, target = self._platform.blind_index(self._zone), ("Encounter", self._ask.resource_id)
        index = Index(connection, blind, lambda _, text: (text,), sight=self._view.sight)
        found = {one.rid for one in self._store.read_named(target[0], [target[1]]).values()}
        for kind in self._types:
            for code in ("encounter", "context"):
                parameter = parameters(kind).get(code)
                if parameter is not None and "Encounter" in parameter.targets:
                    found.update(pointing(index, parameter, [target], MOST_POINTING))
        return sorted(rid for rid in found if rid > after)[:most]

    def _shown(self, stored: Stored) -> Iterator[Disclosed]:
        """The resource where it is wanted and may be known of."""
        if stored.type not in self._types or not self._is_since(stored):
            return
        content: Any = orjson.loads(stored.content)
        if not is_of_care_between(content, self._ask.start, self._ask.end):
            return
        if self._view.sight.is_whole or self._view.shows(content):
            made = outgoing(self._store, stored)
            if not self._left_out.covers(made.subjects):
                yield made

    def _is_since(self, stored: Stored) -> bool:
        return microseconds(stored.last_updated) > self._since

    def _beside(self, shown: Iterable[Disclosed]) -> list[Disclosed]:
        """What the shown resources refer to and nobody's compartment holds; of an encounter its patient, too."""
        seen = {(one.found.resource_type, one.found.id) for one in shown}
        kinds = COMMON | ({"Patient"} if self._ask.resource_type == "Encounter" else frozenset())
        wanted: dict[str, dict[str, None]] = {}
        for one in shown:
            for reference in each_reference(one.found.resource()):
                parts = parse_reference(reference["reference"])
                name = (parts.type, parts.id)
                if parts.form == "relative" and parts.type in kinds and parts.type in self._types and name not in seen:
                    wanted.setdefault(parts.type, {})[parts.id] = None
        found = []
        for kind, names in wanted.items():
            for stored in self._store.read_named(kind, names).values():
                if not stored.deleted and (self._view.sight.is_whole or self._view.shows(orjson.loads(stored.content))):
                    made = outgoing(self._store, stored)
                    found += [] if self._left_out.covers(made.subjects) else [made]
        return found
