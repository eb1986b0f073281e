"""What the page of capacity says: forecasts beside what came, overbooking, calls; to whom, and of which wrong input."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session
from careloom.dashboard.address import read
from careloom.dashboard.places import find
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import NotFound
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, Installation
from tests.model_page_kit import scored_patient, stays_of_wards, two_versions

CALLS = "ask=calls&model=readmission-30d&k=5&event=9000&call=60&prevented=20"
BOOK = "ask=overbook&capacity=18&booked=20&show=80&show_new=75&idle=120&over=200"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("capacity")) as made:
        two_versions(made)
        scored_patient(made)
        stays_of_wards(made)
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def person_of(made: Installation, **ask: Any) -> tuple[Careloom, Person]:
    token = made.token(**ask)
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    return api, Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)


def shown(made: Installation, query: str = "", **ask: Any) -> str:
    api, person = person_of(made, **ask)
    page = page_at(api, person, read("/dashboard/capacity", f"?{query}"))
    return json.dumps(page.content, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_all_wards_are_forecast_beside_what_came(installation: Installation) -> None:
    said = shown(installation)
    for words in ("Occupied beds, 7 days ahead: All together", "Intensive care", "Surgery", "of 7 days within",
                  "Forecast before", "nine in ten:", "Forecast the last year, and compare"):  # fmt: skip
        assert words in said
    assert "FIRST_ORIGIN_DAYS" not in said


def test_one_ward_is_forecast_28_days_ahead(installation: Installation) -> None:
    said = shown(installation, "days=28&unit=Surgery")
    assert "Occupied beds, 28 days ahead: Surgery" in said
    assert "of 28 days within" in said


def test_the_backtest_is_told_against_repeating_last_week(installation: Installation) -> None:
    said = shown(installation, "judged=1")
    assert "Repeating last week (MASE)" in said
    assert "Off by" in said


def test_calls_are_listed_with_what_each_saves_and_the_way_to_the_patient(installation: Installation) -> None:
    said = shown(installation, CALLS)
    patient = installation.stored_id("Patient", "scored")
    for words in ("Cost avoided", f"/dashboard/patients/identified/{patient}", "Astrid Lindgren", "Saved so far"):
        assert words in said
    addresses = [part for part in said.split('"') if part.startswith("/dashboard")]
    assert addresses
    assert not any("Lindgren" in one for one in addresses)


def test_overbooking_tells_the_number_with_the_least_cost(installation: Installation) -> None:
    said = shown(installation, BOOK)
    assert "Book more" in said
    api, _ = person_of(installation)
    told = api.forecasts.overbooking([0.8] * 20, 18, show_of_new=0.75, cost_idle=120, cost_over=200)
    assert f"{told.cost:,.0f}" in said


@pytest.mark.parametrize(
    ("query", "title"),
    [
        (BOOK.replace("over=200", "over=x"), "Cost of a visit over"),
        (BOOK.replace("show=80", "show=120"), "Of booked come (%)"),
        (BOOK.replace("capacity=18", "capacity=nan"), "Slots"),
        (CALLS.replace("k=5", "k=1000"), "Calls at most"),
        (CALLS.replace("&prevented=20", ""), "A call prevents (%)"),
    ],
)
def test_a_number_that_is_none_is_said_by_its_field(installation: Installation, query: str, title: str) -> None:
    said = shown(installation, query)
    alert = next(part for part in said.split('"role": "alert"') if "Give a number from" in part)
    assert title in alert
    assert "Occupied beds, 7 days ahead" in said


def test_where_nothing_can_be_forecast_the_rest_of_the_page_stays(installation: Installation) -> None:
    said = shown(installation, f"what=slots&{BOOK}")
    assert "No forecast" in said
    assert "Book more" in said


def test_who_may_not_search_a_zone_whole_is_not_shown_the_way(installation: Installation) -> None:
    _, person = person_of(installation, scopes="careloom/monitor system/Patient.rs")
    assert not find("capacity").may_see(person)
    assert find("capacity").may_see(person_of(installation)[1])
    assert "No forecast" in shown(installation, scopes="careloom/monitor system/Patient.rs")
    api, person = person_of(installation)
    with pytest.raises(NotFound):
        page_at(api, person, read("/dashboard/capacity/none", ""))
