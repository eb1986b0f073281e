"""Search: one page of a FHIR search in one zone, audited with the patients it disclosed."""

from collections.abc import Iterable
from dataclasses import dataclass

from careloom.errors import CareloomError, QueryError
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_parameters import resource_types
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.provenance import source_provenances
from careloom.services.records import Disclosed, Found, outgoing, outgoing_provenance
from careloom.store.search_sql import search as run_search
from careloom.store.zone_store import Zone

_MADE = "made."
"""Begins a cursor that asks for Provenances of source records, which follow those that are stored."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search.

    found        resources in order
    total        matches on all pages; None if the query does not ask for it
    next_cursor  asks for the page after this one; empty on the last one
    """

    found: tuple[Found, ...] = ()
    total: int | None = None
    next_cursor: str = ""


def search(
    platform: Platform, who: Principal, zone_name: str, query: str, *, source: str = "", cursor: str = ""
) -> SearchPage:
    """The page of a search that follows `cursor`.

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
        page, subjects = _page(platform, zone, query, source or platform.settings.ingest.source, cursor)
    except CareloomError as error:
        note(platform, who, "search", zone, outcome="failed", detail={"type": resource_type, "code": error.code})
        raise
    note(platform, who, "search", zone, subjects=subjects, detail={"type": resource_type, "count": len(page.found)})
    return page


def _page(platform: Platform, zone: Zone, query: str, source: str, cursor: str) -> tuple[SearchPage, Iterable[str]]:
    """The page, and the keyed pseudonyms of the patients whom it discloses."""
    parsed = parse_search(query)
    store, blind, settings = platform.store(zone), platform.blind_index(zone), platform.settings.search
    limit = min(parsed.count if parsed.count is not None else settings.default_count, settings.max_count)

    def stored_ids(kind: str, text: str) -> tuple[str, ...]:
        return text, platform.names.resource_id(source, kind, text)

    is_made = cursor.startswith(_MADE)
    with store.connect() as connection:
        page = run_search(
            connection, parsed, blind, stored_ids, limit=limit, cursor=None if is_made else cursor or None
        )
    disclosed = [] if is_made else [outgoing(store, stored) for stored in store.read_many(page.rids)]
    next_cursor, total = page.next_cursor or "", page.total
    made = source_provenances(store, parsed, stored_ids)
    if made and total is not None:
        total += len(made)
    if made and not parsed.is_count_only and (is_made or not next_cursor):
        last = cursor.removeprefix(_MADE) if is_made else ""
        left = [resource for resource in made if resource["id"] > last]
        shown = left[: max(0, limit - len(disclosed))]
        disclosed += [outgoing_provenance(store, resource) for resource in shown]
        next_cursor = f"{_MADE}{shown[-1]['id'] if shown else last}" if len(shown) < len(left) else ""
    return SearchPage(tuple(one.found for one in disclosed), total, next_cursor), _subjects(disclosed)


def _subjects(disclosed: Iterable[Disclosed]) -> set[str]:
    return set().union(*(one.subjects for one in disclosed))


def zone_of(name: str) -> Zone:
    """The zone of that name. raises QueryError that lists them."""
    if name not in STORED_ZONES:
        raise QueryError(f"there is no zone {name}", f"Choose one of {', '.join(STORED_ZONES)}.")
    return name
