"""Searches the index of a zone: pages of row ids in a stable order, on SQLite and PostgreSQL.

The most selective set of keys drives; every other condition is probed per row, so a page costs what it shows and not
what matches. Ranges with few rows may drive too; what is left walks the resources of the type by last update.
"""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union,
)

from careloom.errors import QueryError
from careloom.fhir.search_query import Query, TimeValue
from careloom.store.blind_index import BlindIndex
from careloom.store.schema import idx_eq, idx_range, resource
from careloom.store.search_plan import MapId, Plan, plan

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
        total = connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    if query.is_count_only:
        return Page((), total=total)
    size = max(1, limit if query.count is None else min(limit, query.count))
    after = _open_cursor(cursor, query, blind) if cursor else None
    shown = connection.execute(_paged(rows, order, query, after).limit(size + 1)).all()
    last = _seal_cursor(shown[size - 1], query, blind) if len(shown) > size else None
    return Page(tuple(row.rid for row in shown[:size]), last, total)


def _order(query: Query, found: Plan) -> _Order:
    if query.sort:
        return "id" if query.sort == "_id" else "updated"
    return "rid" if found.keys else "updated"


def _matches(connection: Connection, query: Query, found: Plan, order: _Order) -> Select[Any]:
    """Distinct matches as rows (rid, and place: what they are ordered by).

    Under a driver the place is an expression and the type goes without saying (the keys hash it), so that no index on
    ``resource`` tempts SQLite, which knows no key's frequency, to walk all resources of the type in order.
    """
    driver = _driver(connection, found, order)
    needs_resource = order != "rid" or found.ids is not None or bool(query.updated)
    if isinstance(driver, int):
        eq = idx_eq.alias("driver")
        keys = found.keys[driver]
        source: FromClause = eq
        rid, conditions = eq.c.rid, [_one_of(eq.c.key, keys)]
        if needs_resource:
            source = eq.join(resource, resource.c.rid == eq.c.rid)
    elif driver is not None:
        source = resource.join(driver, driver.c.rid == resource.c.rid)
        rid, conditions, needs_resource = resource.c.rid, [], True
    else:
        source, rid, conditions, needs_resource = resource, resource.c.rid, [], True
    place: ColumnElement[Any] = {"rid": rid, "updated": resource.c.last_updated, "id": resource.c.id}[order]
    if driver is not None and order != "rid":
        place = place + (0 if order == "updated" else "")
    if needs_resource:
        conditions.append(resource.c.deleted == false())
        if driver is None:
            conditions.append(resource.c.type == query.resource_type)
        conditions += [or_(*(_updated(value) for value in values)) for values in query.updated]
        if found.ids is not None:
            conditions.append(resource.c.id.in_(found.ids))
    conditions += _probes(found, rid, driver)
    rows = select(rid.label("rid"), place.label("place")).select_from(source).where(*conditions)
    return rows.distinct() if isinstance(driver, int) and len(found.keys[driver]) > 1 else rows


def _probes(found: Plan, rid: ColumnElement[int], driver: int | FromClause | None) -> list[ColumnElement[bool]]:
    """The conditions on one row that the driver does not already meet."""
    conditions: list[ColumnElement[bool]] = []
    for number, keys in enumerate(found.keys):
        if number != driver:
            eq = idx_eq.alias(f"has{number}")
            conditions.append(exists(select(literal(1)).where(_one_of(eq.c.key, keys), eq.c.rid == rid)))
    for number, keys in enumerate(found.lacking):
        eq = idx_eq.alias(f"lacks{number}")
        conditions.append(~exists(select(literal(1)).where(_one_of(eq.c.key, keys), eq.c.rid == rid)))
    for arms in found.ranges:
        if _RANGE_BY_RID:
            conditions.append(exists(select(literal(1)).where(idx_range.c.rid == rid, or_(*arms))))
        else:
            conditions.append(rid.in_(union(*(select(idx_range.c.rid).where(arm) for arm in arms))))
    return conditions


_RANGE_BY_RID = any(index.columns.keys()[0] == "rid" for index in idx_range.indexes)
"""With an index that starts at rid a range is probed per row; without one its matches are collected first."""


def _one_of(column: ColumnElement[int], keys: tuple[int, ...]) -> ColumnElement[bool]:
    return column == keys[0] if len(keys) == 1 else column.in_(keys)


def _driver(connection: Connection, found: Plan, order: _Order) -> int | FromClause | None:
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
    return union(*(select(idx_range.c.rid).where(arm) for arm in arms)).alias("driver")


def _count_few(connection: Connection, found: Plan) -> list[int]:
    """How many index rows each set of keys has (each range, if there are no keys), counted up to `_FEW`."""
    if found.keys:
        parts = [select(literal(1)).select_from(idx_eq).where(_one_of(idx_eq.c.key, keys)) for keys in found.keys]
    else:
        parts = [select(literal(1)).select_from(idx_range).where(or_(*arms)) for arms in found.ranges]
    if not parts:
        return []
    counts = [select(func.count()).select_from(part.limit(_FEW).subquery()).scalar_subquery() for part in parts]
    return [int(count) for count in connection.execute(select(*counts)).one()]


def _updated(value: TimeValue) -> ColumnElement[bool]:
    """A comparison of the instant of the last update, microseconds, with a range of time."""
    when, low, high = resource.c.last_updated, round(value.low * 1000), round(value.high * 1000)
    around = high - low
    return {
        "eq": lambda: and_(when >= low, when < high),
        "ne": lambda: or_(when < low, when >= high),
        "gt": lambda: when >= high,
        "sa": lambda: when >= high,
        "lt": lambda: when < low,
        "eb": lambda: when < low,
        "ge": lambda: when >= low,
        "le": lambda: when < high,
        "ap": lambda: and_(when >= low - around, when < high + around),
    }[value.prefix]()


def _paged(rows: Select[Any], order: _Order, query: Query, after: tuple[Any, int] | None) -> Select[Any]:
    rid, place = rows.selected_columns.rid.element, rows.selected_columns.place.element
    if after is not None:
        last, last_rid = after
        further = rid > last_rid if not query.is_descending else rid < last_rid
        if order == "rid":
            rows = rows.where(rid > last_rid)
        elif query.is_descending:
            rows = rows.where(place <= last, or_(place < last, further))
        else:
            rows = rows.where(place >= last, or_(place > last, further))
    if order == "rid":
        return rows.order_by(rid)
    if query.is_descending:
        return rows.order_by(place.desc(), rid.desc())
    return rows.order_by(place, rid)


def _fingerprint(query: Query, payload: bytes) -> bytes:
    asked = (query.resource_type, query.criteria, query.ids, query.updated, query.sort, query.is_descending)
    return payload + repr(asked).encode("utf-8", "surrogatepass")


def _seal_cursor(row: Any, query: Query, blind: BlindIndex) -> str:
    place = row.place if isinstance(row.place, str) else str(int(row.place))
    payload = struct.pack(">q", row.rid) + place.encode()
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
