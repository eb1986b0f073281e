"""Counts behind charts: distributions, trends, cross-tabs, how columns hang together; small cells are left out here.

Pure: arrays in, plain data out. A cell of fewer patients than `smallest` is None, and so is what would give it away
(`careloom.tables.suppression`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np

from careloom.mlops.drift_measures import apart
from careloom.services.explore_axes import MOST_NAMED, MOST_SERIES, Axis, axis_of, counts
from careloom.services.explore_columns import Array, Encoded
from careloom.services.explore_frames import Seen
from careloom.services.explore_sources import Source
from careloom.tables.suppression import may_be_shown

ChartKind = Literal["distribution", "trend", "cross", "correlations"]
MOST_TOGETHER = 10
"""Columns that are held against each other."""
_DECIMALS = 4
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChartAsk:
    """Which chart.

    column  whose values are the bins; of a trend a time; none for correlations
    by      another one: a series for each of its commonest values
    value   a number, of which means are wanted, too
    names   of correlations
    """

    kind: ChartKind
    column: str = ""
    by: str = ""
    value: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """One zone's source, as far as it may be seen."""

    zone: str
    source: Source
    seen: Seen


def chart(ask: ChartAsk, looked: Sequence[Looked], smallest: int, most: int = MOST_NAMED) -> Json:
    """One chart of one zone, or of the same source in two; `most` categories or ranges are named."""
    if ask.kind == "correlations":
        return _together(ask, looked, smallest)
    sights = [one.seen for one in looked]
    field = looked[0].source.fields[ask.column]
    most = most if not ask.by else 12
    axis = axis_of(ask.column, sights, smallest, most=most, whole=field.is_whole)
    by = axis_of(ask.by, sights, smallest, most=MOST_SERIES, whole=looked[0].source.fields[ask.by].is_whole) if (
        ask.by
    ) else None  # fmt: skip
    grids = [_Grid(one, ask, axis, by, smallest) for one in looked]
    return {
        "kind": ask.kind, "column": ask.column, "by": ask.by, "value": ask.value, "axis": axis.kind,
        "unit": axis.unit or field.unit,
        "bins": [{"label": one.label, "low": one.low, "high": one.high} for one in axis.bins],
        "series": [made for grid in grids for made in grid.series()],
        "left_out": sum(grid.left_out for grid in grids),
        "difference": _difference(grids, axis),
        "correlations": None,
    }  # fmt: skip


class _Grid:
    """Cells of one zone: a row for each value of `by`, a column for each bin, totals last."""

    def __init__(self, one: Looked, ask: ChartAsk, axis: Axis, by: Axis | None, smallest: int) -> None:
        self.zone, self._seen, self._by, self._smallest = one.zone, one.seen, by, smallest
        self._column, self._width = one.seen.columns[ask.column], len(axis.bins)
        names = [""] if by is None else [each.label for each in by.bins]
        self._names, height = names, len(names)
        places = axis.place(self._column)
        lines = np.zeros_like(places) if by is None else by.place(one.seen.columns[ask.by])
        cells = lines * self._width + places
        rows, patients = counts(cells, height * self._width, one.seen)
        self.rows = rows.reshape(height, self._width)
        self._patients = self._with_totals(patients.reshape(height, self._width), places, lines)
        shown = _may_be_shown(self._patients, smallest)
        self._shown = shown[:height, : self._width]
        self._totals = shown[:height, self._width]
        self._means = self._means_of(one.seen.columns[ask.value], cells) if ask.value else None

    def _with_totals(self, patients: Array, places: Array, lines: Array) -> Array:
        _, across = counts(lines, patients.shape[0], self._seen)
        _, down = counts(places, self._width, self._seen)
        whole = np.array([self._seen.patients()])
        return np.vstack((np.column_stack((patients, across)), np.concatenate((down, whole))))

    def _means_of(self, value: Encoded, cells: Array) -> Array:
        """Means of a number, where enough patients have it."""
        there, size = ~value.missing, self.rows.size
        some = Seen({}, int(there.sum()), None if self._seen.subjects is None else self._seen.subjects[there],
                    self._seen.people)  # fmt: skip
        number, patients = counts(cells[there], size, some)
        total = np.bincount(cells[there], weights=value.values[there], minlength=size)
        means = np.where(patients >= self._smallest, total / np.maximum(number, 1), np.nan)
        return means.reshape(self.rows.shape)

    @property
    def left_out(self) -> int:
        """Cells that hold somebody and are not shown, or have to go with them."""
        return int((~self._shown).sum())

    @property
    def is_large(self) -> bool:
        """True where the zone as a whole may be told of."""
        return self._seen.patients() >= self._smallest

    def series(self) -> list[Json]:
        """What is shown: rows and patients of each bin, None where they are left out."""
        made = []
        for line, name in enumerate(self._names):
            shown = self._shown[line]
            if not self.rows[line].any() and name:
                continue
            total = int(self.rows[line].sum()) if self._totals[line] else None
            made.append({
                "zone": self.zone, "name": name,
                "rows": _cells(self.rows[line], shown), "patients": _cells(self._patients[line][:-1], shown),
                "means": None if self._means is None else _means(self._means[line], shown),
                "total_rows": total, "total_patients": int(self._patients[line][-1]) if self._totals[line] else None,
                "summary": self._summary() if self._by is None and self._column.kind == "number" else None,
            })  # fmt: skip
        return made

    def _summary(self) -> Json | None:
        """Mean, spread and quartiles, where so many patients stand on both sides of each."""
        there = ~self._column.missing
        some = self._seen.at(there)
        if some.patients() < 4 * self._smallest:
            return None
        values = self._column.values[there]
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        told = {"mean": values.mean(), "sd": values.std(ddof=1), "p25": low, "median": middle, "p75": high}
        return {"rows": int(values.size)} | {name: _rounded(float(number)) for name, number in told.items()}


def _may_be_shown(patients: Array, smallest: int) -> Array:
    """As `may_be_shown`; lines in which nobody is are shown, and where there is one line its totals are itself."""
    shown = np.ones(patients.shape, dtype=np.bool_)
    rows, columns = (np.flatnonzero(patients[:-1].any(axis=1)), np.flatnonzero(patients[:, :-1].any(axis=0)))
    if rows.size == 1:
        where = np.ix_(rows, [*columns, patients.shape[1] - 1])
        shown[where] = may_be_shown(patients[where], smallest)
    elif rows.size:
        where = np.ix_([*rows, patients.shape[0] - 1], [*columns, patients.shape[1] - 1])
        shown[where] = may_be_shown(patients[where], smallest)
    return shown


def _cells(numbers: Array, shown: Array) -> list[int | None]:
    return [int(number) if seen else None for number, seen in zip(numbers, shown, strict=True)]


def _means(numbers: Array, shown: Array) -> list[float | None]:
    return [
        _rounded(float(number)) if seen and not np.isnan(number) else None
        for number, seen in zip(numbers, shown, strict=True)
    ]


def _rounded(number: float) -> float:
    """Four digits that count: more tell single values."""
    return float(f"{number:.{_DECIMALS}g}")


def _difference(grids: Sequence[_Grid], axis: Axis) -> Json | None:
    """How far two zones lie apart; None where one is alone, empty, or of few patients.

    source  Jensen-Shannon to base 2 and the largest difference of cumulated shares: `careloom.mlops.drift_measures`;
            total variation: half the sum of the differences of shares
    """
    if len(grids) < 2 or not all(one.is_large for one in grids):
        return None
    before, now = (one.rows[:, :-1].reshape(-1) if one.rows.shape[0] == 1 else _named(one) for one in grids)
    if before.size != now.size or not before.sum() or not now.sum():
        return None
    found = apart(before, now, ordered=axis.is_ordered and grids[0].rows.shape[0] == 1)
    variation = float(np.abs(before / before.sum() - now / now.sum()).sum()) / 2
    told = {"jensen_shannon": found.js, "kolmogorov_smirnov": found.ks, "total_variation": variation}
    return {name: None if number is None else round(number, 3) for name, number in told.items()}


def _named(grid: _Grid) -> Array:
    return grid.rows[:, :-1].reshape(-1)


def _together(ask: ChartAsk, looked: Sequence[Looked], smallest: int) -> Json:
    """How columns hang together, pair by pair, zone by zone."""
    names = ask.names[:MOST_TOGETHER]
    found = []
    for one in looked:
        held = [_Taken(one.seen, name, smallest, one.source.fields[name].is_whole) for name in names]
        cells = [[_pair(left, right, one.seen, smallest) for right in held] for left in held]
        found.append({"zone": one.zone, "values": cells})
    return {
        "kind": ask.kind, "column": "", "by": "", "value": "", "axis": "category", "unit": "",
        "bins": [{"label": one, "low": None, "high": None} for one in names], "series": [], "left_out": 0,
        "difference": _apart(found), "correlations": found,
    }  # fmt: skip


def _apart(found: Sequence[Json]) -> Json | None:
    """The largest difference of a pair between two zones."""
    if len(found) < 2:
        return None
    pairs = [
        abs(one - other)
        for left, right in zip(found[0]["values"], found[1]["values"], strict=True)
        for one, other in zip(left, right, strict=True)
        if one is not None and other is not None
    ]
    return {"largest": round(max(pairs), 3)} if pairs else None


class _Taken:
    """A column as one of a pair: numbers as they are, all else by bins."""

    def __init__(self, seen: Seen, name: str, smallest: int, is_whole: bool) -> None:
        column = seen.columns[name]
        self.is_number, self.missing = column.kind == "number", column.missing
        self.values = column.values if self.is_number else axis_of(
            name, [seen], smallest, most=MOST_NAMED, whole=is_whole
        ).place(column)  # fmt: skip


def _pair(left: _Taken, right: _Taken, seen: Seen, smallest: int) -> float | None:
    """Pearson's r of two numbers (-1 to 1), the correlation ratio of a number and a category, Cramér's V of two
    categories (0 to 1); None where fewer patients have both, or one of them never differs.

    source  Cramér H, Mathematical Methods of Statistics, 1946, section 21.9; correlation ratio: Pearson K, 1905
    """
    there = ~left.missing & ~right.missing
    subjects = None if seen.subjects is None else seen.subjects[there]
    if Seen({}, int(there.sum()), subjects, seen.people).patients() < smallest:
        return None
    one, other = left.values[there], right.values[there]
    if left.is_number and right.is_number:
        found = _pearson(one, other)
    elif left.is_number or right.is_number:
        found = _ratio(one, other) if left.is_number else _ratio(other, one)
    else:
        found = _cramer(one, other)
    return None if found is None else round(found, 3)


def _pearson(one: Array, other: Array) -> float | None:
    left, right = one - one.mean(), other - other.mean()
    spread = sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / spread if spread > 0 else None


def _ratio(number: Array, group: Array) -> float | None:
    size = np.bincount(group)
    mean = np.bincount(group, weights=number) / np.maximum(size, 1)
    whole = float(((number - number.mean()) ** 2).sum())
    return (
        sqrt(float((size * (mean - number.mean()) ** 2).sum()) / whole) if whole > 0 and (size > 0).sum() > 1 else None
    )


def _cramer(one: Array, other: Array) -> float | None:
    width = int(other.max()) + 1
    table = np.bincount(one * width + other, minlength=(int(one.max()) + 1) * width).reshape(-1, width).astype(float)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return sqrt(float(((table - expected) ** 2 / expected).sum()) / table.sum() / (min(table.shape) - 1))
