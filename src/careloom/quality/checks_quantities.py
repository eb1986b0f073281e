"""Checks of measured values: possible at all, in a unit that fits the code, in agreement with their own flags."""

from functools import lru_cache
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.quality.checking import Check, Setting
from careloom.quality.paths import codings_of
from careloom.quality.quantities import measured, measures, unit_of
from careloom.terminology.ucum import canonical
from careloom.terminology.ucum_spellings import read

_HIGH = frozenset({"H", "HH", "HU"})
_LOW = frozenset({"L", "LL", "LU"})
"""HL7 v3 ObservationInterpretation: high, critically high, significantly high; low alike."""


def limit(setting: Setting) -> Check:
    """No value lies below (`side` low) or above (high) what a living person can have; in units that are known."""
    table, is_low = measures(setting.book.quantities), setting.rule.parameters["side"] == "low"

    def check(resource: Resource) -> bool | None:
        is_any = False
        for code, value, unit in measured(resource):
            measure = table.get(code)
            scale = measure.units.get(unit) if measure is not None else None
            if measure is None or scale is None:
                continue
            is_any = True
            scaled = value * scale.factor + scale.offset
            if scaled < measure.low if is_low else scaled > measure.high:
                return False
        return True if is_any else None

    return check


def unit_of_code(setting: Setting) -> Check:
    """A value whose code is known comes in one of the units that fit the code."""
    table = measures(setting.book.quantities)

    def check(resource: Resource) -> bool | None:
        is_any = False
        for code, _, unit in measured(resource):
            measure = table.get(code)
            if measure is not None:
                is_any = True
                if unit not in measure.units:
                    return False
        return True if is_any else None

    return check


def unit_agrees(setting: Setting) -> Check:
    """Where a quantity has its unit twice, as text and as code, both mean the same."""
    table = measures(setting.book.quantities)
    known = {unit for measure in table.values() for unit in (*measure.units, *measure.confused)}

    def check(resource: Resource) -> bool | None:
        is_any = False
        for node in (resource, *resource.get("component", ())):
            quantity = node.get("valueQuantity")
            if isinstance(quantity, dict) and "unit" in quantity and "code" in quantity:
                is_any = True
                written, code = quantity["unit"], quantity["code"]
                if written != code and written in known and code in known and not _same(node, written, code):
                    return False
        return True if is_any else None

    def _same(node: Resource, one: str, other: str) -> bool:
        for coding in codings_of(node.get("code")):
            measure = table.get(coding.get("code", ""))
            if measure is not None and one in measure.units and other in measure.units:
                return measure.units[one] == measure.units[other]
        return False

    return check


def flag_agrees(setting: Setting) -> Check:
    """The flag (high, low, normal) agrees with the value and the one reference range that stands beside it."""

    def check(resource: Resource) -> bool | None:
        quantity, ranges = resource.get("valueQuantity"), resource.get("referenceRange")
        flags = {coding.get("code") for coding in codings_of(resource.get("interpretation", []))}
        if not isinstance(quantity, dict) or not isinstance(ranges, list) or len(ranges) != 1 or not flags:
            return None
        value, unit = quantity.get("value"), unit_of(quantity)
        low, high = (_bound(ranges[0].get(side), unit) for side in ("low", "high"))
        if not isinstance(value, int | float) or (low is None and high is None) or "comparator" in quantity:
            return None
        if flags & _HIGH:
            return None if high is None else value >= high
        if flags & _LOW:
            return None if low is None else value <= low
        if "N" in flags:
            return (low is None or value >= low) and (high is None or value <= high)
        return None

    return check


def _bound(bound: Any, unit: str) -> float | None:
    """A bound of a reference range in the value's own unit."""
    if not isinstance(bound, dict) or not isinstance(bound.get("value"), int | float):
        return None
    return float(bound["value"]) if unit_of(bound) in (unit, "") else None


def range_unit(setting: Setting) -> Check:
    """Value and reference range stand in one unit, or in two spellings of it; units that nobody can read are passed."""

    def check(resource: Resource) -> bool | None:
        verdicts = [
            _is_same_unit(unit_of(node["valueQuantity"]), unit_of(bound))
            for node in (resource, *resource.get("component", ()))
            if isinstance(node.get("valueQuantity"), dict)
            for one in node.get("referenceRange", ())
            for bound in (one.get("low"), one.get("high"))
            if isinstance(bound, dict)
        ]
        known = [verdict for verdict in verdicts if verdict is not None]
        return all(known) if known else None

    return check


@lru_cache(maxsize=4096)
def _is_same_unit(one: str, other: str) -> bool | None:
    """Whether two unit texts mean the same; None where one is not there or cannot be read."""
    if not one or not other:
        return None
    first, second = read(one, "").code, read(other, "").code
    if one == other or first is None or second is None:
        return True if one == other else None
    return canonical(first) == canonical(second)


def components_ordered(setting: Setting) -> Check:
    """The component `lower` is less than the component `higher`, as a diastolic pressure is than its systolic."""
    lower, higher = setting.rule.parameters["lower"], setting.rule.parameters["higher"]

    def check(resource: Resource) -> bool | None:
        values = {one.code: one for one in measured(resource)}
        if lower not in values or higher not in values or values[lower].unit != values[higher].unit:
            return None
        return values[lower].value < values[higher].value

    return check
