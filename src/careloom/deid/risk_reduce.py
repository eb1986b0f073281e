"""Generalizes and suppresses until targets hold, losing as little as can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.deid.risk_classes import Classes
from careloom.deid.risk_hierarchies import Hierarchy
from careloom.deid.risk_lattice import Generalizations, Lattice, Node, generalizations, lattice_of
from careloom.deid.risk_report import RiskReport, assess
from careloom.deid.risk_targets import Sensitive, sensitive_of, violating
from careloom.deid.targets import Targets
from careloom.errors import QueryError

Mask = npt.NDArray[np.bool_]
ENTROPY, CLASS_SIZE = "entropy", "class-size"


@dataclass(frozen=True, slots=True)
class Means:
    """What may be done, and how its cost is counted.

    suppressed_at_most  share of the records that may be left out, 0..1
    loss                "entropy": bits by non-uniform entropy; "class-size": records over classes over k
    count_suppressed    whether a suppressed record counts as wholly lost (the default), or generalization alone is
                        counted, as in the monotonic variant of ARX
    """

    suppressed_at_most: float = 0.0
    loss: str = ENTROPY
    count_suppressed: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.suppressed_at_most <= 1:
            raise QueryError("suppressed_at_most: it is no share", "give a number from 0 to 1")
        if self.loss not in (ENTROPY, CLASS_SIZE):
            raise QueryError("loss: it is not known", f"give {ENTROPY} or {CLASS_SIZE}")


@dataclass(frozen=True, slots=True)
class Loss:
    """What generalization and suppression took away.

    bits         by non-uniform entropy, of all records
    share        of the bits that leaving out every record would lose, 0..1
    class_ratio  records, the suppressed too, over classes over the k asked for (1 is the least that k allows); None if
                 no record is left. LeFevre K, DeWitt D, Ramakrishnan R, ICDE 2006: normalized average class size
    by_column    (column, share of its own bits that generalization alone lost)
    """

    bits: float
    share: float
    class_ratio: float | None
    by_column: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A table whose targets hold, and the price.

    frame       the kept records, quasi-identifiers generalized, all other columns as they were, in the order they had
    kept        [n] True for a record that was kept
    levels      (column, name of its level)
    suppressed  records left out
    loss        what it cost
    report      the risk that remains
    nodes       ways to generalize that there were
    checked     how many of them were tried to tell which can meet the targets
    chosen      (column, its hierarchy, the number of the level)
    """

    frame: pl.DataFrame
    kept: pl.Series
    levels: tuple[tuple[str, str], ...]
    suppressed: int
    loss: Loss
    report: RiskReport
    nodes: int
    checked: int
    chosen: tuple[tuple[str, Hierarchy, int], ...]

    def in_its_form(self, other: pl.DataFrame) -> pl.DataFrame:
        """Another table with these columns, e.g. an attacker's list, generalized as this one was; none left out."""
        return other.with_columns(hierarchy.at(other[name], level) for name, hierarchy, level in self.chosen)

    def as_json(self) -> dict[str, Any]:
        """The price and the risk that remains; no record."""
        return {
            "levels": [{"column": column, "level": level} for column, level in self.levels],
            "suppressed_patients": self.suppressed,
            "suppressed_share": self.suppressed / self.kept.len() if self.kept.len() else None,
            "loss_bits": self.loss.bits,
            "loss_share": self.loss.share,
            "class_size_ratio": self.loss.class_ratio,
            "loss_by_column": [{"column": column, "loss_share": share} for column, share in self.loss.by_column],
            "generalizations": self.nodes,
            "generalizations_checked": self.checked,
            "risk": self.report.as_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The best node so far: its cost, place, kept records, and where it was found."""

    cost: float
    node: Node
    kept: Mask
    table: Generalizations
    hierarchies: Mapping[str, Hierarchy]


def reduce_risk(
    frame: pl.DataFrame,
    hierarchies: Mapping[str, Hierarchy | Sequence[Hierarchy]],
    targets: Targets,
    sensitive: Sequence[str] = (),
    means: Means | None = None,
    ordered: Mapping[str, bool] | None = None,
) -> Reduced:
    """The table with one row a patient, generalized column by column and with records left out, so that targets hold.

    hierarchies  for each quasi-identifier its hierarchy, or several of which the best is taken
    sensitive    columns that the targets of l and t are about; they stay as they are
    returns      that of least loss among all ways to generalize whole columns; of equals the finer, then the first.
                 The order of the records does not matter
    raises       QueryError if no way meets the targets, or a column is not there

    Suppressed are all records of classes that miss a target; closeness is then measured against those that remain,
    until nothing changes.
    """
    means = means or Means()
    hidden = sensitive_of(frame, sensitive, ordered)
    best: _Found | None = None
    nodes = checked = 0
    choices = [[each] if isinstance(each, Hierarchy) else list(each) for each in hierarchies.values()]
    for chosen in product(*choices):
        some = dict(zip(hierarchies, chosen, strict=True))
        table = generalizations(frame, some)
        lattice = lattice_of(table)
        best = _Search(table, lattice, hidden, targets, means).run(best, some)
        nodes, checked = nodes + len(lattice.nodes), checked + lattice.checks
    if best is None:
        raise QueryError(
            "targets: no way to generalize meets them within the records that may be left out",
            "ask for less, allow more records to be left out, or take a sensitive column that has enough values",
        )
    return _reduced(frame, best, targets, sensitive, ordered, (nodes, checked))


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Cheapest bound first: no suppression can undercut it, so that the first bound above the best ends the search."""

    table: Generalizations
    lattice: Lattice
    sensitive: tuple[Sensitive, ...]
    targets: Targets
    means: Means

    def run(self, best: _Found | None, hierarchies: Mapping[str, Hierarchy]) -> _Found | None:
        """The best of what was found before and what is here."""
        whole = self.targets.only_grows or self._most_suppressed == 0
        # Merging may undo the other targets for records that met them; sizes and distinct values only ever grow.
        needed = self.targets if whole else replace(self.targets, entropy_l=None, recursive_cl=None, t=None)
        for place, bound in enumerate(self.lattice.bound):
            if best is not None and self.means.loss == ENTROPY and bound >= best.cost - 1e-9:
                break
            if self.lattice.known[place] == 0:
                self.lattice.settle(place, lambda node: self._meets(node, needed))
            if self.lattice.known[place] == -1:
                continue
            node = self.lattice.node(place)
            kept = self.kept(node, self.targets)
            if kept is not None and (cost := self._cost(node, kept)) < (inf if best is None else best.cost - 1e-9):
                best = _Found(cost, node, kept, self.table, hierarchies)
        return best

    @property
    def _most_suppressed(self) -> int:
        return int(self.means.suppressed_at_most * self.table.rows.patients + 1e-9)

    def _meets(self, node: Node, targets: Targets) -> bool:
        if targets.of_values:
            return self.kept(node, targets) is not None
        sizes = self.table.at(node).sizes
        return int(sizes[sizes < targets.smallest_class].sum()) <= self._most_suppressed

    def kept(self, node: Node, targets: Targets) -> Mask | None:
        """[n] The records that can stay at a node; None if too many would have to go."""
        here = self.table.at(node)
        of_row = here.of_row[self.table.rows.of_row]
        kept = np.ones(of_row.size, np.bool_)
        while True:
            sizes = np.bincount(of_row[kept], minlength=here.sizes.size)
            there = np.flatnonzero(sizes)
            place = np.zeros(sizes.size, np.int64)
            place[there] = np.arange(there.size)
            some = Classes(here.columns, here.codes[there], sizes[there], place[of_row[kept]])
            wrong = violating(some, [column.kept(kept) for column in self.sensitive], targets)
            if not wrong.any():
                return kept
            kept[kept] = ~wrong[some.of_row]
            if kept.size - int(kept.sum()) > self._most_suppressed:
                return None

    def _cost(self, node: Node, kept: Mask) -> float:
        if self.means.loss == CLASS_SIZE:
            return class_ratio(self.table, node, kept, self.targets)
        if not self.means.count_suppressed:
            return float((self.table.bits(node) * self.table.rows.sizes).sum())
        return bits_lost(self.table, node, kept)


def bits_lost(table: Generalizations, node: Node, kept: Mask) -> float:
    """Bits that the kept records lose by generalization and the others by suppression."""
    staying = np.bincount(table.rows.of_row[kept], minlength=table.rows.sizes.size)
    return float((table.bits(node) * staying + table.most * (table.rows.sizes - staying)).sum())


def class_ratio(table: Generalizations, node: Node, kept: Mask, targets: Targets) -> float:
    """Records over classes over k; infinity if no record is kept."""
    classes = np.unique(table.at(node).of_row[table.rows.of_row[kept]]).size
    return kept.size / classes / targets.smallest_class if classes else inf


def _reduced(
    frame: pl.DataFrame,
    best: _Found,
    targets: Targets,
    sensitive: Sequence[str],
    ordered: Mapping[str, bool] | None,
    counts: tuple[int, int],
) -> Reduced:
    kept = pl.Series("kept", best.kept)
    chosen = tuple(
        (name, best.hierarchies[name], level) for name, level in zip(best.table.columns, best.node, strict=True)
    )
    out = frame.with_columns(each.at(frame[name], level) for name, each, level in chosen).filter(kept)
    most = float((best.table.most * best.table.rows.sizes).sum())
    bits = bits_lost(best.table, best.node, best.kept)
    ratio = class_ratio(best.table, best.node, best.kept, targets)
    return Reduced(
        out,
        kept,
        tuple((name, each.levels[level]) for name, each, level in chosen),
        frame.height - out.height,
        Loss(bits, bits / most if most else 0.0, None if ratio == inf else ratio, _by_column(best)),
        assess(out, best.table.columns, sensitive, targets, ordered=ordered),
        *counts,
        chosen,
    )


def _by_column(best: _Found) -> tuple[tuple[str, float], ...]:
    found = []
    for place, (name, level) in enumerate(zip(best.table.columns, best.node, strict=True)):
        counts = np.bincount(best.table.rows.codes[:, place], weights=best.table.rows.sizes)
        most = float((counts * np.log2(best.table.rows.patients / counts)).sum()) if counts.size else 0.0
        found.append((name, best.table.bits_of_column(place, level) / most if most else 0.0))
    return tuple(found)
