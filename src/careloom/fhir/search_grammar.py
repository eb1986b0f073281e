"""FHIR search requests: text or parameters in, a typed `Query` out, or a QueryError that says what is understood.

Messages name parameters of the standard by their code and anything else by its position: a searched value may identify
a patient and is never repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qsl

from careloom.errors import QueryError
from careloom.fhir.search_controls import CONTROLS, Controls
from careloom.fhir.search_criteria import Asked, read_composite, read_criterion
from careloom.fhir.search_own import STANDARD, OwnParameters
from careloom.fhir.search_parameters import Parameter, composites, parameters, resource_types
from careloom.fhir.search_query import Chain, Query, Reverse
from careloom.fhir.search_texts import alternatives, read_time, split, unescape

MOST_PARAMETERS = 100
MOST_VALUES = 1000
"""Values of all parameters of a search together."""
MOST_LINKS = 3
"""Links of a chain, those of ``_has`` among them."""
LATER = frozenset({"_contained", "_containedType", "_filter", "_query", "_text", "_content", "_list", "_type"})
IGNORED = frozenset({"_format", "_pretty"})
"""They shape an answer, not its matches."""
EVERY_TYPE = ("_id", "_lastUpdated", "_source")
"""What every type is searched by without an index of its own."""
_RECORD = "urn:careloom:record:"


def parse_search(text: str, own: OwnParameters = STANDARD) -> Query:
    """The query that ``Type?name=value&...`` asks; percent escapes and ``+`` are decoded.

    own  the parameters that the zone has beside those of the standard

    raises  QueryError
    """
    resource_type, _, rest = text.partition("?")
    return _parse(resource_type.strip().lstrip("/"), pairs_of(rest), own)


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The names and values of ``name=value&...``, decoded, in order.

    raises  QueryError
    """
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise QueryError("the search is not UTF-8 after percent decoding", "encode its values as UTF-8") from None
    except ValueError:
        raise QueryError("the search has too many parameters", f"give at most {MOST_PARAMETERS}") from None


def parse_parameters(resource_type: str, given: Mapping[str, Sequence[str]]) -> Query:
    """The query that decoded parameters ask; a name that stands n times has n values in its list.

    raises  QueryError
    """
    pairs = [(name, value) for name, values in given.items() for value in values]
    if len(pairs) > MOST_PARAMETERS:
        raise QueryError("the search has too many parameters", f"give at most {MOST_PARAMETERS}")
    return _parse(resource_type, pairs, STANDARD)


def _parse(resource_type: str, pairs: Sequence[tuple[str, str]], own: OwnParameters) -> Query:
    if resource_type not in resource_types():
        near = get_close_matches(resource_type, resource_types(), n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "write it as FHIR R4 does, for example Observation?code=..."
        )
        raise QueryError("the search names no FHIR resource type", hint)
    _refuse_too_many(pairs)
    controls, asked = Controls(own), Asked()
    for position, (name, value) in enumerate(pairs, 1):
        if name in IGNORED:
            continue
        if name.partition(":")[0] in CONTROLS:
            controls.add(resource_type, name, value)
        else:
            _read(resource_type, name, value, asked, _Place(position, own))
    sort, sort_by, is_descending = controls.order(resource_type)
    return replace(
        asked.query(resource_type),
        count=controls.count(),
        sort=sort,
        sort_by=sort_by,
        is_descending=is_descending,
        total=controls.total(),
        is_count_only=controls.is_count_only(),
        includes=tuple(controls.includes),
        elements=controls.elements(resource_type),
        summary=controls.summary(),
    )


def _refuse_too_many(pairs: Sequence[tuple[str, str]]) -> None:
    count = 0
    for _, value in pairs:
        count += len(split(value, ","))
        if count > MOST_VALUES:
            raise QueryError("the search has too many values", f"give at most {MOST_VALUES} in all")


class _Place(NamedTuple):
    """Where in a search a condition stands: the position of its parameter, and how many links lead to it.

    own  the parameters that the zone has beside those of the standard
    """

    position: int
    own: OwnParameters = STANDARD
    links: int = 0

    def beyond(self) -> "_Place":
        """The place behind one more link. raises QueryError if there are too many."""
        if self.links == MOST_LINKS:
            where = f"parameter {self.position} of the search has more than {MOST_LINKS} links"
            raise QueryError(where, "search in two steps")
        return self._replace(links=self.links + 1)


def _read(resource_type: str, name: str, value: str, asked: Asked, place: _Place) -> None:
    """Adds one condition to what is asked."""
    if name == "_id":
        asked.ids.append(tuple(unescape(part) for part in alternatives(name, value)))
    elif name == "_lastUpdated":
        asked.updated.append(tuple(read_time(name, part) for part in alternatives(name, value)))
    elif name == "_source":
        asked.sources.append(tuple(unescape(part).removeprefix(_RECORD) for part in alternatives(name, value)))
    elif name.startswith("_has:"):
        asked.reverses.append(_reverse(resource_type, name, value, place))
    elif "." in name:
        asked.chains.append(_chain(resource_type, name, value, place))
    else:
        _condition(resource_type, name, value, asked, place)


def _condition(resource_type: str, name: str, value: str, asked: Asked, place: _Place) -> None:
    code, colon, modifier = name.partition(":")
    if code in LATER:
        raise QueryError(f"{code} is not answered yet", "search without it")
    if colon and not modifier:
        raise QueryError(
            f"the modifier of {code if _has(resource_type, code, place.own) else 'a parameter'} is empty",
            "leave the colon out",
        )
    composite = composites(resource_type).get(code)
    if composite is not None:
        read_composite(composite, modifier, value, asked)
        return
    read_criterion(_parameter(resource_type, code, place), modifier, value, asked)


def _parameter(resource_type: str, code: str, place: _Place) -> Parameter:
    parameter = place.own.of(resource_type).get(code)
    if parameter is None:
        why = place.own.why_off(resource_type, code)
        if why:
            raise QueryError(f"{code} is not searched by now: {why}", "See careloom search-parameter list; ask later.")
        _refuse_unknown(resource_type, code, place)
    return parameter


def _refuse_unknown(resource_type: str, code: str, place: _Place) -> NoReturn:
    known = [*place.own.of(resource_type), *composites(resource_type), *EVERY_TYPE]
    near = get_close_matches(code, known, n=4, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"{resource_type} has {', '.join(known)}"
    raise QueryError(f"parameter {place.position} of the search is none of {resource_type}'s", hint)


def _has(resource_type: str, code: str, own: OwnParameters) -> bool:
    return code in own.of(resource_type) or code in composites(resource_type)


def is_known(resource_type: str, name: str, own: OwnParameters = STANDARD) -> bool:
    """True when a search of the type may have a parameter of this name, whatever its value; chains are followed."""
    if name.startswith("_has:"):
        parts = name.split(":", 3)
        if len(parts) < 4 or parts[1] not in resource_types():
            return False
        return parts[2] in own.of(parts[1]) and is_known(parts[1], parts[3], own)
    head, dot, rest = name.partition(".")
    code, _, target = head.partition(":")
    if not dot:
        return code in (*CONTROLS, *IGNORED, *EVERY_TYPE) or _has(resource_type, code, own)
    parameter = own.of(resource_type).get(code)
    if parameter is None or parameter.kind != "reference":
        return False
    ends = (target,) if target else parameter.targets
    return any(is_known(one, rest, own) for one in ends if one in resource_types())


def _is_searched(resource_type: str, name: str, own: OwnParameters) -> bool:
    """True when a chain may end so at the type."""
    code = name.partition(":")[0]
    return is_known(resource_type, name, own) and code not in (*CONTROLS, *IGNORED)


def _below(resource_type: str, name: str, value: str, place: _Place) -> Query:
    """The query at the other end of a link."""
    asked = Asked()
    if name.partition(":")[0] in (*CONTROLS, *IGNORED):
        raise QueryError(f"parameter {place.position} of the search is a link to no condition", "end it in a parameter")
    _read(resource_type, name, value, asked, place)
    return asked.query(resource_type)


def _chain(resource_type: str, name: str, value: str, place: _Place) -> Chain:
    head, _, rest = name.partition(".")
    code, _, target = head.partition(":")
    parameter = _parameter(resource_type, code, place)
    where = f"parameter {place.position} of the search is chained"
    if parameter.kind != "reference":
        raise QueryError(where, f"{code} is a {parameter.kind}: a chain follows references")
    if target:
        if target not in resource_types() or (parameter.targets and target not in parameter.targets):
            raise QueryError(where, f"{code} points to {', '.join(parameter.targets) or 'any type of FHIR R4'}")
        types: tuple[str, ...] = (target,)
    else:
        types = tuple(one for one in parameter.targets if _is_searched(one, rest, place.own))
        if not parameter.targets:
            raise QueryError(where, f"{code} may point to any type: name it, {code}:Patient.name")
        if not types:
            wrong = rest.partition(":")[0].partition(".")[0]
            near = (one for one in parameter.targets if get_close_matches(wrong, parameters(one), cutoff=0.5))
            _refuse_unknown(next(near, parameter.targets[0]), wrong, place)
    return Chain(parameter, tuple(_below(one, rest, value, place.beyond()) for one in types))


def _reverse(resource_type: str, name: str, value: str, place: _Place) -> Reverse:
    parts = name.split(":", 3)
    where = f"parameter {place.position} of the search is _has"
    if len(parts) < 4 or parts[1] not in resource_types() or not parts[3]:
        raise QueryError(where, "write it as _has:Observation:patient:code=...")
    parameter = _parameter(parts[1], parts[2], place)
    if parameter.kind != "reference" or (parameter.targets and resource_type not in parameter.targets):
        known = [
            one.code
            for one in place.own.of(parts[1]).values()
            if one.kind == "reference" and (not one.targets or resource_type in one.targets)
        ]
        raise QueryError(where, f"{parts[1]} points to {resource_type} by {', '.join(known) or 'nothing'}")
    return Reverse(parameter, _below(parts[1], parts[3], value, place.beyond()))
