"""What notes say of one patient, merged: across notes, and against the record."""

from typing import Any

import pytest

from careloom.nlp.facts import Decided, Sourced, decided
from careloom.nlp.to_fhir import facts_of
from careloom.terminology.systems import ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Relation, Span
from tests.nlp_kit import note

STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
SMOKING = Concept(LOINC, "72166-2", "Tobacco smoking status", 1.0, 1)
DIABETES = Concept(ICD_10_CM, "E11.9", "Type 2 diabetes mellitus", 0.9, 1)


def said(
    text: str, label: str, *, time: str = "2026-03-01", note_id: str = "n1", value: str = "", **fields: Any
) -> list[Sourced]:
    one = Annotation(Span(0, len(text)), label, id="T1", text=text, **fields)
    annotations, relations = (one,), ()
    whole = text
    if value:
        whole = f"{text} {value}"
        result = Annotation(Span(len(text) + 1, len(whole)), "TEST_VALUE", id="T2", text=value)
        annotations, relations = (one, result), (Relation("test-result", "T1", "T2"),)  # type: ignore[assignment]
    annotated = AnnotatedNote(note(whole, time=time, note_id=note_id, patient_id="p"), (), (), annotations, relations)
    return [Sourced(fact, note_id, time) for fact in facts_of(annotated)]


def condition(code: str = "E11.9", status: str = "active", verification: str = "confirmed", **more: Any) -> Any:
    return {
        "resourceType": "Condition", "id": "c1",
        "clinicalStatus": {"coding": [{"system": STATUS, "code": status}]},
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": verification}]},
        "code": {"coding": [{"system": ICD_10_CM, "code": code}]}, "recordedDate": "2020-01-01",
    } | more  # fmt: skip


def pulse(value: float, day: str = "2026-03-01") -> Any:
    return {
        "resourceType": "Observation", "id": "o1", "code": {"coding": [{"system": LOINC, "code": "8867-4"}]},
        "effectiveDateTime": f"{day}T08:00:00Z", "valueQuantity": {"value": value, "code": "/min"},
    }  # fmt: skip


def smoking(code: str) -> Any:
    return {
        "resourceType": "Observation", "id": "o2", "code": {"coding": [{"system": LOINC, "code": "72166-2"}]},
        "effectiveDateTime": "2026-03-01",
        "valueCodeableConcept": {"coding": [{"system": SNOMED_CT, "code": code}], "text": "as the sender words it"},
    }  # fmt: skip


def smoker(status: str) -> list[Sourced]:
    return said("smoking", "TOBACCO", codes=(SMOKING,), attributes={"status": status, "adverse": "true"})


def drug(status: str, **more: Any) -> Any:
    concept = {"text": "metformin hydrochloride 500 MG Oral Tablet", "coding": [{"system": RXNORM, "code": "860975"}]}
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": status,
        "medicationCodeableConcept": concept,
    } | more


ABSENT = Assertion("absent")
HEART = Concept(LOINC, "8867-4", "Heart rate", 1.0, 1)
CASES: list[tuple[str, list[Sourced], list[Any], str, str]] = [
    ("nothing is known", said("diabetes", "PROBLEM", codes=(DIABETES,)), [], "new", ""),
    ("the same code", said("diabetes", "PROBLEM", codes=(DIABETES,)), [condition()], "agree", ""),
    ("a code that holds the other", said("diabetes", "PROBLEM", codes=(DIABETES,)), [condition("E11")], "agree", ""),
    ("another code", said("diabetes", "PROBLEM", codes=(DIABETES,)), [condition("I10")], "new", ""),
    ("the record refutes", said("diabetes", "PROBLEM", codes=(DIABETES,)), [condition(verification="refuted")],
     "conflict", "verification"),
    ("the note denies what is active", said("diabetes", "PROBLEM", codes=(DIABETES,), assertion=ABSENT), [condition()],
     "conflict", "verification"),
    ("both deny", said("diabetes", "PROBLEM", codes=(DIABETES,), assertion=ABSENT),
     [condition(verification="refuted")], "agree", ""),
    ("denied, and nobody says otherwise", said("diabetes", "PROBLEM", assertion=ABSENT), [], "refuted", ""),
    ("resolved before the note", said("diabetes", "PROBLEM", codes=(DIABETES,)),
     [condition(status="resolved", abatementDateTime="2025-01-01")], "conflict", "status"),
    ("resolved after the note", said("diabetes", "PROBLEM", codes=(DIABETES,)),
     [condition(status="resolved", abatementDateTime="2026-09-01")], "agree", ""),
    ("a drug by the words of its product", said("metformin", "MEDICATION"), [drug("active")], "agree", ""),
    ("a drug that is not taken", said("metformin", "MEDICATION", assertion=ABSENT), [drug("active")], "conflict",
     "status"),
    ("a drug that had ended", said("metformin", "MEDICATION"),
     [drug("completed", dispenseRequest={"validityPeriod": {"end": "2025-06-01"}})], "conflict", "status"),
    ("the value of that day", said("pulse", "TEST", codes=(HEART,), value="61"), [pulse(61)], "agree", ""),
    ("another value of that day", said("pulse", "TEST", codes=(HEART,), value="61"), [pulse(90)], "conflict", "value"),
    ("never, in words and as a code", smoker("never"), [smoking("266919005")], "agree", ""),
    ("former, in words and as a code", smoker("past"), [smoking("8517006")], "agree", ""),
    ("current, and every day", smoker("current"), [smoking("449868002")], "agree", ""),
    ("does not smoke, which says nothing of earlier", smoker("none"), [smoking("8517006")], "agree", ""),
    ("never, and every day", smoker("never"), [smoking("449868002")], "conflict", "value"),
    ("a value of another day", said("pulse", "TEST", codes=(HEART,), value="61"), [pulse(90, "2026-02-01")], "new", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "notes", "record", "outcome", "reason"), CASES, ids=[case[0] for case in CASES])
def test_a_fact_against_the_record(
    name: str, notes: list[Sourced], record: list[Any], outcome: str, reason: str
) -> None:
    (one,) = decided(notes, record)
    assert (one.outcome, one.reason) == (outcome, reason)


def test_two_notes_of_one_thing_are_one_fact_and_the_newest_says_what_it_is() -> None:
    first = said("diabetes", "PROBLEM", codes=(DIABETES,), time="2026-01-01", note_id="a")
    then = said("steroid diabetes", "PROBLEM", codes=(DIABETES,), time="2026-02-01", note_id="b",
                assertion=Assertion(temporality="historical"))  # fmt: skip
    for order in ([*first, *then], [*then, *first]):
        (one,) = decided(order, [])
        assert [source.note for source in one.sources] == ["b", "a"]
        assert one.fact.resource["clinicalStatus"]["coding"][0]["code"] == "inactive"
        assert one.fact.resource["code"]["text"] == "steroid diabetes"


def test_a_newer_note_that_says_the_contrary_outvotes_the_older() -> None:
    first = said("pneumonia", "PROBLEM", time="2026-01-01", note_id="a")
    then = said("pneumonia", "PROBLEM", time="2026-02-01", note_id="b", assertion=ABSENT)
    (one,) = decided([*first, *then], [])
    assert (one.outcome, [source.note for source in one.sources]) == ("refuted", ["b"])


def test_the_order_of_notes_and_of_the_record_does_not_matter() -> None:
    notes = [
        *said("diabetes", "PROBLEM", codes=(DIABETES,), note_id="a"), *said("cough", "SYMPTOM", note_id="b"),
        *said("pulse", "TEST", codes=(HEART,), value="61", note_id="c"),
    ]  # fmt: skip
    record = [pulse(90), condition(), drug("active")]

    def told(found: list[Decided]) -> list[tuple[str, str, str]]:
        return [(one.fact.key, one.outcome, one.against) for one in found]

    assert told(decided(notes, record)) == told(decided(notes[::-1], record[::-1]))


def test_nothing_makes_no_facts() -> None:
    assert decided([], [condition()]) == []
