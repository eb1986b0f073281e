"""What is public about a table of codes, and which noise goes where: a plan that no data has a part in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from careloom.errors import QueryError
from careloom.synth.accounting import calibrated
from careloom.synth.accounting_mechanisms import Gaussian, Mechanism
from careloom.synth.marginals_tree import Codes, Columns, cells_of

_MOST_COLUMNS, _MOST_CODES = 500, 1_000_000
_MOST_CLASSES = 64
"""A target of more codes is a column like the others."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is public about the rows.

    sizes   codes of each column
    target  index of the column that matters most (what a model will predict); None for none
    zeros   combinations that cannot be: (columns, [k, len(columns)] codes)
    """

    sizes: tuple[int, ...]
    target: int | None = None
    zeros: tuple[tuple[Columns, Codes], ...] = ()

    def __post_init__(self) -> None:
        """raises QueryError for a table that is none."""
        if not 1 <= len(self.sizes) <= _MOST_COLUMNS or not all(1 <= one <= _MOST_CODES for one in self.sizes):
            raise QueryError("the table's sizes are out of range", "Give 1 to 500 columns, each with 1 to 10^6 codes.")
        named = [one for columns, _ in self.zeros for one in columns]
        if not all(0 <= one < len(self.sizes) for one in (*named, *(() if self.target is None else (self.target,)))):
            raise QueryError("the table names a column that it has not", "Count columns from 0.")

    def require(self, codes: Codes) -> None:
        """raises QueryError unless these are rows of this table."""
        is_whole = codes.ndim == 2 and codes.shape[1] == len(self.sizes) and codes.dtype.kind in "iu"
        if not is_whole or not codes.size:
            raise QueryError(
                "these are no rows of this table", "Give whole numbers, [rows, columns], one row at least."
            )
        if (codes < 0).any() or (codes.max(axis=0) >= np.array(self.sizes)).any():
            raise QueryError("a code lies outside its column's public range", "Clip to the declared codes beforehand.")


@dataclass(frozen=True, slots=True)
class Ask:
    """How much may be spent, and on what.

    epsilon, delta    of everything together, per patient
    rows_per_patient  the most rows of one patient: bound them beforehand
    components        of each mixture, over all codes of the target
    steps             of gradient descent, for each mixture
    models            mixtures that are fitted to the same counts and put together
    first             part of the spending (in terms of zCDP) for columns; the rest is for pairs
    """

    epsilon: float
    delta: float = 1e-5
    rows_per_patient: int = 1
    components: int = 192
    steps: int = 400
    models: int = 3
    first: float = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done to the data, fixed without it: noise in rows.

    target      the column that is counted together with each other one; None for none
    first       column sets that are counted first
    pairs       those that are counted then, as one query
    pair_noise  of that query, over what a patient can change of it when its tables are weighted to `noise_of`
    mechanisms  what the ledger takes
    """

    target: int | None
    first: tuple[Columns, ...]
    first_noise: tuple[float, ...]
    pairs: tuple[Columns, ...]
    pair_noise: float
    mechanisms: tuple[Mechanism, ...]

    def noise_of(self, sizes: Sequence[int]) -> tuple[float, ...]:
        """The noise of each pair, for these numbers of codes: larger tables get somewhat less of it.

        Whatever the sizes, the squares of 1 / noise add up to that of 1 / `pair_noise`: the query costs the same.
        """
        weight = np.array([cells_of(one, sizes) ** (2 / 3) for one in self.pairs])
        return tuple((self.pair_noise * np.sqrt(weight.sum() / weight)).tolist())


def plan(table: Table, ask: Ask) -> Plan:
    """The plan that spends epsilon at delta and no more. raises QueryError where none does"""
    scale = calibrated(lambda factor: _plan(table, ask, factor).mechanisms, ask.epsilon, ask.delta, within=(1e-2, 1e4))
    return _plan(table, ask, scale)


def _plan(table: Table, ask: Ask, scale: float) -> Plan:
    """The plan with zCDP of ``1 / (2 * scale^2)``, shared as asked."""
    rows, target = ask.rows_per_patient, table.target
    if target is not None and table.sizes[target] > _MOST_CLASSES:
        target = None
    others = [one for one in range(len(table.sizes)) if one != target]
    first: list[Columns] = [(one,) for one in others]
    if target is not None:
        first = [tuple(sorted((one, target))) for one in others] or [(target,)]
    pairs = tuple(combinations(others, 2))
    share = ask.first if pairs else 1.0
    weight = np.array([cells_of(one, table.sizes) ** (2 / 3) for one in first])
    noises = scale * np.sqrt(weight.sum() / (share * weight))
    pair_noise = float(scale / np.sqrt(1 - share)) if pairs else 0.0
    used: list[Mechanism] = [Gaussian(float(one)) for one in noises]
    used += [Gaussian(pair_noise)] if pairs else []
    return Plan(target, tuple(first), tuple(float(one) * rows for one in noises), pairs, pair_noise * rows, tuple(used))


def impossible(table: Table, codes: Codes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """[rows] True where a row has a combination that cannot be."""
    found = np.zeros(len(codes), bool)
    for columns, forbidden in table.zeros:
        sizes = [table.sizes[one] for one in columns]
        bad = np.ravel_multi_index(tuple(forbidden.T), sizes)
        found |= np.isin(np.ravel_multi_index(tuple(codes[:, list(columns)].T), sizes), bad)
    return found
