"""Searches by meaning: ``:in``, ``:not-in``, ``:above`` and ``:below`` as the codes that terminologies tell."""

from dataclasses import replace

from careloom.errors import NotFound, QueryError
from careloom.fhir.search_query import Criterion, Query, TokenValue, UriValue, Value
from careloom.services.platform import Platform
from careloom.terminology.expansion import Expander, Json, Member

_RULES = {"below": "is-a", "above": "generalizes"}
_MODIFIERS = frozenset({*_RULES, "in", "not-in"})


def resolved(query: Query, platform: Platform) -> Query:
    """The query with every such condition, also behind links, as codes.

    raises  QueryError where a value set or code is not known, or only a part of its code system is
            TooLarge where it stands for too many codes
    """
    if not _is_meant(query):
        return query
    return replace(
        query,
        criteria=tuple(_criterion(one, platform) for one in query.criteria),
        chains=tuple(
            replace(one, queries=tuple(resolved(each, platform) for each in one.queries)) for one in query.chains
        ),
        reverses=tuple(replace(one, query=resolved(one.query, platform)) for one in query.reverses),
    )


def _is_meant(query: Query) -> bool:
    below = [one for chain in query.chains for one in chain.queries] + [one.query for one in query.reverses]
    return any(one.modifier in _MODIFIERS for one in query.criteria) or any(map(_is_meant, below))


def _criterion(criterion: Criterion, platform: Platform) -> Criterion:
    if criterion.modifier not in _MODIFIERS:
        return criterion
    held = platform.terminologies
    expander = Expander(held.all, held.value_set)
    try:
        members = [one for value in criterion.values for one in _members(expander, criterion.modifier, value)]
    except NotFound as error:
        raise QueryError(f"{criterion.parameter.code}:{criterion.modifier}: {error.where}", error.remedy) from None
    values = tuple(dict.fromkeys(TokenValue(one.system, one.code) for one in members))
    return replace(criterion, modifier="not" if criterion.modifier == "not-in" else "", values=values)


def _members(expander: Expander, modifier: str, value: Value) -> list[Member]:
    if isinstance(value, UriValue):
        return expander.named(value.uri)
    if not isinstance(value, TokenValue):
        return []
    rule: Json = {"property": "concept", "op": _RULES[modifier], "value": value.code}
    return expander.expand({"compose": {"include": [{"system": value.system, "filter": [rule]}]}})
