"""What the pages of data quality say, drawn from the real API within this process."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, NotFound
from careloom.runtime import Runtime
from careloom.services.jobs import work
from careloom.services.quality import QualityAsk, quality
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

FUTURE = [
    {**OBSERVATION, "id": f"f{number}", "effectiveDateTime": f"2031-01-{number % 28 + 1:02}"} for number in range(60)
]


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("quality")) as made:
        made.ingest([PATIENT, OBSERVATION, *FUTURE])
        for _ in range(2):
            quality(made.platform, made.operator, QualityAsk())
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def drawn(installation: Installation, path: str, search: str = "", **ask: Any) -> str:
    """Everything that a page says, as text."""
    token = installation.token(**ask)
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=installation.app)) as api:
        me = api.me()
        person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
        page = page_at(api, person, read(f"/dashboard{path}", search))
    return json.dumps([page.title, page.trail, page.content], cls=PlotlyJSONEncoder, ensure_ascii=False)


def run_id(installation: Installation) -> str:
    with Careloom(BASE_URL, Bearer(installation.token()), transport=httpx.WSGITransport(app=installation.app)) as api:
        return api.quality.report().run_id


def test_the_page_tells_scores_rules_trend_and_what_is_there(looked_at: Installation) -> None:
    said = drawn(looked_at, "/quality")
    for words in ("Score", "Plausibility", "Scores by source", "Trend", "not-in-the-future", "What is there: Patient",
                  "quality-export", "Look now", "Show as a table"):  # fmt: skip
        assert words in said
    assert "Passes" in drawn(looked_at, "/quality", "?status=pass")
    assert "effectiveDateTime" in drawn(looked_at, "/quality", "?type=Observation")
    assert run_id(looked_at) in drawn(looked_at, f"/quality/{run_id(looked_at)}")


def test_a_rule_leads_to_the_resources_that_break_it(looked_at: Installation) -> None:
    place = f"/quality/{run_id(looked_at)}/not-in-the-future"
    said = drawn(looked_at, place)
    for words in ("Where it is broken", "Source record", "Observation/", "after=50", "Who says so"):
        assert words in said
    last = drawn(looked_at, place, "?after=50")
    assert "after=" not in last
    assert "None, or none any more" in drawn(looked_at, place, "?source=nobody")


def test_before_the_first_look_the_page_says_how_to_look(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest()
        said = drawn(made, "/quality")
        assert "No look yet" in said
        assert "careloom quality --zone identified" in said
        with Careloom(BASE_URL, Bearer(made.token()), transport=httpx.WSGITransport(app=made.app)) as api:
            look = api.quality.look()
        assert "under way" in drawn(made, "/quality", f"?queued={look.id}")
        work(made.platform, once=True)
        assert "Your look is done" in drawn(made, "/quality", f"?queued={look.id}")


def test_a_failed_look_says_so(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest()
        with Careloom(BASE_URL, Bearer(made.token()), transport=httpx.WSGITransport(app=made.app)) as api:
            look = api.quality.look(source="nobody")
        work(made.platform, once=True)
        assert "Your look has failed" in drawn(made, "/quality", f"?queued={look.id}")


def test_who_may_not_see_it_is_refused_and_sees_no_link(looked_at: Installation) -> None:
    with pytest.raises(AccessError):
        drawn(looked_at, "/quality", roles=("clinician",))
    with pytest.raises(NotFound):
        drawn(looked_at, "/quality/20261122T010203Z-abc234")
    with pytest.raises(NotFound):
        drawn(looked_at, f"/quality/{run_id(looked_at)}/no-such-rule")
