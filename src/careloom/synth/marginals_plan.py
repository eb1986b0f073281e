"""What is public about a table of codes, and which noise goes where: a plan that no data has a part in."""

from dataclasses import dataclass

import numpy as np

from careloom.errors import QueryError
from careloom.synth.accounting import calibrated
from careloom.synth.accounting_mechanisms import Gaussian, Mechanism, Selection
from careloom.synth.marginals_tree import Codes, Columns, cells_of

_MOST_COLUMNS, _MOST_CODES = 500, 1_000_000


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
    extra             further marginals beyond the tree
    most_cells        cells of the junction tree
    steps             of mirror descent, for each of the three fits
    shares            parts of the spending (in terms of zCDP): columns, choosing, the tree, the further marginals
    """

    epsilon: float
    delta: float = 1e-5
    rows_per_patient: int = 1
    extra: int = 8
    most_cells: int = 100_000
    steps: int = 250
    shares: tuple[float, float, float, float] = (0.3, 0.1, 0.45, 0.15)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done to the data, fixed without it: noise in rows, epsilons of choices, as one scale sets them.

    first       column sets that are measured first
    edges       how many edges of the tree are chosen
    extra       how many further marginals
    mechanisms  what the ledger takes
    """

    first: tuple[Columns, ...]
    first_noise: tuple[float, ...]
    edges: int
    edge_noise: float
    extra: int
    extra_noise: float
    choice: float
    mechanisms: tuple[Mechanism, ...]


def plan(table: Table, ask: Ask) -> Plan:
    """The plan that spends epsilon at delta and no more. raises QueryError where none does"""
    scale = calibrated(lambda factor: _plan(table, ask, factor).mechanisms, ask.epsilon, ask.delta, within=(1e-2, 1e4))
    return _plan(table, ask, scale)


def _plan(table: Table, ask: Ask, scale: float) -> Plan:
    """The plan with zCDP of about ``1 / (2 * scale^2)``, shared as asked; larger tables get somewhat more noise."""
    d, target, rows = len(table.sizes), table.target, ask.rows_per_patient
    others = [one for one in range(d) if one != target]
    first: list[Columns] = [(one,) for one in others]
    if target is not None:
        first = [tuple(sorted((one, target))) for one in others] or [(target,)]
    edges = max(0, len(others) - 1)
    extra = ask.extra if edges else 0
    columns, choosing, tree, more = ask.shares
    total = columns + (choosing + tree if edges else 0.0) + (more if extra else 0.0)
    parts = [0.5 / scale**2 * one / total for one in (columns, choosing, tree, more)]
    weight = np.array([cells_of(one, table.sizes) ** (2 / 3) for one in first])
    noises = np.sqrt(0.5 / (parts[0] * weight / weight.sum()))
    edge, another = (float(np.sqrt(0.5 * n / p)) if n else 0.0 for n, p in ((edges, parts[2]), (extra, parts[3])))
    choices = edges + extra
    choice = float(np.sqrt(8 * parts[1] / choices)) if choices else 0.0
    used: list[Mechanism] = [Gaussian(float(one)) for one in noises]
    used += [Gaussian(one, n) for one, n in ((edge, edges), (another, extra)) if n]
    used += [Selection(choice, choices)] if choices else []
    return Plan(
        tuple(first), tuple(float(one) * rows for one in noises), edges, edge * rows, extra, another * rows,
        choice / rows, tuple(used),
    )  # fmt: skip


def impossible(table: Table, codes: Codes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """[rows] True where a row has a combination that cannot be."""
    found = np.zeros(len(codes), bool)
    for columns, forbidden in table.zeros:
        sizes = [table.sizes[one] for one in columns]
        bad = np.ravel_multi_index(tuple(forbidden.T), sizes)
        found |= np.isin(np.ravel_multi_index(tuple(codes[:, list(columns)].T), sizes), bad)
    return found
