"""Which bins of two cohorts side by side may be shown, where patients of one are in the other, too. Pure: arrays only.

source  smallest cell: `careloom.tables.encoding`; two tables of overlapping groups tell of the patients in one alone by
        their difference: Hundepool A et al., Statistical Disclosure Control, Wiley 2012, section 4.3
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Shown = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bins:
    """Patients of each bin: in it in both cohorts, in the one alone, in the other alone; all [n]."""

    both: Numbers
    only_one: Numbers
    only_other: Numbers

    @property
    def one(self) -> Numbers:
        """[n] patients of the one cohort in each bin."""
        return self.both + self.only_one

    @property
    def other(self) -> Numbers:
        """[n] patients of the other cohort in each bin."""
        return self.both + self.only_other

    def parts(self) -> Numbers:
        """[5, n] everything that two counts of a bin and their difference could tell."""
        return np.stack((self.both, self.only_one, self.only_other, self.one, self.other))


def parted(bins: Bins, sizes: tuple[bool, bool], smallest: int) -> Shown:
    """Which bins [n] that part both cohorts may be shown, of both alike.

    A bin is left out where the patients of both, or of one alone, are few. Never is one left out by itself; where the
    size of a cohort is hidden at least two are that hold somebody, so that nothing sums up to it; where it is shown,
    what is left out together is of nobody or of many. The smallest go that serve.

    sizes  whether the sizes of the one and of the other are shown
    """
    shown = _large(bins, smallest)
    held = bins.one + bins.other
    while shown.any() and _is_open(bins, shown, sizes, smallest):
        left = sorted(np.flatnonzero(shown).tolist(), key=lambda at: (held[at] == 0, held[at]))
        places = np.arange(shown.size)
        closing = (at for at in left if not _is_open(bins, shown & (places != at), sizes, smallest))
        shown[next(closing, left[0])] = False
    return shown


def _large(bins: Bins, smallest: int) -> Shown:
    """[n] bins of which no part is few."""
    return np.asarray(~_few(bins.parts(), smallest).any(axis=0), dtype=np.bool_)


def _is_open(bins: Bins, shown: Shown, sizes: tuple[bool, bool], smallest: int) -> bool:
    hidden = ~shown
    number = int(hidden.sum())
    if number == 1:
        return True
    cohorts = (bins.one, bins.other)
    if any(not is_told and int((each[hidden] > 0).sum()) < 2 for each, is_told in zip(cohorts, sizes, strict=True)):
        return True
    together = bins.parts()[:, hidden].sum(axis=1)
    if all(sizes):
        return bool(_few(together, smallest).any())
    told = [together[3 + place] for place, is_told in enumerate(sizes) if is_told]
    return bool(_few(np.array(told), smallest).any())


def having(bins: Bins, sizes: tuple[int, int, int], told: tuple[bool, bool], smallest: int) -> Shown:
    """Which counts [n] of patients who have something may be shown, of both cohorts alike: none where those who have
    it, or where the sizes are shown those who do not, are few in both, or in one alone.

    bins   of each thing, which part nobody
    sizes  patients in both, in the one alone, in the other alone
    told   whether the sizes of the one and of the other are shown
    """
    shown = _large(bins, smallest)
    both, only_one, only_other = sizes
    one, other = both + only_one - bins.one, both + only_other - bins.other
    for lacking, is_told in zip((one, other), told, strict=True):
        if is_told:
            shown &= ~_few(lacking, smallest)
    if all(told):
        shown &= ~_few(np.abs(one - other), smallest)
    return shown


def _few(numbers: Numbers, smallest: int) -> Shown:
    few: Shown = (numbers > 0) & (numbers < smallest)
    return few
