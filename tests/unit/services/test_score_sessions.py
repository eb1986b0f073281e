"""A day's booked visits by a model of missed appointments: each by its own chance, logged, or refused."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from careloom.cli.risk_forecast import _show_session
from careloom.errors import AccessError, Conflict, InputError, QueryError
from careloom.risk.forecast_capacity import overbook
from careloom.risk.models_package import pack
from careloom.services.access import Principal
from careloom.services.models import RegisterAsk, register
from careloom.services.score_sessions import SessionAsk, score_session
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.score_kit import lineage, model, no_show_registered, set_state, visit
from tests.store_kit import event, put

DAY = date(2026, 12, 7)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
COSTS: dict[str, Any] = {"capacity": 3, "show_of_new": 0.75, "cost_idle": 120.0, "cost_over": 200.0}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("sessions")) as one:
        people = [put("Patient", who, (who,), birthDate="1970-01-01") for who in ("often", "never", "late", "gone")]
        past = [visit(f"past{n}", "often", "noshow", f"2026-0{n}-05", "2026-01-01") for n in range(2, 7)]
        past += [visit(f"kept{n}", "never", "fulfilled", f"2026-0{n}-05", "2026-01-01") for n in range(2, 7)]
        booked = [
            visit("o", "often", "booked", "2026-12-07", service="Eyes"), visit("n", "never", "booked", "2026-12-07"),
            visit("g", "gone", "cancelled", "2026-12-07"), visit("other", "late", "booked", "2026-12-08"),
        ]  # fmt: skip
        with one.platform.store("identified").transaction(event()) as step:
            step.write([*people, *past, *booked])
        no_show_registered(one.platform)
        yield one


def asked(**more: Any) -> SessionAsk:
    return SessionAsk(**{"model": "no-show@1", "day": DAY, "as_of": NOW, **COSTS, **more})


def test_each_booked_visit_counts_by_its_own_chance(place: Installation) -> None:
    told = score_session(place.platform, place.operator, asked(calls=2))
    assert (told["booked"], told["scored"], told["unscored"]) == (2, 2, 0)
    first, second = told["calls"]
    assert [one["appointment"] for one in (first, second)] == ["Appointment/o", "Appointment/n"]
    assert first["risk"] > 3 * second["risk"]
    same = overbook([1 - first["risk"], 1 - second["risk"]], 3, show_of_new=0.75, cost_idle=120, cost_over=200)
    assert told["overbooking"]["extra"] == same.extra
    assert told["overbooking"]["cost"] == pytest.approx(same.cost)
    assert told["expected"] == pytest.approx(2 - first["risk"] - second["risk"])


def test_what_was_said_is_logged_by_appointment_as_a_score_of_the_model(place: Installation) -> None:
    before = len(place.events())
    score_session(place.platform, place.operator, asked())
    logged = [one for one in place.events()[before:] if one["detail"].get("state") == "scored"]
    assert [(one["operation"], one["detail"]["model"], one["detail"]["count"]) for one in logged] == [
        ("score", "no-show@1", 2)
    ]


def test_a_session_is_that_of_its_clinic_and_a_cancelled_visit_is_none(place: Installation) -> None:
    told = score_session(place.platform, place.operator, asked(unit="Eyes", calls=5))
    assert (told["booked"], [one["patient"] for one in told["calls"]]) == (1, ["often"])


def test_a_call_that_costs_more_than_the_idle_slot_it_saves_is_not_made(place: Installation) -> None:
    told = score_session(place.platform, place.operator, asked(calls=5, cost_call=20, prevented=0.3))
    assert [one["patient"] for one in told["calls"]] == ["often"]


def test_a_visit_that_the_model_is_not_for_comes_by_the_chance_of_a_new_one(place: Installation) -> None:
    store = place.platform.store("identified")
    with store.transaction(event()) as step:
        step.write([visit("short", "late", "booked", "2026-12-15", made="2026-12-14")])
    at = datetime(2026, 12, 14, 12, tzinfo=UTC)
    told = score_session(place.platform, place.operator, asked(day=date(2026, 12, 15), as_of=at, calls=3))
    assert (told["scored"], told["unscored"], told["expected"], told["calls"]) == (0, 1, 0.75, [])


def test_it_is_said_over_http_and_by_the_sdk(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    with client_of(place) as api:
        told = api.forecasts.session("no-show@1", "2026-12-07", calls=1, **COSTS)
    assert (told.booked, told.calls[0].appointment) == (2, "Appointment/o")
    _show_session(score_session(place.platform, place.operator, asked(calls=1)))
    assert "2 visits booked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"day": date(2026, 12, 9)}, QueryError),
        ({"unit": "nowhere"}, QueryError),
        ({"unit": "Eyes", "facts": "newest"}, QueryError),
        ({"capacity": -1}, InputError),
    ],
    ids=["nothing booked", "no such unit", "a unit of facts", "no capacity"],
)
def test_what_makes_no_session_is_refused(place: Installation, more: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        score_session(place.platform, place.operator, asked(**more))


def test_a_model_of_something_else_an_unapproved_one_and_who_may_not_are_refused(place: Installation) -> None:
    ask = RegisterAsk("readmission-30d", pack(model()), lineage())
    other = str(register(place.platform, place.operator, ask)["version"])
    with pytest.raises(Conflict):
        score_session(place.platform, place.operator, asked(model=other))
    set_state(place.platform, other, "approved")
    with pytest.raises(QueryError):
        score_session(place.platform, place.operator, asked(model=other))
    nobody = Principal("nina", frozenset({"auditor"}), frozenset({"identified"}))
    with pytest.raises(AccessError):
        score_session(place.platform, nobody, asked())
