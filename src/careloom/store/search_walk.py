"""Sorted pages of a search that finds much: the order is walked from where the page begins, and each row is probed.

To sort all matches costs what matches, to walk costs what is passed: with many matches a page is soon full. The walk is
bounded; where it does not fill the page, the matches are sorted after all.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from careloom.fhir.search_query import Query
from careloom.store import bulk
from careloom.store.search_links import Index
from careloom.store.search_plan import Plan, Term, joined, one_of, within
from careloom.store.search_rows import LAST, fetch, fewest, filters_of, has_many_keys, probes_of, rarest, value_of

MANY = 4_000
"""From so many rows of the rarest condition on, walking is cheaper than sorting (measured at a million resources)."""
WINDOWS = (2_000, 3_000, 4_000, 5_000, 6_000)
"""Rows of the order that are read at a time; a page that is not full after them is sorted."""
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
    if fewest(index.connection, found, MANY) < MANY:
        return None
    walk = _Walk(index.connection, found.sort_keys, query.is_descending)
    seen: set[int] = set()
    page: list[Row] = []
    for met in walk.windows(after):
        fresh = [(low, rid) for low, rid in met if rid not in seen]
        seen.update(rid for _, rid in fresh)
        page += _meeting(index, query, found, {rid: low for low, rid in reversed(fresh)})
        if len(page) >= size:
            return page[:size]
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


def _meeting(index: Index, query: Query, found: Plan, places: dict[int, float]) -> list[Row]:
    """Those rows that meet all conditions, and whose place is this one: a row with several values stands at its first.

    places  row id -> place, the last in the order first
    """
    filters = [*filters_of(query, found), *index.sight.limits()]
    source = "{rows} JOIN resource r ON r.rid = d.rid" if filters else "{rows}"
    conditions = [*filters, *probes_of(found, "d.rid")]
    where = joined("AND", conditions) if conditions else Term("1 = 1")
    statement = Term(
        f"SELECT d.rid, {value_of(query, found, 'd.rid')} FROM {source} WHERE {where.sql}",  # noqa: S608 our own names
        (list(places), *where.values),
    )
    fitting = {rid for rid, place in fetch(index.connection, statement) if place == places[rid]}
    return [(rid, places[rid]) for rid in reversed(places) if rid in fitting]


class _Walk:
    """The rows of some keys of ``idx_range`` in the order of (low, rid)."""

    def __init__(self, connection: Connection, keys: Sequence[int], is_descending: bool) -> None:
        self._connection = connection
        self._keys = keys
        self._sign = -1.0 if is_descending else 1.0
        word, self._beyond = (" DESC", "<=") if is_descending else ("", ">=")
        self._sql = f"SELECT q.low, q.rid FROM idx_range q WHERE q.key = ? {{from}} ORDER BY q.low{word} LIMIT ?"  # noqa: S608

    def windows(self, after: tuple[float, int] | None) -> Iterator[list[tuple[float, int]]]:
        """(low, rid) behind `after`, in order, a window at a time, whole: no row between two of them is left out."""
        start: float | None = None if after is None else after[0]
        for limit in WINDOWS:
            streams = [self._stream(key, start, limit) for key in self._keys]
            met = sorted((row for stream in streams for row in stream), key=self._place)
            ends = [self._sign * stream[-1][0] for stream in streams if len(stream) == limit]
            if not ends:
                yield [row for row in met if self._is_behind(row, after)]
                return
            end = min(ends)
            yield [row for row in met if self._sign * row[0] < end and self._is_behind(row, after)]
            start = self._sign * end

    def _stream(self, key: int, start: float | None, limit: int) -> Sequence[tuple[float, int]]:
        bound = "" if start is None else f"AND q.low {self._beyond} ?"
        values: tuple[Any, ...] = (key, limit) if start is None else (key, start, limit)
        return bulk.fetch(self._connection, self._sql.replace("{from}", bound), values)

    def _place(self, row: tuple[float, int]) -> tuple[float, float]:
        return self._sign * row[0], self._sign * row[1]

    def _is_behind(self, row: tuple[float, int], after: tuple[float, int] | None) -> bool:
        """True for what follows; what is sorted behind the rows without any value is left to sorting."""
        is_sorted_last = row[0] * self._sign > LAST
        return not is_sorted_last and (after is None or self._place(row) > self._place(after))
