"""Tests with results, procedures, and how patients live: Observation and Procedure.

A test without a result makes no fact; nor does what is planned. Blood pressure as ``120/80`` is one Observation with
two components, as the vital signs profile has it. A social determinant is an Observation whose value is its status.

source  FHIR R4 4.0.1, Observation, Procedure and the vital signs profile (LOINC codes of its table)
"""

import re
from collections.abc import Mapping

from careloom.nlp.labels import SOCIAL
from careloom.nlp.quantities_tests import unit_of_test
from careloom.nlp.to_fhir_view import (
    HL7,
    Fact,
    Grounds,
    Json,
    View,
    coded,
    concept,
    identity,
    is_named,
    is_of_patient,
    key_of,
    moment,
    quantity,
    standing_of,
    words,
)
from careloom.terminology.systems import LOINC, UCUM
from careloom.terminology.ucum import UnitError, convert, is_comparable
from careloom.terminology.ucum_spellings import read as read_unit
from careloom.text.note import Annotation

VITALS = frozenset(
    "85353-1 9279-1 8867-4 2708-6 59408-5 8310-5 8302-2 9843-4 29463-7 39156-5 85354-9 8480-6 8462-4 8478-0".split()
)
"""LOINC codes of vital signs."""
_PRESSURE = re.compile(r"\s*(\d{2,3})\s*/\s*(\d{2,3})\s*(?:mm\s*\[?Hg\]?)?\s*", re.IGNORECASE)
_PRESSURE_PARTS = (("8480-6", "Systolic blood pressure"), ("8462-4", "Diastolic blood pressure"))
_PRESSURE_NAMES = re.compile(r"\b(?:bp|b/p|blood pressure)\b", re.IGNORECASE)
_CATEGORIES = {
    "vital-signs": "Vital Signs",
    "laboratory": "Laboratory",
    "exam": "Exam",
    "social-history": "Social History",
    "imaging": "Imaging",
}
_MM_HG = "mm[Hg]"
_PART_OF_RANGE = re.compile(r"[-–]\d|\d[-–]\d|\d[-–]")
_POWER = re.compile(r"10\s*[*^]")
_MEASURES = {"[Mass/volume]": "g/L", "[Moles/volume]": "mol/L"}
"""Property of a LOINC name -> a unit of that kind."""
_FLAGS = {
    "H": ("H", "High"),
    "HH": ("HH", "Critical high"),
    "L": ("L", "Low"),
    "LL": ("LL", "Critical low"),
    "*": ("A", "Abnormal"),
    "A": ("A", "Abnormal"),
}


def tests(view: View) -> list[Fact]:
    """Tests with what they found."""
    found = []
    for one in view.labelled("TEST"):
        if not is_of_patient(one) or (one.assertion is not None and one.assertion.presence == "hypothetical"):
            continue
        results = _results(view, one)
        results = [value for value in results if _may_have(one, value)]
        found += [_test(view, one, value, is_only=len(results) == 1) for value in results]
    return found


def _may_have(one: Annotation, value: Annotation) -> bool:
    """False for a value of a vital sign whose unit measures another thing: ``sats 96% on 2 L``."""
    if one.attributes.get("loinc") not in VITALS:
        return True
    usual = unit_of_test(one.attributes.get("test", ""))
    unit = value.attributes.get("unit", "")
    return not usual or not unit or is_comparable(unit, usual)


def _results(view: View, one: Annotation) -> list[Annotation]:
    """The values that a test found: behind a number, a range in its own column or brackets is the reference.

    So are the bounds of such a range each by itself, where they were read as two numbers.
    """
    found = sorted(view.tails(one, "test-result"), key=lambda each: each.span)
    text = view.note.text
    kept = []
    for place, value in enumerate(found):
        around = text[max(0, value.span.start - 1) : value.span.end + 2]
        is_range = "low" in value.attributes or _PART_OF_RANGE.search(around) is not None
        is_power = _POWER.match(text, value.span.start) is not None
        if place == 0 or not (is_range or is_power):
            kept.append(value)
    return kept


def _test(view: View, one: Annotation, value: Annotation, *, is_only: bool) -> Fact:
    grounds = Grounds()
    grounds.add(one, value)
    units = view.tails(one, "test-unit") if is_only else []
    beside = next((each.attributes.get("unit", "") or each.text for each in units), "")
    unit = value.attributes.get("unit", "") or beside
    if value.attributes.get("unit_assumed") == "true" and beside:
        unit = beside  # what is written counts before what is usual
    grounds.add(*units)
    code = _fitting(concept(one), unit)
    result = _result(one, value, unit, code)
    when, dates = view.when(one, "test-date")
    when = moment(value.attributes.get("at", "")) or when
    grounds.add(*dates)
    resource: Json = {
        "resourceType": "Observation", "status": "final", "category": [_category(one, code, unit)], "code": code,
        "subject": view.subject, **view.encounter,
    }  # fmt: skip
    when = when or view.written
    resource |= {"effectiveDateTime": when} if when else {}
    resource |= result
    key = key_of("Observation", identity(one), when or view.note.note_id, value.text.strip().lower(), unit.lower())
    return Fact(key, resource, grounds.ids, "confirmed", (), grounds.score)


def _fitting(code: Json, unit: str) -> Json:
    """The code without LOINC where that names a mass concentration and the unit is molar, or the other way about."""
    held = [each for each in code.get("coding", ()) if each["system"] != LOINC or _is_fitting(each, unit)]
    return ({"coding": held} if held else {}) | {"text": code["text"]}


def _is_fitting(coding: Json, unit: str) -> bool:
    known = next((like for name, like in _MEASURES.items() if name in coding.get("display", "")), None)
    written = read_unit(unit, "").code if unit else None
    if known is None or written is None:
        return True
    others = [like for like in _MEASURES.values() if like != known]
    return not any(_are_alike(written, other) for other in others)


def _are_alike(one: str, other: str) -> bool:
    try:
        convert(1, one, other)
    except UnitError:
        return False
    return True


def _result(one: Annotation, value: Annotation, unit: str, code: Json) -> Json:
    pressure = _PRESSURE.fullmatch(value.attributes.get("value", "") or value.text)
    codes = {each["code"] for each in code.get("coding", ())}
    if pressure is not None and (codes & {"85354-9", "8480-6"} or _PRESSURE_NAMES.search(one.text)):
        code["coding"] = [{"system": LOINC, "code": "85354-9", "display": "Blood pressure panel"}]
        measured = zip(_PRESSURE_PARTS, (pressure[1], pressure[2]), strict=True)
        return {
            "component": [
                {
                    "code": coded(LOINC, *part),
                    "valueQuantity": {"value": int(number), "unit": _MM_HG, "system": UCUM, "code": _MM_HG},
                }
                for part, number in measured
            ]
        }
    return _measured(value, unit) | _judged(value.attributes, unit)


def _measured(value: Annotation, unit: str) -> Json:
    """A value as `careloom.nlp.quantities` tells it: a quantity, a range, or words."""
    told = value.attributes
    low, high = quantity(told.get("low", ""), unit), quantity(told.get("high", ""), unit)
    if low is not None and high is not None:
        return {"valueRange": {"low": low, "high": high}}
    number, comparator = told.get("value", "") or value.text, told.get("comparator", "")
    amount = quantity(comparator + number if comparator in ("<", "<=", ">", ">=") else number, unit)
    if amount is not None:
        return {"valueQuantity": amount}
    return {"valueString": words(f"{value.text} {unit}".strip())}


def _judged(told: Mapping[str, str], unit: str) -> Json:
    """What the note says of a value: its flag and its reference range."""
    made: Json = {}
    flag = _FLAGS.get(told.get("flag", ""))
    if flag is not None:
        made["interpretation"] = [coded(HL7 + "v3-ObservationInterpretation", *flag)]
    low, high = quantity(told.get("reference_low", ""), unit), quantity(told.get("reference_high", ""), unit)
    if low is not None and high is not None:
        made["referenceRange"] = [{"low": low, "high": high}]
    return made


def _category(one: Annotation, code: Json, unit: str) -> Json:
    codes = {each["code"] for each in code.get("coding", ())}
    if codes & VITALS or one.section == "vital_signs":
        name = "vital-signs"
    elif one.section == "results" or unit:
        name = "laboratory"
    else:
        name = "imaging" if one.section == "imaging" else "exam"
    return coded(HL7 + "observation-category", name, _CATEGORIES[name])


def procedures(view: View) -> list[Fact]:
    """What was done; what is planned is none."""
    found = []
    for one in view.labelled("PROCEDURE"):
        standing = standing_of(one)
        if not is_of_patient(one) or not is_named(one) or standing == "none":
            continue
        grounds = Grounds()
        grounds.add(one)
        status = {"refuted": "not-done", "provisional": "unknown"}.get(standing, "completed")
        resource: Json = {"resourceType": "Procedure", "status": status, "code": concept(one)}
        resource |= {"subject": view.subject, **view.encounter}
        when, dates = view.when(one, "procedure-date")
        if when:
            grounds.add(*dates)
            resource["performedDateTime"] = when
        sites = view.tails(one, "procedure-anatomy")
        if sites:
            grounds.add(*sites)
            resource["bodySite"] = [concept(site) for site in sites]
        key = key_of("Procedure", identity(one), when)
        found.append(Fact(key, resource, grounds.ids, standing, (), grounds.score))
    return found


def social(view: View) -> list[Fact]:
    """How the patient lives: tobacco, work, housing and so on."""
    found = []
    for one in view.labelled(*SOCIAL):
        told = one.assertion
        if not is_of_patient(one) or (told is not None and told.presence in ("hypothetical", "conditional")):
            continue
        found.append(_determinant(view, one))
    return found


def _determinant(view: View, one: Annotation) -> Fact:
    told = one.attributes
    asked = [code for code in one.codes if code.system == LOINC]
    answers = [coding for coding in concept(one).get("coding", ()) if coding["system"] != LOINC]
    name = one.label.lower().replace("_", " ")
    code: Json = {"text": name}
    if asked:
        code["coding"] = [{"system": LOINC, "code": asked[0].code, "display": asked[0].display}]
    status = told.get("status", "") or ("none" if standing_of(one) == "refuted" else "present")
    value: Json = {"text": words(" ".join(part for part in (status, told.get("value", "")) if part))}
    if answers:
        value["coding"] = answers
    resource: Json = {
        "resourceType": "Observation", "status": "final",
        "category": [coded(HL7 + "observation-category", "social-history", _CATEGORIES["social-history"])],
        "code": code, "subject": view.subject, **view.encounter,
    }  # fmt: skip
    resource |= {"effectiveDateTime": view.written} if view.written else {}
    resource["valueCodeableConcept"] = value
    parts = [(part, told[part]) for part in ("amount", "time", "adverse") if told.get(part)]
    if parts:
        resource["component"] = [{"code": {"text": part}, "valueString": words(text)} for part, text in parts]
    key = key_of("Observation", one.label, value["text"], view.written[:10] or view.note.note_id)
    grounds = Grounds()
    grounds.add(one)
    return Fact(key, resource, grounds.ids, "confirmed", (), grounds.score)
