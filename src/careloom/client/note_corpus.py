"""Counts over the notes of a zone, as values. None stands where few patients stand behind a count."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CorpusQuery:
    """What counts: what fits everything that is named. What is empty narrows nothing.

    labels        of mentions, as ``PROBLEM``
    said          how they are said: ``present``, ``absent``, ``uncertain``, ``historical``, ``planned``, ``others``
    since, until  when notes were written, as ``2025`` or ``2025-03``, half-open
    concepts      named at most, 50 at most
    """

    labels: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    concepts: int = 30


ALL_NOTES = CorpusQuery()


@dataclass(frozen=True, slots=True)
class CorpusConcept:
    """A concept; `said` is patients by how it is said, `label` what its mentions are most often."""

    system: str
    code: str
    display: str
    label: str
    notes: int
    mentions: int
    patients: int
    said: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class CorpusPair:
    """Two concepts, by their places, in the same notes; `lift` is 1 where they meet as by chance."""

    first: int
    second: int
    notes: int
    patients: int
    lift: float


@dataclass(frozen=True, slots=True)
class CorpusTrend:
    """Notes that mention a concept, by period."""

    concept: int
    notes: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class CorpusAssertions:
    """Mentions of a label by how they are said."""

    label: str
    said: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class CorpusType:
    """A kind of document by its LOINC code; empty for none."""

    type: str
    notes: int | None
    patients: int | None


@dataclass(frozen=True, slots=True)
class NoteCorpus:
    """What notes say, in counts.

    looked_at  annotated notes that were looked at, of `of`
    left_out   concepts that fewer than `smallest_cell` patients' notes mention
    step       of `periods`: month, quarter or year; `written` is notes of each
    trends     of the first concepts
    """

    zone: str
    notes: int | None
    patients: int | None
    looked_at: int
    of: int
    smallest_cell: int
    concepts: tuple[CorpusConcept, ...]
    left_out: int
    pairs: tuple[CorpusPair, ...]
    step: str
    periods: tuple[str, ...]
    written: tuple[int | None, ...]
    trends: tuple[CorpusTrend, ...]
    assertions: tuple[CorpusAssertions, ...]
    types: tuple[CorpusType, ...]
