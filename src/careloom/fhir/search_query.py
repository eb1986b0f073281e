"""A search as data: what was asked, understood and typed, before any store is concerned."""

from dataclasses import dataclass, field
from typing import Literal

from careloom.fhir.search_parameters import Parameter

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
Total = Literal["none", "estimate", "accurate"]


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


Value = TokenValue | ReferenceValue | TextValue | UriValue | TimeValue | NumberValue | QuantityValue | MissingValue


@dataclass(frozen=True, slots=True)
class Criterion:
    """One ``name:modifier=a,b``: met when any of `values` is.

    modifier  empty, ``exact``, ``missing``, ``not`` or ``identifier``; a type modifier is resolved into the values
    """

    parameter: Parameter
    modifier: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one type: all of `criteria`, `ids` and `updated` must be met.

    ids            ``_id``: each a set of ids of which one must fit
    updated        ``_lastUpdated``: each a set of times of which one must fit
    count          the page size asked for, None if none was
    sort           ``_id``, ``_lastUpdated`` or empty: an order of the store's own choice, stable over pages
    is_count_only  only the number of matches is wanted
    """

    resource_type: str
    criteria: tuple[Criterion, ...] = ()
    ids: tuple[tuple[str, ...], ...] = ()
    updated: tuple[tuple[TimeValue, ...], ...] = ()
    count: int | None = field(default=None, compare=False)
    sort: Literal["", "_id", "_lastUpdated"] = ""
    is_descending: bool = False
    total: Total = "none"
    is_count_only: bool = False
