"""What a table must hold before it may leave."""

from dataclasses import dataclass
from math import ceil

from careloom.errors import QueryError

SMALLEST_CELL_SHOWN = 11  # CMS Cell Size Suppression Policy, ResDAC, version of 2024-01-26: no cell of 1 to 10
SLACK = 1e-9  # sums of shares differ in the last bits


@dataclass(frozen=True, slots=True)
class Targets:
    """The thresholds; None where nothing is asked. Those of sensitive values hold for each sensitive column.

    k                patients in the smallest class, at least; 11 also keeps every cell of every cross-table at 11
    distinct_l       different sensitive values in each class, at least
    entropy_l        exp of the entropy of the sensitive values in each class, at least
    recursive_cl     (c, l): the commonest sensitive value is rarer than c times all from the l-th on together
    t                Earth mover's distance of a class to the table, 0..1, at most
    maximum_risk     prosecutor risk of each record, a probability, at most: the same as k = 1/risk, rounded up
    threshold        the probability above which a record counts as at risk; 1/11, rounded 0.09, is what EMA (Policy
                     0070) and Health Canada (PRCI) recommend for public releases
    cells_below      a cell of a cross-table is small with fewer patients than this, but not none; told, not asked for
    columns_crossed  how many columns a cross-table has at most; None for all
    """

    k: int | None = None
    distinct_l: int | None = None
    entropy_l: float | None = None
    recursive_cl: tuple[float, int] | None = None
    t: float | None = None
    maximum_risk: float | None = None
    threshold: float = 1 / 11
    cells_below: int = SMALLEST_CELL_SHOWN
    columns_crossed: int | None = None

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, fits in (
                ("k", self.k is None or self.k >= 1),
                ("distinct_l", self.distinct_l is None or self.distinct_l >= 1),
                ("entropy_l", self.entropy_l is None or self.entropy_l >= 1),
                ("recursive_cl", self.recursive_cl is None or (self.recursive_cl[0] > 0 and self.recursive_cl[1] >= 2)),
                ("t", self.t is None or 0 <= self.t <= 1),
                ("maximum_risk", self.maximum_risk is None or 0 < self.maximum_risk <= 1),
                ("threshold", 0 < self.threshold <= 1),
                ("cells_below", self.cells_below >= 1),
                ("columns_crossed", self.columns_crossed is None or self.columns_crossed >= 1),
            )
            if not fits
        ]
        if wrong:
            raise QueryError(
                f"targets: {', '.join(wrong)} lies outside its range",
                "k, l and counts from 1 (recursive l from 2), c above 0, t from 0 to 1, probabilities above 0 up to 1",
            )

    @property
    def smallest_class(self) -> int:
        """The k that `k` and `maximum_risk` ask for together; 1 if neither does."""
        of_risk = 1 if self.maximum_risk is None else ceil(1 / self.maximum_risk - SLACK)
        return max(self.k or 1, of_risk)

    @property
    def of_values(self) -> bool:
        """True if anything is asked of sensitive values."""
        return any(each is not None for each in (self.distinct_l, self.entropy_l, self.recursive_cl, self.t))

    @property
    def only_grows(self) -> bool:
        """True if a class that meets the targets still does once any other is merged into it."""
        return self.entropy_l is None and self.recursive_cl is None and self.t is None
