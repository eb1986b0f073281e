"""Scores of what was found against what was meant: labelled spans, sets of labels, and intervals over documents."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from careloom.text.note import Span

SAME_STATUS: Mapping[str, str] = {"never": "none", "heavy": "current", "former": "past", "limited": "absent"}
"""Statuses that count as one: who denies smoking may mean now or ever, and authors write both."""
BOOTSTRAPS = 1000


@dataclass(frozen=True, slots=True)
class Labelled:
    """A span with its label and its status (or another value; empty where none is scored)."""

    span: Span
    label: str
    status: str = ""


@dataclass
class Counts:
    """How often what was meant was found, by label."""

    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Counts those of `other` too."""
        self.found += other.found
        self.missed += other.missed
        self.wrong += other.wrong

    def precision(self, label: str = "") -> float:
        """Of what was found the share that was meant; 1 where nothing was found."""
        found, _, wrong = self._of(label)
        return found / (found + wrong) if found + wrong else 1.0

    def recall(self, label: str = "") -> float:
        """Of what was meant the share that was found; 1 where nothing was meant."""
        found, missed, _ = self._of(label)
        return found / (found + missed) if found + missed else 1.0

    def f1(self, label: str = "") -> float:
        """Harmonic mean of both over a label, or over all (micro): 2 found / (2 found + missed + wrong)."""
        found, missed, wrong = self._of(label)
        return 2 * found / (2 * found + missed + wrong) if found + missed + wrong else 1.0

    def labels(self) -> list[str]:
        """All labels that occur, sorted."""
        return sorted(self.found | self.missed | self.wrong)

    def _of(self, label: str) -> tuple[int, int, int]:
        if label:
            return self.found[label], self.missed[label], self.wrong[label]
        return self.found.total(), self.missed.total(), self.wrong.total()


def status_of(status: str) -> str:
    """The class that a status is scored in."""
    return SAME_STATUS.get(status, status)


def overlapping(gold: Sequence[Labelled], found: Sequence[Labelled], *, with_status: bool) -> Counts:
    """Spans of one document: each gold one with at most one found one of its label (and status) that overlaps it."""
    counts = Counts()
    left = list(found)
    for one in gold:
        same = [
            other
            for other in left
            if other.label == one.label
            and other.span.overlaps(one.span)
            and (not with_status or status_of(other.status) == status_of(one.status))
        ]
        if same:
            left.remove(max(same, key=lambda other: _shared(one.span, other.span)))
            counts.found[one.label] += 1
        else:
            counts.missed[one.label] += 1
    for other in left:
        counts.wrong[other.label] += 1
    return counts


def _shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)


def sets(gold: set[tuple[str, str]], found: set[tuple[str, str]]) -> Counts:
    """Of one document or sentence: pairs of label and status (or flag) that were meant and found."""
    counts = Counts()
    counts.found.update(label for label, _ in gold & found)
    counts.missed.update(label for label, _ in gold - found)
    counts.wrong.update(label for label, _ in found - gold)
    return counts


def total(documents: Sequence[Counts]) -> Counts:
    """The counts of all documents together."""
    out = Counts()
    for one in documents:
        out.add(one)
    return out


def interval(
    documents: Sequence[Counts], measure: Callable[[Counts], float], generator: np.random.Generator
) -> tuple[float, float]:
    """The 95 % interval of a measure: percentiles over documents drawn anew.

    source  Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13
    """
    if not documents:
        return 0.0, 1.0
    rows = np.array([[one.found.total(), one.missed.total(), one.wrong.total()] for one in documents])
    drawn = rows[generator.integers(0, len(rows), (BOOTSTRAPS, len(rows)))].sum(axis=1)
    values = sorted(measure(_summed(*(int(count) for count in row))) for row in drawn)
    return values[round(0.025 * (BOOTSTRAPS - 1))], values[round(0.975 * (BOOTSTRAPS - 1))]


def _summed(found: int, missed: int, wrong: int) -> Counts:
    return Counts(Counter({"": found}), Counter({"": missed}), Counter({"": wrong}))
