"""Bins of a chart: categories that are common enough to be named, ranges of a number, stretches of time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10

import numpy as np

from careloom.services.explore_columns import Array, Encoded, Kind
from careloom.services.explore_frames import Seen

OTHER, MISSING = "All others", "Not recorded"
MOST_NAMED, MOST_SERIES = 20, 6
MOST_STRETCHES = 60
_MOST_CELLS = 64_000_000
_OUTER, _HALF = 0.01, 0.5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin: low (None: open below) up to high, not included (None: open above); categories have neither."""

    label: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """The bins of a column.

    place       column -> [n] the bin of each of its rows; the last is of rows where nothing is said
    is_ordered  they follow one another
    unit        of time: month, quarter or year
    """

    kind: Kind
    bins: tuple[Bin, ...]
    place: Callable[[Encoded], Array]
    is_ordered: bool = True
    unit: str = ""


def counts(cells: Array, width: int, seen: Seen) -> tuple[Array, Array]:
    """Rows and patients [width] of each cell; a row of which nobody says whom it is about counts as a patient."""
    rows = np.bincount(cells, minlength=width)
    if seen.subjects is None:
        return rows, rows
    subjects, people, nobody = seen.subjects, seen.people, np.zeros(width, dtype=np.int64)
    if subjects.size and subjects.min() < 0:
        known = subjects >= 0
        nobody = np.bincount(cells[~known], minlength=width)
        cells, subjects = cells[known], subjects[known]
    if width * people <= _MOST_CELLS:
        there = np.zeros(width * people, dtype=np.bool_)
        there[cells.astype(np.int32) * np.int32(people) + subjects] = True
        return rows, np.count_nonzero(there.reshape(width, people), axis=1) + nobody
    both = np.unique(cells.astype(np.int64) * people + subjects)
    return rows, np.bincount(both // people, minlength=width) + nobody


def axis_of(name: str, looked: Sequence[Seen], smallest: int, *, most: int = MOST_NAMED, whole: bool = False) -> Axis:
    """The bins of a column of one or more sources, the same for all of them."""
    columns = [one.columns[name] for one in looked]
    match columns[0].kind:
        case "category":
            return _categories(name, looked, smallest, most)
        case "time":
            return _times(columns, looked, smallest)
        case "number":
            return _numbers(columns, looked, smallest, most=most, whole=whole)


def _categories(name: str, looked: Sequence[Seen], smallest: int, most: int) -> Axis:
    """Categories of so many patients somewhere, the commonest first; who has fewer are all others together."""
    held: dict[str, list[int]] = {}
    for seen in looked:
        column = seen.columns[name]
        size = len(column.labels)
        rows, patients = counts(np.where(column.values < 0, size, column.values), size + 1, seen)
        for label, number, people in zip(column.labels, rows.tolist(), patients.tolist(), strict=False):
            told = held.setdefault(label, [0, 0])
            told[0], told[1] = told[0] + number, max(told[1], people)
    common = sorted(
        (label for label, told in held.items() if told[1] >= smallest), key=lambda one: (-held[one][0], one)
    )
    named = common[:most]
    bins = tuple(Bin(one) for one in named)
    others = len([told for told in held.values() if told[1] > 0]) > len(named)
    tail = (Bin(OTHER),) if others else ()
    number = {label: place for place, label in enumerate(named)}
    missing = len(bins) + len(tail)

    def place(column: Encoded) -> Array:
        to = np.array([*(number.get(one, len(named)) for one in column.labels), missing], dtype=np.int64)
        return np.asarray(to[column.values])  # -1 is the last

    return Axis("category", (*bins, *tail, Bin(MISSING)), place, is_ordered=False)


def _numbers(columns: Sequence[Encoded], looked: Sequence[Seen], smallest: int, *, most: int, whole: bool) -> Axis:
    """Ranges between the outer hundredths; who lies beyond is in open ones, so that nobody's value is an edge."""
    ends = [np.quantile(one.values[~one.missing], (_OUTER, 1 - _OUTER)) for one in columns if not one.missing.all()]
    if not ends:
        return _nothing("number")
    low, high = float(min(one[0] for one in ends)), float(max(one[1] for one in ends))
    made = _numbered(low, high, most, whole=whole)
    for size in (most // 2, most // 3):
        if _is_filled(made, columns, looked, smallest):
            break
        made = _numbered(low, high, max(size, 2), whole=whole)
    return made


def _numbered(low: float, high: float, most: int, *, whole: bool) -> Axis:
    step = _step((high - low) / max(most - 2, 1), whole=whole)
    first, last = floor(low / step), floor(high / step) + 1
    edges = np.arange(first, last + 1, dtype=np.float64) * step
    if whole and step == 1.0:
        inner = [Bin(f"{edge:g}", float(edge), float(edge) + 1) for edge in edges[:-1]]
    else:
        inner = [Bin(f"{one:g} to {other:g}", float(one), float(other)) for one, other in pairwise(edges)]
    bins = [Bin(f"below {edges[0]:g}", None, float(edges[0])), *inner, Bin(f"{edges[-1]:g} and more", float(edges[-1]))]

    def place(column: Encoded) -> Array:
        found = np.searchsorted(edges, column.values, side="right")
        return np.where(column.missing, len(bins), found)

    return Axis("number", (*bins, Bin(MISSING)), place)


def _nothing(kind: Kind) -> Axis:
    """Of a column that says nothing."""
    return Axis(kind, (Bin(MISSING),), lambda column: np.zeros(column.values.size, np.int64))


def _step(width: float, *, whole: bool) -> float:
    """The next round width. source: 1, 2, 2.5 and 5 times powers of ten, as axes are labelled"""
    if width <= 0:
        return 1.0
    scale = 10.0 ** floor(log10(width))
    step = next(one * scale for one in _STEPS if one * scale >= width * 0.9999)
    return max(1.0, float(round(step + 0.499))) if whole else step


def _is_filled(axis: Axis, columns: Sequence[Encoded], looked: Sequence[Seen], smallest: int) -> bool:
    """True where a quarter of the bins at most would be left out."""
    for column, seen in zip(columns, looked, strict=True):
        _, patients = counts(axis.place(column), len(axis.bins), seen)
        if ((patients > 0) & (patients < smallest)).sum() > len(axis.bins) / 4:
            return False
    return True


def _times(columns: Sequence[Encoded], looked: Sequence[Seen], smallest: int) -> Axis:
    """Months, quarters or years between the outer hundredths, as fine as most of them may be shown."""
    months = [_months(column) for column in columns]
    ends = [
        np.quantile(one[~column.missing], (_OUTER, 1 - _OUTER), method="nearest")
        for one, column in zip(months, columns, strict=True)
        if not column.missing.all()
    ]
    if not ends:
        return _nothing("time")
    low, high = int(min(one[0] for one in ends)), int(max(one[1] for one in ends))
    made = _stretches(low, high, "year")
    for unit in ("month", "quarter"):
        if (high - low) / _MONTHS[unit] > MOST_STRETCHES:
            continue
        finer = _stretches(low, high, unit)
        if _is_dense(finer, columns) and _is_filled(finer, columns, looked, smallest):
            return finer
    return made


def _is_dense(axis: Axis, columns: Sequence[Encoded]) -> bool:
    """True where something is in half of the stretches at least."""
    there = np.bincount(np.concatenate([axis.place(one) for one in columns]), minlength=len(axis.bins))
    return bool((there[1:-2] > 0).mean() >= _HALF)


def _months(column: Encoded) -> Array:
    return np.zeros(column.values.size, np.int32) if column.months is None else column.months


def _stretches(low: int, high: int, unit: str) -> Axis:
    """low, high: months since the year 0."""
    step = _MONTHS[unit]
    first, last = low // step, high // step
    inner = [Bin(_stretch(one, unit), float(one * step), float((one + 1) * step)) for one in range(first, last + 1)]
    bins = [
        Bin(f"before {inner[0].label}", None, inner[0].low),
        *inner,
        Bin(f"after {inner[-1].label}", inner[-1].high),
    ]

    def place(column: Encoded) -> Array:
        found = np.clip(_months(column) // step - (first - 1), 0, len(bins) - 1)
        return np.where(column.missing, len(bins), found)

    return Axis("time", (*bins, Bin(MISSING)), place, unit=unit)


def _stretch(number: int, unit: str) -> str:
    if unit == "year":
        return str(number)
    if unit == "quarter":
        return f"{number // 4} Q{number % 4 + 1}"
    return f"{number // 12}-{number % 12 + 1:02d}"
