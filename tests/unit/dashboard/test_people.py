"""Who a patient is, and the searches that find one."""

from datetime import date
from typing import Any

import pytest

from careloom.dashboard.people import Asked, age, born, died, facts, name_of

TODAY = date(2026, 11, 22)
LAST = [("_sort", "-_lastUpdated"), ("_total", "accurate")]

ASKED = [
    (Asked(), []),
    (Asked(name=" Smith "), [("name", "Smith")]),
    (Asked(name="O'Neil, Jr|$\\"), [("name", "O'Neil\\, Jr\\|\\$\\\\")]),
    (Asked(birth_date="1980-05"), [("birthdate", "1980-05")]),
    (Asked(gender="female", patient_id="x1"), [("gender", "female"), ("_id", "x1")]),
]


@pytest.mark.parametrize(("asked", "expected"), ASKED)
def test_a_search_asks_for_what_was_filled_in_and_takes_it_literally(
    asked: Asked, expected: list[tuple[str, str]]
) -> None:
    assert asked.query() == expected + LAST


NAMES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"name": [{"given": ["Ada", "May"], "family": "King"}]}, "Ada May King"),
    ({"name": [{"use": "maiden", "family": "B"}, {"use": "official", "given": ["A"], "family": "C"}]}, "A C"),
    ({"name": [{"text": "Dr A. C."}]}, "Dr A. C."),
    ({"name": [{"family": "C"}]}, "C"),
]


@pytest.mark.parametrize(("patient", "expected"), NAMES)
def test_a_patient_is_called_by_the_official_name(patient: dict[str, Any], expected: str) -> None:
    assert name_of(patient) == expected


BORN = [
    ("1980-05-04", "4 May 1980", "46 years"),
    ("1980-11-23", "23 Nov 1980", "45 years"),
    ("1980-05", "May 1980", ""),
    ("1980", "1980", ""),
    ("", "–", ""),
    ("1980-99-99", "–", ""),
    ("2030-01-01", "1 Jan 2030", ""),
]


@pytest.mark.parametrize(("text", "expected", "years"), BORN)
def test_a_birth_date_is_told_as_precisely_as_it_is_known(text: str, expected: str, years: str) -> None:
    patient = {"birthDate": text}
    assert (born(patient), age(patient, TODAY)) == (expected, years)


DIED: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"deceasedBoolean": False}, ""),
    ({"deceasedBoolean": True}, "Yes"),
    ({"deceasedDateTime": "2001-02-03T04:05:06Z"}, "3 Feb 2001"),
    ({"deceasedDateTime": "2001"}, "2001"),
]


@pytest.mark.parametrize(("patient", "expected"), DIED)
def test_a_death_is_told_if_known(patient: dict[str, Any], expected: str) -> None:
    assert died(patient) == expected


def test_the_dead_have_the_age_at_which_they_died() -> None:
    assert age({"birthDate": "1980-05-04", "deceasedDateTime": "2001-02-03"}, TODAY) == "20 years"


def identifier(kind: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"code": kind}]}, "value": value}


def test_the_head_of_a_chart_shows_no_civil_identifier() -> None:
    patient = {"identifier": [identifier("MR", "4711"), identifier("SS", "000-00-0000"), identifier("DL", "D1")]}
    assert facts(patient) == [("Identifiers", "MR 4711")]
