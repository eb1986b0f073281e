"""Quantities: units in UCUM, and the values of one LOINC code in one unit."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from careloom.quality.normalize_policy import Element, Rewriting
from careloom.terminology import ucum
from careloom.terminology.molar_mass import convert_measured, substance_of
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import LOINC, UCUM
from careloom.terminology.ucum_spellings import read

_ANNOTATION = re.compile(r"\{[^}]*\}")
_LEAST_DIGITS = 3


def rewrite(work: Rewriting) -> None:
    """Rewrites every Quantity below the resource; those of an observation to the unit of its code, too."""
    resource = work.resource
    kind = str(resource.get("resourceType", "Resource"))
    if work.policy.to_ucum:
        for path, quantity in _quantities(kind, resource):
            _to_ucum(work, path, quantity)
    if kind == "Observation" and work.policy.to_preferred:
        _to_preferred(work, kind, resource)
        for number, component in enumerate(_list(resource, "component")):
            _to_preferred(work, f"{kind}.component[{number}]", component)


def _quantities(path: str, node: Any) -> Iterator[tuple[str, Element]]:
    """Every object that is a quantity with a unit: it has a number, and a unit or a code without being a coding."""
    if isinstance(node, list):
        for number, one in enumerate(node):
            yield from _quantities(f"{path}[{number}]", one)
    elif isinstance(node, dict):
        if _is_number(node.get("value")) and (isinstance(node.get("unit"), str) or isinstance(node.get("code"), str)):
            yield path, node
            return
        for name, one in node.items():
            if isinstance(one, dict | list):
                yield from _quantities(f"{path}.{name}", one)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _to_ucum(work: Rewriting, path: str, quantity: Element) -> None:
    system, code, unit = quantity.get("system"), quantity.get("code"), quantity.get("unit")
    if system == UCUM and isinstance(code, str) and ucum.is_valid(code):
        return
    if system not in (None, UCUM):
        return  # currencies and the like
    text = code if isinstance(code, str) else unit
    reading = read(str(text), path)
    if reading.code is None and isinstance(unit, str) and unit != text:
        reading = read(unit, path)
    if reading.code is None:
        remedy = "Add the spelling to the mapping of this source, or let the sender use UCUM"
        work.left("unit-unknown", path, "the unit is neither UCUM nor a spelling that is known", remedy)
        return
    quantity["system"], quantity["code"] = UCUM, reading.code
    quantity.setdefault("unit", text)
    work.changed("unit-coded", path, "the unit got its UCUM code")


def _to_preferred(work: Rewriting, path: str, holder: Element) -> None:
    """The value and the reference range of an observation or component in the unit of its code."""
    loinc = next((one["code"] for one in _codings(holder) if one.get("system") == LOINC and "code" in one), "")
    wanted = work.policy.preferred.get(loinc) or _packaged_unit(loinc)
    if not wanted:
        return
    found = [(f"{path}.valueQuantity", holder.get("valueQuantity"))]
    for number, one in enumerate(_list(holder, "referenceRange")):
        found += [(f"{path}.referenceRange[{number}].{side}", one.get(side)) for side in ("low", "high")]
    for place, quantity in found:
        if isinstance(quantity, dict) and quantity.get("system") == UCUM and _is_number(quantity.get("value")):
            _convert(work, place, quantity, (wanted, loinc))


def _packaged_unit(loinc: str) -> str:
    concept = lookup(LOINC, loinc) if loinc else None
    return next(iter(concept.properties.get("unit", ())), "") if concept else ""


def _convert(work: Rewriting, path: str, quantity: Element, to: tuple[str, str]) -> None:
    wanted, loinc = to
    has = str(quantity.get("code", ""))
    if has == wanted or _ANNOTATION.sub("", has) == _ANNOTATION.sub("", wanted):
        return
    try:
        made = convert_measured(_exact(quantity["value"]), has, wanted, substance_of(loinc))
    except ucum.UnitError:
        text = "the unit measures something else than the code says; the value was left as it came"
        work.left("unit-not-comparable", path, text, "Ask the sender whether the unit or the code is wrong")
        return
    quantity["code"], quantity["unit"] = wanted, wanted
    if made == _exact(quantity["value"]):
        if not any(one.place == path for one in work.changes):
            work.changed("unit-coded", path, "the unit got its UCUM code")
        return
    quantity["value"] = _rounded(made, _exact(quantity["value"]))
    work.changed("unit-converted", path, "the value was converted to the unit of its code")


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _rounded(value: Decimal, before: Decimal) -> int | float:
    """With one significant digit more than it came with, at least three: what is measured gains no precision."""
    digits = max(len(before.as_tuple().digits) + 1, _LEAST_DIGITS)
    if not value:
        return 0
    rounded = round(value, digits - value.adjusted() - 1)
    whole = int(rounded)
    return whole if whole == rounded else float(rounded)


def _codings(holder: Element) -> list[Element]:
    code = holder.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    return [one for one in codings if isinstance(one, dict)] if isinstance(codings, list) else []


def _list(holder: Element, name: str) -> list[Element]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
