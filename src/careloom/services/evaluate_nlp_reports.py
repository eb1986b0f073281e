"""What is measured of the reading of notes: numbers with intervals, by task and by label, and examples of errors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careloom.nlp.evaluate_context import Judged
from careloom.nlp.evaluation import Errors, Interval, Scores, Shares, Tally, joined, keep, of_labels, rounded


@dataclass(frozen=True, slots=True)
class Measure:
    """One number.

    value     None where it cannot be told
    interval  95 %, by documents drawn anew; None where there is none
    count     what it is counted over, e.g. ``100 documents``
    """

    name: str
    value: float | None
    count: str
    interval: Interval = None

    @property
    def shown(self) -> str:
        """The value for a table."""
        return "" if self.value is None else f"{self.value:.4f}"

    @property
    def range(self) -> str:
        """The interval for a table."""
        return range_of(self.interval)


def range_of(interval: Interval) -> str:
    """An interval for a table; empty where there is none."""
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


FIGURES = ("F1", "95 %", "precision", "recall", "right", "wrong", "missed")


def figures(tally: Tally, interval: Interval) -> list[str]:
    """A tally for a table, as FIGURES heads it."""
    f1, *others = ["" if rate is None else f"{rate:.3f}" for rate in (tally.f1, tally.precision, tally.recall)]
    return [f1, range_of(interval), *others, *(f"{count:,}" for count in (tally.right, tally.wrong, tally.missed))]


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The measures of one task.

    scores  criterion -> tallies by label, as ``strict``
    errors  kind -> examples; `texts`: document -> text, of those that the examples are of
    """

    measures: tuple[Measure, ...]
    scores: Mapping[str, Scores] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The measures, and the tallies by label; no error, which would quote the corpus."""
        measures = {
            one.name: {"value": one.value, "interval_95": rounded(one.interval), "of": one.count}
            for one in self.measures
        }
        return {"measures": measures, "scores": {name: one.as_json() for name, one in self.scores.items()}}


@dataclass(frozen=True, slots=True)
class EvaluateNlpReport:
    """What was measured, by which model; `left_out`: task -> why."""

    model: str
    tasks: dict[str, TaskReport]
    left_out: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        tasks = {name: one.as_json() for name, one in self.tasks.items()}
        return {"model": self.model, "tasks": tasks, "left_out": self.left_out}


def rates(name: str, scores: Scores, of: str) -> list[Measure]:
    """F1 with its interval, precision and recall of all labels together.

    name  what comes before them, as ``strict``; may be empty
    """
    total, prefix = scores.total, f"{name} " if name else ""
    return [
        Measure(f"{prefix}F1", total.f1, of, scores.interval),
        Measure(f"{prefix}precision", total.precision, of),
        Measure(f"{prefix}recall", total.recall, of),
    ]


def share(name: str, documents: Iterable[tuple[float, float]], of: str) -> Measure:
    """A ratio of sums with its interval; `of` is counted where it begins with a blank: ``1,501 sections``."""
    found = Shares(tuple(documents))
    return Measure(name, found.value, f"{found.of:,.0f}{of}" if of.startswith(" ") else of, found.interval)


@dataclass(frozen=True, slots=True)
class Read:
    """A text with things that have one label each.

    document  what it is part of when documents are drawn
    name      where the places of the things are, for examples of errors
    """

    document: str
    name: str
    text: str
    things: Sequence[Judged]


def judged(name: str, read: Sequence[Read], of: str) -> TaskReport:
    """Accuracy, F1 by label, and examples of what was given another label."""
    documents: dict[str, list[Judged]] = {}
    errors: Errors = {}
    for one in read:
        documents.setdefault(one.document, []).extend(one.things)
        for each in one.things:
            if each.gold != each.found:
                kind = "missed" if not each.found else "label" if each.gold else "spurious"
                keep(errors, kind, (one.name, each.span.start, each.span.end, each.gold, each.found))
    counts = tuple(joined(of_labels(one.gold, one.found) for one in things) for things in documents.values())
    right = ((sum(one.gold == one.found for one in things), len(things)) for things in documents.values())
    measure = share(f"{name} accuracy".strip(), right, of)
    texts = quoted(errors, {one.name: one.text for one in read})
    return TaskReport((measure,), {name or "labels": Scores(counts)}, errors, texts)


def quoted(errors: Errors, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts of the documents that examples of errors are of."""
    return {name: texts[name] for name in dict.fromkeys(row[0] for rows in errors.values() for row in rows)}


def together(reports: Iterable[TaskReport]) -> TaskReport:
    """Parts of one task as one report; names of measures and criteria are the parts' own."""
    found = TaskReport((), {}, {}, {})
    for one in reports:
        errors = {kind: [*found.errors.get(kind, ()), *one.errors.get(kind, ())] for kind in found.errors | one.errors}
        found = TaskReport(
            (*found.measures, *one.measures), {**found.scores, **one.scores}, errors, {**found.texts, **one.texts}
        )
    return found
