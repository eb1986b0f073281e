"""Numeric columns in model space: one discrete state (a number, an atom, missing) and a continuous part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

import numpy as np
import polars as pl

from careloom.synth.transforms_numbers import Codes, Floats, NumberForm
from careloom.synth.transforms_space import Arrays, Part

Mixture = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""Values -> (weights, means, standard deviations) of the components that are in use."""
MODE_WIDTH = 4.0
"""Standard deviations that one unit of the continuous part stands for: Xu et al, CTGAN, NeurIPS 2019, section 4.2."""


@dataclass(frozen=True, slots=True)
class QuantileMap:
    """Values to normal scores and back, linear between knots: exact both ways, with no tail lost.

    values, scores  both strictly rising, as long as each other
    """

    kind: ClassVar[str] = "quantile"
    values: tuple[float, ...]
    scores: tuple[float, ...]
    modes: ClassVar[int] = 0

    def encode(self, values: Floats, draw: np.random.Generator | None) -> tuple[Codes, Floats]:
        """(no modes, scores)."""
        return np.zeros(len(values), np.int32), np.interp(values, self.values, self.scores)

    def decode(self, modes: Codes, scores: Floats) -> Floats:
        """Values; scores beyond the outer knots become the outer values."""
        return np.interp(scores, self.scores, self.values)


@dataclass(frozen=True, slots=True)
class ModeMap:
    """Mode-specific normalisation: which component of a mixture a value belongs to, and where within it.

    source  Xu L et al, Modeling Tabular Data using Conditional GAN, NeurIPS 2019, section 4.2; values far from every
            mode are not clipped, so that nothing is lost
    """

    kind: ClassVar[str] = "modes"
    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @property
    def modes(self) -> int:
        """How many components there are."""
        return len(self.means)

    def encode(self, values: Floats, draw: np.random.Generator | None) -> tuple[Codes, Floats]:
        """(component, place within it): drawn by its probability, or the likeliest without a generator."""
        means, deviations = np.asarray(self.means), np.asarray(self.deviations)
        logs = np.log(self.weights) - np.log(deviations) - 0.5 * ((values[:, None] - means) / deviations) ** 2
        if draw is not None:  # the largest of logs plus Gumbel noise is a draw by their probabilities
            logs = logs + draw.gumbel(size=logs.shape)
        modes = logs.argmax(1).astype(np.int32)
        return modes, (values - means[modes]) / (MODE_WIDTH * deviations[modes])

    def decode(self, modes: Codes, scores: Floats) -> Floats:
        """Values of components and places."""
        return np.asarray(self.means)[modes] + MODE_WIDTH * np.asarray(self.deviations)[modes] * scores


@dataclass(frozen=True, slots=True)
class NumericCodec:
    """A numeric column as states and a continuous part.

    The state is 0..modes-1 for a number (0 without modes), then one for each atom, then one for missing.

    atoms     values with a weight of their own, exact both ways
    nullable  True: there is a state for missing
    """

    kind: ClassVar[str] = "numeric"
    form: NumberForm
    atoms: tuple[float, ...]
    nullable: bool
    map: QuantileMap | ModeMap

    @property
    def parts(self) -> tuple[Part, ...]:
        """One discrete part where there is more than one state, and one continuous part."""
        name, size = self.form.name, self._first_atom + len(self.atoms) + self.nullable
        state = (Part(name, f"{name}:state", size),) if size > 1 else ()
        return (*state, Part(name, name, 0))

    @property
    def _first_atom(self) -> int:
        return max(1, self.map.modes)

    def encode(self, series: pl.Series, draw: np.random.Generator | None) -> list[Arrays]:
        """The arrays of `parts`; the continuous part is 0 for atoms and where missing."""
        values, missing = self.form.numbers(series)
        states, scores = self.map.encode(values, draw)
        for at, atom in enumerate(self.atoms):
            there = values == atom
            states[there], scores[there] = self._first_atom + at, 0.0
        if self.nullable:
            states[missing], scores[missing] = self._first_atom + len(self.atoms), 0.0
        return [states, scores] if len(self.parts) > 1 else [scores]

    def decode(self, arrays: Sequence[Arrays], draw: np.random.Generator | None) -> pl.Series:
        """The column."""
        scores = np.asarray(arrays[-1], np.float64)
        states = np.asarray(arrays[0], np.int32) if len(arrays) > 1 else np.zeros(len(scores), np.int32)
        values = self.map.decode(np.minimum(states, self._first_atom - 1), scores)
        for at, atom in enumerate(self.atoms):
            values[states == self._first_atom + at] = atom
        missing = states == self._first_atom + len(self.atoms)
        return self.form.series(values, missing if self.nullable else np.zeros(len(scores), np.bool_))


def quantile_map(values: Floats, knots: int) -> QuantileMap:
    """The map whose scores are those of the middle of each value's share; at most `knots` knots."""
    seen, counts = np.unique(values, return_counts=True)
    if not len(seen):
        return QuantileMap((0.0, 1.0), (-1.0, 1.0))
    if len(seen) == 1:
        return QuantileMap((float(seen[0]), float(np.nextafter(seen[0], np.inf))), (0.0, 1.0))
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    if len(seen) > knots:
        at = np.unique(np.searchsorted(middle, np.linspace(0, 1, knots)).clip(0, len(seen) - 1))
        at = np.union1d(at, [0, len(seen) - 1])
        seen, middle = seen[at], middle[at]
    inverse = NormalDist().inv_cdf
    return QuantileMap(tuple(seen.tolist()), tuple(inverse(share) for share in middle.tolist()))


def linear_map(form: NumberForm) -> QuantileMap:
    """The map of declared bounds alone: a uniform column has mean 0 and variance 1."""
    width = 3.0**0.5
    return QuantileMap((form.low, max(form.high, float(np.nextafter(form.low, np.inf)))), (-width, width))


def mode_map(values: Floats, mixture: Mixture) -> ModeMap:
    """The map of a mixture fitted to the values."""
    if len(np.unique(values)) < 2:
        return ModeMap((1.0,), (float(values[0]) if len(values) else 0.0,), (1.0,))
    weights, means, deviations = mixture(values)
    return ModeMap(*(tuple(each.tolist()) for each in (weights, means, deviations)))
