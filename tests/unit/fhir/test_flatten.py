from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir.flatten import TABLE_OF, drug_codes, flatten
from careloom.tables.research import RESEARCH
from careloom.tables.schema import SchemaMismatch

Json = dict[str, Any]
LOINC, SNOMED, RXNORM = "http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
ME = {"reference": "Patient/p1"}
VISIT = {"reference": "Encounter/e1"}


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def row(table: str, *resources: Json, index: int = 0) -> Json:
    frames = flatten(resources)
    for schema in RESEARCH:
        schema.require(frames[schema.name])
    return frames[table].row(index, named=True)


def only(found: Json) -> Json:
    return {key: value for key, value in found.items() if value is not None}


def test_no_resources_make_every_table_empty_and_typed() -> None:
    frames = flatten([])
    assert [schema.name for schema in RESEARCH] == list(frames)
    assert all(schema.check(frames[schema.name]) == [] and frames[schema.name].is_empty() for schema in RESEARCH)


def test_a_patient_becomes_one_row() -> None:
    us_core, cdc = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-", "urn:oid:2.16.840.1.113883.6.238"
    race = [{"url": "ombCategory", "valueCoding": {"system": cdc, "code": code}} for code in ("2106-3", "1002-5")]
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1972",
        "deceasedDateTime": "2020-01-02T03:04:05Z",
        "maritalStatus": concept("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M"),
        "address": [{"state": "MA"}],
        "extension": [{"url": us_core + "race", "extension": race}, {"url": us_core + "birthsex", "valueCode": "F"}],
    }
    assert only(row("patients", patient)) == {
        "patient_id": "p1",
        "birth_year": 1972,
        "age_over_89": False,
        "gender": "female",
        "birth_sex": "F",
        "race": "1002-5,2106-3",
        "marital_status": "M",
        "state": "MA",
        "deceased": True,
        "death_time": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("change", "year", "over", "deceased"),
    [
        ({}, None, False, None),
        ({"_birthDate": {"extension": []}}, None, True, None),
        ({"birthDate": "1972-01-02", "deceasedBoolean": False}, 1972, False, False),
    ],
)
def test_a_withheld_year_of_birth_is_told_from_an_unknown_one(
    change: Json, year: int | None, over: bool, deceased: bool | None
) -> None:
    found = row("patients", {"resourceType": "Patient", "id": "p1"} | change)
    assert (found["birth_year"], found["age_over_89"], found["deceased"]) == (year, over, deceased)


def test_an_encounter_becomes_one_row() -> None:
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "IMP"},
        "type": [{"text": "no code"}, concept(SNOMED, "185347001")],
        "subject": ME,
        "period": {"start": "2020-01-02", "end": "2020-01-05T10:00:00-05:00"},
        "reasonCode": [concept(SNOMED, "72892002")],
        "hospitalization": {"dischargeDisposition": concept("http://www.nubc.org/patient-discharge", "01")},
        "partOf": {"reference": "Encounter/e0"},
    }
    assert row("encounters", encounter) == {
        "encounter_id": "e1",
        "patient_id": "p1",
        "status": "finished",
        "class_code": "IMP",
        "type_system": SNOMED,
        "type_code": "185347001",
        "start_time": datetime(2020, 1, 2, tzinfo=UTC),
        "end_time": datetime(2020, 1, 5, 15, tzinfo=UTC),
        "reason_system": SNOMED,
        "reason_code": "72892002",
        "discharge_code": "01",
        "part_of_id": "e0",
    }


def test_a_condition_becomes_one_row() -> None:
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": ME,
        "encounter": VISIT,
        "code": concept(SNOMED, "38341003"),
        "category": [concept("x", "problem-list-item")],
        "clinicalStatus": concept("x", "resolved"),
        "verificationStatus": concept("x", "confirmed"),
        "onsetAge": {"value": 44, "system": UCUM, "code": "a"},
        "abatementPeriod": {"start": "2020-01", "end": "2020-03"},
        "recordedDate": "2021",
    }
    assert only(row("conditions", condition)) == {
        "condition_id": "c1",
        "patient_id": "p1",
        "encounter_id": "e1",
        "code_system": SNOMED,
        "code": "38341003",
        "category": "problem-list-item",
        "clinical_status": "resolved",
        "verification_status": "confirmed",
        "onset_age_years": 44.0,
        "abatement_time": datetime(2020, 3, 1, tzinfo=UTC),
        "recorded_time": datetime(2021, 1, 1, tzinfo=UTC),
    }


OBSERVATION: Json = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "subject": ME,
    "code": concept(LOINC, "8480-6"),
}


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ({"valueQuantity": {"value": 5, "code": "mg/dL", "unit": "x"}}, {"value_number": 5.0, "unit": "mg/dL"}),
        (
            {"valueQuantity": {"value": 5, "unit": "mmHg", "comparator": "<"}},
            {"value_number": 5.0, "unit": "mmHg", "comparator": "<"},
        ),
        ({"valueInteger": 0}, {"value_number": 0.0}),
        ({"valueBoolean": False}, {"value_code": "false"}),
        ({"valueCodeableConcept": concept(LOINC, "LA32-8")}, {"value_system": LOINC, "value_code": "LA32-8"}),
        ({"valueDateTime": "2020-01-02T00:00:00Z"}, {"value_time": datetime(2020, 1, 2, tzinfo=UTC)}),
        ({"valueRange": {"low": {"value": 1}}}, {}),
        ({"dataAbsentReason": concept("x", "masked")}, {"absent_reason": "masked"}),
        ({"interpretation": [concept("x", "H")]}, {"interpretation": "H"}),
        ({"effectivePeriod": {"start": "2020"}}, {"effective_time": datetime(2020, 1, 1, tzinfo=UTC)}),
        ({"effectiveInstant": "2020-01-02T00:00:00Z"}, {"effective_time": datetime(2020, 1, 2, tzinfo=UTC)}),
    ],
)
def test_every_kind_of_value_has_its_columns(value: Json, columns: Json) -> None:
    plain = {
        "observation_id": "o1",
        "component": 0,
        "patient_id": "p1",
        "code_system": LOINC,
        "code": "8480-6",
        "status": "final",
    }
    assert only(row("observations", OBSERVATION | value)) == plain | columns


def test_components_count_from_one_and_share_patient_time_and_status() -> None:
    parts = [
        {"code": concept(LOINC, code), "valueQuantity": {"value": value}}
        for code, value in (("8480-6", 120), ("8462-4", 80))
    ]
    frame = flatten([OBSERVATION | {"component": parts, "effectiveDateTime": "2020"}])["observations"]
    assert frame["component"].to_list() == [0, 1, 2]
    assert frame["value_number"].to_list() == [None, 120.0, 80.0]
    assert frame.select("patient_id", "status", "effective_time").n_unique() == 1


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        (
            {
                "resourceType": "MedicationRequest",
                "intent": "order",
                "authoredOn": "2020-01-02",
                "dosageInstruction": [
                    {
                        "doseAndRate": [{"doseQuantity": {"value": 2, "code": "mg"}}],
                        "route": concept(SNOMED, "26643006"),
                    }
                ],
            },
            {
                "kind": "request",
                "intent": "order",
                "dose_number": 2.0,
                "dose_unit": "mg",
                "route_system": SNOMED,
                "route_code": "26643006",
            },
        ),
        (
            {
                "resourceType": "MedicationAdministration",
                "effectivePeriod": {"start": "2020-01-02", "end": "2020-01-03"},
                "dosage": {"dose": {"value": 1.5, "unit": "mg"}},
                "context": VISIT,
            },
            {
                "kind": "administration",
                "end_time": datetime(2020, 1, 3, tzinfo=UTC),
                "dose_number": 1.5,
                "dose_unit": "mg",
                "encounter_id": "e1",
            },
        ),
        (
            {"resourceType": "MedicationStatement", "effectiveDateTime": "2020-01-02", "dosage": []},
            {"kind": "statement"},
        ),
        ({"resourceType": "MedicationDispense", "whenHandedOver": "2020-01-02"}, {"kind": "dispense"}),
    ],
)
def test_every_kind_of_medication_record_becomes_one_row(resource: Json, columns: Json) -> None:
    source = {
        "id": "m1",
        "status": "active",
        "subject": ME,
        "medicationCodeableConcept": concept(RXNORM, "1049502"),
    } | resource
    plain = {"medication_id": "m1", "patient_id": "p1", "code_system": RXNORM, "code": "1049502", "status": "active"}
    assert only(row("medications", source)) == plain | {"start_time": datetime(2020, 1, 2, tzinfo=UTC)} | columns


def test_the_drug_is_found_inside_beside_or_elsewhere() -> None:
    drug = {"resourceType": "Medication", "id": "d1", "code": concept(RXNORM, "1")}
    request = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": ME}
    inside = request | {"id": "m1", "contained": [drug], "medicationReference": {"reference": "#d1"}}
    beside = request | {"id": "m2", "medicationReference": {"reference": "Medication/d1"}}
    assert flatten([inside])["medications"]["code"].to_list() == ["1"]
    assert flatten([drug, beside])["medications"]["code"].to_list() == ["1"]
    assert flatten([beside], drug_codes([drug]))["medications"]["code"].to_list() == ["1"]
    assert flatten([beside])["medications"]["code"].to_list() == [None]


def test_a_note_becomes_one_row_without_its_text() -> None:
    note = {
        "resourceType": "DocumentReference",
        "id": "n1",
        "status": "current",
        "type": concept(LOINC, "34117-2"),
        "subject": ME,
        "date": "2020-01-02T00:00:00Z",
        "context": {"encounter": [VISIT]},
        "content": [{"attachment": {"data": "c2VjcmV0"}}],
    }
    found = row("notes", note)
    assert "c2VjcmV0" not in str(found)
    assert only(found) == {
        "note_id": "n1",
        "patient_id": "p1",
        "encounter_id": "e1",
        "type_system": LOINC,
        "type_code": "34117-2",
        "status": "current",
        "note_time": datetime(2020, 1, 2, tzinfo=UTC),
    }


@pytest.mark.parametrize("kind", sorted(set(TABLE_OF) - {"Patient"}))
@pytest.mark.parametrize(
    "subject", [None, {"reference": "Group/g1"}, {"reference": "Patient/"}, {"display": "somebody"}]
)
def test_a_resource_that_names_no_patient_makes_no_row(kind: str, subject: Json | None) -> None:
    frames = flatten([{"resourceType": kind, "id": "x"} | ({} if subject is None else {"subject": subject})])
    assert all(frame.is_empty() for frame in frames.values())


def test_other_types_make_no_row() -> None:
    assert all(frame.is_empty() for frame in flatten([{"resourceType": "Organization", "id": "x"}, {}]).values())


def test_the_same_resource_twice_is_caught_by_the_schema() -> None:
    with pytest.raises(SchemaMismatch):
        RESEARCH[0].require(flatten([{"resourceType": "Patient", "id": "p1"}] * 2)["patients"])


@given(st.permutations(range(12)))
def test_the_order_of_the_input_does_not_show(order: list[int]) -> None:
    resources = [OBSERVATION | {"id": f"o{number:02d}", "valueInteger": number} for number in range(12)]
    shuffled = flatten([resources[number] for number in order])
    assert all(frame.equals(shuffled[name]) for name, frame in flatten(resources).items())
    assert shuffled["observations"]["observation_id"].is_sorted()
    assert isinstance(shuffled["observations"], pl.DataFrame)
