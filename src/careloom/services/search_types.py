"""Search over several types at once: one after the other, by what resources of every type are searched by.

source  FHIR R4 4.0.1, RESTful API 3.1.0.11: ``GET [base]?_type=...`` takes parameters that all types have
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from urllib.parse import urlencode

from careloom.errors import QueryError
from careloom.fhir.search_grammar import EVERY_TYPE, is_known, parse_search
from careloom.fhir.search_own import OwnParameters
from careloom.fhir.search_parameters import parameters, resource_types
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.records import Found
from careloom.services.search import SearchPage, search, zone_of
from careloom.store.zone_store import Zone

_SHAPES = ("_count", "_total", "_summary", "_include", "_revinclude", "_format", "_pretty")
_BETWEEN = "~"
Pairs = Sequence[tuple[str, str]]


def search_types(platform: Platform, who: Principal, zone_name: str, pairs: Pairs, *, cursor: str = "") -> SearchPage:
    """The page that follows `cursor` of a search over the types that ``_type`` names: in the order of their names.

    Without ``_type``: every type that the zone holds and the principal may search. Each type is decided and audited as
    a search of its own. A search of one type takes all of its parameters, and ``_sort``.

    pairs   names and values of the parameters, decoded
    raises  AccessError; QueryError
    """
    zone = zone_of(zone_name)
    types = _types(platform, who, zone, pairs)
    rest = [pair for pair in pairs if pair[0] != "_type"]
    if len(types) != 1:
        _refuse_particular(rest)
    if not types:
        parse_search(_text("Basic", rest))  # what means nothing is refused also where there is nothing to find
    limit = _limit(platform, rest)
    if limit == 0 or ("_summary", "count") in rest:
        pages = [search(platform, who, zone, _text(kind, rest)) for kind in types]
        return SearchPage(total=sum(page.total or 0 for page in pages))
    return _page(platform, who, zone, types, (rest, limit, cursor))


def _page(
    platform: Platform, who: Principal, zone: Zone, types: Sequence[str], ask: tuple[Pairs, int, str]
) -> SearchPage:
    rest, left, cursor = ask
    number, _, inner = cursor.partition(_BETWEEN)
    start = int(number) if number.isdecimal() else 0
    bare = [pair for pair in rest if pair[0] != "_count"]
    page, at = SearchPage(), start
    while at < len(types) and left:
        one = search(platform, who, zone, _text(types[at], [*bare, ("_count", str(left))]), cursor=inner)
        left -= len(one.found)
        page = replace(page, found=page.found + one.found, included=_once(page, one))
        inner = one.next_cursor
        if inner:
            break
        at += 1
    if at < len(types):
        page = replace(page, next_cursor=f"{at}{_BETWEEN}{inner}")
    if ("_total", "accurate") in rest or ("_total", "estimate") in rest:
        counts = (search(platform, who, zone, _text(kind, [*bare, ("_count", "0")])).total for kind in types)
        page = replace(page, total=sum(count or 0 for count in counts))
    return page


def _once(page: SearchPage, one: SearchPage) -> tuple[Found, ...]:
    """What both include, each resource once, and none that is a match of either."""
    seen = {(each.resource_type, each.id) for each in (*page.found, *one.found)}
    kept = []
    for each in (*page.included, *one.included):
        if (each.resource_type, each.id) not in seen:
            seen.add((each.resource_type, each.id))
            kept.append(each)
    return tuple(kept)


def _types(platform: Platform, who: Principal, zone: Zone, pairs: Pairs) -> list[str]:
    named = [kind for name, value in pairs if name == "_type" for kind in value.split(",")]
    if any(kind not in resource_types() for kind in named):
        raise QueryError("_type names no resource type of FHIR R4", "Write types as FHIR does: Patient,Observation.")
    if named:
        return sorted(set(named))
    held = platform.store(zone).types()
    found = sorted(kind for kind in held if kind in resource_types() and who.may("search", zone, kind))
    if not found:
        admit(platform, who, "search", zone)
    return found


def left_out(pairs: Pairs, own: OwnParameters) -> list[int]:
    """Positions, from 1, of the parameters that a search over the types named in ``_type`` does not take."""
    types = {kind for name, value in pairs if name == "_type" for kind in value.split(",")} & set(resource_types())
    one = next(iter(types)) if len(types) == 1 else ""
    return [
        number
        for number, (name, _) in enumerate(pairs, 1)
        if not (name == "_type" or (is_known(one, name, own) if one else _is_shared(name)))
    ]


def _is_shared(name: str) -> bool:
    return name.partition(":")[0] in _shared()


@cache
def _shared() -> frozenset[str]:
    """What a search over several types takes."""
    return frozenset({*EVERY_TYPE, *_SHAPES, *parameters("")})


def _refuse_particular(pairs: Pairs) -> None:
    """Returns when every type has each parameter. raises QueryError that tells its position."""
    for number, (name, _) in enumerate(pairs, 1):
        if not _is_shared(name):
            raise QueryError(
                f"parameter {number} of the search is not one that every type has",
                f"Ask for {', '.join(sorted(_shared()))}, or name one type.",
            )


def _limit(platform: Platform, pairs: Pairs) -> int:
    settings = platform.settings.search
    text = dict(pairs).get("_count", str(settings.default_count))
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise QueryError("_count is no number", "give a number from 0 on")
    return min(int(text), settings.max_count)


def _text(kind: str, pairs: Pairs) -> str:
    return f"{kind}?{urlencode(pairs, errors='surrogatepass')}"  # what is no text is refused where it is read
