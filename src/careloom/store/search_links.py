"""Searches through references: chains and ``_has`` become sets of keys and ids, as a search without them has.

The index holds a reference as a hash that nobody can turn back. A chain hashes the references to what lies at its other
end; ``_has`` reads what points where that is little, else it hashes the references to what would be found without it.
A page needs no whole set: links to many are followed from one row after the other (`careloom.store.search_open`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_check import meets, references
from careloom.fhir.search_parameters import Parameter
from careloom.fhir.search_query import Chain, Query, Reverse
from careloom.store.blind_index import BlindIndex
from careloom.store.search_plan import MapId, Plan, Term, joined, plan, within
from careloom.store.search_rows import fetch, fewest, has_many_keys, rows_of
from careloom.store.sight import EVERYTHING, Sight

Read = Callable[[Sequence[int]], Iterable[tuple[int, Resource]]]
"""(row ids) -> those rows that are current, each with its content, in that order."""

MOST_LINKED = 100_000
"""Resources at one end of a link: more make a search refuse."""
MOST_READ = 20_000
"""Resources of which the content is read for one total, or for one link."""
FEW_POINTING = 1_000
"""Resources whose content is read to learn what they point at; of more, what they may point at is looked at."""
FEW_LINKED = 50
"""Ends of a chain that are looked for with each row; of more, the row is read and what it points at is looked up."""
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
    """The plan of a query with its chains and ``_has``: links to few are keys and ids, others are left to each row.

    raises  QueryError
    """
    found = plan(index.connection, query, index.blind, index.map_id)
    found.hidden = index.hidden
    own = bool(found.keys)
    for chain in query.chains:
        if not found.is_empty:
            _add_chain(index, found, chain, is_lasting=own)
    for reverse in query.reverses:
        if not found.is_empty:
            _add_reverse(index, query, found, reverse)
    return found


def resolved(index: Index, query: Query, found: Plan) -> Plan:
    """The plan without links that are left to each row. raises QueryError if one leads to too many"""
    if found.is_empty or not (found.chained or found.pointed):
        return found
    whole = replace(found, keys=list(found.keys), chained=[], pointed=[])
    for chain, ends in found.chained:
        whole.keys.append(_keys_of(index, chain, ends))
    for reverse, pointing in found.pointed:
        if not whole.is_empty:
            whole.ids = _pointed_at(index, query, whole, reverse, matches(index, reverse.query, pointing))
    return whole


def _add_chain(index: Index, found: Plan, chain: Chain, *, is_lasting: bool) -> None:
    """is_lasting  the chain may be left to each row: something else says which rows"""
    ends = tuple(resolved(index, one, linked_plan(index, one)) for one in chain.queries)
    several = sum(_bounded(index, end, FEW_LINKED) for end in ends)
    if is_lasting and several >= FEW_LINKED and not any(one.checks for one in chain.queries):
        found.chained.append((chain, ends))
    else:
        found.keys.append(_keys_of(index, chain, ends))


def _add_reverse(index: Index, query: Query, found: Plan, reverse: Reverse) -> None:
    pointing = resolved(index, reverse.query, linked_plan(index, reverse.query))
    is_read = bool(reverse.query.checks) or has_many_keys(pointing) or pointing.ids is not None
    if not is_read and _bounded(index, pointing, FEW_POINTING) >= FEW_POINTING:
        found.pointed.append((reverse, pointing))
        return
    rows = matches(index, reverse.query, pointing)
    if len(rows) > FEW_POINTING:
        found.ids = _pointed_at(index, query, found, reverse, rows)
        return
    names = {
        name
        for _, content in index.read([rid for rid, _ in rows])
        for kind, name in references(content, reverse.parameter)
        if kind == query.resource_type
    }
    found.ids = tuple(sorted(names if found.ids is None else names & set(found.ids)))


def _bounded(index: Index, found: Plan, most: int) -> int:
    """At least as many as a plan finds, counted up to `most`; that many where nothing can be counted."""
    if found.is_empty:
        return 0
    return min(most, len(found.ids)) if found.ids is not None else fewest(index.connection, found, most)


def passing(index: Index, query: Query, rids: Sequence[int]) -> Iterator[int]:
    """Those rows that meet what no index tells, and that the sight shows, in order."""
    for start in range(0, len(rids), _AT_ONCE):
        for rid, content in index.read(rids[start : start + _AT_ONCE]):
            if index.sight.shows(content) and all(meets(content, check, index.map_id) for check in query.checks):
                yield rid


def count(index: Index, query: Query, found: Plan) -> int:
    """The number of matches. raises QueryError if too many would have to be read."""
    found = resolved(index, query, found)
    if found.is_empty:
        return 0
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
    found = resolved(index, query, linked_plan(index, query))
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


def matches(index: Index, query: Query, found: Plan) -> list[tuple[int, str]]:
    """(row id, id) of everything that a query finds whose plan leaves no link to each row."""
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


def _keys_of(index: Index, chain: Chain, ends: Sequence[Plan]) -> tuple[int, ...]:
    """The keys of references to everything that lies at the ends of a chain."""
    keys: dict[int, None] = {}
    for query, end in zip(chain.queries, ends, strict=True):
        for _, name in matches(index, query, end):
            keys |= dict.fromkeys(reference_keys(index.blind, chain.parameter, query.resource_type, name))
    return tuple(keys)


def _pointed_at(
    index: Index, query: Query, found: Plan, reverse: Reverse, rows: Sequence[tuple[int, str]]
) -> tuple[str, ...]:
    """Ids of what a plan finds and one of the rows, matches of the reverse query, points at."""
    if not rows:
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
    keys = fetch(index.connection, Term(sql, (list(named), [rid for rid, _ in rows])))
    return tuple(sorted({named[key] for (key,) in keys}))


def _without_checks(query: Query) -> Query:
    return Query(query.resource_type, updated=query.updated, sources=query.sources)
