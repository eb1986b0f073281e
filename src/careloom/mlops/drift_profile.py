"""What a model's inputs and scores looked like when it was judged: histograms to compare later windows with.

    profile = make_profile(frame, features, scores, outcomes)     of validation rows, never of training rows
    profile.bins(frame)                                           [n, F] one byte a feature, for the log of predictions
    Profile.read(profile.as_json())                               the same

A profile holds counts and no row. A count below `SMALLEST` is in none: rare levels count as `OTHER`, thin bins of
numbers join their neighbour, and what is left too small is kept as 0: unknown, not none (`fillings`).

source  cells below 11 are suppressed: CMS cell size suppression policy, Centers for Medicare & Medicaid Services, 2020
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import orjson
import polars as pl
from numpy.typing import ArrayLike, NDArray

from careloom.errors import FormatError, InputError
from careloom.mlops.drift_scores import ScoreProfile, score_profile
from careloom.tables.schema import SchemaMismatch

FORMAT = 1
SMALLEST = 11
BINS = 10
MISSING, OUTSIDE, OTHER = 255, 254, 253
"""Codes of a bin: null; a number that is none or lies beyond what training saw; a level that is rare or new."""
MOST_BINS = 200
Bins = NDArray[np.uint8]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One feature and how often each of its bins came.

    edges    of numbers: bin i holds edges[i - 1] <= x < edges[i], the first and the last are open
    levels   of texts and flags: bin i holds levels[i]
    low, high  of numbers, as training saw them; None where nobody said
    counts   of each bin, the last three: other, outside, missing
    """

    name: str
    kind: Literal["number", "level"]
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    counts: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many bins hold values that are plain."""
        return len(self.edges) + 1 if self.kind == "number" else len(self.levels)

    @property
    def holds(self) -> NDArray[np.bool_]:
        """[size + 3] whether a row can lie there: a number is never another level, a level never outside."""
        return np.array([True] * self.size + [self.kind == "level", self.kind == "number", True])

    def coded(self, column: pl.Series) -> Bins:
        """[n] the bin of each value. raises SchemaMismatch for a column of the wrong kind"""
        is_number = column.dtype.is_numeric() or column.dtype == pl.Null
        if self.kind == "number" and not is_number:
            raise SchemaMismatch(f"feature {self.name}: it is no number", "hand in what the model was trained on")
        return self._numbers(column) if self.kind == "number" else self._levels(column)

    def tallied(self, codes: Bins) -> NDArray[np.int64]:
        """[size + 3] how many of these codes fall into each bin, then other, outside, missing."""
        counts = np.bincount(codes, minlength=256)
        return np.concatenate((counts[: self.size], counts[[OTHER, OUTSIDE, MISSING]])).astype(np.int64)

    def _numbers(self, column: pl.Series) -> Bins:
        values = column.cast(pl.Float64).to_numpy()
        codes = np.searchsorted(np.array(self.edges), values, side="right").astype(np.uint8)
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        codes[(values < low) | (values > high) | ~np.isfinite(values)] = OUTSIDE
        codes[column.is_null().to_numpy()] = MISSING
        return codes

    def _levels(self, column: pl.Series) -> Bins:
        known = {level: number for number, level in enumerate(self.levels)}
        texts = column.cast(pl.String)
        if len(texts) == 1:
            (value,) = texts
            return np.array([MISSING if value is None else known.get(value, OTHER)], dtype=np.uint8)
        found = texts.replace_strict(known, default=OTHER, return_dtype=pl.UInt8).to_numpy().copy()
        found[texts.is_null().to_numpy()] = MISSING
        return np.asarray(found, dtype=np.uint8)


@dataclass(frozen=True)
class Profile:
    """What to compare with.

    rows     behind the counts
    columns  one a feature, in the order of `bins`
    scores   how the scores lay, and what came of them
    """

    rows: int
    columns: tuple[Column, ...]
    scores: ScoreProfile

    def bins(self, frame: pl.DataFrame) -> Bins:
        """[n, F] the bin of each value; columns that the profile does not know are not looked at.

        raises  SchemaMismatch for a feature that lacks, or is of another kind
        """
        for one in self.columns:
            if one.name not in frame.columns:
                raise SchemaMismatch(f"inputs: no feature {one.name}", "hand in what the model was trained on")
        coded = [one.coded(frame[one.name]) for one in self.columns]
        return np.column_stack(coded) if coded else np.zeros((frame.height, 0), dtype=np.uint8)

    @cached_property
    def digest(self) -> str:
        """Of all that the profile says: predictions carry it, so that bins are read as they were made."""
        return sha256(self.as_json()).hexdigest()[:32]

    def as_json(self) -> bytes:
        """The profile as a file of a model, ``profile.json``; the same profile gives the same bytes."""
        columns = [{name: getattr(one, name) for name in one.__slots__} for one in self.columns]
        told = {"format": FORMAT, "rows": self.rows, "columns": columns, "scores": self.scores.as_json()}
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)

    @staticmethod
    def read(raw: bytes) -> "Profile":
        """The profile that `as_json` wrote. raises FormatError"""
        try:
            told = orjson.loads(raw)
            if told["format"] != FORMAT:
                raise FormatError("profile.json: another format", "Read it with the version that wrote it.")
            columns = tuple(
                Column(one["name"], one["kind"], tuple(one["edges"]), tuple(one["levels"]), one["low"], one["high"],
                       tuple(one["counts"]))
                for one in told["columns"]
            )  # fmt: skip
            return Profile(int(told["rows"]), columns, ScoreProfile.read(told["scores"]))
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise FormatError("profile.json: a part lacks", "Take the file as it was written.") from error


def nearest(rows: int, counts: Sequence[int], window: ArrayLike) -> NDArray[np.float64]:
    """[B] the counts of a profile, where one that may be suppressed is what it may be that is nearest to the window.

    Rows that no count holds lie in cells that were suppressed, at most `SMALLEST` less one in each: such a cell is
    unknown, and no drift is read out of it that need not be there. Where no row lacks, a 0 is a 0.
    rows    behind the counts
    window  [B] counts of the same cells
    """
    before, now = np.array(counts, dtype=np.float64), np.asarray(window, dtype=np.float64)
    hidden = max(rows - float(before.sum()), 0.0)
    if not hidden or not now.sum():
        return before
    may_be = np.where(before == 0, np.clip(now * rows / now.sum(), 0, min(SMALLEST - 1, hidden)), 0.0)
    filled: NDArray[np.float64] = before + may_be * min(1.0, hidden / max(float(may_be.sum()), 1.0))
    return filled


def fillings(
    rows: int, counts: Sequence[int], window: ArrayLike, holds: ArrayLike | None = None
) -> list[NDArray[np.float64]]:
    """What the counts of a profile may have been, [B] each, the nearest to the window first.

    What is suppressed is known in sum: the rows that no count holds. Of one or two cells that may hide them (of most
    columns: other or outside, and missing) these are all ways in which they may lie; of more `nearest`, and two
    far ones: all in the cells of which the window has fewest rows, and most. Only the counts where none is suppressed.
    rows, counts, window  as for `nearest`
    holds   [B] whether a row can lie in the cell; in each, where None
    """
    before, now = np.array(counts, dtype=np.float64), np.asarray(window, dtype=np.float64)
    hidden = max(rows - int(before.sum()), 0)
    cells = np.flatnonzero((before == 0) & (True if holds is None else np.asarray(holds, dtype=bool)))
    if not hidden or not now.sum():
        return [before]
    rising = cells[np.argsort(now[cells], kind="stable")]
    if not 0 < cells.size <= 2 or hidden > cells.size * (SMALLEST - 1):
        far = [_filled(before, hidden, order) for order in (rising, rising[::-1])]
        return [nearest(rows, counts, window), *far]
    least = max(0, hidden - (SMALLEST - 1) * (cells.size - 1))
    ways = range(least, min(SMALLEST - 1, hidden) + 1) if cells.size == 2 else [hidden]
    found = []
    for one in ways:
        found.append(before.copy())
        found[-1][cells] = [one, hidden - one][: cells.size]
    return sorted(found, key=lambda filled: float(np.abs(filled / rows - now / now.sum()).sum()))


def _filled(before: NDArray[np.float64], hidden: float, order: NDArray[np.int64]) -> NDArray[np.float64]:
    filled = before.copy()
    for cell in order:
        filled[cell] = min(SMALLEST - 1, hidden)
        hidden -= filled[cell]
    return filled


def most_hidden(rows: int, counts: Sequence[int]) -> int:
    """The most that a suppressed count may have been; 0 where none is suppressed."""
    return min(SMALLEST - 1, max(rows - sum(counts), 0))


def make_profile(  # noqa: PLR0913 - of what, what came of it, whose it is
    frame: pl.DataFrame,
    features: Sequence[Mapping[str, Any]],
    scores: ArrayLike,
    outcomes: ArrayLike | None = None,
    *,
    threshold: float = 1.1,
    groups: pl.DataFrame | None = None,
    people: ArrayLike | None = None,
) -> Profile:
    """The profile of the rows that a model was judged on.

    features   ``name``, ``type`` (number, flag or code), ``minimum`` and ``maximum`` where they are declared, as a
               model's ``model.json`` has them
    scores     [n] calibrated probabilities
    outcomes   [n] whether the event came; None where nobody knows
    threshold  from which score on somebody is told
    groups     [n] a column a kind of group (sex, age_band), texts; kept as counts by group
    people     [n] whose row it is (rows of one patient hang together), of which nothing is kept; None: each of its own
    raises     InputError where there are fewer than 100 rows; SchemaMismatch
    """
    if frame.height < 100:
        raise InputError("profile: rows", "hand in at least 100 rows that the model was not trained on")
    columns = []
    for told in features:
        if told["name"] not in frame.columns:
            raise SchemaMismatch(f"rows: no feature {told['name']}", "hand in every feature of the model")
        cut = _cut(frame[told["name"]], told)
        counts = cut.tallied(cut.coded(frame[told["name"]]))
        kept = tuple(int(count) if count >= SMALLEST else 0 for count in counts)
        columns.append(Column(cut.name, cut.kind, cut.edges, cut.levels, cut.low, cut.high, kept))
    judged = score_profile(scores, outcomes, threshold=threshold, groups=groups, smallest=SMALLEST, people=people)
    return Profile(frame.height, tuple(columns), judged)


def _cut(column: pl.Series, told: Mapping[str, Any]) -> Column:
    name = str(told["name"])
    if told["type"] == "number":
        values = column.cast(pl.Float64).drop_nulls().to_numpy()
        values = values[np.isfinite(values)]
        low, high = told.get("minimum"), told.get("maximum")
        return Column(name, "number", edges=_edges(values), low=low, high=high)
    texts = column.cast(pl.String).drop_nulls()
    counts = texts.value_counts(sort=True, name="count")
    often = [str(level) for level, count in counts.iter_rows() if count >= SMALLEST]
    return Column(name, "level", levels=tuple(sorted(often)[:MOST_BINS]))


def _edges(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Tenths of the values, ties kept together, no bin below `SMALLEST`: a value that fills tenths has a bin alone."""
    if values.size < 2 * SMALLEST:
        return ()
    found = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
    after = np.unique(np.concatenate((found, np.nextafter(found[_share(values, found) > 1 / BINS], np.inf))))
    edges = [edge for edge in after.tolist() if edge > values.min()]
    kept: list[float] = []
    for edge in edges:
        below = np.count_nonzero(values < edge) - (np.count_nonzero(values < kept[-1]) if kept else 0)
        if below >= SMALLEST and np.count_nonzero(values >= edge) >= SMALLEST:
            kept.append(edge)
    return tuple(kept)


def _share(values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(values)
    return (np.searchsorted(ordered, at, "right") - np.searchsorted(ordered, at, "left")) / values.size
