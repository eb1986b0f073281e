"""Which rows are counted: conditions on columns of codes, categories and numbers; all have to hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from careloom.errors import QueryError
from careloom.services.explore_columns import Encoded, Mask
from careloom.services.explore_frames import Seen
from careloom.services.explore_sources import Field, Source

Operator = Literal["is", "not", "above", "below", "known", "unknown"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: is, not: one of the values; above, below: the number, itself included for above; known, unknown.

    values  codes, categories or numbers as text
    """

    column: str
    operator: Operator
    values: tuple[str, ...] = ()


def kept(seen: Seen, source: Source, filters: Sequence[Filter]) -> Seen:
    """The rows of which every condition holds. raises NotFound, QueryError"""
    if not filters:
        return seen
    mask = np.ones(seen.rows, dtype=np.bool_)
    for one in filters:
        mask &= _holds(source.counted(one.column), seen.columns[one.column], one)
    return seen.at(mask)


def _holds(field: Field, column: Encoded, one: Filter) -> Mask:
    """Where a condition holds. raises QueryError"""
    if one.operator in ("known", "unknown"):
        return column.missing if one.operator == "unknown" else ~column.missing
    if not one.values:
        raise QueryError(f"the filter on {field.name}", "Say which values.")
    if field.kind == "time":
        raise QueryError(f"{field.name} is a time", "Times are filtered by known and unknown alone: a day tells who.")
    if field.kind == "number":
        numbers = [_number(field, value) for value in one.values]
        if one.operator in ("above", "below"):
            found: Mask = column.values >= numbers[0] if one.operator == "above" else column.values < numbers[0]
            return found
        listed = np.isin(column.values, numbers)
        return listed if one.operator == "is" else ~listed & ~column.missing
    if one.operator in ("above", "below"):
        raise QueryError(f"{field.name} is no number", "Compare by is or not.")
    wanted = set(one.values)
    places = [at for at, label in enumerate(column.labels) if label in wanted]
    listed = np.isin(column.values, places)
    return listed if one.operator == "is" else ~listed & ~column.missing


def _number(field: Field, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise QueryError(f"the filter on {field.name}", "Write a number.") from None
    if not np.isfinite(found):
        raise QueryError(f"the filter on {field.name}", "Write a number.")
    return found
