"""What is known of measurements by LOINC code: their units, how units convert, what a living person can have.

The table is ``rules/quantities.toml``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from careloom.fhir.drafts import Resource
from careloom.terminology.systems import LOINC


class Scale(NamedTuple):
    """How a value in another unit becomes one in the main unit: ``value * factor + offset``."""

    factor: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table.

    units     every unit that the code may come in, the main one included
    confused  units that the code must not come in, but that senders mix up with it
    low, high what is possible, in the main unit
    """

    name: str
    unit: str
    low: float
    high: float
    units: Mapping[str, Scale] = field(default_factory=dict)
    confused: Mapping[str, Scale] = field(default_factory=dict)


class Measured(NamedTuple):
    """One number of an Observation: its LOINC code, value and unit."""

    code: str
    value: float
    unit: str


def measures(table: tuple[Mapping[str, Any], ...]) -> dict[str, Measure]:
    """LOINC code -> row."""
    found: dict[str, Measure] = {}
    for row in table:
        units = {row["unit"]: Scale(1.0)} | {unit: _scale(value) for unit, value in row.get("units", {}).items()}
        confused = {unit: _scale(value) for unit, value in row.get("confused", {}).items()}
        one = Measure(row["name"], row["unit"], float(row["low"]), float(row["high"]), units, confused)
        found |= dict.fromkeys(row["loinc"], one)
    return found


def _scale(value: Any) -> Scale:
    return Scale(*value) if isinstance(value, list) else Scale(float(value))


def measured(resource: Resource, *, any_system: bool = False) -> Iterator[Measured]:
    """The numbers of an Observation that carry a LOINC code, components after the whole.

    any_system  where there is no LOINC code, the first other one stands for it as ``system|code``
    """
    one = _of_node(resource, any_system=any_system)
    if one is not None:
        yield one
    for component in resource.get("component", ()):
        one = _of_node(component, any_system=any_system)
        if one is not None:
            yield one


def _of_node(node: Mapping[str, Any], *, any_system: bool) -> Measured | None:
    quantity = node.get("valueQuantity")
    if quantity is None:
        return None
    value = quantity.get("value")
    code = _loinc(node.get("code"))
    if code is None and any_system:
        code = _own(node.get("code"))
    if code is None or value.__class__ not in (int, float):
        return None
    return Measured(code, float(value), unit_of(quantity))


def _loinc(concept: Any) -> str | None:
    if isinstance(concept, dict):
        for coding in concept.get("coding", ()):
            if coding.get("system") == LOINC:
                code: str | None = coding.get("code")
                return code
    return None


def _own(concept: Any) -> str | None:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    return f"{first.get('system', '')}|{first['code']}" if isinstance(first.get("code"), str) else None


def unit_of(quantity: Mapping[str, Any]) -> str:
    """The unit's code, or what is written where there is no code."""
    return str(quantity.get("code") or quantity.get("unit") or "")
