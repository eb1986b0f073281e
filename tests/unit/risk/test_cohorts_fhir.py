"""Facts out of FHIR resources: when each was true, when it could be known, and what is no fact."""

from typing import Any

import polars as pl

from careloom.fhir.views import compile_view
from careloom.risk.cohorts_events import EVENTS
from careloom.risk.cohorts_fhir import definitions, fhir_events
from tests.unit.risk.events_made import ACT, ICD, LOINC

WHO = {"subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/e"}}
E119 = {"coding": [{"system": ICD, "code": "E11.9"}, {"system": "http://snomed.info/sct", "code": "44054006"}]}


def facts(*resources: dict[str, Any]) -> list[dict[str, Any]]:
    frames = {}
    for name, definition in definitions().items():
        view = compile_view(definition)
        rows = [
            row for one in resources if one["resourceType"] == view.resource for row in view.rows({"id": "x"} | one)
        ]
        frames[name] = view.frame(rows)
    made = fhir_events(frames)
    EVENTS.require(made)
    return made.with_columns(pl.col("time", "available_time").dt.strftime("%m-%d %H:%M")).to_dicts()


ENCOUNTER = {
    "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"system": ACT, "code": "IMP"},
    "subject": {"reference": "Patient/p"}, "period": {"start": "2024-01-01T08:00:00Z", "end": "2024-01-05T08:00:00Z"},
    "priority": {"coding": [{"code": "EL"}]},
    "hospitalization": {"dischargeDisposition": {"coding": [{"code": "home"}]}},
}  # fmt: skip


def test_a_stay_tells_its_length_and_disposition_when_it_ends_and_not_before() -> None:
    begun, ended = facts(ENCOUNTER)
    assert (begun["kind"], begun["time"], begun["detail"], begun["value"]) == ("admission", "01-01 08:00", "EL", None)
    assert (ended["kind"], ended["available_time"], ended["detail"], ended["value"]) == (
        "discharge", "01-05 08:00", "home", 4.0,
    )  # fmt: skip
    running = ENCOUNTER | {"period": {"start": "2024-01-01T08:00:00Z"}}
    assert [one["kind"] for one in facts(running)] == ["admission"]
    assert facts(ENCOUNTER | {"status": "entered-in-error"}) == []
    assert [one["kind"] for one in facts(ENCOUNTER | {"class": {"system": ACT, "code": "AMB"}})] == ["visit"]


def test_a_diagnosis_is_known_when_it_was_recorded_else_when_its_encounter_ended() -> None:
    condition = {"resourceType": "Condition", "id": "c", **WHO, "code": E119, "onsetDateTime": "2023-06"}
    told = facts(condition | {"recordedDate": "2024-01-02"})
    assert {(one["code"], one["time"], one["available_time"]) for one in told} == {
        ("E11.9", "06-01 00:00", "01-02 00:00"), ("44054006", "06-01 00:00", "01-02 00:00"),
    }  # fmt: skip
    assert len({one["event_id"] for one in told}) == 2
    late = [one for one in facts(condition, ENCOUNTER) if one["kind"] == "diagnosis"]
    assert {one["available_time"] for one in late} == {"01-05 08:00"}
    refuted = {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert facts(condition | refuted) == []


def test_a_result_is_known_when_it_was_issued_and_a_panel_tells_its_parts() -> None:
    sodium = {
        "code": {"coding": [{"system": LOINC, "code": "2951-2"}]},
        "valueQuantity": {"value": 131, "code": "mmol/L"},
    }
    time = {"status": "final", "effectiveDateTime": "2024-01-02T06:00:00Z", "issued": "2024-01-02T09:00:00Z"}
    [one] = facts({"resourceType": "Observation", **WHO, **time, **sodium})
    assert (one["time"], one["available_time"]) == ("01-02 06:00", "01-02 09:00")
    assert (one["value"], one["unit"], one["encounter_key"]) == (131.0, "mmol/L", "Encounter/e")
    panel = {"resourceType": "Observation", **WHO, **time, "code": {"text": "panel"}, "component": [sodium, sodium]}
    assert [part["value"] for part in facts(panel)] == [131.0, 131.0]


def test_an_appointment_tells_that_it_was_booked_and_only_later_how_it_ended() -> None:
    appointment = {
        "resourceType": "Appointment", "id": "t", "status": "noshow", "created": "2024-01-01T00:00:00Z",
        "start": "2024-01-11T09:00:00Z", "end": "2024-01-11T09:30:00Z",
        "participant": [{"actor": {"reference": "Practitioner/d"}}, {"actor": {"reference": "Patient/p"}}],
    }  # fmt: skip
    booked, missed = facts(appointment)
    assert (booked["kind"], booked["patient_id"], booked["code"], booked["value"]) == ("booking", "p", "booked", 10.375)
    assert (missed["code"], missed["time"], missed["available_time"]) == ("noshow", "01-11 09:00", "01-11 09:30")
    for waiting in ("booked", "proposed", "pending", "waitlist"):
        assert [one["kind"] for one in facts(appointment | {"status": waiting})] == ["booking"]
    booked, cancelled = facts(appointment | {"status": "cancelled"})
    assert (booked["kind"], booked["value"]) == ("booking", 10.375)
    assert (cancelled["code"], cancelled["available_time"]) == ("cancelled", "01-11 09:00")
    assert facts(appointment | {"status": "entered-in-error"}) == []


def test_who_somebody_is_has_no_time_and_a_death_is_told_once() -> None:
    patient = {"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1950-02-03"}
    told = facts(patient | {"deceasedDateTime": "2024-01-05T07:00:00Z"}, ENCOUNTER | {
        "hospitalization": {"dischargeDisposition": {"coding": [{"code": "exp"}]}}})  # fmt: skip
    assert [(one["kind"], one["time"]) for one in told] == [
        ("sex", None), ("birth", "02-03 00:00"), ("admission", "01-01 08:00"), ("death", "01-05 07:00"),
        ("discharge", "01-05 08:00"),
    ]  # fmt: skip
    only_stay = facts(ENCOUNTER | {"hospitalization": {"dischargeDisposition": {"coding": [{"code": "exp"}]}}})
    assert [one["kind"] for one in only_stay] == ["admission", "death", "discharge"]
