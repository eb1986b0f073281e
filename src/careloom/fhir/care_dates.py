"""When the care that a resource tells of took place, as search indexes it; not when the record was made or changed."""

import math

from careloom.fhir.drafts import Resource
from careloom.fhir.search_index import extract
from careloom.fhir.search_parameters import parameters
from careloom.fhir.search_values import time_span

CARE_DATES = (
    "period", "date", "effective", "effective-time", "occurrence", "onset-date", "onset", "started", "collected",
    "start-date", "identified", "event-date", "whenhandedover", "whenprepared", "datetime", "sent", "authoredon",
    "authored-on", "authored", "datewritten", "created", "asserted-date", "recorded-date", "entered-date", "when",
    "recorded",
)  # fmt: skip
"""Search parameters of type date that say when care took place, by preference; the first one with a value counts."""
Span = tuple[float, float]


def care_spans(resource: Resource) -> list[Span]:
    """Milliseconds since 1970-01-01 UTC, half-open; none where the resource has no date of care."""
    known = parameters(str(resource.get("resourceType", "")))
    found: dict[str, list[Span]] = {}
    for entry in extract(resource):
        if entry[0] == "d":
            found.setdefault(entry[1], []).append((entry[2], entry[3]))
    for code in CARE_DATES:
        spans = [span for use in known[code].uses for span in found.get(use.slot, ())] if code in known else []
        if spans:
            return spans
    return []


def is_of_care_between(resource: Resource, start: str, end: str) -> bool:
    """True when care that it tells of took place in the range, or nobody knows when.

    start, end  FHIR date or dateTime, both included to their precision; empty where open
    """
    first, last = time_span(start) if start else None, time_span(end) if end else None
    low = first[0] if first is not None else -math.inf
    high = last[1] if last is not None else math.inf
    spans = care_spans(resource)
    return not spans or any(begin < high and until > low for begin, until in spans)
