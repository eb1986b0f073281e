from typing import Any

import httpx
import pytest

from careloom.client.reports import Ingestion
from careloom.errors import Conflict, QueryError, SetupError, StateError
from tests.unit.client.scripted import BASE, Scripted, answer, refusal

ID = "20261122T010203Z-abc123"
COUNTS = dict.fromkeys(("records", "known", "stored", "kept", "quarantined", "erased", "resources", "bytes"), 0)


def ingestion(state: str = "done", done: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "state": state,
        "actor": "warehouse",
        "started": "2026-11-22T01:02:03Z",
        "ended": None,
        "progress": {"done": done, "total": 100},
        "totals": {"files": 1, **COUNTS},
        "by_format": [],
        "issues": [{"code": "fhir.required-missing", "severity": "error", "count": 1}],
        "error": None,
        **more,
    }


def report(state: str = "done", done: int = 0, **more: Any) -> dict[str, Any]:
    file = {"manifest_id": "m", "format": "fhir", "state": "complete", "root": "00", **COUNTS}
    detail = {"files": [file], "stages": [{"name": "convert", "version": "1"}], "config_hash": "c"}
    return ingestion(state, done) | detail | more


def refused(record: str) -> dict[str, Any]:
    texts = dict.fromkeys(("format", "place", "where", "reason", "message", "remedy"), "x")
    return {"record": record, "attempts": 1, "since": "2026-11-22T01:02:03Z", **texts}


def test_an_ingestion_is_shown_with_its_files() -> None:
    platform = Scripted(answer(report()))
    found = platform.client().ingestions.get(ID)
    assert (found.id, found.files[0].format, found.issues[0].count) == (ID, "fhir", 1)
    assert platform.requests[0].url.path == f"/api/v1/ingestions/{ID}"


def test_ingestions_are_listed_page_by_page() -> None:
    pages = [{"items": [ingestion()] * 2, "next": "c2"}, {"items": [ingestion()], "next": None}]
    platform = Scripted(*[answer(page) for page in pages])
    assert len(list(platform.client().ingestions.all())) == 3
    assert [dict(request.url.params) for request in platform.requests] == [
        {"limit": "100"},
        {"limit": "100", "cursor": "c2"},
    ]


def test_refused_records_are_listed_page_by_page() -> None:
    counts = [{"code": "x", "severity": "error", "count": 2}]
    pages = [
        {"counts": counts, "items": [refused("r1")], "next": "c2"},
        {"counts": counts, "items": [refused("r2")], "next": None},
    ]
    platform = Scripted(*[answer(page) for page in pages])
    found = platform.client().ingestions.refused(ID, code="fhir.required-missing")
    assert [each.record for each in found] == ["r1", "r2"]
    assert dict(platform.requests[1].url.params) == {"limit": "100", "code": "fhir.required-missing", "cursor": "c2"}


def test_a_cancelled_ingestion_is_shown_and_one_that_has_ended_is_a_conflict() -> None:
    platform = Scripted(answer(ingestion("cancelled")), refusal(409, "state.conflict"))
    api = platform.client()
    assert api.ingestions.cancel(ID).state == "cancelled"
    with pytest.raises(Conflict):
        api.ingestions.cancel(ID)
    assert [(each.method, each.url.path) for each in platform.requests] == [
        ("POST", f"/api/v1/ingestions/{ID}/cancel")
    ] * 2


@pytest.mark.parametrize("name", ["", "..", "a/b", "a?b"])
def test_an_id_cannot_lead_elsewhere(name: str) -> None:
    with pytest.raises(QueryError):
        Scripted(answer({})).client().ingestions.get(name)


def test_waiting_looks_again_with_longer_pauses_and_tells_how_far_it_is() -> None:
    steps = [report("waiting"), report("running", 40), report("running", 90), report("done", 100)]
    platform = Scripted(*[answer(step) for step in steps])
    seen: list[tuple[int, int]] = []
    found = platform.client().ingestions.wait(ID, poll=0.2, progress=lambda done, total: seen.append((done, total)))
    assert isinstance(found, Ingestion)
    assert found.state == "done"
    assert seen == [(0, 100), (40, 100), (90, 100), (100, 100)]
    assert platform.clock.naps == pytest.approx([0.1, 0.15, 0.2])


ENDED = [("failed", "store.full", "store.full"), ("cancelled", None, "cancelled"), ("failed", None, "failed")]


@pytest.mark.parametrize(("state", "error", "word"), ENDED)
def test_waiting_for_what_is_never_done_is_an_error_with_its_code(state: str, error: str | None, word: str) -> None:
    with pytest.raises(StateError, match=word):
        Scripted(answer(report(state, error=error))).client().ingestions.wait(ID)


def test_waiting_ends_in_time() -> None:
    platform = Scripted(answer(report("running")))
    with pytest.raises(StateError, match="still running"):
        platform.client().ingestions.wait(ID, timeout=7.0)
    assert sum(platform.clock.naps) == pytest.approx(7.0)


def test_a_restart_of_the_platform_is_waited_out() -> None:
    away = httpx.ConnectError("refused")
    platform = Scripted(answer(report("running")), *[away] * 40, refusal(503, "setup"), answer(report("done")))
    assert platform.client().ingestions.wait(ID).state == "done"
    assert sum(platform.clock.naps) < 60


def test_a_platform_that_stays_away_ends_the_waiting() -> None:
    platform = Scripted(answer(report("running")), httpx.ConnectError("refused"))
    with pytest.raises(SetupError):
        platform.client().ingestions.wait(ID)
    assert 60 < sum(platform.clock.naps) < 70


def test_a_state_of_a_later_platform_is_waited_out() -> None:
    platform = Scripted(answer(report("paused")), answer(report("done")))
    assert platform.client().ingestions.wait(ID).state == "done"


def test_an_answer_without_a_total_is_an_error() -> None:
    short = report()
    del short["totals"]["stored"]
    with pytest.raises(SetupError, match="stored"):
        Scripted(answer(short)).client().ingestions.get(ID)


def test_format_and_source_stand_in_the_address_of_an_upload() -> None:
    platform = Scripted(answer(ingestion("waiting"), 202))
    api = platform.client()
    assert api.ingestions.upload(b"{}", format="fhir", source="main hospital").state == "waiting"
    api.ingestions.upload(b"{}")
    assert str(platform.requests[0].url) == f"{BASE}/api/v1/ingestions?format=fhir&source=main+hospital"
    assert str(platform.requests[1].url) == f"{BASE}/api/v1/ingestions?format=auto"
