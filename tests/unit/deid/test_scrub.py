from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from careloom.deid.policy import packaged_policy
from careloom.deid.scrub import Scrubber

Json = dict[str, Any]
MASKED = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
SCRUBBER = Scrubber(
    packaged_policy(), lambda kind, name: f"{kind.lower()}-{name[::-1]}", lambda _: 10, date(2026, 11, 21)
)
PATIENT: Json = {"resourceType": "Patient", "id": "p1"}
OBSERVATION: Json = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "8480-6", "display": "Systolic"}], "text": "Systolic"},
    "subject": {"reference": "Patient/p1", "display": "Ann Smith"},
    "effectiveDateTime": "2024-02-28T10:00:00-05:00",
}


def passed(resource: Json, patient_id: str | None = "p1") -> Json:
    before = deepcopy(resource)
    found, issues = SCRUBBER.scrub(resource, patient_id)
    assert resource == before
    assert found is not None, issues
    return found


def refused(resource: Json, patient_id: str | None = "p1") -> str:
    found, issues = SCRUBBER.scrub(resource, patient_id)
    assert found is None
    assert issues[-1].refuses
    return issues[-1].code


def codes_found(resource: Json, patient_id: str | None = "p1") -> list[str]:
    return [issue.code for issue in SCRUBBER.scrub(resource, patient_id)[1]]


def test_an_observation_keeps_code_value_and_moved_time_and_loses_every_text() -> None:
    assert passed(
        OBSERVATION
        | {"valueQuantity": {"value": 120, "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}
    ) == {
        "resourceType": "Observation",
        "id": "observation-1o",
        "meta": {
            "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "PSEUDED"}]
        },
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
        "subject": {"reference": "Patient/patient-1p"},
        "effectiveDateTime": "2024-03-09T15:00:00Z",
        "valueQuantity": {"value": 120, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
    }


def test_a_patient_keeps_state_sex_race_and_year_of_birth() -> None:
    race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    cdc = "urn:oid:2.16.840.1.113883.6.238"
    found = passed(
        PATIENT
        | {
            "identifier": [{"system": "urn:mrn", "value": "12345"}],
            "name": [{"family": "Smith", "given": ["Ann"]}],
            "telecom": [{"system": "phone", "value": "617-555-0142"}],
            "gender": "female",
            "birthDate": "1971-12-29",
            "address": [{"line": ["1 Main St"], "city": "Salem", "state": "MA", "postalCode": "01970"}],
            "extension": [
                {
                    "url": race,
                    "extension": [
                        {"url": "ombCategory", "valueCoding": {"system": cdc, "code": "2106-3", "display": "White"}},
                        {"url": "text", "valueString": "White, called Ann"},
                    ],
                },
                {"url": "http://hospital.example/vip", "valueString": "mayor"},
            ],
        }
    )
    del found["meta"]
    assert found == {
        "resourceType": "Patient",
        "id": "patient-1p",
        "gender": "female",
        "birthDate": "1972",
        "address": [{"state": "MA"}],
        "extension": [
            {"url": race, "extension": [{"url": "ombCategory", "valueCoding": {"system": cdc, "code": "2106-3"}}]}
        ],
    }


@pytest.mark.parametrize(
    ("patient", "birth"),
    [
        ({"birthDate": "1936-11-22"}, "1936"),
        ({"birthDate": "1936-11-21"}, None),
        ({"birthDate": "1936"}, None),
        ({"birthDate": "1900-01-01"}, None),
        ({"birthDate": "1900-01-01", "deceasedDateTime": "1940-05-05"}, "1900"),
        ({"birthDate": "1900-06-01", "deceasedDateTime": "1990-06-01"}, None),
        ({"birthDate": "1900-06-01", "deceasedDateTime": "1990"}, None),
        ({"birthDate": "1900-06-01", "deceasedBoolean": True}, None),
    ],
)
def test_a_birth_year_that_tells_an_age_above_89_is_masked(patient: Json, birth: str | None) -> None:
    found = passed(PATIENT | patient)
    assert found.get("birthDate") == birth
    assert ("_birthDate" in found) is (birth is None)


@pytest.mark.parametrize(
    ("resource", "patient_id", "code"),
    [
        ({"resourceType": "Claim", "id": "c"}, "p1", "deid.type-not-listed"),
        ({"resourceType": "Smith", "id": "c"}, "p1", "deid.type-not-listed"),
        ({"id": "c"}, "p1", "deid.type-not-listed"),
        ({"resourceType": ["Patient"], "id": "c"}, "p1", "deid.type-not-listed"),
        ({"resourceType": "DocumentReference", "id": "d"}, "p1", "deid.free-text-not-yet"),
        ({"resourceType": "Binary", "id": "d"}, None, "deid.free-text-not-yet"),
        ({"resourceType": "Patient"}, "p1", "deid.malformed"),
        ({"resourceType": "Patient", "id": 7}, "p1", "deid.malformed"),
        (PATIENT, None, "deid.patient-unknown"),
        (PATIENT, "p2", "deid.patient-differs"),
        (OBSERVATION, None, "deid.patient-unknown"),
        (OBSERVATION, "p2", "deid.patient-differs"),
        (OBSERVATION | {"modifierExtension": [{"url": "x", "valueBoolean": True}]}, "p1", "deid.modified-meaning"),
        (OBSERVATION | {"implicitRules": "http://x"}, "p1", "deid.modified-meaning"),
        (
            OBSERVATION | {"component": [{"code": OBSERVATION["code"], "modifierExtension": [{"url": "x"}]}]},
            "p1",
            "deid.modified-meaning",
        ),
    ],
)
def test_what_must_not_pass_is_refused_with_its_reason(resource: Json, patient_id: str | None, code: str) -> None:
    assert refused(resource, patient_id) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"shoeSize": 43}, "deid.element-unlisted"),
        ({"effectiveDateTime": "last Tuesday"}, "deid.date-unreadable"),
        ({"valueQuantity": {"value": 6175550142}}, "deid.quantity-unkept"),
        ({"valueQuantity": {"value": 91, "system": "http://unitsofmeasure.org", "code": "a"}}, "deid.quantity-unkept"),
        ({"valueQuantity": {"value": 1, "unit": "Smiths"}}, "deid.quantity-unkept"),
        ({"valueQuantity": {"value": "120"}}, "deid.quantity-unkept"),
        ({"valueInteger": 84210377}, "deid.number-too-long"),
        ({"valueCodeableConcept": {"text": "Ann's"}}, "deid.text-only"),
        ({"valueCodeableConcept": {"coding": [{"system": "urn:local", "code": "Ann"}]}}, "deid.code-unlisted"),
        ({"encounter": {"reference": "http://a.example/Encounter/1"}}, "deid.reference-unkept"),
        ({"encounter": {"identifier": {"value": "12345"}}}, "deid.reference-unkept"),
        ({"derivedFrom": [{"reference": "DocumentReference/1"}]}, "deid.reference-unkept"),
        ({"status": "Ann"}, "deid.code-unlisted"),
    ],
)
def test_what_is_removed_is_counted(change: Json, code: str) -> None:
    assert code in codes_found(OBSERVATION | change)
    assert not set(change) - {"status"} & set(passed(OBSERVATION | change))


def test_the_place_of_an_unlisted_element_is_its_structure_never_its_name() -> None:
    issues = SCRUBBER.scrub(OBSERVATION | {"Ann Smith": 1}, "p1")[1]
    assert [issue.place for issue in issues] == ["Observation"]


def test_a_required_element_that_does_not_pass_is_masked() -> None:
    found = passed(OBSERVATION | {"status": "Ann", "code": {"text": "Ann's pulse"}})
    assert found["_status"] == {"extension": MASKED}
    assert found["code"] == {"extension": MASKED}
    request = {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order"}
    found = passed(request | {"subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": {"text": "pills"}})
    assert found["medicationCodeableConcept"] == {"extension": MASKED}


def test_a_value_that_does_not_pass_leaves_its_absent_reason() -> None:
    found = passed(OBSERVATION | {"valueString": "Ann felt dizzy"})
    assert found["dataAbsentReason"]["coding"][0]["code"] == "masked"
    assert "dataAbsentReason" not in passed(OBSERVATION)


def test_an_observation_whose_value_is_an_identifier_loses_it_whatever_its_type() -> None:
    code = {"coding": [{"system": LOINC, "code": "45401-7"}]}
    found = passed(OBSERVATION | {"code": code, "valueInteger": 2139})
    assert "valueInteger" not in found
    assert found["dataAbsentReason"]["coding"][0]["code"] == "masked"


def test_a_data_absent_reason_of_the_source_is_carried_and_nothing_beside_it() -> None:
    unknown = {"url": MASKED[0]["url"], "valueCode": "unknown"}
    change = {"_effectiveDateTime": {"id": "Ann", "extension": [{"url": "x", "valueString": "Ann"}, unknown]}}
    source = {key: value for key, value in OBSERVATION.items() if key != "effectiveDateTime"}
    assert passed(source | change)["_effectiveDateTime"] == {"extension": [unknown]}
    assert "_effectiveDateTime" not in passed(OBSERVATION | change)


def test_a_resource_of_nobody_loses_its_dates_and_keeps_its_codes() -> None:
    device = {"resourceType": "Device", "id": "d", "status": "active", "property": [{"type": OBSERVATION["code"]}]}
    assert passed(device, None)["property"] == [{"type": {"coding": [{"system": LOINC, "code": "8480-6"}]}}]
    specimen = {"resourceType": "Specimen", "id": "s", "receivedTime": "2024-02-28T10:00:00Z"}
    assert "receivedTime" not in passed(specimen, None)
    assert passed(specimen, "p1")["receivedTime"] == "2024-03-09T10:00:00Z"


def test_a_contained_resource_passes_under_a_local_name_when_something_kept_refers_to_it() -> None:
    drug = {
        "resourceType": "Medication",
        "id": "anns-pills",
        "code": {"coding": [{"system": SNOMED, "code": "387458008"}]},
    }
    notes = {"resourceType": "DocumentReference", "id": "note"}
    found = passed(
        {
            "resourceType": "MedicationRequest",
            "id": "m",
            "contained": [notes, drug, drug | {"id": "never-named"}],
            "status": "active",
            "intent": "order",
            "medicationReference": {"reference": "#anns-pills"},
            "supportingInformation": [{"reference": "#note"}],
            "subject": {"reference": "Patient/p1"},
        }
    )
    assert found["contained"] == [drug | {"id": "c2"}]
    assert found["medicationReference"] == {"reference": "#c2"}
    assert "supportingInformation" not in found


def test_a_versioned_reference_loses_its_version() -> None:
    change = {"encounter": {"reference": "Encounter/e9/_history/4"}}
    assert passed(OBSERVATION | change)["encounter"] == {"reference": "Encounter/encounter-9e"}


def test_a_structure_without_what_it_needs_does_not_pass() -> None:
    found = passed(OBSERVATION | {"referenceRange": [{"text": "as Ann"}, {"low": {"value": 1}, "text": "x"}]})
    assert found["referenceRange"] == [{"low": {"value": 1}}]


def test_an_end_that_utc_would_put_before_its_start_is_removed() -> None:
    source = {key: value for key, value in OBSERVATION.items() if key != "effectiveDateTime"}
    period = {"start": "2024-02-28T23:00:00-07:00", "end": "2024-02-28"}
    assert passed(source | {"effectivePeriod": period})["effectivePeriod"] == {"start": "2024-03-10T06:00:00Z"}


def test_the_patient_of_a_resource_is_whom_it_names() -> None:
    assert SCRUBBER.patient_of(PATIENT) == "p1"
    assert SCRUBBER.patient_of(OBSERVATION) == "p1"
    assert SCRUBBER.patient_of({"resourceType": "Organization", "id": "x"}) is None
    assert SCRUBBER.patient_of(OBSERVATION | {"subject": {"reference": "Group/g"}}) is None
    assert SCRUBBER.patient_of(OBSERVATION | {"subject": "Patient/p1"}) is None


def test_the_outline_of_a_note_says_that_it_exists_and_not_what_it_says() -> None:
    note = {
        "resourceType": "DocumentReference",
        "id": "n1",
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": "34117-2"}], "text": "about Ann"},
        "subject": {"reference": "Patient/p1"},
        "date": "2024-02-28T10:00:00Z",
        "description": "Ann",
        "content": [{"attachment": {"contentType": "text/plain", "data": "QW5u", "title": "Ann"}}],
    }
    found = SCRUBBER.outline(note, "p1")
    assert found is not None
    del found["meta"]
    assert found == {
        "resourceType": "DocumentReference",
        "id": "documentreference-1n",
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": "34117-2"}]},
        "subject": {"reference": "Patient/patient-1p"},
        "date": "2024-03-09T10:00:00Z",
        "content": [{"attachment": {"extension": MASKED}}],
    }
    assert SCRUBBER.outline(OBSERVATION, "p1") is None
    assert SCRUBBER.outline(note, None) is None
    assert SCRUBBER.outline({"resourceType": "Composition", "id": "c"}, "p1") is None
