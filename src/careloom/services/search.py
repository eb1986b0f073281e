"""Search: a FHIR search in one zone, answered as a searchset Bundle and audited with the patients it disclosed."""

from dataclasses import replace

from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.search_grammar import parse_search
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.provenance import source_provenances
from careloom.store.search_sql import search as run_search
from careloom.store.zone_store import Zone


def search(
    platform: Platform, who: Principal, zone_name: str, query: str, *, source: str = "", cursor: str = ""
) -> Resource:
    """A Bundle of type ``searchset``; `link` with relation ``next`` holds the cursor of the next page.

    query    ``Type?parameter=value&...``; ids may be stored ids or the source system's own
    cursor   of the page before, empty for the first
    raises   AccessError (audited); QueryError
    """
    zone = zone_of(zone_name)
    parsed = parse_search(query)
    admit(platform, who, "search", zone, parsed.resource_type)
    store = platform.store(zone)
    settings = platform.settings.search
    limit = min(parsed.count if parsed.count is not None else settings.default_count, settings.max_count)
    named = source or platform.settings.ingest.source

    def stored_ids(kind: str, text: str) -> tuple[str, ...]:
        return text, platform.names.resource_id(named, kind, text)

    with store.connect() as connection:
        page = run_search(
            connection, parsed, platform.blind_index(zone), stored_ids, limit=limit, cursor=cursor or None
        )
    resources = [stored.resource() for stored in store.read_many(page.rids)]
    if not cursor:
        made = source_provenances(store, parsed, stored_ids)
        resources += made[: max(0, limit - len(resources))] if not parsed.is_count_only else []
        page = replace(page, total=page.total + len(made)) if page.total is not None else page
    subjects = {store.pseudonym(patient) for resource in resources for patient in patients_of(resource)}
    detail = {"type": parsed.resource_type, "count": len(resources)}
    note(platform, who, "search", zone, subjects=subjects, detail=detail)
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        bundle["total"] = page.total
    if page.next_cursor:
        bundle["link"] = [{"relation": "next", "url": f"urn:careloom:cursor:{page.next_cursor}"}]
    if resources:
        bundle["entry"] = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return bundle


def zone_of(name: str) -> Zone:
    """The zone of that name. raises QueryError that lists them."""
    if name not in STORED_ZONES:
        raise QueryError(f"there is no zone {name}", f"Choose one of {', '.join(STORED_ZONES)}.")
    return name
