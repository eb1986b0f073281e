"""The order of events from what is said of pairs of them: closed, and free of contradictions.

An event has a start and an end. ``a before b`` says that a ends before b starts, ``after`` the reverse, ``overlap``
that each starts no later than the other ends. Every statement becomes edges between these points, strict or not; a set
of edges is consistent where no path leads from a point back to itself over a strict edge (point algebra without
inequality: Vilain, Kautz, van Beek, 1989). Statements are taken by falling score, among equals in the order given; one
that would close such a circle is dropped, which is to say that of a contradiction the weakest statement goes first.

    order = Order(3)
    order.add(Statement(0, "before", 1, 0.9))     True
    order.add(Statement(1, "before", 2, 0.8))     True
    order.add(Statement(2, "before", 0, 0.3))     False
    order.relation(0, 2)                          'before'
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Relation = Literal["before", "after", "overlap"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One event in time against another, by their numbers; `score` between 0 and 1."""

    first: int
    relation: Relation
    second: int
    score: float


class Order:
    """Events numbered from 0 and what follows of their order; always consistent."""

    def __init__(self, events: int) -> None:
        self._size = 2 * events
        # reach[p]: the points that are no earlier than p; later[p]: those that are strictly later. Bit q is point q.
        self._reach = [1 << point for point in range(self._size)]
        self._later = [0] * self._size
        for event in range(events):
            self._edge(2 * event, 2 * event + 1, is_strict=False)

    def add(self, statement: Statement) -> bool:
        """True where the statement was consistent with all before it and now holds; False where it was dropped."""
        first, second = statement.first, statement.second
        if first == second:
            return statement.relation == "overlap"
        if statement.relation == "after":
            first, second = second, first
        if statement.relation in {"before", "after"}:
            edges = [(2 * first + 1, 2 * second, True)]
        else:
            edges = [(2 * first, 2 * second + 1, False), (2 * second, 2 * first + 1, False)]
        if any(self._contradicts(*edge) for edge in edges):
            return False
        for start, end, is_strict in edges:
            self._edge(start, end, is_strict=is_strict)
        return True

    def _contradicts(self, start: int, end: int, is_strict: bool) -> bool:
        back = self._reach[end] if is_strict else self._later[end]
        return bool(back >> start & 1)

    def _edge(self, start: int, end: int, *, is_strict: bool) -> None:
        reach, later = self._reach[end], self._reach[end] if is_strict else self._later[end]
        if not (reach & ~self._reach[start]) and not (later & ~self._later[start]):
            return
        for point in range(self._size):
            if not self._reach[point] >> start & 1:
                continue
            is_later = is_strict or self._later[point] >> start & 1
            self._reach[point] |= reach
            self._later[point] |= self._reach[end] if is_later else later

    def relation(self, first: int, second: int) -> Relation | None:
        """What follows for two events; None where nothing does."""
        if first == second:
            return "overlap"
        if self._later[2 * first + 1] >> (2 * second) & 1:
            return "before"
        if self._later[2 * second + 1] >> (2 * first) & 1:
            return "after"
        one = self._reach[2 * first] >> (2 * second + 1) & 1
        other = self._reach[2 * second] >> (2 * first + 1) & 1
        return "overlap" if one and other else None


def ordered(events: int, statements: Iterable[Statement]) -> tuple[Order, list[Statement], list[Statement]]:
    """The order that the statements give, those that hold, and those that were dropped."""
    order = Order(events)
    kept: list[Statement] = []
    dropped: list[Statement] = []
    for one in sorted(statements, key=lambda each: -each.score):
        (kept if order.add(one) else dropped).append(one)
    return order, kept, dropped
