"""Resources as events: lane, time, words, value, status, origin."""

from typing import Any

import pytest

from careloom.dashboard.events import (
    LANE_OF,
    LANES,
    Event,
    event_of,
    events_of,
    moment_of,
    newest_first,
    pack,
    unpack,
)

SOURCE = "urn:careloom:record:r1"


def resource(kind: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "x1", "meta": {"source": SOURCE}} | more


def category(code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"code": code}]}]


CODE = {"coding": [{"code": "8480-6", "display": "Systolic blood pressure"}]}
READ = [
    (
        resource("Observation", category=category("vital-signs"), code=CODE, status="final",
                 effectiveDateTime="2024-05-17T10:15:00+02:00", valueQuantity={"value": 121, "unit": "mm[Hg]"}),
        ("vitals", "2024-05-17T08:15:00Z", "", "Systolic blood pressure", "8480-6", "121 mmHg", "final"),
    ),
    (
        resource("Observation", category=category("laboratory"), code=CODE, issued="2024-05-17T08:15:00Z"),
        ("laboratory", "2024-05-17T08:15:00Z", "", "Systolic blood pressure", "8480-6", "", ""),
    ),
    (
        resource("Observation", category=category("survey"), code=CODE),
        ("observations", "", "", "Systolic blood pressure", "8480-6", "", ""),
    ),
    (
        resource("Encounter", status="finished", type=[{"text": "Check-up"}],
                 period={"start": "2024-05", "end": "2024-06"},
                 **{"class": {"code": "AMB"}}),
        ("encounters", "2024-05", "2024-06", "Check-up", "", "AMB", "finished"),
    ),
    (
        resource("Condition", code=CODE, onsetDateTime="2020", abatementDateTime="2021-03-04",
                 clinicalStatus={"coding": [{"code": "resolved"}]}),
        ("conditions", "2020", "2021-03-04", "Systolic blood pressure", "8480-6", "", "resolved"),
    ),
    (
        resource("MedicationRequest", authoredOn="2024-01-01", status="active",
                 medicationReference={"display": "Aspirin"}, dosageInstruction=[{"text": "1 a day"}]),
        ("medications", "2024-01-01", "", "Aspirin", "", "1 a day", "active"),
    ),
    (
        resource("MedicationAdministration", effectivePeriod={"end": "2024-01-02"}, status="completed",
                 medicationReference={"reference": "#m"}, contained=[{"resourceType": "Medication", "code": CODE}],
                 dosage={"dose": {"value": 5, "unit": "mg"}}),
        ("medications", "2024-01-02", "", "Systolic blood pressure", "8480-6", "5 mg", "completed"),
    ),
    (
        resource("DocumentReference", type={"text": "Progress note"}, date="2024-01-01T00:00:00Z", status="current"),
        ("documents", "2024-01-01T00:00:00Z", "", "Progress note", "", "", "current"),
    ),
    (resource("Procedure", status="completed"), ("procedures", "", "", "Procedure", "", "", "completed")),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), READ)
def test_a_resource_tells_its_event(given: dict[str, Any], expected: tuple[str, ...]) -> None:
    event = event_of(given)
    assert event is not None
    assert (event.lane, event.start, event.end, event.title, event.code, event.value, event.status) == expected
    assert (event.kind, event.id, event.source) == (given["resourceType"], "x1", SOURCE)


def test_what_is_no_event_of_a_patient_is_left_out() -> None:
    assert events_of([resource("Organization"), {}, resource("Immunization", vaccineCode=CODE)]) == [
        Event("immunizations", "Immunization", "x1", "", "", "Systolic blood pressure", "8480-6", "", "", SOURCE)
    ]


def test_every_resource_type_has_a_lane_of_the_timeline() -> None:
    assert set(LANE_OF.values()) <= {lane.name for lane in LANES}


MOMENTS = [
    ("2024", "2024-01-01T00:00:00+00:00"),
    ("2024-05", "2024-05-01T00:00:00+00:00"),
    ("2024-05-17", "2024-05-17T00:00:00+00:00"),
    ("2024-05-17T10:15:00.250+02:00", "2024-05-17T08:15:00.250000+00:00"),
    ("", None),
    ("soon", None),
    ("2024-13", None),
    ("2024-05-17T25:00:00Z", None),
]


@pytest.mark.parametrize(("text", "expected"), MOMENTS)
def test_a_date_names_its_first_moment(text: str, expected: str | None) -> None:
    moment = moment_of(text)
    assert (moment.isoformat() if moment else None) == expected


def test_events_come_newest_first_and_without_a_time_last() -> None:
    given = [
        resource("Condition", id=text or "none", recordedDate=text) for text in ("2020", "", "2024-05-17", "2024-05")
    ]
    assert [event.id for event in newest_first(events_of(given))] == ["2024-05-17", "2024-05", "2020", "none"]


def test_events_are_unpacked_as_they_were_packed() -> None:
    events = events_of(given for given, _ in READ)
    assert unpack(pack(events)) == events
