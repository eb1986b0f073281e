"""Numeric columns as one code: bins, atoms and missing; what marginals and autoregressive models work on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from careloom.synth.transforms_numbers import Floats, NumberForm
from careloom.synth.transforms_space import Arrays, Part


@dataclass(frozen=True, slots=True)
class BinCodec:
    """A numeric column as a bin, and the place within the bin where that is kept.

    edges     strictly rising; bin i holds edges[i] up to edges[i + 1], the last edge too. They lie half a step beside
              values that can be written, so that none lies on an edge
    atoms     values with a code of their own, after the bins
    nullable  True: the last code says missing
    place     True: a continuous part 0..1 says where in its bin a value lies, and decoding is exact. False: decoding
              draws uniformly within the bin
    """

    kind: ClassVar[str] = "bins"
    form: NumberForm
    edges: tuple[float, ...]
    atoms: tuple[float, ...]
    nullable: bool
    place: bool

    @property
    def parts(self) -> tuple[Part, ...]:
        """The code, and the place within the bin if it is kept."""
        name = self.form.name
        code = Part(name, f"{name}:bin" if self.place else name, self._bins + len(self.atoms) + self.nullable)
        return (code, Part(name, name, 0)) if self.place else (code,)

    @property
    def _bins(self) -> int:
        return len(self.edges) - 1

    def encode(self, series: pl.Series, draw: np.random.Generator | None) -> list[Arrays]:
        """The arrays of `parts`; values beyond the outer edges fall in the outer bins."""
        values, missing = self.form.numbers(series)
        edges = np.asarray(self.edges)
        inside = np.clip(values, edges[0], edges[-1])
        codes = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, self._bins - 1).astype(np.int32)
        places = (inside - edges[codes]) / (edges[codes + 1] - edges[codes])
        for at, atom in enumerate(self.atoms):
            there = values == atom
            codes[there], places[there] = self._bins + at, 0.0
        if self.nullable:
            codes[missing], places[missing] = self._bins + len(self.atoms), 0.0
        return [codes, places] if self.place else [codes]

    def decode(self, arrays: Sequence[Arrays], draw: np.random.Generator | None) -> pl.Series:
        """The column; without `place` it takes a generator."""
        codes = np.asarray(arrays[0], np.int64)
        places = np.asarray(arrays[1], np.float64) if self.place else _drawn(draw, len(codes))
        edges, bins = np.asarray(self.edges), np.minimum(codes, self._bins - 1)
        values = edges[bins] + np.clip(places, 0, 1) * (edges[bins + 1] - edges[bins])
        for at, atom in enumerate(self.atoms):
            values[codes == self._bins + at] = atom
        missing = codes == self._bins + len(self.atoms)
        return self.form.series(values, missing if self.nullable else np.zeros(len(codes), np.bool_))


def quantile_edges(values: Floats, form: NumberForm, bins: int) -> tuple[float, ...]:
    """Edges that give each bin about as many of the values; a bin a value where there are few of them."""
    seen = np.unique(values)
    if not len(seen):
        seen = np.asarray([form.low])
    if len(seen) <= bins:
        inner = (seen[1:] + seen[:-1]) / 2
    else:
        at = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
        index = np.searchsorted(seen, np.unique(at), side="right")
        inner = (seen[index[index < len(seen)] - 1] + seen[index[index < len(seen)]]) / 2
    return _around(inner, form, float(seen[0]), float(seen[-1]))


def uniform_edges(form: NumberForm, bins: int) -> tuple[float, ...]:
    """Edges of equal bins within declared bounds; a bin a value where few can be written."""
    width = form.high - form.low
    count = min(bins, round(width / form.step) + 1) if form.step else bins
    inner = np.linspace(form.low - form.step / 2, form.high + form.step / 2, count + 1)[1:-1]
    return _around(inner, form, form.low, form.high)


def cut_edges(form: NumberForm, cuts: Sequence[float]) -> tuple[float, ...]:
    """Edges where the metadata says; a value on a cut lies in the bin that begins there."""
    inner = np.asarray(cuts, np.float64)
    return _around(inner - form.step / 2, form, form.low, form.high)


def _around(inner: Floats, form: NumberForm, low: float, high: float) -> tuple[float, ...]:
    """Outer edges half a step outside, inner ones moved to half steps."""
    half = form.step / 2
    if form.step:
        inner = np.unique((np.floor(inner / form.step) + 0.5) * form.step)
    first, last = low - half, high + half
    if first >= last:
        last = float(np.nextafter(first, np.inf))
    return (first, *inner[(inner > first) & (inner < last)].tolist(), last)


def _drawn(draw: np.random.Generator | None, rows: int) -> Floats:
    if draw is None:
        raise ValueError("a codec that keeps no place within its bins decodes with a generator")
    return draw.random(rows)
