"""A search as data: what was asked, understood and typed, before any store is concerned."""

from dataclasses import dataclass, field
from typing import Literal

from careloom.fhir.search_parameters import Composite, Parameter

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
Total = Literal["none", "estimate", "accurate"]
Summary = Literal["false", "true", "text", "data", "count"]


@dataclass(frozen=True, slots=True, repr=True)
class TokenValue:
    """``system|code``; `system` is None where any will do and empty for ``|code``."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """``Type/id`` or an id of one of `types`; or `url`, an absolute reference, and then `types` and `id` are empty."""

    types: tuple[str, ...] = ()
    id: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text, as asked; with ``:exact`` compared as it stands, else as `careloom.fhir.search_values.normal_text`."""

    text: str


@dataclass(frozen=True, slots=True)
class UriValue:
    """A URI, compared as it stands."""

    uri: str


@dataclass(frozen=True, slots=True)
class TimeValue:
    """Milliseconds since 1970-01-01 UTC, half-open: the range that the precision of the text means."""

    prefix: Prefix
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NumberValue:
    """A number and the range that its precision means; order comparisons use `value` alone."""

    prefix: Prefix
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number with a unit: any unit if `code` is None, any system if `system` is None."""

    number: NumberValue
    system: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class MissingValue:
    """``:missing``: true asks for resources without any value."""

    missing: bool


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """``a$b``: one value for each component, all met by one part of a resource."""

    parts: tuple["Value", ...]


Value = (
    TokenValue
    | ReferenceValue
    | TextValue
    | UriValue
    | TimeValue
    | NumberValue
    | QuantityValue
    | MissingValue
    | CompositeValue
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One ``name:modifier=a,b``: met when any of `values` is.

    modifier  empty, ``exact``, ``missing``, ``not`` or ``identifier``; a type modifier is resolved into the values.
              A terminology resolves ``in``, ``not-in``, ``above`` and ``below`` of a token before a store is asked
    """

    parameter: Parameter
    modifier: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What no index tells, so that resources which meet all else are read: met when any of `values` is.

    modifier  ``contains``, ``text``, ``below`` (of a URI), ``system`` (a token without a code has any code of its
              system), ``of-type`` (an identifier: its type, its value) or ``composite``
    """

    parameter: Parameter | Composite
    modifier: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """``subject:Patient.name=ada``: what `parameter` points to is found by one of `queries`, each of another type."""

    parameter: Parameter
    queries: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Reverse:
    """``_has:Observation:patient:code=a``: something that `query` finds points here by `parameter`."""

    parameter: Parameter
    query: "Query"


@dataclass(frozen=True, slots=True)
class Include:
    """``_include`` and ``_revinclude``: what goes out with the matches.

    source       the type whose references are followed
    parameters   the references; several for ``*``
    target       the one type wanted at their other end, empty for any
    is_reverse   the matches are at the other end
    is_iterated  what was included is followed again
    """

    source: str
    parameters: tuple[Parameter, ...]
    target: str = ""
    is_reverse: bool = False
    is_iterated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one type: all of `criteria`, `checks`, `chains`, `reverses`, `ids`, `updated`, `sources` must be met.

    ids            ``_id``: each a set of ids of which one must fit
    updated        ``_lastUpdated``: each a set of times of which one must fit
    sources        ``_source``: each a set of ids of source records of which one must fit
    count          the page size asked for, None if none was
    sort           ``_id``, ``_lastUpdated``, the code of `sort_by` or empty: an order of the store's own choice, stable
                   over pages
    sort_by        the date, number or quantity that resources are sorted by
    is_count_only  only the number of matches is wanted
    includes       what goes out beside the matches
    elements       the only elements wanted of a match; empty: all, or what `summary` says
    """

    resource_type: str
    criteria: tuple[Criterion, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    updated: tuple[tuple[TimeValue, ...], ...] = ()
    sources: tuple[tuple[str, ...], ...] = ()
    checks: tuple[Check, ...] = ()
    chains: tuple[Chain, ...] = ()
    reverses: tuple[Reverse, ...] = ()
    count: int | None = field(default=None, compare=False)
    sort: str = ""
    sort_by: Parameter | None = None
    is_descending: bool = False
    total: Total = "none"
    is_count_only: bool = False
    includes: tuple[Include, ...] = ()
    elements: tuple[str, ...] = ()
    summary: Summary = "false"

    def types(self) -> frozenset[str]:
        """Every type that the search asks about, through chains and ``_has`` too: whoever searches learns of each."""
        below = [one for chain in self.chains for one in chain.queries] + [one.query for one in self.reverses]
        return frozenset({self.resource_type}).union(*(one.types() for one in below))
