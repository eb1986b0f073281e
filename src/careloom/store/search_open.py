"""Links to many, followed from one row after the other: which rows of a page's order meet them.

A chain reads the row and looks up what it points at. ``_has`` looks for one row that points here and meets the rest:
among all that point here, or, where few that meet the rest lie between the first and the last of those, among these.
"""

from collections.abc import Sequence
from dataclasses import replace

from careloom.fhir.search_check import references
from careloom.fhir.search_query import Chain, Query, Reverse
from careloom.store.search_links import Index, matches, passing, reference_keys
from careloom.store.search_plan import Plan, Term, joined, one_of, within
from careloom.store.search_rows import fetch, filters_of, probes_of, rarest

FEW_BETWEEN = 32
"""So few rows that meet the rest are looked through rather than all that point."""
_FIRST = "(SELECT p.rid FROM idx_eq p WHERE p.key = t.key ORDER BY p.rid LIMIT 1)"
_LAST = "(SELECT p.rid FROM idx_eq p WHERE p.key = t.key ORDER BY p.rid DESC LIMIT 1)"


def linked(index: Index, query: Query, found: Plan, rids: Sequence[int]) -> set[int]:
    """Those rows that meet the links which the plan leaves to each row. raises QueryError"""
    kept = list(rids)
    for reverse, pointing in found.pointed:
        kept = _pointed(index, query.resource_type, reverse, pointing, kept)
    if found.chained and kept:
        contents = list(index.read(kept))
        for chain, ends in found.chained:
            pairs = {(rid, *target) for rid, content in contents for target in references(content, chain.parameter)}
            there = _there(index, chain, ends, {(kind, name) for _, kind, name in pairs})
            meeting = {rid for rid, kind, name in pairs if (kind, name) in there}
            contents = [one for one in contents if one[0] in meeting]
        kept = [rid for rid, _ in contents]
    return set(kept)


def _there(index: Index, chain: Chain, ends: Sequence[Plan], targets: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those targets that lie at the ends of a chain."""
    found: set[tuple[str, str]] = set()
    for query, end in zip(chain.queries, ends, strict=True):
        names = {name for kind, name in targets if kind == query.resource_type}
        names = names if end.ids is None else names & set(end.ids)
        asked = replace(end, ids=tuple(sorted(names)))
        found |= {(query.resource_type, name) for _, name in matches(index, query, asked)}
    return found


def _pointed(index: Index, target: str, reverse: Reverse, pointing: Plan, rids: list[int]) -> list[int]:
    """Those of the target's rows that something points at which the reverse query finds, in order."""
    if not rids:
        return []
    named = fetch(index.connection, Term("SELECT r.rid, r.id FROM resource r WHERE r.rid {ints}", (rids,)))
    rows = {key: rid for rid, name in named for key in reference_keys(index.blind, reverse.parameter, target, name)}
    if not rows:
        return []
    sure = _one_points(index, reverse.query, pointing, index.sight.sure())
    statement = within("SELECT t.key FROM {keys} WHERE ", sure)
    kept = {rows[key] for (key,) in fetch(index.connection, Term(statement.sql, (list(rows), *statement.values)))}
    if index.sight.is_unsure:
        kept |= _pointed_unsurely(index, reverse, pointing, {key: rid for key, rid in rows.items() if rid not in kept})
    return [rid for rid in rids if rid in kept]


def _pointed_unsurely(index: Index, reverse: Reverse, pointing: Plan, rows: dict[int, int]) -> set[int]:
    """The same by rows whose content has to be looked at.

    rows  key of references to a row -> that row
    """
    if not rows:
        return set()
    filters = [*filters_of(reverse.query, pointing), *index.sight.unsure()]
    where = joined("AND", [Term("p.key {ints}", (list(rows),)), *probes_of(pointing, "p.rid"), *filters])
    asked = within("SELECT p.key, p.rid FROM idx_eq p JOIN resource r ON r.rid = p.rid WHERE ", where)
    pairs = fetch(index.connection, asked)
    shown = set(passing(index, reverse.query, sorted({rid for _, rid in pairs})))
    return {rows[key] for key, rid in pairs if rid in shown}


def _one_points(index: Index, query: Query, pointing: Plan, limits: Sequence[Term]) -> Term:
    """The condition that a match of the reverse query, within the limits, has the key ``t.key``."""
    filters = [*filters_of(query, pointing), *limits]
    own = _exists("idx_eq p", [Term("p.key = t.key"), *probes_of(pointing, "p.rid")], filters)
    driver = rarest(index.connection, pointing)
    if driver is None:
        return own
    keys = one_of("c.key", pointing.keys[driver])
    between = joined("AND", [keys, Term(f"c.rid >= {_FIRST}"), Term(f"c.rid <= {_LAST}")])
    few = within("(SELECT count(*) FROM (SELECT 1 FROM idx_eq c WHERE ", between, f" LIMIT {FEW_BETWEEN}) AS f)")
    points = Term("(SELECT 1 FROM idx_eq p WHERE p.key = t.key AND p.rid = c.rid) IS NOT NULL")
    inside = _exists("idx_eq c", [between, points, *probes_of(pointing, "c.rid", driver)], filters)
    sql = f"CASE WHEN {few.sql} < {FEW_BETWEEN} THEN {inside.sql} ELSE {own.sql} END"
    return Term(sql, few.values + inside.values + own.values)


def _exists(source: str, conditions: Sequence[Term], filters: Sequence[Term]) -> Term:
    """That there is such a row, as a subquery that PostgreSQL does not turn into a join with everything.

    filters  conditions on the row ``r`` of ``resource``
    """
    if filters:
        source += f" JOIN resource r ON r.rid = {source[-1]}.rid"
    where = joined("AND", [*conditions, *filters])
    return within(f"((SELECT 1 FROM {source} WHERE ", where, " LIMIT 1) IS NOT NULL)")  # noqa: S608 our own names
