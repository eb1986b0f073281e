"""References to a patient's documents: of a range of care, or the newest of each type, found as a search finds them.

source  US Core 8.0.0, OperationDefinition docref; International Patient Access 1.0.0, which takes it over
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from careloom.errors import AccessError, CareloomError, QueryError
from careloom.fhir.care_dates import care_spans, is_of_care_between
from careloom.fhir.drafts import Resource
from careloom.fhir.search_values import time_span
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.records import Found
from careloom.services.search import search, zone_of
from careloom.store.zone_store import Zone

OPERATION = "docref"
MOST_DOCUMENTS = 1_000
"""Documents of one patient that one question looks at."""


@dataclass(frozen=True, slots=True)
class DocumentsAsk:
    """Which documents.

    patient       stored id
    start, end    FHIR date or dateTime, both included: when the care took place; both empty for the newest of each type
    types         tokens (``system|code``) of which the document's type is one; empty for all
    profile       what the format of the document's content says; empty for any
    is_on_demand  documents that are made when asked for, of which there are none, and no others
    """

    patient: str
    start: str = ""
    end: str = ""
    types: tuple[str, ...] = ()
    profile: str = ""
    is_on_demand: bool = False


def documents_of(platform: Platform, who: Principal, zone_name: str, ask: DocumentsAsk) -> tuple[Found, ...]:
    """The DocumentReferences, newest care first; none where the patient is not there or has none.

    What was entered in error is left out, and of the newest of each type what is not current.

    raises  AccessError; QueryError for a date that is none, or for too many documents
    """
    zone = zone_of(zone_name)
    try:
        _refuse_senseless(ask)
        found = _found(platform, who, zone, ask)
    except AccessError:
        raise  # audited by the search
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    chosen = [] if ask.is_on_demand else _chosen(ask, [(one, one.resource()) for one in found])
    note(platform, who, OPERATION, zone, detail={"count": len(chosen)})
    return tuple(chosen)


def _refuse_senseless(ask: DocumentsAsk) -> None:
    for name, value in (("start", ask.start), ("end", ask.end)):
        if value and time_span(value) is None:
            raise QueryError(f"{name} is no date", "Write it as FHIR does: 2026-11-22, or with a time.")


def _found(platform: Platform, who: Principal, zone: Zone, ask: DocumentsAsk) -> list[Found]:
    """What a search finds, page by page: each page is audited with the patients whom it discloses."""
    pairs = [("patient", f"Patient/{ask.patient}")]
    pairs += [("type", ",".join(ask.types))] if ask.types else []
    pairs += [("format", ask.profile)] if ask.profile else []
    page = search(platform, who, zone, f"DocumentReference?{urlencode(pairs)}")
    found = list(page.found)
    while page.next_cursor:
        if len(found) > MOST_DOCUMENTS:
            raise QueryError(f"there are more than {MOST_DOCUMENTS} documents", "Ask for a type, or search.")
        page = search(platform, who, zone, f"DocumentReference?{urlencode(pairs)}", cursor=page.next_cursor)
        found += page.found
    return found


def _chosen(ask: DocumentsAsk, found: list[tuple[Found, Resource]]) -> list[Found]:
    """The documents that were asked for, newest care first."""
    found = [one for one in found if one[1].get("status") != "entered-in-error"]
    found.sort(key=lambda one: (_newest(one[1]), one[0].last_updated), reverse=True)
    if ask.start or ask.end:
        return [one for one, resource in found if is_of_care_between(resource, ask.start, ask.end)]
    newest: dict[str, Found] = {}
    for one, resource in found:
        if resource.get("status") == "current":
            newest.setdefault(_kind(resource), one)
    return list(newest.values())


def _newest(resource: Resource) -> float:
    """The last begin of care that a document tells of; 0 where nobody knows."""
    return max((begin for begin, _ in care_spans(resource) if begin > float("-inf")), default=0.0)


def _kind(resource: Resource) -> str:
    """What tells one type of document from another."""
    told = resource.get("type")
    codings = told.get("coding") if isinstance(told, dict) else None
    first = codings[0] if isinstance(codings, list) and codings else {}
    text = told.get("text", "") if isinstance(told, dict) else ""
    return f"{first.get('system', '')}|{first.get('code', '')}" if first else str(text)
