"""How well values of time expressions are told: against gold, nothing read or written.

A value is `exact` where it is the gold's or says the same in other units (P2W, P14D); it is `right` where it is exact,
or where the gold day lies between ``low`` and ``high`` of a relative expression (three weeks ago is no day), or where
the gold is a duration and the expression tells it as its distance (for 3 days before admission: -P3D).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from careloom.nlp.corpora import Gold
from careloom.nlp.times_calendar import days_in
from careloom.text.note import Annotation

_CLOSE_DAYS = 1e-6


@dataclass(frozen=True, slots=True)
class GoldTime:
    """A gold expression; `value` is empty where the gold tells none."""

    start: int
    end: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class ValueScore:
    """Gold expressions with a value, those that some span overlaps, and of these the exact and the right ones."""

    gold: int = 0
    met: int = 0
    exact: int = 0
    right: int = 0


def spans_of(found: Iterable[Annotation]) -> list[Gold]:
    """Start, end and label of what was found."""
    return [(one.span.start, one.span.end, one.label) for one in found]


def value_score(gold: Sequence[GoldTime], found: Sequence[Annotation]) -> ValueScore:
    """The values of one note, each gold span by the found span that shares most characters with it."""
    wanted = [one for one in gold if one.value]
    met = exact = right = 0
    for one in wanted:
        near = max(found, key=lambda each: _shared(one, each), default=None)
        if near is None or _shared(one, near) <= 0:
            continue
        same = is_exact(one.value, near.attributes.get("value", ""))
        met, exact, right = met + 1, exact + same, right + (same or _is_within(one.value, near))
    return ValueScore(len(wanted), met, exact, right)


def _shared(gold: GoldTime, found: Annotation) -> int:
    return min(gold.end, found.span.end) - max(gold.start, found.span.start)


def is_exact(gold: str, value: str) -> bool:
    """True where both say the same: the same text, or durations of the same length."""
    if gold == value:
        return True
    one, other = days_in(gold), days_in(value)
    return one is not None and other is not None and abs(one - other) < _CLOSE_DAYS


def _is_within(gold: str, found: Annotation) -> bool:
    attributes = found.attributes
    if gold.startswith("P"):
        return is_exact(gold, attributes.get("offset", "").lstrip("-"))
    low, high = attributes.get("low", ""), attributes.get("high", "")
    try:
        return date.fromisoformat(low) <= date.fromisoformat(gold[:10]) <= date.fromisoformat(high)
    except ValueError:
        return False


def relation_scores(gold: Sequence[str], found: Sequence[str]) -> dict[str, float]:
    """Accuracy, F1 of each relation of the gold, and their mean as ``macro``; pairs in the same order on both sides."""
    if not gold:
        return {"accuracy": 0.0, "macro": 0.0}
    out = {"accuracy": sum(one == other for one, other in zip(gold, found, strict=True)) / len(gold)}
    scores = {}
    for label in sorted(set(gold)):
        right = sum(one == other == label for one, other in zip(gold, found, strict=True))
        scores[label] = 2 * right / (sum(one == label for one in gold) + sum(one == label for one in found))
    return out | scores | {"macro": sum(scores.values()) / len(scores)}
