"""One rich note with everything said about it, and what becomes of it: facts, and the forms of other tools.

What stands in the note is told here, word by word, so that the page shows what each assertion and relation leads to and
nothing of it depends on a model.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.fhir.validate import check
from careloom.nlp.annotation_json import as_json
from careloom.nlp.export_brat import as_brat
from careloom.nlp.export_spacy import as_spacy
from careloom.nlp.export_text_analytics import as_text_analytics
from careloom.nlp.reader import About, NoteReader, Reading
from careloom.nlp.splitting import Sentences
from careloom.nlp.to_fhir import bundle
from careloom.terminology.systems import ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from careloom.text.note import Assertion, Concept
from tests.nlp_kit import Headed, Joins, Words

CASE = Path(__file__).resolve().parent / "discharge"
ABSENT = {"assertion": Assertion("absent", certainty="negative")}
FAMILY = Assertion(experiencer="family")
SECTIONS = {
    "History of present illness": "history_of_present_illness", "Past medical history": "past_medical_history",
    "Family history": "family_history", "Allergies": "allergies", "Medications": "medications",
    "Vital signs": "vital_signs", "Labs": "results", "Procedures": "procedures",
    "Social history": "social_history",
}  # fmt: skip


def codes(*pairs: tuple[str, str, str]) -> dict[str, Any]:
    return {"codes": tuple(Concept(system, code, name, 0.9, n) for n, (system, code, name) in enumerate(pairs, 1))}


WORDS: list[tuple[str, str, dict[str, Any]]] = [
    ("63-year-old", "AGE", {"attributes": {"years": "63"}}),
    ("severe", "SEVERITY", {}),
    ("chest pain", "SYMPTOM", {"score": 0.97, **codes((SNOMED_CT, "29857009", "Chest pain"), (ICD_10_CM, "R07.9", "")),
    }),
    ("2026-02-27", "DATE_TIME", {"attributes": {"value": "2026-02-27", "type": "date"}}),
    ("fever", "SYMPTOM", ABSENT),
    ("pneumonia", "PROBLEM", {"assertion": Assertion("possible", certainty="positivePossible")}),
    ("shortness of breath", "SYMPTOM", {"assertion": Assertion("hypothetical")}),
    ("type 2 diabetes", "PROBLEM", codes((ICD_10_CM, "E11.9", "Type 2 diabetes mellitus without complications"))),
    ("2011", "DATE_TIME", {"attributes": {"value": "2011", "type": "date"}}),
    ("asthma", "PROBLEM", {"assertion": Assertion(temporality="historical")}),
    ("resolved", "COURSE", {}),
    ("mother", "FAMILY_RELATION", {}),
    ("breast cancer", "PROBLEM", {"assertion": FAMILY}),
    ("52", "AGE", {"attributes": {"years": "52"}}),
    ("stroke", "PROBLEM", {"assertion": Assertion("absent", experiencer="family")}),
    ("penicillin", "ALLERGEN", {"assertion": Assertion("conditional")}),
    ("hives", "SYMPTOM", {"assertion": Assertion("conditional")}),
    ("latex", "ALLERGEN", ABSENT),
    ("metformin", "MEDICATION", {"score": 0.91, **codes((RXNORM, "6809", "metformin"))}),
    ("500 mg", "DOSAGE", {"score": 0.88, "attributes": {"dose": "500", "unit": "mg"}}),
    ("by mouth", "ROUTE", {}),
    ("twice daily", "FREQUENCY", {"attributes": {"count": "2", "period": "1", "period_unit": "d", "code": "BID"}}),
    ("30 days", "DURATION", {"attributes": {"type": "duration", "value": "P30D"}}),
    ("diabetes", "PROBLEM", {}),
    ("warfarin", "MEDICATION", ABSENT),
    ("Lisinopril", "MEDICATION", {"assertion": Assertion(temporality="historical")}),
    ("cough", "SYMPTOM", {}),
    ("BP", "TEST", codes((LOINC, "85354-9", "Blood pressure"))),
    ("142/88", "TEST_VALUE", {}),
    ("heart rate", "TEST", codes((LOINC, "8867-4", "Heart rate"))),
    ("96", "TEST_VALUE", {}),
    ("/min", "UNIT", {}),
    ("2026-03-01", "DATE_TIME", {"attributes": {"value": "2026-03-01", "type": "date"}}),
    ("potassium", "TEST", codes((LOINC, "2823-3", "Potassium"))),
    ("4.1", "TEST_VALUE", {
        "attributes": {"value": "4.1", "flag": "H", "reference_low": "3.5", "reference_high": "5.0"},
    }),
    ("mmol/L", "UNIT", {}),
    ("troponin", "TEST", {}),
    ("<0.01", "TEST_VALUE", {}),
    ("ng/mL", "UNIT", {}),
    ("urine culture", "TEST", {}),
    ("negative", "TEST_VALUE", {}),
    ("coronary angiography", "PROCEDURE", {}),
    ("2026-03-02", "DATE_TIME", {"attributes": {"value": "2026-03-02", "type": "date"}}),
    ("bypass", "PROCEDURE", {"assertion": Assertion(temporality="future")}),
    ("biopsy", "PROCEDURE", ABSENT),
    ("former smoker, 20 pack years, quit 2015", "TOBACCO", {
        "attributes": {"status": "past", "amount": "20 pack years", "time": "2015", "adverse": "false"},
        "assertion": Assertion(temporality="historical"), **codes((LOINC, "72166-2", "Tobacco smoking status")),
    }),
    ("Homeless", "HOUSING", {
        "attributes": {"status": "homeless", "adverse": "true"},
        **codes((LOINC, "71802-3", "Housing status"), (ICD_10_CM, "Z59.00", "Homelessness unspecified")),
    }),
]  # fmt: skip
PAIRS = [
    ("problem-severity", "chest pain", "severe"), ("problem-date", "chest pain", "2026-02-27"),
    ("problem-date", "type 2 diabetes", "2011"), ("problem-course", "asthma", "resolved"),
    ("problem-relative", "breast cancer", "mother"), ("problem-age", "breast cancer", "52"),
    ("allergen-reaction", "penicillin", "hives"),
    ("drug-dose", "metformin", "500 mg"), ("drug-route", "metformin", "by mouth"),
    ("drug-frequency", "metformin", "twice daily"), ("drug-duration", "metformin", "30 days"),
    ("drug-reason", "metformin", "diabetes"), ("drug-adverse-event", "Lisinopril", "cough"),
    ("test-result", "BP", "142/88"), ("test-result", "heart rate", "96"), ("test-unit", "heart rate", "/min"),
    ("test-result", "potassium", "4.1"), ("test-unit", "potassium", "mmol/L"),
    ("test-date", "potassium", "2026-03-01"), ("test-result", "troponin", "<0.01"),
    ("test-unit", "troponin", "ng/mL"), ("test-result", "urine culture", "negative"),
    ("procedure-date", "coronary angiography", "2026-03-02"),
]  # fmt: skip


@pytest.fixture(scope="module")
def reading() -> Reading:
    reader = NoteReader([Headed(SECTIONS), Sentences(), Words(WORDS)], [Joins(PAIRS)])
    about = About("n1", "p1", "e1", "2026-03-03T09:30:00+01:00", "18842-5")
    return reader.read_text((CASE / "input.txt").read_text("utf-8"), about)


def compare(name: str, made: bytes) -> None:
    golden = CASE / name
    if os.environ.get("CARELOOM_REWRITE_GOLDEN"):
        golden.write_bytes(made)
    assert made.decode() == golden.read_text("utf-8")


def as_bytes(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def test_the_annotation_document(reading: Reading) -> None:
    compare("expected.json", as_bytes(as_json(reading.annotated, reading.place)))


def test_the_facts_are_valid_fhir_and_those_of_the_golden_file(reading: Reading) -> None:
    made = bundle(reading.annotated)
    refused = {entry["resource"]["id"]: check(entry["resource"]) for entry in made["entry"]}
    assert {name: issues for name, issues in refused.items() if issues} == {}
    compare("expected.fhir.json", as_bytes(made))


def is_refuted(resource: dict[str, Any]) -> bool:
    told = resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code", resource.get("status"))
    return told in ("refuted", "not-taken", "not-done")


def test_what_is_refuted_is_told_where_it_is_asked(reading: Reading) -> None:
    plain = [entry["resource"] for entry in bundle(reading.annotated)["entry"]]
    every = [entry["resource"] for entry in bundle(reading.annotated, refuted=True)["entry"]]
    assert [issue for one in every for issue in check(one)] == []
    refuted = [one for one in every if is_refuted(one)]
    assert not any(map(is_refuted, plain))
    assert len(every) == len(plain) + len(refuted)
    named = {(one.get("code") or one["medicationCodeableConcept"])["text"] for one in refuted}
    assert named == {"fever", "latex", "warfarin", "biopsy"}


def test_the_shape_of_text_analytics_for_health(reading: Reading) -> None:
    compare("expected.azure.json", as_bytes(as_text_analytics(reading.annotated, "1.golden", reading.place)))


def test_the_annotations_for_brat(reading: Reading) -> None:
    compare("expected.ann", as_brat(reading.annotated).encode())


def test_the_doc_for_spacy(reading: Reading) -> None:
    compare("expected.spacy.json", as_bytes(as_spacy(reading.annotated)))
