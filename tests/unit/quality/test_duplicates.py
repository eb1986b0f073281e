"""What is there twice, and what only looks so."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.quality.duplicates import Finder, Group, event_key, policy

Json = dict[str, Any]
LOINC = {"system": "http://loinc.org", "code": "8867-4"}


def observation(name: str, **other: Any) -> Json:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"coding": [LOINC]},
            "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-01-02T03:04:05Z",
            "valueQuantity": {"value": 71, "unit": "/min", "code": "/min"}} | other  # fmt: skip


def found(*resources: Json, persons: dict[str, str] | None = None) -> list[Group]:
    finder = Finder(lambda patient: (persons or {}).get(patient, patient))
    for resource in resources:
        finder.take(resource)
    return finder.groups()


def test_the_same_content_under_another_id_is_told_as_that() -> None:
    assert found(observation("a"), observation("b", identifier=[{"value": "7"}], meta={"source": "x"})) == [
        Group("content", "Observation", ("Observation/a", "Observation/b"))
    ]


SAME_EVENT: list[tuple[str, Json]] = [
    ("another status", {"status": "amended"}),
    ("seconds", {"effectiveDateTime": "2026-01-02T03:04:59Z"}),
    ("another zone", {"effectiveDateTime": "2026-01-01T22:04:05-05:00"}),
    ("a translation more", {"code": {"coding": [{"system": "urn:local", "code": "HR"}, LOINC]}}),
    ("a number written otherwise", {"valueQuantity": {"value": 71.0, "unit": "per minute", "code": "/min"}}),
    ("a period", {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-01-02T03:04:00Z"}}),
]


@pytest.mark.parametrize(("what", "other"), SAME_EVENT, ids=[row[0] for row in SAME_EVENT])
def test_the_same_event_in_other_words(what: str, other: Json) -> None:
    again = {name: value for name, value in observation("b", **other).items() if value is not None}
    assert found(observation("a"), again) == [Group("event", "Observation", ("Observation/a", "Observation/b"))]


ANOTHER: list[tuple[str, Json]] = [
    ("value", {"valueQuantity": {"value": 72, "code": "/min"}}),
    ("unit", {"valueQuantity": {"value": 71, "code": "/h"}}),
    ("minute", {"effectiveDateTime": "2026-01-02T03:05:05Z"}),
    ("test", {"code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]}}),
    ("patient", {"subject": {"reference": "Patient/p2"}}),
]


@pytest.mark.parametrize(("what", "other"), ANOTHER, ids=[row[0] for row in ANOTHER])
def test_another_value_time_test_or_patient_is_another_event(what: str, other: Json) -> None:
    assert found(observation("a"), observation("b", **other)) == []


def test_records_of_one_person_are_one_patient() -> None:
    pair = (observation("a"), observation("b", subject={"reference": "Patient/p2"}))
    assert found(*pair) == []
    assert len(found(*pair, persons={"p1": "x", "p2": "x"})) == 1


def test_what_lacks_a_part_of_its_key_is_no_event() -> None:
    bare = {name: value for name, value in observation("a").items() if name != "effectiveDateTime"}
    assert event_key(bare, str) is None
    assert found(bare, bare | {"id": "b", "status": "amended"}) == []
    assert event_key({"resourceType": "Patient", "id": "p"}, str) is None


EVENTS: list[Json] = [
    {"resourceType": "Condition", "onsetDateTime": "2020-05-06", "code": {"text": "Asthma"}},
    {"resourceType": "Procedure", "performedPeriod": {"start": "2020-05-06T10:00:00Z"}, "code": {"text": "Suture"}},
    {"resourceType": "MedicationRequest", "authoredOn": "2020-05-06", "medicationCodeableConcept": {"text": "x"}},
    {"resourceType": "Encounter", "class": {"code": "AMB"}, "period": {"start": "2020-05-06T10:00:00Z"}},
    {"resourceType": "DiagnosticReport", "effectiveDateTime": "2020-05-06", "code": {"text": "CBC"}},
    {"resourceType": "DocumentReference", "date": "2020-05-06T10:00:00Z", "type": {"text": "Note"}},
]


@pytest.mark.parametrize("event", EVENTS, ids=[one["resourceType"] for one in EVENTS])
def test_every_type_has_its_key(event: Json) -> None:
    subject = {"subject": {"reference": "Patient/p1"}}
    assert event_key(event | subject, str) is not None
    one, other = event | subject | {"id": "a"}, event | subject | {"id": "b", "note": [{"text": "other"}]}
    assert [group.kind for group in found(one, other)] == ["event"]


def test_vaccines_and_allergies_name_their_patient_otherwise() -> None:
    patient = {"patient": {"reference": "Patient/p1"}}
    dose = {"resourceType": "Immunization", "occurrenceDateTime": "2020-05-06", "vaccineCode": {"text": "MMR"}}
    allergy = {"resourceType": "AllergyIntolerance", "code": {"text": "Latex"}}
    assert event_key(dose | patient, str) is not None
    assert event_key(allergy | patient, str) is not None
    assert {"Immunization", "AllergyIntolerance"} <= policy().events.keys()


NAMES = st.sampled_from(["coding", "code", "system", "start", "value", "reference"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["subject", "patient", "code", "effectiveDateTime", "valueQuantity", "period", "class"])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(policy().events)), st.dictionaries(FIELDS, JSON))
def test_no_resource_is_too_broken_to_be_looked_at(kind: str, resource: Json) -> None:
    found({"resourceType": kind, "id": "a"} | resource)
