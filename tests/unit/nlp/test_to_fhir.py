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
from careloom.terminology.systems import ICD_10_CM, LOINC, SNOMED_CT
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


Found = list[tuple[str, str, dict[str, Any]]]


def facts_in(text: str, words: Found, *joined: tuple[str, int, int]) -> list[Any]:
    """The facts of a text in which some words were found, joined by their numbers."""
    found, at = [], 0
    for number, (word, label, more) in enumerate(words, 1):
        at = text.index(word, at)
        found.append(Annotation(Span(at, at + len(word)), label, id=f"T{number}", text=word, **more))
        at += 1
    relations = tuple(Relation(kind, f"T{head}", f"T{tail}") for kind, head, tail in joined)
    known = AnnotatedNote(note(text, patient_id="p", time="2026-03-07"), annotations=tuple(found), relations=relations)
    made = [entry["resource"] for entry in bundle(known)["entry"]]
    assert [issue for one in made for issue in check(one)] == []
    return made


def test_what_is_more_likely_none_is_no_fact_and_a_code_more_likely_wrong_is_no_code() -> None:
    assert facts_in("on insulin", [("on", "MEDICATION", {"score": 0.33})]) == []
    assert facts_in("numb in the feet", [("in the", "PROBLEM", {"score": 0.7})]) == []
    (one,) = facts_in("wet", [("wet", "PROBLEM", {"codes": (Concept(ICD_10_CM, "G93.6", "Edema", 0.48, 1),)})])
    assert "coding" not in one["code"]


def test_what_has_resolved_was_there() -> None:
    words: Found = [("Hyperkalemia", "PROBLEM", {"assertion": Assertion("absent")}), ("resolved", "COURSE", {})]
    (one,) = facts_in("Hyperkalemia on admission, resolved.", words, ("problem-course", 1, 2))
    told = [one[name]["coding"][0]["code"] for name in ("clinicalStatus", "verificationStatus")]
    assert told == ["resolved", "confirmed"]


LASTING = [
    ("hypertension", "active"),
    ("chronic pancreatitis", "active"),
    ("Crohn's", "active"),
    ("diabetic retinopathy", "active"),
    ("pneumonia", "inactive"),
]


@pytest.mark.parametrize(("text", "status"), LASTING)
def test_a_history_of_what_lasts_is_no_end_of_it(text: str, status: str) -> None:
    (one,) = facts_in(text, [(text, "PROBLEM", {"assertion": Assertion(temporality="historical")})])
    assert one["clinicalStatus"]["coding"][0]["code"] == status


ONSETS = [
    ("clause", "2023-01-01", "2023-12-31", None), ("duration", "2026-03-04", "2026-03-07", "2026-03-04"),
    ("duration", "2025-10-07", "2026-03-07", "2025-10"), ("duration", "2024-03-07", "2026-03-07", "2024"),
]  # fmt: skip


@pytest.mark.parametrize(("told_by", "start", "end", "onset"), ONSETS)
def test_a_problem_began_when_it_says_so_not_at_the_nearest_date(
    told_by: str, start: str, end: str, onset: str | None
) -> None:
    attributes = {"time_from": told_by, "start": start, "end": end}
    (one,) = facts_in("cough", [("cough", "SYMPTOM", {"attributes": attributes})])
    assert one.get("onsetDateTime") == onset


COMES = [
    ("hypertension who presents on 2026-03-05", None),
    ("hypertension s/p bypass in 2026-03-05", None),
    ("hypertension since 2026-03-05", "2026-03-05"),
]


@pytest.mark.parametrize(("text", "onset"), COMES)
def test_the_date_of_a_visit_or_an_operation_is_no_onset(text: str, onset: str | None) -> None:
    words: Found = [
        ("hypertension", "PROBLEM", {}),
        ("2026-03-05", "DATE_TIME", {"attributes": {"value": "2026-03-05"}}),
    ]
    (one,) = facts_in(text, words, ("problem-date", 1, 2))
    assert one.get("onsetDateTime") == onset


def test_an_onset_that_two_mentions_tell_differently_stands_once() -> None:
    age, day = {"attributes": {"years": "9"}}, {"attributes": {"value": "1988"}}
    words: Found = [
        ("asthma", "PROBLEM", {}), ("age of 9", "AGE", age), ("asthma", "PROBLEM", {}), ("1988", "DATE_TIME", day),
    ]  # fmt: skip
    joined = (("problem-age", 1, 2), ("problem-date", 3, 4))
    (one,) = facts_in("asthma at the age of 9; asthma in 1988", words, *joined)
    assert [name for name in one if name.startswith("onset")] == ["onsetAge"]


def test_a_date_of_a_relative_stands_in_words() -> None:
    mother = Assertion(experiencer="family")
    words: Found = [
        ("stroke", "PROBLEM", {"assertion": mother}),
        ("2011", "DATE_TIME", {"attributes": {"value": "2011"}}),
    ]
    (one,) = facts_in("mother: stroke 2011", words, ("problem-date", 1, 2))
    assert one["condition"][0]["onsetString"] == "2011"


RELATIVES = [
    ("MGM with [stroke], PGF died of lung cancer", ["MGM", "stroke", "PGF"], {"MGRMTH"}),
    ("F [MI], S healthy", ["F", "MI", "S"], {"FTH"}),
    ("F d. 54 [MI], S healthy", ["F", "MI", "S"], {"FTH"}),
    ("Fa: CAD. [asthma] (sister)", ["asthma", "sister"], {"SIS"}),
    ("M [stroke], also in her aunt", ["M", "stroke", "aunt"], {"MTH", "AUNT"}),
]


@pytest.mark.parametrize(("text", "named", "codes"), RELATIVES)
def test_a_relative_behind_a_problem_has_it_only_where_words_say_so(
    text: str, named: list[str], codes: set[str]
) -> None:
    told = {"assertion": Assertion(experiencer="family")}
    place = next(number for number, word in enumerate(named) if f"[{word}]" in text)
    words: Found = [
        (word, "PROBLEM" if at == place else "FAMILY_RELATION", told if at == place else {})
        for at, word in enumerate(named)
    ]
    joins = [("problem-relative", place + 1, at + 1) for at in range(len(named)) if at != place]
    made = facts_in(text.replace("[", "").replace("]", ""), words, *joins)
    assert {one["relationship"]["coding"][0]["code"] for one in made} == codes


def test_words_side_by_side_name_one_relative() -> None:
    words: Found = [
        ("Maternal", "FAMILY_RELATION", {}), ("aunt", "FAMILY_RELATION", {}),
        ("stroke", "PROBLEM", {"assertion": Assertion(experiencer="family")}),
    ]  # fmt: skip
    (one,) = facts_in("Maternal aunt: stroke", words, ("problem-relative", 3, 1), ("problem-relative", 3, 2))
    assert one["relationship"]["coding"][0]["code"] == "AUNT"


def test_a_reaction_in_a_list_is_that_of_the_allergen_it_stands_with() -> None:
    section = {"section": "allergies", "assertion": Assertion("conditional")}
    words: Found = [
        ("Penicillin", "MEDICATION", section), ("hives", "SYMPTOM", section),
        ("codeine", "MEDICATION", section), ("nausea", "SYMPTOM", section),
    ]  # fmt: skip
    every = [("drug-adverse-event", drug, event) for drug in (1, 3) for event in (2, 4)]
    made = facts_in("Penicillin (hives), codeine - nausea.", words, *every)
    told = {
        one["code"]["text"]: [each["manifestation"][0]["text"] for each in one["reaction"]]
        for one in made
        if one["resourceType"] == "AllergyIntolerance"
    }
    assert told == {"Penicillin": ["hives"], "codeine": ["nausea"]}
    made = facts_in("Penicillin and codeine: hives", [words[0], words[2], words[1]], *[
        ("drug-adverse-event", drug, 3) for drug in (1, 2)
    ])  # fmt: skip
    assert [len(one["reaction"]) for one in made if one["resourceType"] == "AllergyIntolerance"] == [1, 1]


TOLERATED = [
    ("She tolerated cephalexin without reaction.", set()), ("Cannot tolerate cephalexin.", {"AllergyIntolerance"}),
    ("Unable to tolerate cephalexin", {"AllergyIntolerance"}), ("cephalexin - rash", {"AllergyIntolerance"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kinds"), TOLERATED)
def test_what_was_tolerated_is_no_allergy(text: str, kinds: set[str]) -> None:
    told = Assertion("conditional")
    made = facts_in(text, [("cephalexin", "MEDICATION", {"section": "allergies", "assertion": told})])
    assert {one["resourceType"] for one in made} == kinds


def test_a_dose_that_changes_is_told_in_words_alone() -> None:
    words: Found = [
        ("amlodipine", "MEDICATION", {}), ("5 mg", "DOSAGE", {}), ("10 mg", "DOSAGE", {}),
    ]  # fmt: skip
    (one,) = facts_in("amlodipine 5 mg -> increase to 10 mg", words, ("drug-dose", 1, 2), ("drug-dose", 1, 3))
    assert one["dosage"] == [{"text": "5 mg 10 mg"}]


GLUCOSE = Concept(LOINC, "2345-7", "Glucose [Mass/volume] in Serum or Plasma", 0.9, 1)
ASSUMED = {"value": "11.4", "unit": "mg/dL", "unit_assumed": "true"}


def test_a_unit_that_is_written_counts_before_the_usual_one_and_bounds_are_no_results() -> None:
    words: Found = [
        ("Glucose", "TEST", {"codes": (GLUCOSE,)}), ("11.4", "TEST_VALUE", {"attributes": ASSUMED}),
        ("mmol/L", "UNIT", {"attributes": {"unit": "mmol/L"}}), ("3.9", "TEST_VALUE", {"attributes": {"value": "3.9"}}),
    ]  # fmt: skip
    joined = (("test-result", 1, 2), ("test-result", 1, 4), ("test-unit", 1, 3))
    (one,) = facts_in("| Glucose | 11.4 | mmol/L | 3.9-6.1 |", words, *joined)
    assert plain(one["valueQuantity"]) == {"value": 11.4, "unit": "mmol/L", "code": "mmol/L"}
    assert one["code"] == {"text": "Glucose"}  # LOINC 2345-7 is a mass concentration


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


UNITS = [
    ("sats", "59408-5", "oxygen_saturation", "2", "L", 0),
    ("sats", "59408-5", "oxygen_saturation", "96", "%", 1),
    ("BP", "8480-6", "systolic", "16", "kPa", 1),
    ("creatinine", "2160-0", "creatinine", "88", "umol/L", 1),
]


@pytest.mark.parametrize(("name", "loinc", "key", "number", "unit", "count"), UNITS)
def test_a_vital_sign_has_no_value_that_measures_another_thing(
    name: str, loinc: str, key: str, number: str, unit: str, count: int
) -> None:
    end = len(name) + 1 + len(number)
    ones = (
        Annotation(Span(0, len(name)), "TEST", text=name, id="T1", attributes={"loinc": loinc, "test": key}),
        Annotation(
            Span(len(name) + 1, end), "TEST_VALUE", text=number, id="T2", attributes={"value": number, "unit": unit}
        ),
    )
    relations = (Relation("test-result", "T1", "T2", None),)
    made = bundle(AnnotatedNote(note(f"{name} {number} {unit}"), annotations=ones, relations=relations))
    assert len(made["entry"]) == count
