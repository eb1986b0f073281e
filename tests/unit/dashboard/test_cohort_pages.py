"""What the pages of cohorts say, and that an address says a definition that the API counts."""

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
from careloom.dashboard.address import Address, read
from careloom.dashboard.cohorts_asked import Built, Criterion, Meant, built
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import NotFound
from careloom.risk.cohorts_definition import from_toml
from careloom.runtime import Runtime
from careloom.services.risk_facts import make_facts
from tests.api.kit import BASE_URL, Installation
from tests.score_kit import COHORT, patient
from tests.store_kit import event

WHOLE = Built(
    "research", Meant("discharge", "http://terminology.hl7.org/CodeSystem/v3-ActCode", ("IMP",)), "all", 40, 90,
    "female", 365,
    (Criterion("have", Meant("diagnosis", "icd10cm", ("E11*", "I10")), 730, 2), Criterion("lack", Meant("note"))),
    Meant("death"), 30, True,
)  # fmt: skip


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("cohorts")) as made:
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([one for name in ("first", "second", "third") for one in patient(name)])
        make_facts(made.platform, made.operator, "synthetic")
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def shown(made: Installation, path: str, query: str = "", **ask: Any) -> str:
    token = made.bearer(**ask)["Authorization"].removeprefix("Bearer ")
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
    return json.dumps(page_at(api, person, read(f"/dashboard/{path}", query)).content, cls=PlotlyJSONEncoder)


def test_cohorts_that_ship_are_listed_each_with_its_source(installation: Installation) -> None:
    said = shown(installation, "cohorts")
    assert f"/dashboard/cohorts/{COHORT}" in said
    assert "Unplanned readmission within 30 days" in said


def test_a_cohort_says_what_each_rule_leaves_what_came_and_who_is_in(installation: Installation) -> None:
    said = shown(installation, f"cohorts/{COHORT}", "?zone=synthetic")
    for words in ("What each rule leaves", "alive at discharge", "What came of it", "Who is in"):
        assert words in said
    assert f"/dashboard/cohorts/{COHORT}/" in said


def test_one_patient_is_told_why(installation: Installation) -> None:
    said = shown(installation, f"cohorts/{COHORT}/first", "?zone=synthetic")
    assert "Why, moment by moment" in said
    assert "In" in said


def test_what_is_built_is_counted_and_may_be_taken_along(installation: Installation) -> None:
    said = shown(installation, "cohorts/build", "?zone=synthetic&ik=discharge&n=all&ok=admission&h=30")
    for words in ("index events: discharge", "cohort-definition.toml", "What came of it"):
        assert words in said


def test_codes_without_their_system_are_said_to_lack_it(installation: Installation) -> None:
    said = shown(installation, "cohorts/build", "?zone=synthetic&c=have:0:1:diagnosis::E11")
    assert "Name the system of the codes" in said


def test_two_cohorts_stand_side_by_side_and_what_few_have_is_left_out(installation: Installation) -> None:
    query = f"?zone=synthetic&one={COHORT}&other=build&ik=discharge&n=all"
    said = shown(installation, "cohorts/compare", query)
    for words in (
        "Unplanned readmission within 30 days",
        "Built: each discharge",
        "Overlap",
        "left out",
        "fewer than 11",
    ):
        assert words in said
    assert "Choose two cohorts above" in shown(installation, "cohorts/compare", "?zone=synthetic")
    assert "there is no such cohort" in shown(installation, "cohorts/compare", f"?one={COHORT}&other=none")


def test_who_may_search_in_no_zone_is_told_of_no_such_page(installation: Installation) -> None:
    with pytest.raises(NotFound):
        shown(installation, "cohorts", scopes="careloom/monitor")
    with pytest.raises(NotFound):
        shown(installation, "cohorts/nothing_of_that_name")


def test_an_address_says_a_cohort_and_comes_back_the_same() -> None:
    path, _, query = WHOLE.address().partition("?")
    assert built(read(path, query), ("identified", "research")) == WHOLE


def test_what_is_built_is_a_definition_that_says_the_same() -> None:
    told = from_toml(WHOLE.definition())
    assert (told.index.choose, told.outcome.horizon_days, told.events["c1"].prefixes) == (
        "all", 30, {"http://hl7.org/fhir/sid/icd-10-cm": ("E11",)},
    )  # fmt: skip
    assert [(one.kind, one.must, one.days, one.at_least) for one in told.rules] == [
        ("age", "have", 0, 1), ("sex", "have", 0, 1), ("history", "have", 365, 1),
        ("event", "have", 730, 2), ("event", "lack", 0, 1),
    ]  # fmt: skip


def test_a_definition_holds_whatever_somebody_writes_as_text_only() -> None:
    odd = 'E11"]\n[outcome]\nhorizon_days = 1'
    told = from_toml(
        Built("research", criteria=(Criterion("have", Meant("diagnosis", "icd10cm", (odd,))),)).definition()
    )
    assert told.events["c1"].codes["http://hl7.org/fhir/sid/icd-10-cm"] == (odd,)
    assert told.outcome.horizon_days == 365


def test_a_criterion_that_is_added_by_the_form_joins_those_of_the_address() -> None:
    query = {
        "c": "have:0:1:diagnosis:icd10cm:I10",
        "add": "lack",
        "k": "medication",
        "y": "rxnorm",
        "v": "860975, 1",
        "d": "90",
    }
    found = built(Address(("cohorts", "build"), query), ("research",))
    assert [one.said() for one in found.criteria] == [
        "has diagnosis ICD-10-CM I10 at any time before",
        "has no medication RxNorm 860975, 1 in the 90 days before",
    ]
