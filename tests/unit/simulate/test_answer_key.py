"""The answer key: its probabilities are those of the draws, and what it says happened stands in the record."""

import math
from collections import defaultdict
from datetime import timedelta

import pytest

from careloom.simulate.history import History, Outcome
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient

SEED = 3
HOSPITAL = build_hospital(SEED)
NAMES = {
    "readmission_30_days", "mortality_1_year", "deterioration_24_hours", "diabetes_3_years", "heart_failure_3_years",
    "length_of_stay_days", "no_show",
}  # fmt: skip
PLANNED = {"O80", "O82", "Z38.00"}
"""Deliveries and births: never a readmission."""
YEAR = timedelta(days=365.25)


@pytest.fixture(scope="module")
def histories() -> list[History]:
    return [simulate_patient(number, SEED, hospital=HOSPITAL) for number in range(1, 301)]


def by_name(histories: list[History]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = defaultdict(list)
    for history in histories:
        for one in history.outcomes:
            found[one.name].append(one)
    return found


def deviation(outcomes: list[Outcome]) -> float:
    """How far what happened is from its expectation, in standard deviations of the draws.

    Days are drawn from a gamma with shape 4: their deviation is half of what is expected beyond half a day.
    """
    total = sum(one.happened - one.probability for one in outcomes)
    if outcomes[0].name == "length_of_stay_days":
        variance = sum(((one.probability - 0.5) / 2.0) ** 2 for one in outcomes)
    else:
        variance = sum(one.probability * (1.0 - one.probability) for one in outcomes)
    return total / math.sqrt(variance)


def assert_calibrated(outcomes: list[Outcome], parts: int, limit: float) -> None:
    ordered = sorted(outcomes, key=lambda one: one.probability)
    size = len(ordered) // parts
    for part in range(parts):
        assert abs(deviation(ordered[part * size : (part + 1) * size])) < limit


def test_every_outcome_is_in_the_key(histories: list[History]) -> None:
    found = by_name(histories)
    assert set(found) == NAMES
    for name, outcomes in found.items():
        if name != "length_of_stay_days":
            assert all(0.0 <= one.probability <= 1.0 and one.happened in (0.0, 1.0) for one in outcomes)


def test_what_happens_is_what_was_foretold_on_average(histories: list[History]) -> None:
    for outcomes in by_name(histories).values():
        assert abs(deviation(outcomes)) < 4.0


def test_readmissions_of_the_key_are_those_of_the_record(histories: list[History]) -> None:
    for history in histories:
        stays = {one.key: one for one in history.encounters if one.kind == "inpatient"}
        for one in history.outcomes:
            if one.name != "readmission_30_days":
                continue
            left = stays[one.about].end
            assert left is not None
            again = [
                stay
                for stay in stays.values()
                if left < stay.start <= left + timedelta(days=30) and stay.reasons[0].code not in PLANNED
            ]
            assert bool(again) == bool(one.happened), one
            assert all(stay.readmission_of for stay in again)


def test_deterioration_is_a_transfer_to_intensive_care_within_the_day(histories: list[History]) -> None:
    for history in histories:
        stays = {one.key: one for one in history.encounters}
        for one in history.outcomes:
            if one.name == "deterioration_24_hours":
                end = one.index_time + timedelta(hours=24)
                moved = [
                    bed for bed in stays[one.about].stays if bed.unit == "ICU" and one.index_time < bed.start <= end
                ]
                assert bool(moved) == bool(one.happened)


def test_missed_appointments_and_deaths_and_days_are_those_of_the_record(histories: list[History]) -> None:
    for history in histories:
        planned = {one.key: one for one in history.appointments}
        stays = {one.key: one for one in history.encounters}
        death = history.person.death
        for one in history.outcomes:
            if one.name == "no_show":
                assert (planned[one.about].status == "noshow") == bool(one.happened)
            elif one.name == "mortality_1_year":
                assert (death is not None and death <= one.index_time + YEAR) == bool(one.happened)
            elif one.name == "length_of_stay_days":
                stay = stays[one.about]
                assert stay.end is not None
                assert (stay.end - stay.start) / timedelta(days=1) == pytest.approx(one.happened)


@pytest.mark.parametrize(("name", "code"), [("diabetes_3_years", "E11.9"), ("heart_failure_3_years", "I50.9")])
def test_an_onset_of_the_key_is_diagnosed_within_its_three_years(
    histories: list[History], name: str, code: str
) -> None:
    met = 0
    for history in histories:
        onsets = [one.recorded for one in history.conditions if one.codes[0].code == code]
        for one in history.outcomes:
            if one.name == name:
                within = [onset for onset in onsets if one.index_time < onset <= one.index_time + 3 * YEAR]
                assert bool(within) == bool(one.happened)
                met += bool(within)
    assert met


def test_vital_signs_drift_before_intensive_care(histories: list[History]) -> None:
    """Respiratory rate in the four hours before the transfer lies above that of the day before it."""
    changes = []
    for history in histories:
        for encounter in history.encounters:
            for bed in encounter.stays:
                if bed.unit != "ICU":
                    continue
                rates = [
                    (one.time, float(str(one.value)))
                    for one in history.observations
                    if one.encounter == encounter.key and one.codes[0].code == "9279-1"
                ]
                late = [value for time, value in rates if timedelta(0) < bed.start - time <= timedelta(hours=4)]
                early = [value for time, value in rates if timedelta(hours=12) < bed.start - time]
                if late and early:
                    changes.append(sum(late) / len(late) - sum(early) / len(early))
    assert len(changes) > 3
    assert sum(changes) / len(changes) > 2.0


@pytest.mark.long
def test_the_key_is_calibrated_in_every_tenth() -> None:
    many = [simulate_patient(number, 4, hospital=HOSPITAL) for number in range(1, 6001)]
    for name, outcomes in by_name(many).items():
        parts = 10 if len(outcomes) > 20_000 else 5
        assert_calibrated(outcomes, parts, 4.0)
        if name != "length_of_stay_days":
            assert len(outcomes) > 1000
