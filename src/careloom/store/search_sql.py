"""Searches the index of a zone: pages of row ids in a stable order, on SQLite and PostgreSQL.

The most selective set of keys drives; every other condition is probed per row, so a page costs what it shows and not
what matches. Ranges with few rows may drive too; what is left walks the resources of the type by last update.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.errors import QueryError
from careloom.fhir.search_query import Query, TimeValue
from careloom.store import bulk
from careloom.store.blind_index import BlindIndex
from careloom.store.search_plan import MapId, Plan, Term, joined, one_of, plan

_FEW = 2_000
"""Up to this many rows of a key or range are sorted; beyond, the order is walked and rows are probed."""
_Order = Literal["rid", "updated", "id"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search.

    rids         row ids of current, not deleted resources, in order
    next_cursor  what asks for the following page; None on the last one
    total        the number of matches if the query asks for it
    """

    rids: tuple[int, ...]
    next_cursor: str | None = None
    total: int | None = None


def search(
    connection: Connection,
    query: Query,
    blind: BlindIndex,
    map_id: MapId,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page:
    """The page of a query that follows `cursor`, at most `limit` rows and at most the query's own count.

    Every match that is not changed while a client pages is shown exactly once. Without ``_sort`` the order is that of
    the row ids if the query asks for any token, reference, URI, text or birth date, else of the last update.

    map_id  the stored ids that a (type, id) of the query may mean
    raises  QueryError for a cursor of another query or store, or a query that the index cannot answer
    """
    found = plan(connection, query, blind, map_id)
    wants_total = query.is_count_only or query.total != "none"
    if found.is_empty:
        return Page((), total=0 if wants_total else None)
    order = _order(query, found)
    rows = _matches(connection, query, found, order)
    total = None
    if wants_total:
        counted = _within("SELECT count(*) FROM (", rows.statement(), ") AS found")
        total = _fetch(connection, counted)[0][0]
    if query.is_count_only:
        return Page((), total=total)
    size = max(1, limit if query.count is None else min(limit, query.count))
    after = _open_cursor(cursor, query, blind) if cursor else None
    shown = _fetch(connection, _paged(rows, order, query, after, size + 1))
    last = _seal_cursor(shown[size - 1], query, blind) if len(shown) > size else None
    return Page(tuple(row[0] for row in shown[:size]), last, total)


def _fetch(connection: Connection, term: Term) -> Sequence[tuple[Any, ...]]:
    return bulk.fetch(connection, term.sql, term.values)


def _order(query: Query, found: Plan) -> _Order:
    if query.sort:
        return "id" if query.sort == "_id" else "updated"
    return "rid" if found.keys else "updated"


@dataclass(slots=True)
class _Rows:
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


def _matches(connection: Connection, query: Query, found: Plan, order: _Order) -> _Rows:
    """The matches, driven by what `_driver` says.

    Under a driver the place is an expression and the type goes without saying (the keys hash it), so that no index on
    ``resource`` tempts SQLite, which knows no key's frequency, to walk all resources of the type in order.
    """
    driver = _driver(connection, found, order)
    needs_resource = order != "rid" or found.ids is not None or bool(query.updated)
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
    place = {"rid": rid, "updated": "r.last_updated", "id": "r.id"}[order]
    if driver is not None and order != "rid":
        place = f"({place} + 0)" if order == "updated" else f"({place} || '')"
    if needs_resource:
        conditions.append(Term("NOT r.deleted"))
        if driver is None:
            conditions.append(Term("r.type = ?", (query.resource_type,)))
        conditions += [_any([_updated(value) for value in values]) for values in query.updated]
        if found.ids is not None:
            conditions.append(one_of("r.id", found.ids))
    conditions += _probes(found, rid, driver)
    return _Rows(source, rid, place, conditions, is_distinct)


def _probes(found: Plan, rid: str, driver: int | Term | None) -> list[Term]:
    """The conditions on one row that the driver does not already meet."""
    conditions = []
    for number, keys in enumerate(found.keys):
        if number != driver:
            conditions.append(_has_key("EXISTS", keys, rid))
    conditions += [_has_key("NOT EXISTS", keys, rid) for keys in found.lacking]
    conditions += [
        _within(f"EXISTS (SELECT 1 FROM idx_range q WHERE q.rid = {rid} AND ", _any_arm(arms), ")")  # noqa: S608 our own names
        for arms in found.ranges
    ]
    return conditions


def _has_key(word: str, keys: tuple[int, ...], rid: str) -> Term:
    where = one_of("k.key", keys)
    return _within(f"{word} (SELECT 1 FROM idx_eq k WHERE ", where, f" AND k.rid = {rid})")  # noqa: S608 our own names


def _driver(connection: Connection, found: Plan, order: _Order) -> int | Term | None:
    """The number of the keys that drive, rows of a range that drive, or None: the resources of the type do."""
    if found.ids is not None:
        return None
    if order == "rid" and len(found.keys) == 1:
        return 0
    counts = _count_few(connection, found)
    if found.keys:
        best = min(range(len(found.keys)), key=lambda number: counts[number])
        return best if order == "rid" or counts[best] < _FEW else None
    few = [number for number, count in enumerate(counts) if count < _FEW]
    if not few:
        return None
    arms = found.ranges[min(few, key=lambda number: counts[number])]
    return joined("UNION", [_within("SELECT q.rid FROM idx_range q WHERE ", arm) for arm in arms])


def _count_few(connection: Connection, found: Plan) -> Sequence[int]:
    """How many index rows each set of keys has (each range, if there are no keys), counted up to `_FEW`."""
    if found.keys:
        parts = [_within("idx_eq q WHERE ", one_of("q.key", keys)) for keys in found.keys]
    else:
        parts = [_within("idx_range q WHERE ", _any_arm(arms)) for arms in found.ranges]
    if not parts:
        return []
    counts = [_within("(SELECT count(*) FROM (SELECT 1 FROM ", part, f" LIMIT {_FEW}) AS few)") for part in parts]
    return _fetch(connection, _within("SELECT ", joined(",", counts)))[0]


def _within(before: str, term: Term, behind: str = "") -> Term:
    return Term(before + term.sql + behind, term.values)


def _any(terms: Sequence[Term]) -> Term:
    return _within("(", joined("OR", terms), ")")


def _any_arm(arms: Sequence[Term]) -> Term:
    return _any([_within("(", arm, ")") for arm in arms])


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


def _paged(rows: _Rows, order: _Order, query: Query, after: tuple[Any, int] | None, size: int) -> Term:
    direction, beyond = (" DESC", "<") if query.is_descending and order != "rid" else ("", ">")
    if after is not None:
        last, last_rid = after
        further = Term(f"{rows.rid} {beyond} ?", (last_rid,))
        if order == "rid":
            rows.conditions.append(further)
        else:
            rows.conditions.append(Term(f"{rows.place} {beyond}= ?", (last,)))
            rows.conditions.append(_any([Term(f"{rows.place} {beyond} ?", (last,)), further]))
    sql, values = rows.statement()
    ordered = f"{rows.rid}" if order == "rid" else f"{rows.place}{direction}, {rows.rid}{direction}"
    return Term(f"{sql} ORDER BY {ordered} LIMIT ?", (*values, size))


def _fingerprint(query: Query, payload: bytes) -> bytes:
    asked = (query.resource_type, query.criteria, query.ids, query.updated, query.sort, query.is_descending)
    return payload + repr(asked).encode("utf-8", "surrogatepass")


def _seal_cursor(row: tuple[Any, ...], query: Query, blind: BlindIndex) -> str:
    rid, at = row
    place = at if isinstance(at, str) else str(int(at))
    payload = struct.pack(">q", rid) + place.encode()
    return base64.urlsafe_b64encode(blind.seal_cursor(_fingerprint(query, payload)) + payload).decode().rstrip("=")


def _open_cursor(cursor: str, query: Query, blind: BlindIndex) -> tuple[Any, int]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    seal, payload = raw[:16], raw[16:]
    if len(payload) < 9 or not hmac.compare_digest(seal, blind.seal_cursor(_fingerprint(query, payload))):
        raise QueryError("the cursor is not of this search", "follow the next link of the page before, unchanged")
    place = payload[8:].decode()
    return place if query.sort == "_id" else int(place), struct.unpack(">q", payload[:8])[0]
