"""A batch: what travels between stages, with the origin of every item, so that nothing can be lost unseen."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from careloom.issues import Issue

Item = TypeVar("Item")


def some_at_a_time(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """All items in order, `size` of them at a time; fewer in the end."""
    waiting = iter(items)
    while taken := list(islice(waiting, size)):
        yield taken


@dataclass(frozen=True, slots=True)
class Schema:
    """What the items of a batch are. Two stages fit when the name and the columns are equal.

    name     e.g. ``record``, ``draft``, ``research.observations``
    columns  for frames: (name, Polars data type as text) in order; empty for object items
    """

    name: str
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Batch(Generic[Item]):
    """Items of one schema, each with the index of the input it came from.

    items    [n] objects of the schema
    origins  [n] index into the batch that entered the pipeline; several items may share one origin
    """

    schema: Schema
    items: Sequence[Item]
    origins: Sequence[int]

    @classmethod
    def of(cls, schema: Schema, items: Sequence[Item]) -> "Batch[Item]":
        """A batch whose items are their own origins."""
        return cls(schema, items, range(len(items)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """One input that no stage could use: `origin` with the issues that say why.

    subjects  keyed names of those whom the input is about, as far as the stage could tell
    """

    origin: int
    issues: tuple[Issue, ...]
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """One input that adds nothing of its own: `origin` is covered by `into` (an origin) for this `reason`."""

    origin: int
    into: int
    reason: str


@dataclass(slots=True)
class Outcome(Generic[Item]):
    """What a stage made of a batch: every origin that entered stands in `batch`, `refused` or `merged`.

    warnings  (origin, issue) pairs that refuse nothing and travel to the run's report
    """

    batch: Batch[Item]
    refused: list[Refusal] = field(default_factory=list)
    merged: list[Merge] = field(default_factory=list)
    warnings: list[tuple[int, Issue]] = field(default_factory=list)
