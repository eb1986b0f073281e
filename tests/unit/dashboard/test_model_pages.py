"""What the pages of models say: who answers, how good it is, what drifted, to whom what is offered."""

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
from careloom.dashboard import model_figures, session
from careloom.dashboard.address import read
from careloom.dashboard.model_acts import refused
from careloom.dashboard.model_words import alarm_words, feature, gate, interval
from careloom.dashboard.places import find
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, Conflict, NotFound
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, Installation
from tests.model_page_kit import FIRST, judged, two_versions, watched

AT = "/dashboard/models/readmission-30d"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("models")) as made:
        two_versions(made)
        watched(made)
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def person_of(made: Installation, **ask: Any) -> tuple[Careloom, Person]:
    token = made.bearer(**ask)["Authorization"].removeprefix("Bearer ")
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    return api, Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)


def shown(made: Installation, path: str, query: str = "", **ask: Any) -> str:
    api, person = person_of(made, **ask)
    page = page_at(api, person, read(path, query))
    return json.dumps([page.title, page.trail, page.content], cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_before_any_model_is_registered_the_page_says_how_to_train_one(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Installation(tmp_path_factory.mktemp("none")) as empty:
        assert "careloom models run readmission" in shown(empty, "/dashboard/models")


def test_the_list_tells_who_answers_who_waits_and_how_many_alarms_stand(installation: Installation) -> None:
    said = shown(installation, "/dashboard/models")
    for words in ("readmission-30d", "Version 1", "6 alarms", "Waiting for approval", "readmission-30d@2", "0.651"):
        assert words in said


def test_a_model_shows_its_limits_and_every_version(installation: Installation) -> None:
    said = shown(installation, AT)
    for words in ("Who answers", "Overridden alerts", "Too few answers to judge", "Waits for approval", "Champion"):
        assert words in said
    with pytest.raises(NotFound):
        shown(installation, "/dashboard/models/nobody")


def test_a_version_shows_calibration_net_benefit_groups_and_stress(installation: Installation) -> None:
    said = shown(installation, f"{AT}/1")
    for words in (
        "Unplanned readmission within 30 days", "Does a risk mean what it says?", "Earlier admissions alone",
        "Alert for all", "Language: Haitian Creole", "Fewer than 11", "What if its inputs get worse?",
        "1 group has fewer than 11 patients", "0.651 (0.607 to 0.686)",
    ):  # fmt: skip
        assert words in said
    with pytest.raises(NotFound):
        shown(installation, f"{AT}/1/nothing")


def test_the_lineage_says_whether_the_version_is_as_it_was_signed(installation: Installation) -> None:
    said = shown(installation, f"{AT}/1/lineage")
    for words in (
        "As it was signed",
        "Ranking (AUROC) at least 0.66",
        "Git revision",
        "evaluation.json",
        "rows 20261130",
    ):
        assert words in said


def test_the_model_card_is_shown_and_offered_as_three_files(installation: Installation) -> None:
    said = shown(installation, f"{AT}/1/card")
    for words in ("31", "Cautioned out-of-scope use", "/dashboard/model-card/readmission-30d@1.xml", "Not available"):
        assert words in said


def test_what_was_seen_since_names_the_drifted_feature_and_its_strength(installation: Installation) -> None:
    said = shown(installation, f"{AT}/watch")
    for words in (
        "Sodium last", "Large", "Outcomes more frequent than said", "More often than said".lower(), "Not relevant",
        "Within what was promised", "Acknowledge", "Alerts that were right",
    ):  # fmt: skip
        assert words in said
    assert "has made no prediction yet" in shown(installation, f"{AT}/watch", "?version=2")


def test_two_versions_stand_side_by_side(installation: Installation) -> None:
    said = shown(installation, f"{AT}/compare", "?a=2&b=1")
    for words in ("Version 2 (95 %)", "Version 1 (95 %)", "Difference", "fewer than 11 patients"):
        assert words in said
    assert "Version 2 (95 %)" in shown(installation, f"{AT}/compare", "?a=2&b=2")


@pytest.mark.parametrize(("roles", "offered", "hidden"), [
    (("clinician",), ("act=promote", "act=approve"), ("act=retire",)),
    (("data-engineer",), ("act=retire",), ("act=promote", "act=approve")),
])  # fmt: skip
def test_acts_are_offered_to_those_who_may(
    installation: Installation, roles: tuple[str, ...], offered: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    token = installation.token(roles, zones=("identified",))
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=installation.app))
    me = api.me()
    person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
    said = json.dumps(page_at(api, person, read(f"{AT}/2", "")).content, cls=PlotlyJSONEncoder)
    assert all(words in said for words in offered)
    assert not any(words in said for words in hidden)
    asked = json.dumps(page_at(api, person, read(f"{AT}/2", f"?{hidden[0]}")).content, cls=PlotlyJSONEncoder)
    assert "You may not do this" in asked
    assert "model-go" not in asked


def test_who_may_not_see_models_is_refused_and_not_shown_the_way(installation: Installation) -> None:
    with pytest.raises(AccessError):
        shown(installation, "/dashboard/models", scopes="careloom/audit")
    _, person = person_of(installation, scopes="careloom/audit")
    assert not find("models").may_see(person)


def test_a_refusal_of_an_act_says_what_the_api_says() -> None:
    second = json.dumps(
        refused("promote", AccessError("you registered it", "Ask somebody else.")), cls=PlotlyJSONEncoder
    )
    assert "This needs another person" in second
    assert "You registered it. Ask somebody else." in second
    assert "Somebody was quicker" in json.dumps(
        refused("retire", Conflict("it changed", "Look.")), cls=PlotlyJSONEncoder
    )


@pytest.mark.parametrize(("name", "said"), [
    ("admissions_365d", "Admissions, 365 days"), ("sodium_last_missing", "Sodium last, whether missing"),
    ("sex=female", "Sex: female"),
])  # fmt: skip
def test_features_are_named_in_words(name: str, said: str) -> None:
    assert feature(name) == said


def test_measures_gates_and_alarms_are_said_in_words() -> None:
    assert interval({"value": 0.68, "low": 0.67, "high": 0.69}) == "0.680 (0.670 to 0.690)"
    assert interval({"value": None, "low": None, "high": None}) == "–"
    assert gate("auroc, lower bound, at least 0.5") == "Ranking (AUROC), lower bound, at least 0.5"
    assert alarm_words("values", "sodium_last") == "Values: Sodium last"


def test_a_calibration_figure_holds_each_bin_and_the_smooth_line_lies_within() -> None:
    _, told, _ = judged()
    figure = model_figures.calibration({FIRST: told["report"]})
    points, smooth, right = figure.data
    assert len(points.x) == len(told["report"]["calibration_curve"])
    assert max(smooth.y) <= figure.layout.yaxis.range[1]
    assert tuple(right.x) == tuple(right.y)


def test_a_bar_that_is_too_long_ends_at_the_edge_and_says_its_value() -> None:
    figure = model_figures.bars([("Sodium", 11.9, "large")], title="PSI", limits=(0.1,), most=0.5)
    (drawn,) = figure.data
    assert drawn.x[0] == 0.5
    assert "11.9" in drawn.hovertext[0]
