"""How well spans are found: precision, recall and F1, strict and by overlap, per label, with bootstrap intervals.

strict   the same characters and the same label
overlap  the same label and at least one shared character; each gold span is found at most once, and each find finds at
         most one

An interval is the 2.5 and 97.5 percentile of F1 over documents drawn with replacement (Efron, 1979).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from careloom.nlp.corpora import Document, Gold

DRAWS, SEED = 1000, 20261129
EXAMPLES = 40
"""Errors of each kind that an analysis shows."""


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


@dataclass(frozen=True, slots=True)
class Scored:
    """Tallies over documents.

    interval  (low, high) of the strict F1; None for fewer than two documents
    errors    kind -> up to EXAMPLES rows: document, start, end, gold label, found label
    """

    documents: int
    strict: Tally
    overlap: Tally
    labels: Mapping[str, Tally]
    interval: tuple[float, float] | None
    errors: Mapping[str, Sequence[tuple[str, int, int, str, str]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it but the errors."""
        return {
            "documents": self.documents,
            "strict": self.strict.as_json(),
            "interval_95": None if self.interval is None else [round(end, 4) for end in self.interval],
            "overlap": self.overlap.as_json(),
            "labels": {label: tally.as_json() for label, tally in sorted(self.labels.items())},
        }


def scored(documents: Sequence[Document], found: Sequence[Sequence[Gold]], labels: Sequence[str] = ()) -> Scored:
    """How well `found` meets the gold of `documents`, document by document.

    labels  only these count, in gold and find; all where empty
    raises  ValueError where both are not equally many
    """
    per_document: list[Tally] = []
    overlap, per_label = Tally(), Counter[tuple[str, str]]()
    errors: dict[str, list[tuple[str, int, int, str, str]]] = {}
    for document, mine in zip(documents, found, strict=True):
        gold = {one for one in document.gold if not labels or one[2] in labels}
        finds = {one for one in mine if not labels or one[2] in labels}
        right = gold & finds
        per_document.append(Tally(len(right), len(finds - gold), len(gold - finds)))
        overlap += _overlap(sorted(gold), sorted(finds))
        for kind, which in (("right", right), ("wrong", finds - gold), ("missed", gold - finds)):
            per_label.update((label, kind) for _, _, label in which)
        _explain(document.id, sorted(gold - finds), sorted(finds - gold), errors)
    names = sorted({label for label, _ in per_label})
    return Scored(
        len(documents),
        sum(per_document, Tally()),
        overlap,
        {name: Tally(*(per_label[name, kind] for kind in ("right", "wrong", "missed"))) for name in names},
        interval(per_document),
        errors,
    )


def interval(tallies: Sequence[Tally]) -> tuple[float, float] | None:
    """The 95 % interval of F1 over documents drawn with replacement; None for fewer than two, or without an F1."""
    if len(tallies) < 2:
        return None
    table = np.array([(one.right, one.wrong, one.missed) for one in tallies], dtype=np.float64)
    draws = np.random.default_rng(SEED).integers(0, len(table), size=(DRAWS, len(table)))
    right, wrong, missed = (table[draws, column].sum(axis=1) for column in range(3))
    total = 2 * right + wrong + missed
    if not total.all():
        return None
    low, high = np.percentile(2 * right / total, [2.5, 97.5])
    return float(low), float(high)


def _overlap(gold: Sequence[Gold], finds: Sequence[Gold]) -> Tally:
    left = list(gold)
    right = 0
    for start, end, label in finds:
        hit = next((one for one in left if one[2] == label and one[0] < end and start < one[1]), None)
        if hit is not None:
            left.remove(hit)
            right += 1
    return Tally(right, len(finds) - right, len(left))


def _explain(
    name: str, missed: Sequence[Gold], wrong: Sequence[Gold], errors: dict[str, list[tuple[str, int, int, str, str]]]
) -> None:
    """Sorts errors: right place and wrong label, right label and wrong borders, nothing there, not found."""
    explained: set[Gold] = set()
    for start, end, label in missed:
        near = [one for one in wrong if one[0] < end and start < one[1]]
        explained.update(near)
        if not near:
            _keep(errors, "missed", (name, start, end, label, ""))
        for other in near:
            kind = "label" if other[:2] == (start, end) else "borders" if other[2] == label else "borders and label"
            _keep(errors, kind, (name, start, end, label, other[2]))
    for start, end, label in wrong:
        if (start, end, label) not in explained:
            _keep(errors, "spurious", (name, start, end, "", label))


def _keep(errors: dict[str, list[Any]], kind: str, row: tuple[str, int, int, str, str]) -> None:
    rows = errors.setdefault(kind, [])
    if len(rows) < EXAMPLES:
        rows.append(row)
