"""Real and synthetic rows column by column and pair by pair, in counts that tell of no few patients: for people to see.

They are made once, by the judge, and kept beside its measures. What is left out is left out before it is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.synthesize_admitted import admitted
from careloom.synth.fidelity_columns import cramers_v
from careloom.synth.metadata import NUMBERS, Column, Table
from careloom.tables.encoding import SMALLEST_CELL
from careloom.tables.suppression import may_be_shown

VERSION = 1
SHOW = "synthesize-overlays"
MOST_COLUMNS = 24
MOST_PAIRED = 12
MOST_NAMED = 10
_BINS = (12, 8, 5, 3)
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
OTHERS, MISSING = "others", "missing"
Json = dict[str, Any]
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    """What a column is counted by: labels of its bins, and the bin of each row on both sides."""

    column: Column
    labels: tuple[str, ...]
    real: Codes
    synthetic: Codes


def overlays(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, smallest: int = SMALLEST_CELL) -> Json:
    """The columns of both sides in the same bins, and how pairs of them hang together.

    returns  ``columns``: name, kind, unit, labels, ``real`` and ``synthetic`` in rows a bin, None for what is left out:
             fewer than `smallest` patients (of synthetic rows: rows), and what would give them away; ``pairs``: Pearson
             of two numbers (-1..1), Cramer's V of all else (0..1), None where it is not defined. Bins of numbers end at
             round numbers with so many patients beyond the outermost, values are named that so many patients have
    """
    people = _people(table, real)
    rows = np.arange(synthetic.height, dtype=np.int64)
    chosen = table.modelled[:MOST_COLUMNS]
    axes = [_axis(column, real, synthetic, people, smallest) for column in chosen]
    columns = [
        {
            "name": one.column.name, "kind": one.column.kind, "unit": one.column.unit, "labels": list(one.labels),
            "real": _shown(one.real, people, len(one.labels), smallest),
            "synthetic": _shown(one.synthetic, rows, len(one.labels), smallest),
        }
        for one in axes
    ]  # fmt: skip
    paired = axes[:MOST_PAIRED]
    return {
        "version": VERSION, "smallest": smallest, "real_rows": real.height, "synthetic_rows": synthetic.height,
        "columns": columns, "pairs": {
            "columns": [one.column.name for one in paired],
            "real": _together(paired, real, [one.real for one in paired], people, smallest),
            "synthetic": _together(paired, synthetic, [one.synthetic for one in paired], rows, smallest),
        },
    }  # fmt: skip


def overlays_of(platform: Platform, who: Principal, sample: str) -> Json:
    """What the judge kept of a sample to be seen, for who may read what was learnt.

    ``state``: shown; before: it was judged before overlays were kept; none: it is not of a table, or nothing of its
    fidelity was measured

    raises  AccessError; NotFound
    """
    one, zone = admitted(platform, who, "read", sample, "sample", operation=SHOW)
    note(platform, who, SHOW, zone, detail={"sample": sample})
    report = one.body.get("report") or {}
    kept = report.get("overlays")
    empty: Json = {"version": None, "smallest": SMALLEST_CELL, "real_rows": 0, "synthetic_rows": 0, "columns": [],
                   "pairs": {"columns": [], "real": [], "synthetic": []}}  # fmt: skip
    if kept is not None and kept["version"] == VERSION:
        return {"state": "shown", **kept}
    is_of_before = kept is not None or "shape" in report.get("measures", {})
    is_table = "patients" not in one.body and "notes" not in one.body
    return {"state": "before" if is_of_before and is_table else "none", **empty}


def _people(table: Table, frame: pl.DataFrame) -> Codes:
    """The patient of each row as a number; rows without one are a person each."""
    if not table.subject or table.subject not in frame.columns:
        return np.arange(frame.height, dtype=np.int64)
    named = frame[table.subject].cast(pl.String).rank("dense").cast(pl.Int64)
    alone = pl.Series(np.arange(frame.height, dtype=np.int64) + frame.height + 1)
    return named.zip_with(named.is_not_null(), alone).to_numpy().astype(np.int64)


def _axis(column: Column, real: pl.DataFrame, synthetic: pl.DataFrame, people: Codes, smallest: int) -> _Axis:
    one, other = real[column.name], synthetic[column.name]
    if column.kind in NUMBERS:
        return _numbers(column, one, other, people, smallest)
    texts = [each.cast(pl.String) for each in (one, other)]
    counted = pl.DataFrame({"value": texts[0], "person": people}).drop_nulls().group_by("value").agg(
        pl.col("person").n_unique().alias("patients")
    ).filter(pl.col("patients") >= smallest).sort("patients", "value", descending=[True, False])  # fmt: skip
    named = counted["value"].to_list()[:MOST_NAMED]
    places = {value: at for at, value in enumerate(named)}
    codes = [
        each.replace_strict(places, default=len(named), return_dtype=pl.Int64)
        .zip_with(each.is_not_null(), pl.Series([len(named) + 1]).extend_constant(len(named) + 1, each.len() - 1))
        .to_numpy()
        if each.len()
        else np.zeros(0, np.int64)
        for each in texts
    ]
    return _without_empty(column, [*named, OTHERS, MISSING], codes)


def _numbers(column: Column, one: pl.Series, other: pl.Series, people: Codes, smallest: int) -> _Axis:
    sides = [each.to_physical().cast(pl.Float64).to_numpy() for each in (one, other)]
    there = ~np.isnan(sides[0])
    first = np.unique(people[there], return_index=True)[1]  # a value of each patient: so many stand beyond
    values = np.sort(sides[0][there][first])
    made = _Axis(column, (), np.zeros(0, np.int64), np.zeros(0, np.int64))
    for most in _BINS:
        edges = _edges(values, most, smallest, is_whole=column.kind != "continuous")
        labels = [*_labels(column, edges), MISSING]
        codes = [np.where(np.isnan(each), len(edges) + 1, np.searchsorted(edges, each, side="right")) for each in sides]
        made = _without_empty(column, labels, codes)
        shown = _shown(made.real, people, len(made.labels), smallest)
        if sum(each is None for each in shown) <= len(shown) / 4:
            break
    return made


def _edges(values: Floats, most: int, smallest: int, *, is_whole: bool) -> Floats:
    """Round numbers between bins; `smallest` patients have values beyond the outermost. Empty: one bin."""
    if len(values) < 3 * smallest:
        return np.zeros(0)
    low, high = values[smallest - 1], values[-smallest]
    if not high > low:
        return np.zeros(0)
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough * (1 - 1e-9))
    step = max(1.0, round(step)) if is_whole else step
    lowest, highest = math.ceil(low / step + 1e-9), math.floor(high / step + 1e-9)
    return np.arange(lowest, highest + 1) * step


def _labels(column: Column, edges: Floats) -> list[str]:
    texts = [_text(column, edge) for edge in edges]
    if not texts:
        return ["any"]
    inner = [f"{one} to {other}" for one, other in pairwise(texts)]
    return [f"below {texts[0]}", *inner, f"{texts[-1]} and more"]


def _text(column: Column, edge: float) -> str:
    if column.kind == "date":
        return (date(1970, 1, 1) + timedelta(days=round(edge))).isoformat()
    if column.kind == "datetime":
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(edge))).strftime("%Y-%m-%d %H:%M")
    return f"{edge:.6g}"


def _without_empty(column: Column, labels: Sequence[str], codes: Sequence[Codes]) -> _Axis:
    """The axis without others and missing where no row of either side is there."""
    held = np.zeros(len(labels), dtype=np.bool_)
    for each in codes:
        held[np.unique(each)] = True
    kept = [at for at, label in enumerate(labels) if held[at] or label not in (OTHERS, MISSING)]
    place = np.zeros(len(labels), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return _Axis(column, tuple(labels[at] for at in kept), place[codes[0]], place[codes[1]])


def _shown(codes: Codes, people: Codes, bins: int, smallest: int) -> list[int | None]:
    """Rows a bin; None where fewer patients than `smallest` are, and where that would give such a bin away."""
    rows = np.bincount(codes, minlength=bins)
    span = int(people.max(initial=0)) + 1
    patients = np.bincount(np.unique(codes * span + people) // span, minlength=bins)
    there = np.flatnonzero(patients)
    seen = np.ones(bins, dtype=np.bool_)
    if there.size:
        total = np.unique(people).size
        seen[there] = may_be_shown([[*patients[there], total]], smallest)[0, :-1]
    return [int(count) if is_seen else None for count, is_seen in zip(rows, seen, strict=True)]


def _together(
    axes: Sequence[_Axis], frame: pl.DataFrame, codes: Sequence[Codes], people: Codes, smallest: int
) -> list[list[float | None]]:
    """Association of each pair; None of a column with itself, and where too few patients or no difference are."""
    found: list[list[float | None]] = [[None] * len(axes) for _ in axes]
    for at, one in enumerate(axes):
        for to in range(at + 1, len(axes)):
            value = _pair((one, axes[to]), frame, (codes[at], codes[to]), people, smallest)
            found[at][to] = found[to][at] = value
    return found


def _pair(
    axes: tuple[_Axis, _Axis], frame: pl.DataFrame, codes: tuple[Codes, Codes], people: Codes, smallest: int
) -> float | None:
    left, right = (frame[one.column.name] for one in axes)
    both = (left.is_not_null() & right.is_not_null()).to_numpy()
    if np.unique(people[both]).size < smallest:
        return None
    if all(one.column.kind in NUMBERS for one in axes):
        one, other = (each.to_physical().cast(pl.Float64).to_numpy()[both] for each in (left, right))
        if not (np.ptp(one) > 0 and np.ptp(other) > 0):
            return None
        value = float(np.corrcoef(one, other)[0, 1])
    else:
        value = cramers_v(pl.Series(codes[0][both]), pl.Series(codes[1][both]))
    return round(value, 3) if math.isfinite(value) else None
