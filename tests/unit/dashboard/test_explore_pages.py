"""What the page Explore says: of whom, what it leaves out, and how its address says what is asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session, shell
from careloom.dashboard.address import Address, read
from careloom.dashboard.explore_asked import Asked, Condition, asked
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import NotFound
from careloom.runtime import Runtime
from careloom.services.view_table import TableAsk, make_table
from tests.api.kit import BASE_URL, Installation
from tests.api.test_explore import PATIENTS, RARE, observations, patient
from tests.store_kit import event

SCIENTIST = {"roles": ["data-scientist"], "zones": ["synthetic"]}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("explore")) as made:
        for zone in ("identified", "synthetic"):
            with made.platform.store(zone).transaction(event(zone=zone)) as step:
                step.write([*(patient(n) for n in range(PATIENTS)), *observations(zone)])
        make_table(made.platform, made.operator, "synthetic", TableAsk("observation"))
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def shown(made: Installation, query: str, **ask: object) -> str:
    token = made.bearer(**ask)["Authorization"].removeprefix("Bearer ")
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
    drawn = page_at(api, person, read("/dashboard/explore", query))
    return json.dumps([drawn.content, shell.side(person, "explore")], cls=PlotlyJSONEncoder)


def test_an_overview_shows_charts_and_leaves_out_what_few_have(installation: Installation) -> None:
    said = shown(installation, "?zone=synthetic&source=gold/observation", **SCIENTIST)
    for words in ("Rows over time", "Value", "left out", "gold/observation@"):
        assert words in said
    assert RARE not in said
    assert "/dashboard/explore" in said


def test_two_zones_stand_beside_each_other_with_how_far_they_lie_apart(installation: Installation) -> None:
    query = "?zone=synthetic&source=observation&look=distribution&column=value&against=identified"
    said = shown(installation, query)
    for words in ("Share of rows", "Total variation", "Kolmogorov-Smirnov", "Median", "Identified: rows"):
        assert words in said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("look=cross&column=category&by=unit", "Category by unit"),
        ("look=trend&column=time&value=value", "Mean of value over time"),
        ("look=correlations", "What hangs together"),
        ("look=cross", "Category by"),
        ("look=distribution&column=none", "has no column none"),
        ("where=category:is:imaging", "Few"),
        ("where=category:is:nothing", "Nothing to show"),
        ("look=rows&sort=-value", "Rows 1 to 50 of 93"),
        ("look=rows&start=50", "Rows 51 to 93 of 93"),
    ],
)
def test_every_look_says_what_it_shows(installation: Installation, query: str, words: str) -> None:
    assert words in shown(installation, f"?zone=synthetic&source=gold/observation&{query}", **SCIENTIST)


def test_a_row_leads_to_its_patient(installation: Installation) -> None:
    said = shown(installation, "?zone=synthetic&source=gold/observation&look=rows&sort=-value", **SCIENTIST)
    assert "/dashboard/patients/synthetic/p59" in said


def test_who_may_search_in_no_zone_is_told_of_no_such_page(installation: Installation) -> None:
    with pytest.raises(NotFound):
        shown(installation, "", scopes="careloom/monitor")


def test_an_address_says_what_is_asked_and_comes_back_the_same() -> None:
    ask = Asked(
        "research", "silver/observations", "trend", "synthetic", "effective_time", "code", "value_number", "", 0,
        (Condition("unit", "is", ("mg/dL; a,b", "x:y")), Condition("value_number", "above", ("3",))),
    )  # fmt: skip
    path, _, query = ask.address().partition("?")
    assert asked(read(path, query), ("research",)) == ask


def test_a_filter_that_is_added_by_the_form_joins_those_of_the_address() -> None:
    query = {"zone": "research", "where": "status:is:final", "add": "code", "how": "not", "is": "a, b"}
    found = asked(Address(("explore",), query), ("research",))
    assert [one.said() for one in found.where] == ["Status is final", "Code is not a or b"]
