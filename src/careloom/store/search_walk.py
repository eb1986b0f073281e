"""Sorted pages of a search that finds much: the order is walked from where the page begins, and each row is probed.

To sort all matches costs what matches, to walk costs what is passed: with many matches a page is soon full. The walk is
bounded; where it does not fill the page, the matches are sorted after all.
"""

from collections.abc import Sequence
from math import isqrt

from careloom.fhir.search_query import Query
from careloom.store.search_links import Index
from careloom.store.search_plan import Plan, Term, joined, one_of, within
from careloom.store.search_rows import LAST, fetch, fewest, filters_of, has_many_keys, probes_of, rarest, value_of

PACE = {"sqlite": 0.7, "postgresql": 0.11}
"""What it costs to walk past a row, of what it costs to find its place and to sort it."""
WINDOW = 2_000
"""Rows of the order that are read first; then so many as the page is expected to need."""
MOST_WALKED = 20_000
"""Rows of the order that are read for a page; one that is not full after them is sorted."""
NEAR = (400, 4_000)
"""Rows of the rarest condition among which a page is looked for."""
Row = tuple[int, float]
"""(row id, place in the order)."""


def walked(index: Index, query: Query, found: Plan, after: tuple[float, int] | None, size: int) -> list[Row] | None:
    """The next `size` matches of a search that is sorted by a value, in order; None where they are to be sorted.

    after  (place, row id) of the last one that was shown, None for the first page
    """
    if not found.sort_keys or found.ids is not None or query.checks:
        return None
    connection = index.connection
    newest = fetch(connection, Term("SELECT max(rid) FROM resource"))[0][0] or 0
    many = isqrt(int(PACE[connection.dialect.name] * size * newest))
    if fewest(connection, found, many) < many:
        return None
    walk = _Walk(index, query, found)
    page: list[Row] = []
    start = None if after is None else after[0]
    passed, window, most = 0, WINDOW, 2 * size
    while passed < MOST_WALKED:
        met, start = walk.window(start, window, most)
        page += _placed(index, query, found, [row for row in met if walk.is_behind(row, after)])
        if len(page) >= size:
            return page[:size]
        if start is None:
            return None
        passed, most = passed + window, 4 * most
        needed = (size - len(page)) * passed // max(1, len(page)) * 5 // 4
        window = min(max(needed, WINDOW // 2), MOST_WALKED - passed)
    return None


def near(index: Index, query: Query, found: Plan, after: int, size: int) -> list[Row] | None:
    """The next `size` matches by row id of a search with a condition of very many keys; None where they lie far off.

    All rows of those keys would be read for one page: here only those between the next rows of the rarest condition.

    after  row id of the last one that was shown, -1 for the first page
    """
    if found.ids is not None or query.checks or not has_many_keys(found):
        return None
    driver = rarest(index.connection, found)
    if driver is None:
        return None
    filters = [*filters_of(query, found), *index.sight.limits()]
    keys = one_of("d.key", found.keys[driver])
    source = "idx_eq d JOIN resource r ON r.rid = d.rid" if filters else "idx_eq d"
    for count in NEAR:
        bounded = joined("AND", [keys, Term("d.rid > ?", (after,))])
        ends = within(
            "SELECT max(rid) FROM (SELECT d.rid FROM idx_eq d WHERE ", bounded, " ORDER BY d.rid LIMIT ?) AS f"
        )
        end = fetch(index.connection, Term(ends.sql, (*ends.values, count)))[0][0]
        if end is None:
            return None
        probes = probes_of(found, "d.rid", driver, (after, end))
        where = joined("AND", [bounded, Term("d.rid <= ?", (end,)), *filters, *probes])
        sql = f"SELECT DISTINCT d.rid FROM {source} WHERE {where.sql} ORDER BY d.rid LIMIT ?"  # noqa: S608 our own names
        rows = fetch(index.connection, Term(sql, (*where.values, size)))
        if len(rows) >= size:
            return [(rid, rid) for (rid,) in rows]
    return None


def _placed(index: Index, query: Query, found: Plan, met: Sequence[tuple[float, int]]) -> list[Row]:
    """Those of the (low, row id) that are a row's place: a row with several values stands at its first in the order."""
    if not met:
        return []
    sql = f"SELECT d.rid, {value_of(query, found, 'd.rid')} FROM {{rows}}"  # noqa: S608 our own names
    places = dict(fetch(index.connection, Term(sql, (sorted({rid for _, rid in met}),))))
    return list(dict.fromkeys((rid, low) for low, rid in met if places[rid] == low))


class _Walk:
    """The rows of the keys of ``idx_range`` that a search is sorted by, in the order of (low, rid), which meet it."""

    def __init__(self, index: Index, query: Query, found: Plan) -> None:
        self._connection = index.connection
        self._keys = found.sort_keys
        self._sign = -1.0 if query.is_descending else 1.0
        self._word, self._beyond = (" DESC", "<=") if query.is_descending else ("", ">=")
        filters = [*filters_of(query, found), *index.sight.limits()]
        conditions = [*filters, *probes_of(found, "w.rid")]
        self._where = joined("AND", conditions) if conditions else Term("1 = 1")
        source = "(SELECT q.low, q.rid, q.key FROM {} LIMIT ?) AS w"
        source += " JOIN resource r ON r.rid = w.rid" * bool(filters)
        met = f"SELECT w.low, w.rid, w.key FROM {source} WHERE {self._where.sql} ORDER BY w.low{self._word} LIMIT ?"  # noqa: S608
        self._sql = f"SELECT * FROM ({met}) AS m"  # noqa: S608 our own names

    def window(self, start: float | None, length: int, most: int) -> tuple[list[tuple[float, int]], float | None]:
        """(the next (low, rid) that meet the search, in order; where it goes on, None where it holds the last row).

        Whole: no row between two of them is left out. What stands at the place where it goes on is left to that.

        length  rows of each key that are read
        most    rows of each key that are wanted
        """
        ends = fetch(
            self._connection, self._together("SELECT (SELECT q.low FROM {} LIMIT 1 OFFSET ?)", start, length - 1)
        )
        rows = fetch(self._connection, self._together(self._sql, start, length, most))
        bounds = [self._sign * row[0] for row in ends if row[0] is not None]
        for key in self._keys:
            found = [low for low, _, of in rows if of == key]
            if len(found) == most:
                bounds.append(self._sign * found[-1])
        met = sorted(((low, rid) for low, rid, _ in rows), key=self._place)
        if not bounds:
            return met, None
        return [row for row in met if self._sign * row[0] < min(bounds)], self._sign * min(bounds)

    def _together(self, sql: str, start: float | None, *limits: int) -> Term:
        """The rows of a statement about each key."""
        each = []
        for key in self._keys:
            bound = "" if start is None else f" AND q.low {self._beyond} ?"
            source = f"idx_range q WHERE q.key = ?{bound} ORDER BY q.low{self._word}"
            first, *more = limits
            values = (key, first) if start is None else (key, start, first)
            each.append(Term(sql.replace("{}", source), (*values, *(self._where.values if more else ()), *more)))
        return joined("UNION ALL", each)

    def _place(self, row: tuple[float, int]) -> tuple[float, float]:
        return self._sign * row[0], self._sign * row[1]

    def is_behind(self, row: tuple[float, int], after: tuple[float, int] | None) -> bool:
        """True for what follows; what is sorted behind the rows without any value is left to sorting."""
        is_sorted_last = row[0] * self._sign > LAST
        return not is_sorted_last and (after is None or self._place(row) > self._place(after))
