"""Synthetic rows from noisy marginals under differential privacy: the reference at small epsilon.

Rows are codes: column j holds 0 .. sizes[j] - 1. What the codes mean (categories, bin edges, ranges) is public: it was
written down without looking at the data, or was paid for. A patient has one row (or `rows_per_patient` of them at most,
which costs as much noise more).

In three parts: each column is counted, together with the target where there is one; rare codes are put together; all
pairs of columns are counted, as one query. Then mixtures of products are fitted to all counts at once: each count is
noisy, but few components explain them all, and what one pair lacks the others tell. No choice is made in view of the
data, so all is Gaussian noise, accounted for exactly. docs/datasheets/synthetic-marginals.md has what was measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from careloom.errors import QueryError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.marginals_inference import Measured, as_tree, evidence_of, mixture, total_of
from careloom.synth.marginals_plan import Ask, Plan, Table, impossible, plan
from careloom.synth.marginals_tree import Codes, Columns, Floats, Tree, axes_apart, cells_of, sampled

Progress = Callable[[int, int], None]
_RARE = 3.0
"""A code is put together with others where its noisy count is below so many standard deviations (MST: 3)."""
_MOST_KEPT = 2_000
"""Codes of all columns together, for time and memory: more of the rare ones are put together then."""
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """A distribution over the rows of a table, learnt under differential privacy; whoever has it may sample for ever.

    tree, marginals  over the columns' kept codes, and the component that a row is of as the last column
    kept             for each column and each of its codes, the code in the tree
    shares           for each column and each of its codes, how likely it is among those put together with it
    total            about how many rows there were, as measured
    mechanisms       what was done to the data, for the ledger
    """

    table: Table
    tree: Tree
    marginals: tuple[Floats, ...]
    kept: tuple[Codes, ...]
    shares: tuple[Floats, ...]
    total: float
    epsilon: float
    delta: float
    mechanisms: tuple[Mechanism, ...] = field(repr=False)

    def one_way(self, column: int) -> Floats:
        """How likely each code of a column is."""
        home = self.tree.holding((column,))
        told = self.marginals[home].sum(axis=axes_apart(self.tree.links[home].clique, (column,)))
        return np.asarray(told[self.kept[column]] * self.shares[column])

    def sample(self, rows: int, random: np.random.Generator) -> Codes:
        """[rows, columns] synthetic rows. raises QueryError where the impossible combinations leave hardly any"""
        found, missing, tries = [], rows, 0
        while missing > 0:
            drawn = self._drawn(missing if tries == 0 else 2 * missing + 64, random)
            drawn = drawn[~impossible(self.table, drawn)][:missing]
            found.append(drawn)
            missing, tries = missing - len(drawn), tries + 1
            if tries > 50:
                raise QueryError("hardly any row is possible", "Check the table's impossible combinations.")
        return np.concatenate(found) if found else np.zeros((0, len(self.table.sizes)), np.int64)

    def _drawn(self, rows: int, random: np.random.Generator) -> Codes:
        codes = sampled(self.tree, self.marginals, rows, random)[:, : len(self.kept)]
        for column, (kept, shares) in enumerate(zip(self.kept, self.shares, strict=True)):
            order = np.argsort(kept, kind="stable")
            rise = np.cumsum(shares[order])
            start = np.searchsorted(kept[order], np.arange(self.tree.sizes[column]))
            before = np.concatenate([[0.0], rise])[start]
            height = before[codes[:, column]] + random.random(rows) * (1 - 1e-9)
            at = np.clip(np.searchsorted(rise, height, side="right"), 0, len(order) - 1)
            at = np.where(kept[order][at] == codes[:, column], at, start[codes[:, column]])
            codes[:, column] = order[at]
        return codes


def fit(codes: Codes, table: Table, ask: Ask, noise: np.random.Generator, progress: Progress | None = None) -> Fitted:
    """The distribution of these rows as far as (epsilon, delta) lets it be known.

    codes     [rows, columns]
    noise     source of all noise: seeded by nobody who may guess the seed, or the privacy is gone
    progress  called with (parts done, parts)
    raises    QueryError for rows that are not of this table
    """
    table.require(codes)
    return _Learner(codes, table, ask, noise, progress).run()


class _Learner:
    """Holds the rows while they are counted. Whatever looks at them adds noise, in `_measure`."""

    def __init__(
        self, codes: Codes, table: Table, ask: Ask, noise: np.random.Generator, progress: Progress | None
    ) -> None:
        self._rows = codes.astype(np.int64)
        self._table, self._ask, self._noise = table, ask, noise
        self._progress, self._done = progress, 0
        self._plan: Plan = plan(table, ask)
        self._sizes = list(table.sizes)

    def run(self) -> Fitted:
        """Counts columns, puts rare codes together, counts pairs, fits."""
        told, ask = self._plan, self._ask
        first = [self._measure(columns, noise) for columns, noise in zip(told.first, told.first_noise, strict=True)]
        kept, shares = self._put_together(first)
        measured = [_folded(one, kept, self._sizes) for one in first]
        total = total_of(measured)
        self._tell()
        noises = told.noise_of(self._sizes)
        measured += [self._measure(pair, noise) for pair, noise in zip(told.pairs, noises, strict=True)]
        self._tell()
        evidence = evidence_of(measured, self._sizes, total)
        tree, marginals = as_tree(evidence, *mixture(evidence, told.target, ask.components, ask.steps, ask.models))
        self._tell()
        return Fitted(self._table, tree, marginals, kept, shares, total, ask.epsilon, ask.delta, told.mechanisms)

    def _tell(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, _PARTS)

    def _measure(self, columns: Columns, sigma: float) -> Measured:
        """Noisy counts: the one way in which anything is learnt from the rows."""
        counts = self._counts(self._rows, columns)
        return Measured(columns, counts + self._noise.normal(0.0, sigma, counts.shape), np.full(counts.shape, sigma))

    def _counts(self, rows: Codes, columns: Columns) -> Floats:
        sizes = [self._sizes[one] for one in columns]
        flat = np.ravel_multi_index(tuple(rows[:, one] for one in columns), sizes)
        return np.bincount(flat, minlength=cells_of(columns, self._sizes)).reshape(sizes).astype(float)

    def _put_together(self, first: Sequence[Measured]) -> tuple[tuple[Codes, ...], tuple[Floats, ...]]:
        """For each column its codes in the model and their shares there; the rows are recoded."""
        kept = [np.arange(size) for size in self._sizes]
        shares = [np.ones(size) for size in self._sizes]
        seen = [_counted(one, column) for one in first for column in one.columns if column != self._plan.target]
        heights = np.sort(np.concatenate([counts for _, counts, _ in seen] or [np.zeros(0)]))[::-1]
        lowest = heights[_MOST_KEPT] if len(heights) > _MOST_KEPT else -np.inf
        for column, counts, noise in seen:
            rare = counts < np.maximum(_RARE * noise, lowest)
            if rare.sum() < 2:
                continue
            common = int((~rare).sum())
            kept[column] = np.where(rare, common, np.cumsum(~rare) - 1)
            weights = np.where(rare, np.maximum(counts, 0.05 * noise), 0.0)
            shares[column] = np.where(rare, weights / weights.sum(), 1.0)
        for column, codes in enumerate(kept):
            self._rows[:, column] = codes[self._rows[:, column]]
            self._sizes[column] = int(codes.max()) + 1
        return tuple(kept), tuple(shares)


def _counted(one: Measured, column: int) -> tuple[int, Floats, Floats]:
    """The column, its noisy counts and their noise, by a table that holds it."""
    apart = axes_apart(one.columns, (column,))
    return column, one.counts.sum(axis=apart), np.sqrt((one.noise**2).sum(axis=apart))


def _folded(one: Measured, kept: Sequence[Codes], sizes: Sequence[int]) -> Measured:
    """A measured table over the codes that are left: sums of cells, and of their variances."""
    counts, variance = one.counts, one.noise**2
    for axis, column in enumerate(one.columns):
        counts = _summed(counts, axis, kept[column], sizes[column])
        variance = _summed(variance, axis, kept[column], sizes[column])
    return Measured(one.columns, counts, np.sqrt(variance))


def _summed(table: Floats, axis: int, kept: Codes, size: int) -> Floats:
    out = np.zeros((size, *np.delete(table.shape, axis)))
    np.add.at(out, kept, np.moveaxis(table, axis, 0))
    return np.moveaxis(out, 0, axis)
