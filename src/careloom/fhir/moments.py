"""FHIR date and dateTime values compared as FHIRPath compares them."""

from datetime import datetime
from typing import Any


def order(start: Any, end: Any) -> int:
    """1 unless `start <= end` holds in FHIRPath; also -1 where either is absent or malformed (said elsewhere).

    Values are compared to the precision of the less precise one, as written; where they agree so far and the other goes
    on, the comparison has no answer, and an invariant without an answer does not hold.
    """
    if not isinstance(start, str) or not isinstance(end, str):
        return -1
    if len(start) <= 10 or len(end) <= 10:
        size = min(len(start), len(end))
        first, last = start[:size], end[:size]
        return 1 if first > last or (first == last and len(start) != len(end)) else -1
    if start[-6:] == end[-6:] and start[:19] < end[:19]:
        return -1
    try:
        return 1 if _moment(start) > _moment(end) else -1
    except (ValueError, TypeError):
        return -1


def held_together(start: str, end: str) -> tuple[str, str | None, str]:
    """Start and end of a Period that FHIR lets stand (invariant per-1), and what became of the two that came.

    returns  the two and an empty text where they stood; both cut to what is known of both and ``imprecise``, where one
             goes on and the other does not, as 2024-03 and 2024-03-12; no end and ``reversed``, where it lay before
    """
    if order(start, end) != 1:
        return start, end, ""
    size = min(len(start), len(end))
    if size <= 10 and start[:size] == end[:size]:
        return start[:size], end[:size], "imprecise"
    return start, None, "reversed"


def _moment(value: str) -> datetime:
    """The moment of a full dateTime; a leap second counts as the one before it."""
    return datetime.fromisoformat(value[:19].replace(":60", ":59") + value[19:])
