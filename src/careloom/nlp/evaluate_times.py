"""How well time expressions, quantities and their values were found: counts against gold, nothing read or written.

A span counts as strict where start and end are the gold's, as overlap where it shares a character with a gold span
(each side counted by itself). A value is `exact` where it is the gold's or says the same in other units (P2W, P14D);
it is `right` where it is exact, or where the gold day lies between ``low`` and ``high`` of a relative expression (three
weeks ago is no day), or where the gold is a duration and the expression tells it as its distance (for 3 days before
admission: -P3D).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from careloom.nlp.times_calendar import days_in
from careloom.text.note import Annotation

_CLOSE_DAYS = 1e-6


@dataclass(frozen=True, slots=True)
class GoldTime:
    """A gold expression; `value` is empty where the gold tells none."""

    start: int
    end: int
    label: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class SpanScore:
    """Counts of gold and found spans and of those that agree; scores are 0 where nothing could be counted."""

    gold: int = 0
    found: int = 0
    strict: int = 0
    gold_met: int = 0
    found_met: int = 0

    def __add__(self, other: "SpanScore") -> "SpanScore":
        return SpanScore(
            self.gold + other.gold,
            self.found + other.found,
            self.strict + other.strict,
            self.gold_met + other.gold_met,
            self.found_met + other.found_met,
        )

    @property
    def strict_f1(self) -> float:
        """Harmonic mean of precision and recall of exact spans."""
        return _f1(self.strict, self.found, self.strict, self.gold)

    @property
    def overlap_f1(self) -> float:
        """Harmonic mean of the shares of found and of gold spans that meet one of the other."""
        return _f1(self.found_met, self.found, self.gold_met, self.gold)


def _f1(right: int, found: int, met: int, gold: int) -> float:
    precision, recall = right / found if found else 0.0, met / gold if gold else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def span_score(gold: Sequence[GoldTime], found: Iterable[Annotation], *, labelled: bool = False) -> SpanScore:
    """The spans of one note; with `labelled` the label must be the gold's too."""
    wanted = {(one.start, one.end, one.label if labelled else "") for one in gold}
    seen = {(one.span.start, one.span.end, one.label if labelled else "") for one in found}
    return SpanScore(len(wanted), len(seen), len(wanted & seen), _met(wanted, seen), _met(seen, wanted))


def _met(some: set[tuple[int, int, str]], others: set[tuple[int, int, str]]) -> int:
    return sum(
        any(start < last and first < end and label == other for first, last, other in others)
        for start, end, label in some
    )


@dataclass(frozen=True, slots=True)
class ValueScore:
    """Gold expressions with a value, those that some span overlaps, and of these the exact and the right ones."""

    gold: int = 0
    met: int = 0
    exact: int = 0
    right: int = 0

    def __add__(self, other: "ValueScore") -> "ValueScore":
        return ValueScore(
            self.gold + other.gold, self.met + other.met, self.exact + other.exact, self.right + other.right
        )

    @property
    def accuracy(self) -> float:
        """Right values of those found; 0 where none was."""
        return self.right / self.met if self.met else 0.0

    @property
    def exact_accuracy(self) -> float:
        """Exact values of those found; 0 where none was."""
        return self.exact / self.met if self.met else 0.0


def value_score(gold: Sequence[GoldTime], found: Sequence[Annotation]) -> ValueScore:
    """The values of one note, each gold span by the found span that shares most characters with it."""
    score = ValueScore()
    for one in gold:
        if not one.value:
            continue
        near = max(found, key=lambda each: _shared(one, each), default=None)
        if near is None or _shared(one, near) <= 0:
            score += ValueScore(1)
            continue
        exact = is_exact(one.value, near.attributes.get("value", ""))
        score += ValueScore(1, 1, int(exact), int(exact or _is_within(one.value, near)))
    return score


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
