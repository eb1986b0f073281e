"""CDA data types as FHIR data types, after the guide's section on mapping guidance."""

import re
from typing import Any

from careloom.fhir.moments import held_together, order
from careloom.ingest.ccda_build import REASON_SYSTEM, Build, Part
from careloom.ingest.ccda_codes import codes, system_uri, unique_uri
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_read import NAMES, child, first, kids, local_type
from careloom.ingest.xml_read import Element, children
from careloom.terminology.systems import UCUM, URI, US_NPI, US_SSN

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_UNIT = re.compile(r"[\x21-\x7e]+")
_MAX_DIGITS = 17
_URI_ROOT = "2.16.840.1.113883.4.873"


def number(text: str | None) -> int | float | None:
    """The number of a PQ, REAL or INT value; None for words and for more digits than JSON readers keep."""
    if not text or len(text) > 2 * _MAX_DIGITS or not NUMBER.fullmatch(text):
        return None
    if text.isdigit() and len(text) < _MAX_DIGITS:
        return int(text)
    if len(text) > _MAX_DIGITS and sum(character.isdigit() for character in text.lstrip("+-0.")) > _MAX_DIGITS:
        return None
    return float(text) if any(mark in text for mark in ".eE") else int(text)


def whole(text: str | None) -> int | None:
    """A FHIR integer; None for anything else."""
    if not text or not _WHOLE.fullmatch(text):
        return None
    value = int(text)
    return value if -(2**31) <= value < 2**31 else None


def identifier(element: Element) -> Part | None:
    """II to Identifier; None where the id says nothing."""
    root, extension = element.get("root") or "", element.get("extension") or ""
    root, extension = root.strip(), extension.strip()
    out: Part
    if extension and root == _URI_ROOT:
        cut = max(extension.rfind("/"), extension.rfind(":"))
        out = {"system": extension[:cut], "value": extension[cut + 1 :]} if 0 < cut < len(extension) - 1 else {}
        out = out if out and " " not in out["system"] else {"system": URI, "value": extension}
    elif extension:
        out = {"system": system_uri(root), "value": extension} if root else {"value": extension}
    elif root and element.get("nullFlavor") is None and system_uri(root) not in (US_SSN, US_NPI):
        unique = unique_uri(root)
        out = {"system": URI, "value": unique} if unique else {"value": root}
    else:
        return None
    named = element.get("assigningAuthorityName")
    if named and named.strip():
        out["assigner"] = {"display": named}
    return out


def identifiers(elements: list[Element] | None) -> list[Part]:
    """The ids that say something, each once."""
    out: list[Part] = []
    for element in elements or ():
        found = identifier(element)
        if found is not None and found not in out:
            out.append(found)
    return out


def key_of(numbers: list[Part]) -> str:
    """What names the thing that has these identifiers: the first of them; empty where there is none."""
    return f"{numbers[0].get('system', '')}|{numbers[0]['value']}" if numbers else ""


def coding(element: Element) -> Part | None:
    """The Coding of a CD's own attributes, None where it has no code."""
    get = element.get
    code = get("code")
    if code is None:
        return None
    code = code if code.isalnum() else " ".join(code.split())
    if not code:
        return None
    out: Part = {}
    system = get("codeSystem")
    if system is not None and (system := system.strip()):
        out["system"] = system_uri(system)
    version = get("codeSystemVersion")
    if version is not None and version.strip():
        out["version"] = version
    out["code"] = code
    display = get("displayName")
    if display is not None and display.strip():
        out["display"] = display
    return out


def concept(build: Build, element: Element | None) -> Part | None:
    """CD (CE, CV, CO, CS) to CodeableConcept: its code, its translations, its original text; None for no content."""
    if element is None:
        return None
    codings: list[Part] = []
    own = coding(element)
    if own is not None:
        codings.append(own)
    words = ""
    for part in children(element):
        name = NAMES[part.tag]
        if name == "translation":
            found = coding(part)
            if found is not None and found not in codings:
                codings.append(found)
        elif name == "originalText":
            words = text_of(build, part)
    if not words:
        display = element.get("displayName")
        if own is None and display is not None and display.strip():
            words = display
        elif not codings:
            words = " ".join((element.text or "").split())
    out: Part = {"coding": codings} if codings else {}
    if words:
        out["text"] = words
    return out or None


def concepts(build: Build, elements: list[Element] | None) -> list[Part]:
    """The CodeableConcepts that say something."""
    return [found for each in elements or () if (found := concept(build, each)) is not None]


def mapped(name: str, element: Element | None) -> str:
    """What the code of an element is in FHIR by one of our maps; empty where the map does not know it."""
    if element is None:
        return ""
    return codes(name).get((element.get("code") or "").strip(), "")


def reason_of(element: Element | None) -> str:
    """The data-absent-reason of an element's null flavor."""
    flavor = element.get("nullFlavor") if element is not None else None
    return codes("null-flavor").get(flavor or "", "unknown")


def absent_concept(element: Element | None) -> Part:
    """A CodeableConcept that says why there is no value."""
    return {"coding": [{"system": REASON_SYSTEM, "code": reason_of(element)}]}


def _unit(unit: str | None) -> Part:
    """unit, system and code: what is written as a UCUM code is one, as CDA asks for."""
    if unit is None or not unit.strip():
        return {}
    if unit.isalpha() or _UNIT.fullmatch(unit):
        return {"unit": unit, "system": UCUM, "code": unit}
    return {"unit": unit.strip()}


def quantity(build: Build, element: Element | None) -> Part | None:
    """PQ (or REAL, INT) to Quantity; None where there is no number."""
    if element is None:
        return None
    value = number(element.get("value"))
    if value is not None:
        return {"value": value, **_unit(element.get("unit"))}
    for part in children(element):
        if NAMES[part.tag] == "translation":
            value = number(part.get("value"))
            if value is not None:
                return {"value": value, **_translated_unit(build, part)}
    return None


def _translated_unit(build: Build, element: Element) -> Part:
    out: Part = {}
    words = text_of(build, child(element, "originalText")) or element.get("displayName") or element.get("code") or ""
    if words.strip():
        out["unit"] = words
    named = coding(element)
    if named is not None and "system" in named:
        out["system"], out["code"] = named["system"], named["code"]
    return out


def simple_quantity(build: Build, element: Element | None) -> Part | None:
    """PQ or the low, high or center of an IVL_PQ as a Quantity without comparator."""
    if element is None:
        return None
    found = quantity(build, element)
    if found is not None:
        return found
    for part in children(element):
        if NAMES[part.tag] in ("center", "low", "high"):
            found = quantity(build, part)
            if found is not None:
                return found
    return None


def bounds(build: Build, element: Element) -> tuple[Part | None, Part | None]:
    """The low and high quantities of an interval."""
    low = high = None
    for part in children(element):
        name = NAMES[part.tag]
        if name == "low":
            low = quantity(build, part)
        elif name == "high":
            high = quantity(build, part)
    return low, high


def interval(build: Build, element: Element) -> tuple[str, Any] | None:
    """IVL_PQ: ``Range`` with both bounds, ``Quantity`` with a comparator for one (a low of 0 is none); or None."""
    low, high = bounds(build, element)
    if low is not None and high is not None and low["value"] != 0:
        return ("Range", {"low": low, "high": high}) if _rising(low, high) else None
    which, found = ("high", high) if high is not None else ("low", low)
    if found is None:
        single = simple_quantity(build, element)
        return ("Quantity", single) if single is not None else None
    held = child(element, which)
    closed = held is None or held.get("inclusive") != "false"
    sign = ("<=" if closed else "<") if which == "high" else (">=" if closed else ">")
    return "Quantity", {"value": found["value"], "comparator": sign, **found}


def _rising(low: Part, high: Part) -> bool:
    """False for bounds in one unit that are the wrong way round, which FHIR's rng-2 forbids."""
    return low.get("unit") != high.get("unit") or low["value"] <= high["value"]


def times(element: Element | None) -> tuple[str | None, str | None, str | None]:
    """(value or center, low, high) of a TS or IVL_TS as written; null flavors and empty values are None."""
    if element is None:
        return None, None, None
    value, low, high = element.get("value"), None, None
    for part in children(element):
        name = NAMES[part.tag]
        if name == "low":
            low = part.get("value") or None
        elif name == "high":
            high = part.get("value") or None
        elif name == "center" and not value:
            value = part.get("value")
    return value or None, low, high


def period(build: Build, element: Element | None, place: str = "") -> Part | None:
    """IVL_TS to Period; a single time is its start."""
    value, low, high = times(element)
    out: Part = {}
    start = build.date_time(low or value, place)
    end = build.date_time(high, place)
    if start is not None:
        out["start"] = start
    if end is not None:
        out["end"] = end
    return ordered(build, out, place) if out else None


def ordered(build: Build, held: Part, place: str = "") -> Part:
    """A Period that FHIR lets stand (invariant per-1): an end before its start is left out; where one goes on and the
    other does not, as 2024-03 and 2024-03-12, both are cut to what is known of both.
    """
    start, end = held.get("start"), held.get("end")
    if start is None or end is None or order(start, end) != 1:
        return held
    first, last, fault = held_together(start, end)
    if fault == "imprecise":
        build.issue("ccda.period-imprecise", place, "start and end differ in precision only; both were cut to the less")
        return {**held, "start": first, "end": last}
    build.issue("ccda.period-reversed", place, "the end lies before the start; it was left out")
    return {key: value for key, value in held.items() if key != "end"}


def when(build: Build, element: Element | None, out: Part, name: str, *, single: bool = False) -> None:
    """``effective[x]`` and the like: a dateTime for one time, a Period for low and high; equal bounds are one time.

    name    without its type: ``effective``
    single  only a dateTime is allowed: the low, else the high
    """
    value, low, high = times(element)
    if value is None and low is not None and low == high:
        value = low
    if value is None and single:
        value = low or high
    if value is not None:
        found = build.date_time(value)
        if found is not None:
            out[f"{name}DateTime"] = found
        return
    if low is not None or high is not None:
        found_period = period(build, element)
        if found_period is not None:
            out[f"{name}Period"] = found_period


def value_of(build: Build, element: Element, out: Part) -> None:
    """``value[x]`` of an Observation, or its dataAbsentReason."""
    found = typed_value(build, element)
    if found is not None:
        out[f"value{found[0]}"] = found[1]
    else:
        out["dataAbsentReason"] = absent_concept(element)


def typed_value(build: Build, element: Element) -> tuple[str, Any] | None:
    """(FHIR type, value) of an ANY; None where it has no content."""
    kind = local_type(element)
    reader = _READERS.get(kind)
    if reader is not None:
        found = reader(build, element)
        if found is not None:
            return found
    elif element.get("code") is not None:
        return _as_concept(build, element)
    elif element.get("unit") is not None:
        return _as_quantity(build, element)
    words = text_of(build, element) or (element.get("value") or "").strip()
    if not words:
        return None
    if kind not in ("ST", "ED", "SC", ""):
        build.issue("ccda.value-type-mismatch", "", "a value is not what its type says; it is kept as text")
    return "String", words


def _as_quantity(build: Build, element: Element) -> tuple[str, Any] | None:
    found = quantity(build, element)
    return ("Quantity", found) if found is not None else None


def _as_concept(build: Build, element: Element) -> tuple[str, Any] | None:
    found = concept(build, element)
    return ("CodeableConcept", found) if found is not None else None


def _as_integer(build: Build, element: Element) -> tuple[str, Any] | None:
    del build
    value = whole(element.get("value"))
    return ("Integer", value) if value is not None else None


def _as_boolean(build: Build, element: Element) -> tuple[str, Any] | None:
    del build
    said = (element.get("value") or "").lower()
    return ("Boolean", said == "true") if said in ("true", "false") else None


def _as_time(build: Build, element: Element) -> tuple[str, Any] | None:
    found = build.date_time(element.get("value"))
    return ("DateTime", found) if found is not None else None


def _as_period(build: Build, element: Element) -> tuple[str, Any] | None:
    found = period(build, element)
    return ("Period", found) if found is not None else None


def ratio(build: Build, element: Element | None) -> Part | None:
    """RTO to Ratio; None unless both of its sides are numbers."""
    if element is None:
        return None
    held = kids(element)
    above, below = quantity(build, first(held, "numerator")), quantity(build, first(held, "denominator"))
    return {"numerator": above, "denominator": below} if above is not None and below is not None else None


def _as_ratio(build: Build, element: Element) -> tuple[str, Any] | None:
    found = ratio(build, element)
    return ("Ratio", found) if found is not None else None


_READERS = {
    **dict.fromkeys(("PQ", "REAL", "MO"), _as_quantity),
    **dict.fromkeys(("CD", "CE", "CV", "CO", "CS", "EIVL"), _as_concept),
    **dict.fromkeys(("IVL_PQ", "IVL_INT", "IVL_REAL"), interval),
    **dict.fromkeys(("RTO", "RTO_PQ_PQ", "RTO_QTY_QTY", "RTO_INT_INT"), _as_ratio),
    "INT": _as_integer,
    "BL": _as_boolean,
    "TS": _as_time,
    "IVL_TS": _as_period,
}
