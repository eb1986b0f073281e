"""Searches the index of a zone: pages of row ids in a stable order, on SQLite and PostgreSQL.

The most selective set of keys drives; every other condition is probed per row, so a page costs what it shows and not
what matches. Ranges with few rows may drive too; what is left walks the resources of the type by last update. A page
sorted by a value walks the values instead where much matches (`careloom.store.search_walk`).
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from careloom.errors import QueryError
from careloom.fhir.search_query import Query
from careloom.store.blind_index import BlindIndex
from careloom.store.search_links import Index, count, linked_plan, passing, resolved
from careloom.store.search_open import linked
from careloom.store.search_plan import Plan, Term, any_of
from careloom.store.search_rows import Order, Rows, fetch, order_of, rows_of
from careloom.store.search_walk import near, walked

MOST_LOOKED_AT = 5_000
"""Resources of which the content is read for one page."""
MOST_FOLLOWED = 400
"""Resources that are read to follow a chain to many; where a page needs more, all that the chain leads to is found."""
_MORE = 10
"""Resources of a window beyond those that the page is expected to need."""
MOST_UNSURE = 200
"""Resources beyond a page that are read where consents withhold some of a patient's, to fill it."""
_Row = tuple[Any, ...]
"""(row id, place in the order)."""


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


def search(index: Index, query: Query, *, limit: int, cursor: str | None = None) -> Page:
    """The page of a query that follows `cursor`, at most `limit` rows and at most the query's own count.

    Every match that is not changed while a client pages is shown exactly once. Without ``_sort`` the order is that of
    the row ids if the query asks for any token, reference, URI, text or birth date, else of the last update. A page of
    a query with checks may hold fewer rows than asked, or none, and still have a next one: a page reads only so much.

    raises  QueryError for a cursor of another query or store, or a query that the index cannot answer
    """
    found = linked_plan(index, query)
    wants_total = query.is_count_only or query.total != "none"
    if found.is_empty:
        return Page((), total=0 if wants_total else None)
    total = count(index, query, found) if wants_total else None
    if query.is_count_only:
        return Page((), total=total)
    size = max(1, limit if query.count is None else min(limit, query.count))
    after = _open_cursor(cursor, query, index.blind) if cursor else None
    order = order_of(query, found)
    most = max(size, MOST_LOOKED_AT) if query.checks else size + MOST_UNSURE * index.sight.is_unsure
    rows, resume = _rows(index, query, found, order, after, most + 1)
    shown, looked_at = _shown(index, query, [row[0] for row in rows[:most]], size)
    last = rows[looked_at - 1] if len(rows) > looked_at else resume
    return Page(shown, None if last is None else _seal_cursor(last, query, index.blind), total)


def _rows(
    index: Index, query: Query, found: Plan, order: Order, after: tuple[Any, int] | None, size: int
) -> tuple[Sequence[_Row], _Row | None]:
    """(matches behind a place, in order, at most `size`; the row behind which it goes on if not all were looked at)."""
    if query.checks or order == "value":
        found = resolved(index, query, found)
    if found.chained or found.pointed:
        followed, resume = _through(index, query, found, order, after, size)
        if resume is None or not found.chained:
            return followed, resume
        found = resolved(index, query, found)
    if found.is_empty:
        return (), None
    rows: Sequence[_Row] | None = None
    if order == "value":
        rows = walked(index, query, found, after, size)
    elif order == "rid":
        rows = near(index, query, found, after[1] if after else -1, size)
    return _straight(index, query, found, order, after, size) if rows is None else rows, None


def _straight(
    index: Index, query: Query, found: Plan, order: Order, after: tuple[Any, int] | None, size: int
) -> Sequence[_Row]:
    matches = rows_of(index.connection, query, found, order, index.sight.limits())
    return fetch(index.connection, _paged(matches, order, query, after, size))


def _through(
    index: Index, query: Query, found: Plan, order: Order, after: tuple[Any, int] | None, size: int
) -> tuple[list[_Row], _Row | None]:
    """`_rows` of a plan that leaves links to each row: they are followed for a window of rows at a time."""
    kept: list[_Row] = []
    most = MOST_FOLLOWED if found.chained else MOST_LOOKED_AT
    looked_at, window = 0, size + _MORE
    while True:
        rows = _straight(index, query, found, order, after, window)
        meeting = linked(index, query, found, [row[0] for row in rows])
        kept += [row for row in rows if row[0] in meeting]
        if len(kept) >= size or len(rows) < window:
            return kept[:size], None
        looked_at += len(rows)
        if looked_at >= most:
            return kept, rows[-1]
        after = (rows[-1][1], rows[-1][0])
        window = min(1_000, (size - len(kept)) * looked_at // max(1, len(kept)) + _MORE)


def _shown(index: Index, query: Query, rids: list[int], size: int) -> tuple[tuple[int, ...], int]:
    """(rows of a page, how many were looked at)."""
    if not query.checks and not index.sight.is_unsure:
        return tuple(rids), len(rids)
    shown: list[int] = []
    for rid in passing(index, query, rids):
        shown.append(rid)
        if len(shown) == size:
            return tuple(shown), rids.index(rid) + 1
    return tuple(shown), len(rids)


def _paged(rows: Rows, order: Order, query: Query, after: tuple[Any, int] | None, size: int) -> Term:
    direction, beyond = (" DESC", "<") if query.is_descending and order != "rid" else ("", ">")
    if after is not None:
        last, last_rid = after
        further = Term(f"{rows.rid} {beyond} ?", (last_rid,))
        if order == "rid":
            rows.conditions.append(further)
        else:
            rows.conditions.append(Term(f"{rows.place} {beyond}= ?", (last,)))
            rows.conditions.append(any_of([Term(f"{rows.place} {beyond} ?", (last,)), further]))
    sql, values = rows.statement()
    if order == "value":
        ordered = f"place{direction}, rid{direction}"
    else:
        ordered = rows.rid if order == "rid" else f"{rows.place}{direction}, {rows.rid}{direction}"
    return Term(f"{sql} ORDER BY {ordered} LIMIT ?", (*values, size))


def _fingerprint(query: Query, payload: bytes) -> bytes:
    asked = (
        *(query.resource_type, query.criteria, query.ids, query.updated, query.sources, query.checks),
        *(query.chains, query.reverses, query.sort, query.is_descending),
    )
    return payload + repr(asked).encode("utf-8", "surrogatepass")


def _seal_cursor(row: tuple[Any, ...], query: Query, blind: BlindIndex) -> str:
    rid, at = row
    place = repr(float(at)) if query.sort_by else at if isinstance(at, str) else str(int(at))
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
    at = float(place) if query.sort_by else place if query.sort == "_id" else int(place)
    return at, struct.unpack(">q", payload[:8])[0]
