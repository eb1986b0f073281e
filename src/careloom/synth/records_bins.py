"""Numbers as a few bins, and back: a bin keeps the quantiles of what was in it, so that draws follow the data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from careloom.errors import FormatError

KNOTS = 9
OUTERMOST = 5
"""The bounds are those of the fifth value from below and above: a single extreme patient is not told."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bins:
    """Where the bins of one measure lie.

    knots     bin -> its quantiles from its lowest to its highest value, rising
    answers   in place of knots: the texts that a value can be
    blank     there is one more bin, the last: no value
    decimals  digits after the point of what is drawn
    """

    knots: tuple[tuple[float, ...], ...] = ()
    answers: tuple[str, ...] = ()
    blank: bool = False
    decimals: int = 0

    @property
    def closed(self) -> int:
        """How many bins have a value."""
        return len(self.answers) or len(self.knots)

    @property
    def size(self) -> int:
        """How many there are, at least one."""
        return max(1, self.closed + self.blank)

    @property
    def lows(self) -> Floats:
        """[size] the lowest value of each bin; -inf where it has none."""
        lows = [each[0] for each in self.knots] if not self.answers else []
        return np.array(lows + [-np.inf] * (self.size - len(lows)))

    def encode(self, values: Floats) -> Ints:
        """[n] the bin of each value; NaN: the blank one. Between two bins the nearer one."""
        if not self.knots:
            return np.zeros(len(values), np.int64)
        borders = [(low[-1] + high[0]) / 2 for low, high in zip(self.knots, self.knots[1:], strict=False)]
        bins = np.searchsorted(np.array(borders), np.nan_to_num(values), side="right")
        return np.where(np.isnan(values), len(self.knots) if self.blank else 0, bins).astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        return {
            "knots": [list(each) for each in self.knots], "answers": list(self.answers), "blank": self.blank,
            "decimals": self.decimals,
        }  # fmt: skip


def from_json(told: dict[str, Any]) -> Bins:
    """The inverse. raises FormatError"""
    try:
        knots = tuple(tuple(float(one) for one in each) for each in told["knots"])
        return Bins(knots, tuple(told["answers"]), bool(told["blank"]), int(told["decimals"]))
    except (KeyError, TypeError, ValueError):
        raise FormatError("these are no bins", "Give what to_json wrote.") from None


def fit_bins(values: Floats, most: int, *, decimals: int | None = None) -> Bins:
    """At most so many bins of about as many values each; a value that is as frequent as a bin has its own.

    values  [n]; NaN: no value. decimals: None: as many as the values have, up to three
    """
    known = np.sort(values[~np.isnan(values)])
    is_blank = len(known) < len(values)
    if not len(known):
        return Bins(blank=is_blank)
    decimals = _decimals(known) if decimals is None else decimals
    if len(known) > 4 * OUTERMOST:
        known = np.clip(known, known[OUTERMOST - 1], known[-OUTERMOST])
    found, counts = np.unique(known, return_counts=True)
    wanted = len(known) / most
    groups: list[list[int]] = [[]]
    filled = 0
    for at, count in enumerate(counts.tolist()):
        if groups[-1] and (filled >= wanted or count >= wanted or counts[at - 1] >= wanted):
            groups.append([])
            filled = 0
        groups[-1].append(at)
        filled += count
    knots = [_knots(np.repeat(found[group], counts[group])) for group in groups]
    return Bins(tuple(knots), (), is_blank, decimals)


def fit_answers(answers: list[str | None], least: int) -> Bins:
    """One bin for each text that is there so often; the others, and None, are the blank bin."""
    found, counts = np.unique([each for each in answers if each is not None], return_counts=True)
    kept = tuple(str(each) for each, count in zip(found, counts, strict=True) if count >= least)
    return Bins((), kept, len(kept) == 0 or int(counts[np.isin(found, kept)].sum()) < len(answers))


def draw(knots: Floats, at: Floats) -> Floats:
    """[n] values by their place in the bin. knots [n, KNOTS], at [n] from 0 to 1"""
    place = np.clip(at, 0, 1) * (KNOTS - 1)
    low = np.minimum(place.astype(np.int64), KNOTS - 2)
    rows = np.arange(len(at))
    below, above = knots[rows, low], knots[rows, low + 1]
    out: Floats = below + (above - below) * (place - low)
    return out


def _knots(values: Floats) -> tuple[float, ...]:
    return tuple(float(each) for each in np.round(np.quantile(values, np.linspace(0, 1, KNOTS)), 6))


def _decimals(values: Floats) -> int:
    sample = values[:: max(1, len(values) // 1_000)]
    for digits in range(3):
        if np.allclose(sample, np.round(sample, digits), atol=1e-9):
            return digits
    return 3
