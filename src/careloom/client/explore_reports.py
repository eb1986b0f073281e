"""Charts and rows of a zone, as values."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ExploreSource:
    """What can be explored: a table (``silver/observations``) or a view (``patient``)."""

    name: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class ExploreSources:
    """Everything that can be explored in a zone."""

    items: tuple[ExploreSource, ...]


@dataclass(frozen=True, slots=True)
class ExploreColumn:
    """A column: `kind` is number, category or time; an identifier is shown in rows, neither filtered nor counted by."""

    name: str
    kind: str
    unit: str
    meaning: str
    is_identifier: bool
    phi: str


@dataclass(frozen=True, slots=True)
class ExploreLooked:
    """What was looked at in a zone; rows and patients are None where they are few. A view looks at `looked_at` of `of`
    resources; for a table both are 0."""

    zone: str
    source: str
    title: str
    rows: int | None
    patients: int | None
    looked_at: int
    of: int


@dataclass(frozen=True, slots=True)
class ExploreBin:
    """One bin: from low up to high, not included; None where it is open, or a category."""

    label: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ExploreSeries:
    """Counts of each bin in one zone, for one value of `by`; None where they are left out."""

    zone: str
    name: str
    rows: tuple[int | None, ...]
    patients: tuple[int | None, ...]
    means: tuple[float | None, ...] | None
    total_rows: int | None
    total_patients: int | None
    summary: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class ExploreCorrelations:
    """How columns hang together in a zone, pair by pair."""

    zone: str
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class ExploreChart:
    """One chart as counts; `difference` between two zones, `left_out` cells that are not shown."""

    kind: str
    column: str
    by: str
    value: str
    axis: str
    unit: str
    bins: tuple[ExploreBin, ...]
    series: tuple[ExploreSeries, ...]
    left_out: int
    difference: dict[str, float | None] | None
    correlations: tuple[ExploreCorrelations, ...] | None


@dataclass(frozen=True, slots=True)
class Explored:
    """Charts of a source; cells of fewer patients than `smallest_cell` are left out."""

    zones: tuple[ExploreLooked, ...]
    columns: tuple[ExploreColumn, ...]
    smallest_cell: int
    charts: tuple[ExploreChart, ...]


@dataclass(frozen=True, slots=True)
class ExploredRows:
    """A page of rows, by the names of `columns`; `patients` says whom each is about."""

    source: str
    columns: tuple[ExploreColumn, ...]
    rows: tuple[dict[str, Any], ...]
    patients: tuple[str, ...]
    total: int
    start: int
    looked_at: int
    of: int
