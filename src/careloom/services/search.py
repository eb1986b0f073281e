"""Search: one page of a FHIR search in one zone, audited with the patients it disclosed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import orjson

from careloom.errors import AccessError, CareloomError, QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_parameters import resource_types
from careloom.fhir.search_query import Query
from careloom.fhir.search_shape import is_whole, shaped
from careloom.services import own_parameters
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.provenance import source_provenances
from careloom.services.records import Disclosed, Found, may_show, outgoing, outgoing_provenance, told_of
from careloom.services.restrictions import hidden
from careloom.services.search_include import Inclusions, admit_included
from careloom.services.search_terms import resolved
from careloom.services.sight import View, view_of
from careloom.store.search_links import Index, Read, matching
from careloom.store.search_sql import search as run_search
from careloom.store.sight import EVERYTHING
from careloom.store.zone_store import Zone, ZoneStore

_MADE = "made."
"""Begins a cursor that asks for Provenances of source records, which follow those that are stored."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search.

    found        matches in order
    total        matches on all pages; None if the query does not ask for it
    next_cursor  asks for the page after this one; empty on the last one
    included     what the search asked for beside its matches, each resource once
    """

    found: tuple[Found, ...] = ()
    total: int | None = None
    next_cursor: str = ""
    included: tuple[Found, ...] = ()


def search(
    platform: Platform, who: Principal, zone_name: str, query: str, *, source: str = "", cursor: str = ""
) -> SearchPage:
    """The page of a search that follows `cursor`.

    A type that a chain or ``_has`` leads through must be one that the principal may search, as the type itself.

    query    ``Type?parameter=value&...``; ids may be stored ids or the source system's own
    source   the system whose own ids the query may use, empty for the one of the settings
    cursor   of the page before, empty for the first
    raises   AccessError; QueryError, NotFound; audited once it is known what is searched
    """
    zone = zone_of(zone_name)
    resource_type = query.partition("?")[0].strip().lstrip("/")
    if resource_type not in resource_types():
        parse_search(query)  # says what there is
    admit(platform, who, "search", zone, resource_type)
    try:
        parsed = parse_search(query, own_parameters.searched(platform, zone))
        for kind in sorted(parsed.types() - {resource_type}):
            admit(platform, who, "search", zone, kind)
        admit_included(platform, who, zone, parsed)
        named = source or platform.settings.ingest.source
        view = view_of(platform, who, zone, verb="search")
        page, subjects = _Ask(platform, who, zone, resolved(parsed, platform), named, view).page(cursor)
    except AccessError:
        raise  # audited by who refused
    except CareloomError as error:
        note(platform, who, "search", zone, outcome="failed", detail={"type": resource_type, "code": error.code})
        raise
    detail: dict[str, object] = {"type": resource_type, "count": len(page.found)}
    if page.included:
        detail["included"] = len(page.included)
    detail |= told_of(who, view)
    note(platform, who, "search", zone, subjects=subjects, detail=detail)
    return page


@dataclass(frozen=True, slots=True)
class _Ask:
    """A search that is understood and admitted."""

    platform: Platform
    who: Principal
    zone: Zone
    query: Query
    source: str
    view: View

    def page(self, cursor: str) -> tuple[SearchPage, Iterable[str]]:
        """The page, and the keyed pseudonyms of the patients whom it discloses."""
        store, query, settings = self.platform.store(self.zone), self.query, self.platform.settings.search
        limit = min(query.count if query.count is not None else settings.default_count, settings.max_count)
        is_made = cursor.startswith(_MADE)
        left_out = hidden(self.platform, self.who, self.zone)
        with store.connect() as connection:
            blind, sight = self.platform.blind_index(self.zone), self.view.sight
            index = Index(connection, blind, self._stored_ids, _reader(store), left_out.numbers, sight)
            page = run_search(index, query, limit=limit, cursor=None if is_made else cursor or None)
            matches = [] if is_made else store.read_many(page.rids)
            about = Inclusions(self.who, self.zone, store, index, self.view)
            included = about.of(query, matches) if query.includes else []
            self._count_withheld(index)
        included = [one for one in included if not left_out.covers(one.subjects)]
        disclosed = [outgoing(store, stored) for stored in matches]
        next_cursor, total = page.next_cursor or "", page.total
        made = self._shown(source_provenances(store, query, self._stored_ids))
        if made and total is not None:
            total += len(made)
        if made and not query.is_count_only and (is_made or not next_cursor):
            last = cursor.removeprefix(_MADE) if is_made else ""
            left = [resource for resource in made if resource["id"] > last]
            shown = left[: max(0, limit - len(disclosed))]
            told = (outgoing_provenance(store, resource) for resource in shown)
            disclosed += [one for one in told if not left_out.covers(one.subjects)]
            next_cursor = f"{_MADE}{shown[-1]['id'] if shown else last}" if len(shown) < len(left) else ""
        found = tuple(_shaped(one.found, query) for one in disclosed)
        beside = tuple(one.found for one in included)
        return SearchPage(found, total, next_cursor, beside), _subjects([*disclosed, *included])

    def _count_withheld(self, index: Index) -> None:
        """Adds to what was left out the matches of patients who withhold everything."""
        if self.view.sight.hidden:
            everybody = replace(index, sight=EVERYTHING)
            with suppress(QueryError):  # of links that lead through more than a search looks at
                self.view.left_out += matching(everybody, self.query, self.view.sight.withheld())

    def _shown(self, made: list[Resource]) -> list[Resource]:
        """Those Provenances of source records that the view shows."""
        if not made or self.view.sight.is_whole:
            return made
        store = self.platform.store(self.zone)
        return [one for one in made if may_show(self.view, outgoing_provenance(store, one).subjects)]

    def _stored_ids(self, kind: str, text: str) -> tuple[str, ...]:
        return text, self.platform.names.resource_id(self.source, kind, text)


def _reader(store: ZoneStore) -> Read:
    return lambda rids: ((stored.rid, orjson.loads(stored.content)) for stored in store.read_many(rids))


def _shaped(found: Found, query: Query) -> Found:
    return found if is_whole(query) else replace(found, content=orjson.dumps(shaped(found.resource(), query)))


def _subjects(disclosed: Iterable[Disclosed]) -> set[str]:
    return set().union(*(one.subjects for one in disclosed))


def zone_of(name: str) -> Zone:
    """The zone of that name. raises QueryError that lists them."""
    if name not in STORED_ZONES:
        raise QueryError(f"there is no zone {name}", f"Choose one of {', '.join(STORED_ZONES)}.")
    return name
