"""Searches through references: chains and ``_has`` become sets of keys and ids, as a search without them has.

The index holds a reference as a hash that nobody can turn back. A chain hashes the references to what lies at its other
end; ``_has`` hashes those to what would be found without it, and keeps what is pointed at.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_check import meets
from careloom.fhir.search_parameters import Parameter
from careloom.fhir.search_query import Chain, Query, Reverse
from careloom.store.blind_index import BlindIndex
from careloom.store.search_plan import MapId, Plan, Term, joined, plan, within
from careloom.store.search_rows import fetch, rows_of
from careloom.store.sight import EVERYTHING, Sight

Read = Callable[[Sequence[int]], Iterable[tuple[int, Resource]]]
"""(row ids) -> those rows that are current, each with its content, in that order."""

MOST_LINKED = 100_000
"""Resources at one end of a link: more make a search refuse."""
MOST_READ = 20_000
"""Resources of which the content is read for one total, or for one link."""
_AT_ONCE = 500


def _unread(_: Sequence[int]) -> Iterable[tuple[int, Resource]]:
    raise QueryError("the search needs the content of resources", "ask without composites, :contains, :text and :below")


@dataclass(frozen=True, slots=True)
class Index:
    """What a search is answered from.

    map_id  the stored ids that a (type, id) of the query may mean
    read    the content of rows, for queries with checks
    hidden  numbers of data keys: what they seal is not found
    sight   what of the zone the search may know of: nothing else is found, counted, or led through
    """

    connection: Connection
    blind: BlindIndex
    map_id: MapId
    read: Read = _unread
    hidden: tuple[int, ...] = ()
    sight: Sight = EVERYTHING


def linked_plan(index: Index, query: Query) -> Plan:
    """The plan of a query with its chains and ``_has``. raises QueryError."""
    found = plan(index.connection, query, index.blind, index.map_id)
    found.hidden = index.hidden
    for chain in query.chains:
        found.keys.append(_chained(index, query.resource_type, chain))
    for reverse in query.reverses:
        if not found.is_empty:
            found.ids = _pointed_at(index, query, found, reverse)
    return found


def passing(index: Index, query: Query, rids: Sequence[int]) -> Iterator[int]:
    """Those rows that meet what no index tells, and that the sight shows, in order."""
    for start in range(0, len(rids), _AT_ONCE):
        for rid, content in index.read(rids[start : start + _AT_ONCE]):
            if index.sight.shows(content) and all(meets(content, check, index.map_id) for check in query.checks):
                yield rid


def count(index: Index, query: Query, found: Plan) -> int:
    """The number of matches. raises QueryError if too many would have to be read."""
    if query.checks:
        return sum(1 for _ in passing(index, query, [rid for rid, _ in _named(index, query, found)]))
    rows = rows_of(index.connection, query, found, "rid", index.sight.sure())
    total: int = fetch(index.connection, within("SELECT count(*) FROM (", rows.statement(), ") AS found"))[0][0]
    if index.sight.is_unsure:
        unsure = _named(index, query, found, index.sight.unsure(), is_read=True)
        total += sum(1 for _ in passing(index, query, [rid for rid, _ in unsure]))
    return total


def matching(index: Index, query: Query, limits: Sequence[Term]) -> int:
    """How many rows a query finds that meet the limits too; what only content tells is not looked at."""
    found = linked_plan(index, query)
    if found.is_empty:
        return 0
    rows = rows_of(index.connection, query, found, "rid", limits)
    total: int = fetch(index.connection, within("SELECT count(*) FROM (", rows.statement(), ") AS found"))[0][0]
    return total


def _named(
    index: Index, query: Query, found: Plan, limits: Sequence[Term] | None = None, *, is_read: bool = False
) -> list[tuple[int, str]]:
    """(row id, id) of what a plan finds, before its content is read.

    limits   conditions on a row ``r``; None for those of the sight
    is_read  the content of all of them is read next
    """
    where = index.sight.limits() if limits is None else limits
    most = MOST_READ if query.checks or is_read else MOST_LINKED
    statement = rows_of(index.connection, query, found, "none", where).statement()
    rows = fetch(index.connection, Term(f"{statement.sql} LIMIT ?", (*statement.values, most + 1)))
    if len(rows) > most:
        raise QueryError(f"more than {most} resources would have to be looked at", "narrow the search, or its links")
    return [(rid, name) for rid, name in rows]


def _matches(index: Index, query: Query) -> list[tuple[int, str]]:
    """(row id, id) of everything that a query finds."""
    found = linked_plan(index, query)
    if found.is_empty:
        return []
    sure = [] if query.checks else _named(index, query, found, index.sight.sure())
    if not query.checks and not index.sight.is_unsure:
        return sure
    rows = _named(index, query, found, None if query.checks else index.sight.unsure(), is_read=True)
    kept = set(passing(index, query, [rid for rid, _ in rows]))
    return sure + [row for row in rows if row[0] in kept]


def reference_keys(blind: BlindIndex, parameter: Parameter, target: str, target_id: str) -> list[int]:
    """The keys of references by a parameter to a stored resource."""
    slots = [use.slot for use in parameter.uses if use.only in ("", target)]
    return [blind.reference(parameter.resource_type, slot, f"{target}/{target_id}") for slot in slots]


def pointing(index: Index, parameter: Parameter, targets: Iterable[tuple[str, str]], most: int) -> list[int]:
    """Rows that point by a parameter to any of the (type, id), in order; one more than `most` where there are more."""
    keys = {key for kind, name in targets for key in reference_keys(index.blind, parameter, kind, name)}
    if not keys:
        return []
    limits = index.sight.limits()
    where = joined("AND", [Term("k.key {ints}", (list(keys),)), *limits])
    source = "idx_eq k JOIN resource r ON r.rid = k.rid" if limits else "idx_eq k"
    asked = within(f"SELECT DISTINCT k.rid FROM {source} WHERE ", where, " ORDER BY k.rid LIMIT ?")  # noqa: S608 our own names
    return [rid for (rid,) in fetch(index.connection, Term(asked.sql, (*asked.values, most + 1)))]


def _chained(index: Index, resource_type: str, chain: Chain) -> tuple[int, ...]:
    keys: dict[int, None] = {}
    for query in chain.queries:
        for _, name in _matches(index, query):
            keys |= dict.fromkeys(reference_keys(index.blind, chain.parameter, query.resource_type, name))
    return tuple(keys)


def _pointed_at(index: Index, query: Query, found: Plan, reverse: Reverse) -> tuple[str, ...]:
    """Ids of what a plan finds and a match of the reverse query points at."""
    pointing = [rid for rid, _ in _matches(index, reverse.query)]
    if not pointing:
        return ()
    target = query.resource_type
    named = {
        key: name
        for _, name in _named(index, _without_checks(query), found)
        for key in reference_keys(index.blind, reverse.parameter, target, name)
    }
    if not named:
        return ()
    sql = "SELECT DISTINCT k.key FROM idx_eq k WHERE k.key {ints} AND +k.rid {among}"
    rows = fetch(index.connection, Term(sql, (list(named), pointing)))
    return tuple(sorted({named[key] for (key,) in rows}))


def _without_checks(query: Query) -> Query:
    return Query(query.resource_type, updated=query.updated, sources=query.sources)
