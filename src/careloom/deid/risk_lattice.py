"""All ways to generalize a table's columns as a whole, which of them are known to fail, and what each loses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.deid.risk_classes import Classes, Whole, coded, columns_there, grouped_by
from careloom.deid.risk_hierarchies import Hierarchy
from careloom.errors import QueryError

Real = npt.NDArray[np.float64]
Node = tuple[int, ...]
NODES_AT_MOST = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Generalizations:
    """The columns of a table at each level of their hierarchies, counted once.

    columns  the quasi-identifiers
    rows     the classes of the table as it is
    codes    for each column and level: [values] the code of each value's group
    lost     for each column and level: [values] bits that a record of the value loses
    most     [rows' classes] bits that a record loses when it is suppressed
    """

    columns: tuple[str, ...]
    rows: Classes
    codes: tuple[tuple[Whole, ...], ...]
    lost: tuple[tuple[Real, ...], ...]
    most: Real

    def at(self, node: Node) -> Classes:
        """The classes at a node; `of_row` gives the class of each of `rows`' classes."""
        level_codes = [self.codes[place][level][self.rows.codes[:, place]] for place, level in enumerate(node)]
        return grouped_by(self.columns, level_codes, self.rows.sizes)

    def bits(self, node: Node) -> Real:
        """[rows' classes] Bits that a kept record of each loses at a node."""
        parts = [self.lost[place][level][self.rows.codes[:, place]] for place, level in enumerate(node)]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)

    def bits_of_column(self, place: int, level: int) -> float:
        """Bits that all records lose in one column at one level."""
        return float((self.lost[place][level][self.rows.codes[:, place]] * self.rows.sizes).sum())


def generalizations(frame: pl.DataFrame, hierarchies: Mapping[str, Hierarchy]) -> Generalizations:
    """The columns of a table at each level.

    raises  QueryError for a column that is not there, or a level that splits a group of the level before
    source  bits: non-uniform entropy, Gionis A, Tassa T, IEEE Trans Knowl Data Eng 2009;21:206-219: log2 of how many
            records share the group over how many share the value
    """
    names = columns_there(frame, list(hierarchies), "quasi-identifiers")
    codes, lost, base = [], [], []
    for name in names:
        values = coded(frame[name])
        counts = np.bincount(values.codes, minlength=values.values.len())
        levels = [
            coded(hierarchies[name].at(values.values.alias(name), level)).codes
            for level in range(len(hierarchies[name].levels))
        ]
        _check_nested(name, hierarchies[name], [np.arange(counts.size), *levels])
        codes.append(tuple(levels))
        lost.append(tuple(np.log2(np.bincount(level, weights=counts)[level] / counts) for level in levels))
        base.append((values.codes, np.log2(max(1, frame.height) / counts)))
    rows = grouped_by(names, [each for each, _ in base])
    most = np.sum([full[rows.codes[:, place]] for place, (_, full) in enumerate(base)], axis=0)
    return Generalizations(names, rows, tuple(codes), tuple(lost), np.asarray(most, dtype=np.float64))


def _check_nested(name: str, hierarchy: Hierarchy, levels: Sequence[Whole]) -> None:
    for place, (fine, coarse) in enumerate(pairwise(levels)):
        pairs = np.unique(np.stack([fine, coarse]), axis=1)
        if pairs.shape[1] > np.unique(fine).size:
            raise QueryError(
                f"hierarchy of '{name}': level '{hierarchy.levels[place]}' splits a group of the level before",
                "make each level of whole groups",
            )


@dataclass(slots=True, eq=False)
class Lattice:
    """The nodes (a level for each column), cheapest first, and what is known of them.

    nodes   [nodes, columns] levels
    bound   [nodes] bits that all records lose: no more is lost by a finer node, no less with records suppressed
    known   [nodes] 1 meets the targets, -1 does not, 0 not known
    checks  how many nodes were tried
    """

    nodes: Whole
    bound: Real
    known: npt.NDArray[np.int8] = field(init=False)
    checks: int = field(init=False, default=0)
    _place: dict[Node, int] = field(init=False)

    def __post_init__(self) -> None:
        self.known = np.zeros(len(self.nodes), np.int8)
        self._place = {tuple(node): place for place, node in enumerate(self.nodes.tolist())}

    def node(self, place: int) -> Node:
        """The levels of a node."""
        return tuple(int(level) for level in self.nodes[place])

    def tag(self, place: int, meets: bool) -> None:
        """Notes a check, for each node that it settles: who meets the targets still does when generalized further.

        source  predictive tagging: El Emam K et al (OLA), J Am Med Inform Assoc 2009;16:670-682
        """
        self.checks += 1
        if meets:
            self.known[(self.nodes >= self.nodes[place]).all(axis=1)] = 1
        else:
            self.known[(self.nodes <= self.nodes[place]).all(axis=1)] = -1

    def settle(self, place: int, meets: Callable[[Node], bool]) -> None:
        """Finds out about a node by halving a path from it to the top, so that one check says much of others.

        source  Kohlmayer F, Prasser F et al (Flash), PASSAT 2012
        """
        path = [place]
        while (above := self._cheapest_above(path[-1])) is not None:
            path.append(above)
        low, high = 0, len(path) - 1
        while low <= high and self.known[place] == 0:
            middle = (low + high) // 2
            found = meets(self.node(path[middle]))
            self.tag(path[middle], found)
            low, high = (low, middle - 1) if found else (middle + 1, high)

    def _cheapest_above(self, place: int) -> int | None:
        node = self.node(place)
        above = [
            self._place[next_]
            for at, level in enumerate(node)
            if (next_ := (*node[:at], level + 1, *node[at + 1 :])) in self._place
        ]
        open_ = [each for each in above if self.known[each] == 0]
        return min(open_, default=None)


def lattice_of(table: Generalizations) -> Lattice:
    """Every node, by the bits it loses, finer ones first among equals.

    raises  QueryError if there are more than 200,000
    """
    heights = [len(levels) for levels in table.codes]
    if (size := int(np.prod(heights, dtype=np.float64))) > NODES_AT_MOST:
        raise QueryError(
            f"hierarchies: {size:,} ways to generalize are more than the {NODES_AT_MOST:,} that can be searched",
            "give fewer columns or fewer levels",
        )
    nodes = np.stack([each.ravel() for each in np.indices(heights)], axis=1)
    bits = [np.array([table.bits_of_column(place, level) for level in range(n)]) for place, n in enumerate(heights)]
    bound = np.sum([each[nodes[:, place]] for place, each in enumerate(bits)], axis=0)
    order = np.lexsort((*nodes.T[::-1], nodes.sum(axis=1), np.round(bound, 6)))
    return Lattice(nodes[order].astype(np.int64), np.asarray(bound, dtype=np.float64)[order])
