"""Trends: numbers of observations with the range that their source gives, in their own unit and in no other."""

from typing import Any

import pytest

from careloom.dashboard.trends import Point, pack, points_of, shown, unpack

CODE = {"coding": [{"code": "2951-2", "display": "Sodium"}]}


def sodium(value: float = 121, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": CODE,
        "effectiveDateTime": "2024-02-18T03:00:00Z", "issued": "2024-02-18T05:00:00Z",
        "valueQuantity": {"value": value, "unit": "mmol/L"},
        "referenceRange": [{"low": {"value": 135, "unit": "mmol/L"}, "high": {"value": 145, "unit": "mmol/L"}}],
        **more,
    }  # fmt: skip


def test_a_number_has_its_unit_its_range_and_since_when_it_was_known() -> None:
    (point,) = points_of([sodium()])
    assert (point.value, point.unit, point.low, point.high, point.beyond) == (121, "mmol/L", 135, 145, "low")
    assert (point.time, point.known) == ("2024-02-18T03:00:00Z", "2024-02-18T05:00:00Z")
    assert unpack(pack([point])) == [point]


@pytest.mark.parametrize(
    "resource",
    [
        sodium(status="entered-in-error"),
        sodium(valueQuantity={"value": 5, "unit": "mg/L", "comparator": "<"}),
        sodium(valueQuantity={"value": True}),
        sodium(valueQuantity={"unit": "mmol/L"}),
        {**sodium(), "effectiveDateTime": "", "issued": ""},
        {**sodium(), "resourceType": "Condition"},
    ],
)
def test_what_is_no_number_with_a_time_is_in_no_trend(resource: dict[str, Any]) -> None:
    assert points_of([resource]) == []


def test_a_range_in_another_unit_is_none() -> None:
    other = [{"low": {"value": 3100, "unit": "mg/L"}}, {"text": "see comment"}]
    (point,) = points_of([sodium(referenceRange=other)])
    assert (point.low, point.high, point.beyond) == (None, None, "")


def test_parts_of_an_observation_are_numbers_of_their_own() -> None:
    parts = [{"code": {"text": name}, "valueQuantity": {"value": value, "unit": "mm[Hg]"}}
             for name, value in (("Systolic", 130), ("Diastolic", 80))]  # fmt: skip
    found = points_of([{**sodium(), "valueQuantity": None, "component": parts}])
    assert [(one.title, one.value, one.unit) for one in found] == [("Systolic", 130, "mmHg"), ("Diastolic", 80, "mmHg")]


def test_one_value_is_no_trend_and_units_are_never_mixed() -> None:
    def point(unit: str, day: int) -> Point:
        return Point("Observation/x", "c", "Sodium", f"2024-01-0{day}", 1.0, unit, None, None, "")

    assert shown([point("mmol/L", 1)], "/", is_whole=False) is None
    assert shown([point("mmol/L", 1), point("mg/L", 2)], "/", is_whole=False) is None
    assert shown([point("mmol/L", 1), point("mmol/L", 2)], "/", is_whole=False) is not None
