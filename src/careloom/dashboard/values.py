"""Values of FHIR as people read them: concepts, quantities, ranges, and what an observation found."""

from typing import Any

UNITS = {
    "[degF]": "°F", "Cel": "°C", "mm[Hg]": "mmHg", "/min": "/min", "{score}": "", "1": "", "10*3/uL": "×10³/µL",
    "10*6/uL": "×10⁶/µL",
    "10*9/L": "×10⁹/L", "10*12/L": "×10¹²/L", "ug": "µg", "umol/L": "µmol/L", "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "kg/m2": "kg/m²", "[in_i]": "in", "[lb_av]": "lb", "mmol/L": "mmol/L", "m[IU]/L": "mIU/L", "[IU]/L": "IU/L",
}  # fmt: skip
"""UCUM codes as they are written by hand. source  UCUM 2.1, print symbols."""


def concept(found: Any) -> tuple[str, str]:
    """(words, code) of a CodeableConcept, a Coding, a code, or the first of several; empty where there is none."""
    if isinstance(found, list):
        found = found[0] if found else None
    if isinstance(found, str):
        return found, found
    if not isinstance(found, dict):
        return "", ""
    codings = [each for each in found.get("coding", [found]) if isinstance(each, dict)]
    code = next((str(each["code"]) for each in codings if each.get("code")), "")
    display = next((str(each["display"]) for each in codings if each.get("display")), "")
    return str(found.get("text") or "") or display or code, code


def amount(found: Any) -> str:
    """``120 mmHg`` of a Quantity; empty where there is none."""
    if not isinstance(found, dict) or found.get("value") is None:
        return ""
    unit = str(found.get("unit") or found.get("code") or "")
    unit = UNITS.get(unit, unit).strip("{}")
    text = f"{found.get('comparator', '')}{_number(found['value'])}"
    return f"{text} {unit}" if unit and unit != "%" else f"{text} %" if unit else text


def value_of(observation: dict[str, Any]) -> str:
    """What an observation found: its value, else its components', else why there is none."""
    own = _value(observation)
    if own:
        return own
    parts = [_component(part) for part in observation.get("component", []) if isinstance(part, dict)]
    return "; ".join(part for part in parts if part) or concept(observation.get("dataAbsentReason"))[0]


def _component(part: dict[str, Any]) -> str:
    found = _value(part)
    return f"{concept(part.get('code'))[0]} {found}".strip() if found else ""


def _value(found: dict[str, Any]) -> str:
    name = next((name for name in found if name.startswith("value") and len(name) > 5), "")
    value = found.get(name)
    if name == "valueQuantity":
        return amount(value)
    if name == "valueCodeableConcept":
        return concept(value)[0]
    if name == "valueBoolean":
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("T", " ") if name == "valueDateTime" else value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dict):
        return _pair(value)
    return ""


def _pair(value: dict[str, Any]) -> str:
    """A Range, a Ratio or a Period."""
    if "low" in value or "high" in value:
        return f"{amount(value.get('low'))} to {amount(value.get('high'))}".strip()
    if "numerator" in value:
        return f"{amount(value.get('numerator'))} : {amount(value.get('denominator'))}"
    if "start" in value or "end" in value:
        return f"{value.get('start', '')} to {value.get('end', '')}".strip()
    return ""


def _number(value: Any) -> str:
    """A number without the noise of binary fractions: ``5.4``; at most four digits after the point."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{round(value, 4):g}" if abs(value) < 1e6 else f"{value:,.0f}"
