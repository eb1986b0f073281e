"""What the pages of runs over stored notes say before, while and after something runs, and to whom they offer what."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session
from careloom.dashboard.address import read
from careloom.dashboard.parts import Contents, Page
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, NotFound
from careloom.pipeline.registry import REGISTRY
from careloom.runtime import Runtime
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.annotations import cancel_run, submit
from tests.api.kit import BASE_URL, PATIENT, Installation

NOTES = [
    {
        "resourceType": "DocumentReference", "id": f"n{number}", "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": kind, "data": b64encode(b"Has diabetes.").decode()}}],
    }
    for number, kind in enumerate(("text/plain", "application/x-unknown"))
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
    with Installation(tmp_path) as made:
        made.ingest([PATIENT, *NOTES])
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def page_of(
    made: Installation, path: str, role: str = "data-engineer", zones: tuple[str, ...] = ("identified",)
) -> Page:
    token = made.token((role,), zones=list(zones))
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app)) as api:
        me = api.me()
        who = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
        location, _, query = path.partition("?")
        return page_at(api, who, read(f"/dashboard{location}", query and f"?{query}"))


def shown(content: Contents) -> str:
    return json.dumps(content, cls=PlotlyJSONEncoder, ensure_ascii=False)


def drawn(made: Installation, path: str, role: str = "data-engineer", zones: tuple[str, ...] = ("identified",)) -> str:
    page = page_of(made, path, role, zones)
    return "".join(map(shown, (page.title, page.ahead, page.content)))


def test_before_the_first_run_the_page_says_where_notes_come_from_and_offers_one(made: Installation) -> None:
    said = drawn(made, "/notes/runs")
    assert "No stored notes were read yet" in said
    assert "/dashboard/notes-start" in said
    assert '"identified"' in said
    assert '"research"' not in said
    assert '"research"' in drawn(made, "/notes/runs", zones=("identified", "research"))
    assert "/dashboard/notes/runs" in drawn(made, "/notes")


def test_the_list_is_asked_for_again_and_what_is_filled_in_is_not(made: Installation) -> None:
    submit(made.platform, made.operator, AnnotateAsk())
    page = page_of(made, "/notes/runs")
    assert page.is_live
    assert "notes-start" in shown(page.ahead)
    assert "notes-start" not in shown(page.content)
    assert "Not yet begun" in shown(page.content)
    assert not page_of(made, "/notes/runs?before=20261122T010203Z-abc234").is_live


def test_a_run_that_is_done_tells_what_became_of_notes_and_facts(made: Installation) -> None:
    run = annotate(made.platform, made.operator, AnnotateAsk(is_incremental=True)).run_id
    said = drawn(made, f"/notes/runs/{run}")
    for words in ("Read in", "New facts", "Refused", "nlp.no-text", "Condition", "Problem", "new and changed notes"):
        assert words.lower() in said.lower()
    assert "Quillfeather" not in said
    assert run in drawn(made, "/notes/runs")


def test_one_that_waits_can_be_cancelled_by_who_may_start_one(made: Installation) -> None:
    run = submit(made.platform, made.operator, AnnotateAsk())["id"]
    assert f"notes-cancel/{run}" in drawn(made, f"/notes/runs/{run}")
    watched = drawn(made, f"/notes/runs/{run}", role="clinician")
    assert "Waiting for a free worker" in watched
    assert "notes-cancel" not in watched
    assert "notes-start" not in drawn(made, "/notes/runs", role="clinician")
    cancel_run(made.platform, made.operator, run)
    assert "It was cancelled" in drawn(made, f"/notes/runs/{run}")


def test_what_is_not_there_or_not_for_this_person_is_refused(made: Installation) -> None:
    with pytest.raises(NotFound):
        drawn(made, "/notes/runs/20261122T010203Z-abc234")
    with pytest.raises(NotFound):
        drawn(made, "/notes/other")
    with pytest.raises(AccessError):
        drawn(made, "/notes/runs", zones=("landing",))
