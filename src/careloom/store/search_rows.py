"""The matches of a search as one SQL statement: which index drives, and what is probed per row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.fhir.search_query import Query, TimeValue
from careloom.store import bulk
from careloom.store.search_plan import Arm, Plan, Term, any_of, joined, one_of, within

FEW_DRIVING = 500
"""Up to this many rows are probed for a range, however small it is."""
MOST_KEPT = 8_000
"""Up to this many rows of a range are read at once, where about as many rows would be probed for it."""
FEW = 2_000
"""Up to this many rows of a key or range are sorted; beyond, the order is walked and rows are probed."""
MOST_PROBED = 500
"""Keys that are looked up for each row; of more, all rows are read once."""
LAST = 1.7e308
"""Sorts behind every date, number and quantity."""
Order = Literal["rid", "updated", "id", "value", "none"]


def fetch(connection: Connection, term: Term) -> Sequence[tuple[Any, ...]]:
    """All rows of a statement; its lists go as arrays to PostgreSQL and as JSON to SQLite.

    ``{rows}`` in its FROM is a list of row ids as a table ``d``, ``{keys}`` one of keys as a table ``t``; ``{among}``
    is for a list of thousands that PostgreSQL had better hash.
    """
    sql = term.sql
    if not any(isinstance(value, list) for value in term.values):
        return bulk.fetch_as_asked(connection, sql, term.values)
    if bulk.is_postgresql(connection):
        sql = sql.replace("{ints}", "= ANY(?::bigint[])").replace("{texts}", "= ANY(?::text[])")
        sql = sql.replace("{rows}", "unnest(?::bigint[]) AS d(rid)").replace("{keys}", "unnest(?::bigint[]) AS t(key)")
        sql = sql.replace("{among}", "IN (SELECT unnest(?::bigint[]))")
        return bulk.fetch_as_asked(connection, sql, term.values)
    sql = sql.replace("{rows}", "(SELECT value AS rid FROM json_each(?)) AS d")
    sql = sql.replace("{keys}", "(SELECT value AS key FROM json_each(?)) AS t")
    for mark in ("{ints}", "{texts}", "{among}"):
        sql = sql.replace(mark, "IN (SELECT value FROM json_each(?))")
    values = tuple(json.dumps(value) if isinstance(value, list) else value for value in term.values)
    return bulk.fetch(connection, sql, values)


def order_of(query: Query, found: Plan) -> Order:
    """What the matches of a query are ordered by."""
    if query.sort_by is not None:
        return "value"
    if query.sort:
        return "id" if query.sort == "_id" else "updated"
    return "rid" if found.keys else "updated"


@dataclass(slots=True)
class Rows:
    """The matches of a search, before they are ordered.

    source      what follows FROM
    rid, place  expressions: a row's id, and what it is ordered by
    """

    source: Term
    rid: str
    place: str
    conditions: list[Term]
    is_distinct: bool

    def statement(self) -> Term:
        """Distinct matches as rows (rid, place)."""
        where = joined("AND", self.conditions)
        what = f"SELECT {'DISTINCT ' if self.is_distinct else ''}{self.rid} AS rid, {self.place} AS place"
        return Term(f"{what} FROM {self.source.sql} WHERE {where.sql}", self.source.values + where.values)


def rows_of(connection: Connection, query: Query, found: Plan, order: Order, limits: Sequence[Term] = ()) -> Rows:
    """The matches, driven by what `_driver` says.

    limits  further conditions on a row ``r`` of ``resource``: see `careloom.store.sight`

    Under a driver the place is an expression and the type goes without saying (the keys hash it), so that no index on
    ``resource`` tempts SQLite, which knows no key's frequency, to walk all resources of the type in order.
    """
    driver = _driver(connection, found, order)
    needs_resource = order not in ("rid", "value") or found.ids is not None or bool(query.updated or query.sources)
    needs_resource = needs_resource or bool(limits or found.hidden)
    conditions: list[Term] = []
    rid, source, is_distinct = "r.rid", Term("resource r"), False
    if isinstance(driver, int):
        keys = found.keys[driver]
        conditions.append(one_of("d.key", keys))
        rid, is_distinct = "d.rid", len(keys) > 1
        source = Term("idx_eq d JOIN resource r ON r.rid = d.rid" if needs_resource else "idx_eq d")
    else:
        needs_resource = True
        if driver is not None:
            source = Term(f"resource r JOIN ({driver.sql}) AS d ON d.rid = r.rid", driver.values)
    place = {
        "rid": rid,
        "updated": "r.last_updated",
        "id": "r.id",
        "none": "r.id",
        "value": value_of(query, found, rid),
    }[order]
    if driver is not None and order in ("updated", "id"):
        place = f"({place} + 0)" if order == "updated" else f"({place} || '')"
    if needs_resource:
        conditions.append(Term("NOT r.deleted"))
        if driver is None:
            conditions.append(Term("r.type = ?", (query.resource_type,)))
        conditions += filters_of(query, found)
        if found.ids is not None:
            conditions.append(one_of("r.id", found.ids))
        conditions += limits
    if isinstance(driver, int):
        ranges = _ranges_of(connection, found, rid, driver)
    else:
        ranges = [_in_range(arms, rid, is_walked=driver is None and found.ids is None) for arms in found.ranges]
    conditions += probes_of(found, rid, driver, ranges=ranges)
    return Rows(source, rid, place, conditions, is_distinct)


def filters_of(query: Query, found: Plan) -> list[Term]:
    """The conditions on ``resource r`` itself: when it was last updated, by which record, and under whose key."""
    conditions = [any_of([_updated(value) for value in values]) for values in query.updated]
    by_record = "r.record IN (SELECT rec FROM record WHERE "
    conditions += [within(by_record, one_of("record_id", records), ")") for records in query.sources]
    if found.hidden:
        conditions.append(within("NOT (", one_of("r.subject", found.hidden), ")"))
    return conditions


def value_of(query: Query, found: Plan, rid: str) -> str:
    """The least (descending: the greatest) start of what a row is sorted by; rows without any come last."""
    if not found.sort_keys:
        return rid
    pick, absent = ("MAX", -LAST) if query.is_descending else ("MIN", LAST)
    keys = ", ".join(str(int(key)) for key in found.sort_keys)
    best = f"SELECT {pick}(q.low) FROM idx_range q WHERE q.rid = {rid} AND q.key IN ({keys})"  # noqa: S608 our own numbers
    return f"COALESCE(({best}), {absent})"


def probes_of(
    found: Plan,
    rid: str,
    driver: int | Term | None = None,
    between: tuple[int, int] | None = None,
    ranges: Sequence[Term] | None = None,
) -> list[Term]:
    """The conditions on one row that the driver does not already meet.

    between  rows are behind the first of these row ids, up to the second: nothing else is read of many keys
    ranges   the conditions on ranges, None for those that probe each row
    """
    conditions = []
    for number, keys in enumerate(found.keys):
        if number != driver:
            conditions.append(_has_key("EXISTS", keys, rid, between))
    conditions += [_has_key("NOT EXISTS", keys, rid, between) for keys in found.lacking]
    return conditions + list([_in_range(arms, rid) for arms in found.ranges] if ranges is None else ranges)


def _in_range(arms: Sequence[Arm], rid: str, *, is_walked: bool = False) -> Term:
    """is_walked  many rows meet it: lest PostgreSQL takes them for few, it cannot begin with them"""
    begin, end = ("((", " LIMIT 1) IS NOT NULL)") if is_walked else ("EXISTS (", ")")
    return within(f"{begin}SELECT 1 FROM idx_range q WHERE q.rid = {rid} AND ", _any_arm(arms), end)  # noqa: S608 our own names


def _ranges_of(connection: Connection, found: Plan, rid: str, driver: int) -> list[Term]:
    """The conditions on ranges under keys that drive: a range with few rows is read once, of others each row is probed.

    A range that is read costs its rows, one that is probed a part of the keys' rows that is not known.
    """
    conditions = []
    keys = _up_to(within("idx_eq q WHERE ", one_of("q.key", found.keys[driver])), MOST_KEPT // 2)
    driving = fetch(connection, within("SELECT ", keys))[0][0] if found.ranges else 0
    for arms in found.ranges:
        most = min(MOST_KEPT, 2 * driving)
        if driving > FEW_DRIVING and fetch(connection, within("SELECT ", _range_up_to(arms, most)))[0][0] < most:
            rows = joined("UNION ALL", [within("SELECT q.rid FROM idx_range q WHERE ", arm.matches) for arm in arms])
            conditions.append(within(f"{rid} IN (WITH found AS MATERIALIZED (", rows, ") SELECT rid FROM found)"))
        else:
            conditions.append(_in_range(arms, rid))
    return conditions


def _has_key(word: str, keys: tuple[int, ...], rid: str, between: tuple[int, int] | None = None) -> Term:
    where = one_of("k.key", keys)
    if len(keys) > MOST_PROBED:
        if between is not None:
            where = joined("AND", [where, Term("k.rid > ? AND k.rid <= ?", between)])
        no = "NOT " if word == "NOT EXISTS" else ""
        return within(f"{rid} {no}IN (SELECT k.rid FROM idx_eq k WHERE ", where, ")")  # noqa: S608 our own names
    return within(f"{word} (SELECT 1 FROM idx_eq k WHERE ", where, f" AND k.rid = {rid})")  # noqa: S608 our own names


def _driver(connection: Connection, found: Plan, order: Order) -> int | Term | None:
    """The number of the keys that drive, rows of a range that drive, or None: the resources of the type do."""
    if found.ids is not None:
        return None
    if order == "rid" and len(found.keys) == 1:
        return 0
    counts = _count_few(connection, found)
    if found.keys:
        best = min(range(len(found.keys)), key=lambda number: counts[number])
        return best if order in ("rid", "value", "none") or counts[best] < FEW else None
    few = [number for number, count in enumerate(counts) if count < FEW]
    if not few:
        return None
    arms = found.ranges[min(few, key=lambda number: counts[number])]
    return joined("UNION", [within("SELECT q.rid FROM idx_range q WHERE ", arm.matches) for arm in arms])


def rarest(connection: Connection, found: Plan) -> int | None:
    """The number of the keys that fewest rows have, of those that are few enough to be probed; None without any."""
    small = [number for number, keys in enumerate(found.keys) if len(keys) <= MOST_PROBED]
    if len(small) < 2:
        return small[0] if small else None
    counts = _count_few(connection, found)
    return min(small, key=lambda number: counts[number])


def has_many_keys(found: Plan) -> bool:
    """True when some condition stands for more keys than are probed row by row, as a chain to many patients does."""
    return any(len(keys) > MOST_PROBED for keys in (*found.keys, *found.lacking))


def fewest(connection: Connection, found: Plan, most: int) -> int:
    """How many index rows the rarest condition has, counted up to `most`; that many where there is no condition."""
    return min(_count_few(connection, found, most), default=most)


def _count_few(connection: Connection, found: Plan, most: int = FEW) -> Sequence[int]:
    """How many index rows each set of keys has (each range, if there are no keys), counted up to `most`."""
    if found.keys:
        counts = [_up_to(within("idx_eq q WHERE ", one_of("q.key", keys)), most) for keys in found.keys]
    else:
        counts = [_range_up_to(arms, most) for arms in found.ranges]
    return fetch(connection, within("SELECT ", joined(",", counts)))[0] if counts else []


def _up_to(source: Term, most: int) -> Term:
    """How many rows there are, counted up to `most`."""
    return within("(SELECT count(*) FROM (SELECT 1 FROM ", source, f" LIMIT {most}) AS few)")


def _range_up_to(arms: Sequence[Arm], most: int) -> Term:
    """How many rows of the index are read for a range, counted up to `most`; in order, lest PostgreSQL reads all."""
    each = [
        within("SELECT 1 FROM idx_range q WHERE ", arm.read, f" ORDER BY q.key, q.low LIMIT {most}") for arm in arms
    ]
    rows = joined("UNION ALL", [within("SELECT * FROM (", rows, ") AS a") for rows in each])
    return _up_to(within("(", rows, ") AS every"), most)


def _any_arm(arms: Sequence[Arm]) -> Term:
    return any_of([within("(", arm.matches, ")") for arm in arms])


def _updated(value: TimeValue) -> Term:
    """A comparison of the instant of the last update, microseconds, with a range of time."""
    low, high = round(value.low * 1000), round(value.high * 1000)
    around = high - low
    sql, values = {
        "eq": ("r.last_updated >= ? AND r.last_updated < ?", (low, high)),
        "ne": ("r.last_updated < ? OR r.last_updated >= ?", (low, high)),
        "gt": ("r.last_updated >= ?", (high,)),
        "sa": ("r.last_updated >= ?", (high,)),
        "lt": ("r.last_updated < ?", (low,)),
        "eb": ("r.last_updated < ?", (low,)),
        "ge": ("r.last_updated >= ?", (low,)),
        "le": ("r.last_updated < ?", (high,)),
        "ap": ("r.last_updated >= ? AND r.last_updated < ?", (low - around, high + around)),
    }[value.prefix]
    return Term(f"({sql})", values)
