"""How well things are found: tallies and shares of documents, by label, with bootstrap intervals; spans against gold.

strict   the same characters and the same label
overlap  the same label and at least one shared character; each gold span is found at most once, and each find finds at
         most one

An interval is the 2.5 and 97.5 percentile over documents drawn with replacement (Efron, Tibshirani, An Introduction to
the Bootstrap, 1993, chapter 13). Draws that have nothing to count are left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from careloom.nlp.corpora import Document, Gold

DRAWS, SEED = 1000, 20261129
EXAMPLES = 40
"""Errors of each kind that an analysis shows."""
Interval = tuple[float, float] | None
Error = tuple[str, int, int, str, str]
"""Document, start, end, gold label, found label; a label is empty where there is none."""
Errors = dict[str, list[Error]]


@dataclass(frozen=True, slots=True)
class Tally:
    """Found and right, found and wrong, not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float | None:
        """Share of finds that are right; None where nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Share of the gold that was found; None where there is none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where there is neither gold nor find."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else None

    def as_json(self) -> dict[str, Any]:
        """Counts and rates."""
        rates = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        rounded = {name: None if rate is None else round(rate, 4) for name, rate in rates.items()}
        return {"right": self.right, "wrong": self.wrong, "missed": self.missed, **rounded}


Counts = Mapping[str, Tally]
"""Label -> its tally in one document."""


def counts(gold: Iterable[str], found: Iterable[str], right: Iterable[str]) -> Counts:
    """Of one document: labels of its gold, of what was found, and of what of both is right, each as often as it is."""
    wanted, made, both = Counter(gold), Counter(found), Counter(right)
    return {
        label: Tally(both[label], made[label] - both[label], wanted[label] - both[label]) for label in wanted | made
    }


def of_sets(gold: Iterable[tuple[Any, ...]], found: Iterable[tuple[Any, ...]]) -> Counts:
    """Counts of one document whose gold and finds are sets; the first part of each is its label."""
    wanted, made = set(gold), set(found)
    return counts(*([one[0] for one in some] for some in (wanted, made, wanted & made)))


def of_labels(gold: str, found: str) -> Counts:
    """Counts of one thing that has one label; an empty one is none."""
    return counts(*([label for label in (one,) if label] for one in (gold, found, gold if gold == found else "")))


def joined(some: Iterable[Counts]) -> Counts:
    """Counts of parts of one document as those of the document."""
    found: dict[str, Tally] = {}
    for one in some:
        for label, tally in one.items():
            found[label] = found.get(label, Tally()) + tally
    return found


@dataclass(frozen=True, slots=True)
class Scores:
    """Tallies of documents by label, under one criterion."""

    documents: tuple[Counts, ...]

    @property
    def total(self) -> Tally:
        """Of all labels together (micro)."""
        return sum((tally for one in self.documents for tally in one.values()), Tally())

    @property
    def labels(self) -> dict[str, Tally]:
        """Label -> its tally in all documents, in order of the names."""
        return dict(sorted(joined(self.documents).items()))

    @property
    def interval(self) -> Interval:
        """Of the F1 of all labels together; None for fewer than two documents."""
        return interval([_halves(sum(one.values(), Tally())) for one in self.documents])

    def interval_of(self, label: str) -> Interval:
        """Of the F1 of one label; None for fewer than two documents that have it."""
        return interval([_halves(one.get(label, Tally())) for one in self.documents])

    def as_json(self) -> dict[str, Any]:
        """The tallies with intervals: ``all`` together and by ``labels``."""
        labels = {
            label: tally.as_json() | {"interval_95": rounded(self.interval_of(label))}
            for label, tally in self.labels.items()
        }
        return {"all": self.total.as_json() | {"interval_95": rounded(self.interval)}, "labels": labels}


def _halves(tally: Tally) -> tuple[float, float]:
    """What F1 divides, and by what."""
    return 2.0 * tally.right, 2.0 * tally.right + tally.wrong + tally.missed


@dataclass(frozen=True, slots=True)
class Shares:
    """Of each document how many of how many: an accuracy, or a speed, as a ratio of sums."""

    documents: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float | None:
        """The ratio; None where there is nothing to divide by."""
        of = self.of
        return sum(top for top, _ in self.documents) / of if of else None

    @property
    def of(self) -> float:
        """What it is a share of."""
        return sum(bottom for _, bottom in self.documents)

    @property
    def interval(self) -> Interval:
        """Of the ratio; None for fewer than two documents."""
        return interval(self.documents)


def interval(ratios: Sequence[tuple[float, float]]) -> Interval:
    """The 95 % interval of a ratio of sums over documents; None for fewer than two that have anything to count.

    ratios  of each document what is divided, and by what
    """
    table = np.array([one for one in ratios if one[1]], dtype=np.float64)
    if len(table) < 2:
        return None
    top, bottom = (_drawn(len(ratios))[:, : len(table)] @ table).T
    low, high = np.percentile(top[bottom > 0] / bottom[bottom > 0], [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _drawn(documents: int) -> NDArray[np.float64]:
    """How often each document is in each draw."""
    chance = np.random.default_rng(SEED)
    return chance.multinomial(documents, np.full(documents, 1 / documents), size=DRAWS).astype(np.float64)


def rounded(ends: Interval) -> list[float] | None:
    """An interval for JSON."""
    return None if ends is None else [round(end, 4) for end in ends]


@dataclass(frozen=True, slots=True)
class Scored:
    """How well spans were found.

    errors  kind -> up to EXAMPLES of them
    """

    strict: Scores
    overlap: Scores
    errors: Errors = field(default_factory=dict)


def scored(documents: Sequence[Document], found: Sequence[Sequence[Gold]], labels: Sequence[str] = ()) -> Scored:
    """How well `found` meets the gold of `documents`, document by document.

    labels  only these count, in gold and find; all where empty
    raises  ValueError where both are not equally many
    """
    strict: list[Counts] = []
    overlap: list[Counts] = []
    errors: Errors = {}
    for document, mine in zip(documents, found, strict=True):
        gold = sorted({one for one in document.gold if not labels or one[2] in labels})
        finds = sorted({one for one in mine if not labels or one[2] in labels})
        wanted, made = ([one[2] for one in some] for some in (gold, finds))
        right = set(gold) & set(finds)
        strict.append(counts(wanted, made, [one[2] for one in right]))
        overlap.append(counts(wanted, made, _met(gold, finds)))
        missed, wrong = ([one for one in some if one not in right] for some in (gold, finds))
        explain(document.id, missed, wrong, errors)
    return Scored(Scores(tuple(strict)), Scores(tuple(overlap)), errors)


def _met(gold: Sequence[Gold], finds: Sequence[Gold]) -> list[str]:
    """Labels of the finds that meet a gold span which no other has met, by place."""
    left = list(gold)
    met = []
    for start, end, label in finds:
        hit = next((one for one in left if one[2] == label and one[0] < end and start < one[1]), None)
        if hit is not None:
            left.remove(hit)
            met.append(label)
    return met


def explain(name: str, missed: Sequence[Gold], wrong: Sequence[Gold], errors: Errors) -> None:
    """Sorts errors: right place and wrong label, right label and wrong borders, nothing there, not found."""
    explained: set[Gold] = set()
    for start, end, label in missed:
        near = [one for one in wrong if one[0] < end and start < one[1]]
        explained.update(near)
        if not near:
            keep(errors, "missed", (name, start, end, label, ""))
        for other in near:
            kind = "label" if other[:2] == (start, end) else "borders" if other[2] == label else "borders and label"
            keep(errors, kind, (name, start, end, label, other[2]))
    for start, end, label in wrong:
        if (start, end, label) not in explained:
            keep(errors, "spurious", (name, start, end, "", label))


def keep(errors: Errors, kind: str, error: Error) -> None:
    """Remembers an error unless there are enough examples of its kind."""
    rows = errors.setdefault(kind, [])
    if len(rows) < EXAMPLES:
        rows.append(error)
