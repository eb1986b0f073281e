"""Dosage, timing, values and standing of single annotations as FHIR."""

import unicodedata
from typing import Any

import pytest

from careloom.fhir.validate import check
from careloom.nlp.frequencies import frequency
from careloom.nlp.quantities_values import dose
from careloom.nlp.to_fhir import bundle
from careloom.nlp.to_fhir_drugs import dose_of, timing_of
from careloom.nlp.to_fhir_problems import relative_of
from careloom.nlp.to_fhir_view import moment, quantity
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Relation, Span
from tests.nlp_kit import note

DOSES = [
    ("500 mg", {"doseQuantity": {"value": 500, "unit": "mg", "code": "mg"}}),
    ("2.5 mL", {"doseQuantity": {"value": 2.5, "unit": "mL", "code": "mL"}}),
    ("5-10 mg", {"doseRange": {
        "low": {"value": 5, "unit": "mg", "code": "mg"}, "high": {"value": 10, "unit": "mg", "code": "mg"},
    }}),
    ("a little", None),
]  # fmt: skip


def plain(value: Any) -> Any:
    """Without the system of units, which is always UCUM."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != "system"}
    return value


@pytest.mark.parametrize(("text", "expected"), DOSES)
def test_a_dose_is_a_quantity_or_a_range(text: str, expected: Any) -> None:
    one = Annotation(Span(0, len(text)), "DOSAGE", text=text, attributes=dose(text))
    assert plain(dose_of(one)) == expected


TIMINGS = [
    ("twice daily", {"frequency": 2, "period": 1, "periodUnit": "d"}, "BID"),
    ("q6h", {"frequency": 1, "period": 6, "periodUnit": "h"}, "Q6H"),
    ("every other day", {"frequency": 1, "period": 2, "periodUnit": "d"}, "QOD"),
    ("at bedtime", {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}, "QD"),
    ("once", {"count": 1}, ""),
    ("sometimes", None, ""),
]


@pytest.mark.parametrize(("text", "repeat", "code"), TIMINGS)
def test_a_frequency_is_a_timing(text: str, repeat: Any, code: str) -> None:
    one = Annotation(Span(0, len(text)), "FREQUENCY", text=text, attributes=frequency(text))
    made = timing_of([one], [])
    assert made.get("repeat") == repeat
    assert made["code"]["text"] == text
    assert [each["code"] for each in made["code"].get("coding", ())] == ([code] if code else [])


QUANTITIES = [
    ("4.1", "mmol/L", {"value": 4.1, "unit": "mmol/L", "code": "mmol/L"}),
    ("<0.01", "ng/mL", {"value": 0.01, "comparator": "<", "unit": "ng/mL", "code": "ng/mL"}),
    ("98.6 F", "", {"value": 98.6, "unit": "F", "code": "[degF]"}),
    ("1,200", "mL", {"value": 1200, "unit": "mL", "code": "mL"}),
    ("7", "", {"value": 7}),
    ("7", "furlongs a fortnight", {"value": 7, "unit": "furlongs a fortnight"}),
    ("negative", "", None),
    ("2 of 3 cultures", "", None),
]


@pytest.mark.parametrize(("number", "unit", "expected"), QUANTITIES)
def test_a_value_is_a_quantity_where_it_is_one_number(number: str, unit: str, expected: Any) -> None:
    made = plain(quantity(number, unit))
    if expected is not None and expected.get("unit") == "F":
        made.pop("code", None)
        expected = {key: value for key, value in expected.items() if key != "code"}
    assert made == expected


MOMENTS = [
    ("2026", "2026"), ("2026-03", "2026-03"), ("2026-02-28", "2026-02-28"), ("2026-02-30", ""), ("0000", ""),
    ("2026-03-01T14:30", "2026-03-01"), ("2026-03-01T14:30:00Z", "2026-03-01T14:30:00Z"),
    ("2026-03-01T14:30:00+01:00", "2026-03-01T14:30:00+01:00"), ("2026-03-01T25:00:00Z", "2026-03-01"),
    ("P5D", ""), ("2026-W10", ""), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), MOMENTS)
def test_a_time_is_a_date_time_of_the_calendar(value: str, expected: str) -> None:
    assert moment(value) == expected


def test_the_longest_word_for_a_relative_counts() -> None:
    assert relative_of("her maternal grandmother")[0] == "MGRMTH"
    assert relative_of("brother")[0] == "BRO"
    assert relative_of("")[0] == "FAMMEMB"


STANDINGS = [
    (Assertion(), {"Condition"}),
    (Assertion("possible"), {"Condition"}),
    (Assertion("absent"), set()),
    (Assertion("hypothetical"), set()),
    (Assertion("conditional"), set()),
    (Assertion(temporality="future"), set()),
    (Assertion(experiencer="family"), {"FamilyMemberHistory"}),
    (Assertion("absent", experiencer="family"), set()),
    (Assertion(experiencer="other"), set()),
]


@pytest.mark.parametrize(("assertion", "kinds"), STANDINGS)
def test_only_what_the_patient_has_or_may_have_becomes_a_problem(assertion: Assertion, kinds: set[str]) -> None:
    one = Annotation(Span(0, 6), "PROBLEM", id="T1", text="asthma", assertion=assertion)
    made = bundle(AnnotatedNote(note("asthma", patient_id="p"), annotations=(one,)))
    assert {entry["resource"]["resourceType"] for entry in made["entry"]} == kinds


def test_a_single_letter_without_a_code_names_nothing() -> None:
    for label in ("PROBLEM", "MEDICATION", "PROCEDURE", "ALLERGEN"):
        one = Annotation(Span(0, 1), label, id="T1", text="a")
        assert bundle(AnnotatedNote(note("a", patient_id="p"), annotations=(one,)))["entry"] == []


def test_a_block_of_icd_10_cm_is_no_code_of_a_fact() -> None:
    codes = (Concept(ICD_10_CM, "E08-E13", "Diabetes mellitus", 0.9, 1), Concept(SNOMED_CT, "73211009", "", 0.9, 2))
    one = Annotation(Span(0, 8), "PROBLEM", id="T1", text="diabetes", codes=codes)
    (entry,) = bundle(AnnotatedNote(note("diabetes", patient_id="p"), annotations=(one,)))["entry"]
    assert [each["code"] for each in entry["resource"]["code"]["coding"]] == ["73211009"]


WEIRD = ["\U0001f600", "e\u0301" * 100, " \t ", "\x07bell\x1b[31m", "x" * 5000, "<b>&", "\u202ertl", "-" * 300]


@pytest.mark.parametrize("text", WEIRD)
@pytest.mark.parametrize("label", ["PROBLEM", "MEDICATION", "TEST", "PROCEDURE", "ALLERGEN", "HOUSING"])
def test_whatever_stands_in_a_note_its_facts_are_valid(text: str, label: str) -> None:
    whole = f"{text} {text}"
    one = Annotation(Span(0, len(text)), label, id="T1", text=text)
    kind, beside = ("test-result", "TEST_VALUE") if label == "TEST" else ("drug-dose", "DOSAGE")
    other = Annotation(Span(len(text) + 1, len(whole)), beside, id="T2", text=text)
    known = AnnotatedNote(note_of(whole), (), (), (one, other), (Relation(kind, "T1", "T2"),))
    made = bundle(known)
    assert [issue for entry in made["entry"] for issue in check(entry["resource"])] == []


def note_of(text: str) -> Any:
    return note(unicodedata.normalize("NFC", text).replace("\r", ""), patient_id="p", time="2026-03-01")
