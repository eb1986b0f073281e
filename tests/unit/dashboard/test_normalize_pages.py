"""What the pages of normalization say before, while and after something runs, and to whom they offer what."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session, shell
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, NotFound
from careloom.runtime import Runtime
from careloom.services.normalizations import cancel_run, submit
from careloom.services.normalize import NormalizeAsk, normalize
from tests.api.kit import BASE_URL, PATIENT, Installation

HOME = PATIENT | {"address": [{"state": "Massachusetts"}]}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        made.ingest([HOME])
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def drawn(made: Installation, path: str, roles: tuple[str, ...] = ("data-engineer",)) -> str:
    token = made.token(roles, zones=["identified"])
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app)) as api:
        me = api.me()
        who = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
        page = page_at(api, who, read(f"/dashboard{path}", ""))
        side = shell.side(who, "normalize")
    return json.dumps([page.title, page.content, page.is_live, side], cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_before_the_first_run_the_page_says_what_a_rehearsal_is(made: Installation) -> None:
    said = drawn(made, "/normalize")
    assert "Nothing was normalized yet" in said
    assert "normalize-rehearse" in said
    assert '"/dashboard/normalize"' in said


def test_a_rehearsal_tells_what_would_change_and_can_be_applied(made: Installation) -> None:
    run = normalize(made.platform, made.operator, NormalizeAsk(is_rehearsal=True))["run_id"]
    said = drawn(made, f"/normalize/{run}")
    for words in ("Would change", "The state got its USPS code", "normalize.state-code", "1 resource will get"):
        assert words in said
    assert f"normalize-apply/{run}" in said
    assert f"/dashboard/patients/identified/{made.stored_id('Patient', 'p1')}" in said
    for word in ("Quillfeather", "Massachusetts"):
        assert word not in said
    applied = normalize(made.platform, made.operator)["run_id"]
    said = drawn(made, f"/normalize/{applied}")
    assert "Each changed resource has a new version" in said
    assert "normalize-apply" not in said


def test_a_rehearsal_without_a_change_offers_nothing_to_apply(made: Installation) -> None:
    normalize(made.platform, made.operator)
    run = normalize(made.platform, made.operator, NormalizeAsk(is_rehearsal=True))["run_id"]
    assert "normalize-apply" not in drawn(made, f"/normalize/{run}")
    assert "None." in drawn(made, f"/normalize/{run}")


def test_what_waits_is_live_and_can_be_cancelled(made: Installation) -> None:
    run = submit(made.platform, made.operator, is_rehearsal=False)["id"]
    for page in (f"/normalize/{run}", "/normalize"):
        assert json.loads(drawn(made, page))[2] is True
    assert f"normalize-cancel/{run}" in drawn(made, f"/normalize/{run}")
    cancel_run(made.platform, made.operator, run)
    said = drawn(made, f"/normalize/{run}")
    assert "It was cancelled" in said
    assert "normalize-cancel" not in said
    assert json.loads(said)[2] is False


def test_what_the_api_refuses_no_page_shows(made: Installation) -> None:
    with pytest.raises(AccessError):
        drawn(made, "/normalize", roles=("data-steward",))
    with pytest.raises(NotFound):
        drawn(made, "/normalize/20261122T010203Z-abc234")
    with pytest.raises(NotFound):
        drawn(made, "/normalize/a/b")
