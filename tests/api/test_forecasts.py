"""Forecasts over HTTP and by the SDK: units and a zone ahead, overbooking, whom to call first; refused, and audited."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from careloom.errors import AccessError, InputError
from tests.api.kit import Installation
from tests.api.test_sdk import client_of

WEEK = [30, 10, 10, 11, 10, 4, 1]
AT = "/api/v1/forecasts"


def unit(name: str, days: int = 420) -> dict[str, Any]:
    counts = np.random.default_rng(3).poisson(np.resize(WEEK, days)).astype(float)
    return {"unit": name, "start": "2024-01-01", "counts": counts.tolist()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    draw, kind = np.random.default_rng(5), "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    stays = []
    for day in range(230):
        for number in range(int(draw.poisson(2))):
            begin = date(2026, 1, 1) + timedelta(days=day)
            end = begin + timedelta(days=int(draw.integers(1, 4)))
            stays.append({
                "resourceType": "Encounter", "id": f"e{day}-{number}", "status": "finished",
                "class": {"system": kind, "code": "IMP"}, "subject": {"reference": "Patient/p1"},
                "period": {"start": f"{begin}T10:00:00Z", "end": f"{end}T09:00:00Z"},
                "location": [{"location": {"reference": f"Location/{('med', 'icu')[number % 2]}"}}],
            })  # fmt: skip
    with Installation(tmp_path_factory.mktemp("forecasts")) as made:
        wards = [{"resourceType": "Location", "id": one, "name": one.upper()} for one in ("med", "icu")]
        made.ingest([{"resourceType": "Patient", "id": "p1"}, *wards, *stays])
        yield made


@pytest.mark.parametrize("days", [7, 28])
def test_units_are_forecast_with_intervals_as_their_weekdays_go(place: Installation, days: int) -> None:
    with client_of(place) as api:
        found = api.forecasts.counts([unit("east"), unit("west")], days)
    assert [one.unit for one in found] == ["east", "west"]
    for row in found[0].rows:
        assert abs(row.mean - WEEK[row.date.weekday()]) < 5
        assert row.low <= row.median <= row.high
    assert [row.days_ahead for row in found[1].rows] == list(range(1, days + 1))
    assert found[0].rows[0].date == found[0].until + timedelta(days=1)


def test_a_zone_is_forecast_by_its_stays(place: Installation) -> None:
    with client_of(place) as api:
        found = api.forecasts.zone("beds", 7)
    assert found.unit == "all"
    assert len(found.rows) == 7
    assert all(0 < row.mean < 10 for row in found.rows)


def test_what_happened_so_far_stands_beside_what_was_forecast_of_it(place: Installation) -> None:
    with client_of(place) as api:
        told, bare = api.forecasts.zone("beds", 7, past=30), api.forecasts.zone("beds", 7)
    assert [one.date for one in told.past] == [told.until - timedelta(days=29 - at) for at in range(30)]
    assert [one.date for one in told.earlier] == [one.date for one in told.past[-7:]]
    inside = sum(day.low <= came.count <= day.high for day, came in zip(told.earlier, told.past[-7:], strict=True))
    assert inside >= 5
    assert (bare.past, bare.earlier, bare.rows) == ((), (), told.rows)
    answer = place.client.post(f"{AT}/zone", json={"what": "beds", "past": 401}, headers=place.bearer())
    assert answer.status_code == 400


def test_each_ward_of_a_zone_is_forecast_by_itself(place: Installation) -> None:
    with client_of(place) as api:
        whole, units = api.forecasts.zone("beds", 7), api.forecasts.units("beds", 7)
    assert [one.unit for one in units] == ["MED", "ICU"]
    assert all(len(one.rows) == 7 and one.reason is None for one in units)
    assert sum(one.mean for one in units) == pytest.approx(whole.mean, rel=0.05)


def test_overbooking_and_calls_say_what_they_are_expected_to_save(place: Installation) -> None:
    with client_of(place) as api:
        more = api.forecasts.overbooking([0.8] * 20, 18, show_of_new=0.75, cost_idle=120, cost_over=200)
        told = api.forecasts.calls({"a": 0.1, "b": 0.4, "c": 0.02}, 2, event=9000, call=60, prevented=0.2)
        same = api.forecasts.overbooking([0.8] * 20, 18.0, show_of_new=0.75, cost_idle=120, cost_over=200)  # type: ignore[arg-type]
    assert more.extra > 0
    assert same == more, "JSON tells 18 and 18.0 not apart"
    assert more.saves == pytest.approx(more.cost_without - more.cost)
    assert [(one.name, one.rank) for one in told.listed] == [("b", 1), ("a", 2)]
    assert told.saved == pytest.approx(0.4 * 0.2 * 9000 - 60 + 0.1 * 0.2 * 9000 - 60)
    assert told.avoided == pytest.approx(0.5 * 0.2)
    assert told.listed[-1].saves_so_far == pytest.approx(told.saved)


def test_nobody_is_called_whose_call_costs_more_than_it_is_worth(place: Installation) -> None:
    with client_of(place) as api:
        told = api.forecasts.calls({"a": 0.01}, 5, event=1000, call=60, prevented=0.2)
    assert (told.called, told.of, told.saved, told.listed) == (0, 1, 0.0, ())


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("zone", {"what": "beer"}),
    ("zone", {"what": "beds", "days": 57}),
    ("counts", {"units": [unit("east", 60)]}),
    ("counts", {"units": [{**unit("east"), "start": "2024-02-30"}]}),
    ("counts", {"units": [unit("east")], "closed": ["0001-01-01"]}),
    ("counts", {"units": [unit("east"), unit("east")]}),
    ("overbooking", {"show": [1.2], "capacity": 1, "show_of_new": 0.5, "cost_idle": 1, "cost_over": 1}),
    ("calls", {"risks": [{"name": "a", "risk": 0.1}] * 2, "capacity": 1,
               "costs": {"event": 1, "call": 0, "prevented": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "body"), REFUSED)
def test_what_cannot_be_forecast_is_refused(place: Installation, where: str, body: dict[str, Any]) -> None:
    answer = place.client.post(f"{AT}/{where}", json=body, headers=place.bearer())
    assert answer.status_code == 400, answer.text


def test_a_name_is_neither_kept_nor_audited_and_who_may_not_search_forecasts_no_zone(place: Installation) -> None:
    with client_of(place) as api:
        api.forecasts.calls({"Quillfeather": 0.5}, 1, event=9000, call=60, prevented=0.2)
    events = [one for one in place.events("identified") if one["operation"] == "risk-forecast"]
    assert events
    assert "Quillfeather" not in str(events)
    with client_of(place, scopes="careloom/monitor") as api, pytest.raises(AccessError):
        api.forecasts.zone("beds")


def test_too_few_days_are_an_input_error_for_the_sdk(place: Installation) -> None:
    with client_of(place) as api, pytest.raises(InputError):
        api.forecasts.counts([unit("east", 60)])
