"""Synthetic rows from noisy marginals under differential privacy: the reference at small epsilon.

Rows are codes: column j holds 0 .. sizes[j] - 1. What the codes mean (categories, bin edges, ranges) is public: it was
written down without looking at the data, or was paid for. A patient has one row (or `rows_per_patient` of them at most,
which costs as much noise more).

In four parts, after MST (McKenna, Miklau, Sheldon 2021) and AIM (McKenna et al. 2022), with the target in the middle:
each column is measured (together with the target where there is one); rare codes are put together; a spanning tree of
columns that depend on each other (given the target) is chosen by the exponential mechanism and measured; then a few
more marginals are, those that the model tells worst. Which noise goes where is fixed before anything is read, so that
the whole is composed by privacy losses. docs/datasheets/synthetic-marginals.md has what was measured.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from careloom.errors import QueryError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.marginals_inference import Measured, carried, fitted, total_of
from careloom.synth.marginals_plan import Ask, Plan, Table, impossible, plan
from careloom.synth.marginals_tree import Codes, Columns, Floats, Tree, axes_apart, cells_of, sampled, tree_over

Progress = Callable[[int, int], None]
_RARE = 3.0
"""A code is put together with others where its noisy count is below so many standard deviations (MST: 3)."""
_JUDGED_ROWS = 50_000
"""Rows drawn from the model to see which marginals it tells worst: published already, so they cost nothing."""
_PARTS = 6


@dataclass(frozen=True, slots=True)
class Fitted:
    """A distribution over the rows of a table, learnt under differential privacy; whoever has it may sample for ever.

    tree, marginals  over the columns' kept codes
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
        codes = sampled(self.tree, self.marginals, rows, random)
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
    """Holds the rows while they are measured. Whatever looks at them adds noise, in `_measure` or `_choose`."""

    def __init__(
        self, codes: Codes, table: Table, ask: Ask, noise: np.random.Generator, progress: Progress | None
    ) -> None:
        self._rows = codes.astype(np.int64)
        self._table, self._ask, self._noise = table, ask, noise
        self._progress, self._done = progress, 0
        self._plan: Plan = plan(table, ask)
        self._sizes = list(table.sizes)

    def run(self) -> Fitted:
        """Measures, puts rare codes together, fits, chooses, fits again."""
        first = [
            self._measure(columns, sigma)
            for columns, sigma in zip(self._plan.first, self._plan.first_noise, strict=True)
        ]
        kept, shares = self._put_together(first)
        measured = [_folded(one, kept, self._sizes) for one in first]
        total = total_of(measured)
        self._tell()
        tree = tree_over([one.columns for one in measured], self._sizes)
        model = fitted(tree, measured, total, steps=self._ask.steps)
        self._tell()
        if self._plan.edges:
            measured += [self._measure(one, self._plan.edge_noise) for one in self._edges(tree, model, total)]
            tree, model = self._refitted(tree, model, measured, total)
        if self._plan.extra:
            more = self._worst(tree, model, measured, total)
            measured += [self._measure(one, self._plan.extra_noise) for one in more]
            tree, model = self._refitted(tree, model, measured, total)
        return Fitted(
            self._table, tree, tuple(model), kept, shares, total, self._ask.epsilon, self._ask.delta,
            self._plan.mechanisms,
        )  # fmt: skip

    def _tell(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, _PARTS)

    def _measure(self, columns: Columns, sigma: float) -> Measured:
        """Noisy counts: the one way, beside `_choose`, in which anything is learnt from the rows."""
        counts = self._counts(self._rows, columns)
        return Measured(columns, counts + self._noise.normal(0.0, sigma, counts.shape), np.full(counts.shape, sigma))

    def _counts(self, rows: Codes, columns: Columns) -> Floats:
        sizes = [self._sizes[one] for one in columns]
        flat = np.ravel_multi_index(tuple(rows[:, one] for one in columns), sizes)
        return np.bincount(flat, minlength=cells_of(columns, self._sizes)).reshape(sizes).astype(float)

    def _put_together(self, first: Sequence[Measured]) -> tuple[tuple[Codes, ...], tuple[Floats, ...]]:
        """For each column its codes in the tree and their shares there; the rows are recoded."""
        kept = [np.arange(size) for size in self._sizes]
        shares = [np.ones(size) for size in self._sizes]
        for one in first:
            for column in one.columns:
                if column == self._table.target:
                    continue
                apart = axes_apart(one.columns, (column,))
                counts, noise = one.counts.sum(axis=apart), np.sqrt((one.noise**2).sum(axis=apart))
                rare = counts < _RARE * noise
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

    def _edges(self, tree: Tree, model: Sequence[Floats], total: float) -> list[Columns]:
        """A spanning tree of the columns beside the target, chosen edge by edge: the worst told first, by and large."""
        target = self._table.target
        others = [one for one in range(len(self._sizes)) if one != target]
        scores: dict[tuple[int, int], float] = {}
        for a, b in combinations(others, 2):
            columns = (a, b) if target is None else tuple(sorted((a, b, target)))
            if cells_of(columns, self._sizes) > self._ask.most_cells:
                continue
            counts = self._counts(self._rows, (a, b))
            told = total * _pair(tree, model, a, b, target)
            scores[a, b] = self._gap(counts, told, self._plan.edge_noise)
        group = {one: one for one in others}
        found: list[Columns] = []
        for _ in range(self._plan.edges):
            open_ones = [pair for pair in scores if group[pair[0]] != group[pair[1]]]
            if not open_ones:
                break
            a, b = open_ones[self._choose([scores[one] for one in open_ones])]
            found.append((a, b))
            joined, gone = group[a], group[b]
            group = {one: joined if name == gone else name for one, name in group.items()}
        self._tell()
        return found

    def _worst(self, tree: Tree, model: Sequence[Floats], measured: Sequence[Measured], total: float) -> list[Columns]:
        """Further pairs, and pairs with the target, that the model tells badly and the tree has room for."""
        target, count = self._table.target, len(self._sizes)
        drawn = sampled(tree, model, _JUDGED_ROWS, self._noise)
        held = {one.columns for one in measured}
        candidates: list[Columns] = list(combinations(range(count), 2))
        if target is not None:
            candidates += [tuple(sorted((a, b, target))) for a, b in candidates if target not in (a, b)]
        scores = {}
        for one in candidates:
            if one not in held and cells_of(one, self._sizes) <= self._ask.most_cells:
                told = self._counts(drawn, one) * (total / _JUDGED_ROWS)
                scores[one] = self._gap(self._counts(self._rows, one), told, self._plan.extra_noise)
        found: list[Columns] = []
        for _ in range(self._plan.extra):
            room = [
                one for one in scores
                if tree_over([*held, *found, one], self._sizes).cells <= self._ask.most_cells
            ]  # fmt: skip
            if not room:
                break
            found.append(room[self._choose([scores[one] for one in room])])
            del scores[found[-1]]
        self._tell()
        return found

    def _gap(self, counts: Floats, told: Floats, sigma: float) -> float:
        """How far the model is off, in rows, beyond what a measurement would be (AIM, section 4.2)."""
        return float(np.abs(counts - told).sum() - np.sqrt(2 / np.pi) * sigma * counts.size)

    def _choose(self, scores: Sequence[float]) -> int:
        """The exponential mechanism by Gumbel noise; a row changes each score by at most 1."""
        lots = 0.5 * self._plan.choice * np.array(scores) + self._noise.gumbel(size=len(scores))
        return int(np.argmax(lots))

    def _refitted(
        self, tree: Tree, model: Sequence[Floats], measured: Sequence[Measured], total: float
    ) -> tuple[Tree, list[Floats]]:
        grown = tree_over([*(one.clique for one in tree.links), *(one.columns for one in measured)], self._sizes)
        start = carried(tree, model, grown)
        found = fitted(grown, measured, total, start, self._ask.steps)
        self._tell()
        return grown, found


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


def _pair(tree: Tree, model: Sequence[Floats], a: int, b: int, target: int | None) -> Floats:
    """P(a, b) of the first model: independent, or given the target."""
    if target is None:
        return np.outer(_marginal(tree, model, (a,)), _marginal(tree, model, (b,)))
    left, right = _marginal(tree, model, (a, target)), _marginal(tree, model, (b, target))
    shared = np.maximum(left.sum(axis=0), 1e-12)
    return np.asarray((left / shared) @ right.T)


def _marginal(tree: Tree, model: Sequence[Floats], columns: Iterable[int]) -> Floats:
    """The marginal over columns that lie in one clique, its axes in the order named."""
    named = tuple(columns)
    home = tree.holding(named)
    clique = tree.links[home].clique
    table = model[home].sum(axis=axes_apart(clique, named))
    rising = sorted(named)
    return np.asarray(table.transpose([rising.index(one) for one in named]))
