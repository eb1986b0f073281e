"""One patient of a seed: the same whatever else is simulated, plausible in order, foretold truly."""

from datetime import UTC, date, datetime

import pytest

from careloom.simulate.history import History
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient

HOSPITAL = build_hospital(7)


@pytest.fixture(scope="module")
def patients() -> list[History]:
    return [simulate_patient(number, 7, hospital=HOSPITAL) for number in range(1, 121)]


def test_a_patient_is_the_same_in_any_order_and_company(patients: list[History]) -> None:
    again = [simulate_patient(number, 7) for number in (40, 3, 19)]
    assert again == [patients[39], patients[2], patients[18]]


def test_another_seed_is_another_patient(patients: list[History]) -> None:
    assert simulate_patient(1, 8).person != patients[0].person


@pytest.mark.parametrize("kind", ["encounters", "observations", "medications", "conditions", "procedures", "reports"])
def test_nothing_happens_before_birth_after_death_or_behind_the_present(patients: list[History], kind: str) -> None:
    end = datetime(2026, 1, 1, tzinfo=UTC)
    for history in patients:
        birth = datetime(history.person.birth.year, history.person.birth.month, history.person.birth.day, tzinfo=UTC)
        last = min(end, history.person.death) if history.person.death else end
        for event in getattr(history, kind):
            begin = next(
                getattr(event, name) for name in ("start", "time", "recorded", "collected") if hasattr(event, name)
            )
            assert birth <= begin <= last


def test_keys_are_unique_and_what_they_point_at_exists(patients: list[History]) -> None:
    for history in patients:
        encounters = [one.key for one in history.encounters]
        assert len(set(encounters)) == len(encounters)
        known = {"", *encounters}
        for events in (history.conditions, history.observations, history.reports, history.procedures):
            assert {one.encounter for one in events} <= known
        assert {one.encounter for one in history.medications} <= known
        reports = {"", *(one.key for one in history.reports)}
        assert {one.report for one in history.observations} <= reports


def test_a_kept_appointment_has_its_encounter_and_no_other_has_one(patients: list[History]) -> None:
    for history in patients:
        for planned in history.appointments:
            assert bool(planned.encounter) == (planned.status == "fulfilled")


def test_beds_follow_each_other_without_a_gap(patients: list[History]) -> None:
    for history in patients:
        for encounter in history.encounters:
            for before, after in zip(encounter.stays, encounter.stays[1:], strict=False):
                assert before.end == after.start


def test_a_present_of_ones_own() -> None:
    history = simulate_patient(5, 7, present=date(2020, 6, 1))
    assert all(one.start.year <= 2020 for one in history.encounters)
