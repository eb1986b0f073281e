"""Data quality over HTTP and through the SDK: look, watch, report, trend, what broke a rule, export."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from careloom.client.careloom import Careloom
from careloom.errors import AccessError, NotFound, StateError
from careloom.services.jobs import cancel_job, work
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_sdk import client_of

ROUTE = "/api/v1/quality"
FUTURE = [{**OBSERVATION, "id": f"f{number}", "effectiveDateTime": f"2031-01-{number + 1:02}"} for number in range(5)]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        made.ingest([PATIENT, OBSERVATION, *FUTURE])
        yield made


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def test_a_look_is_queued_done_and_read(made: Installation, api: Careloom) -> None:
    look = api.quality.look()
    assert (look.state, look.zone, look.has_ended) == ("waiting", "identified", False)
    with pytest.raises(NotFound):
        api.quality.report(look.id)
    with pytest.raises(StateError):
        api.quality.wait(look.id, timeout=0.01)
    assert work(made.platform, once=True) == 1
    report = api.quality.wait(look.id)
    assert (report.run_id, report.resources, report.actor) == (look.id, 7, look.actor)
    done = api.quality.state(look.id)
    assert (done.state, done.progress.done, done.progress.total) == ("done", 7, 7)
    future = next(rule for rule in report.rules if rule.id == "not-in-the-future")
    assert (future.status, future.failed, len(future.examples)) == ("fail", 5, 5)
    assert api.quality.report() == report
    events = [event for event in made.events() if event["actor"] == look.actor and event["operation"] == "quality"]
    assert [event["outcome"] for event in events] == ["success"]


def test_what_broke_a_rule_and_the_trend_come_in_pages(made: Installation, api: Careloom) -> None:
    for _ in range(3):
        api.quality.look()
    assert work(made.platform, once=True) == 3
    briefs = list(api.quality.all())
    assert len(briefs) == 3
    first = api.quality.looks(limit=2)
    assert [one.run_id for one in first.items] == [one.run_id for one in briefs[:2]]
    assert first.next is not None
    assert [one.run_id for one in api.quality.looks(limit=2, cursor=first.next).items] == [briefs[2].run_id]
    run_id = briefs[0].run_id
    page = api.quality.rows(run_id, "not-in-the-future", limit=2)
    assert (len(page.items), page.next, page.rule.failed) == (2, "2", 5)
    rows = list(api.quality.broken(run_id, "not-in-the-future"))
    assert {row.resource for row in rows} == {f"Observation/{made.stored_id('Observation', f'f{n}')}" for n in range(5)}
    assert api.quality.rows(run_id, "not-in-the-future", resource_type="Patient").items == ()
    with pytest.raises(NotFound):
        api.quality.rows(run_id, "no-such-rule")


def test_a_report_is_exported_as_a_page_csv_and_json(made: Installation, api: Careloom) -> None:
    look = api.quality.look(since=date(2026, 1, 1))
    work(made.platform, once=True)
    assert api.quality.export(look.id).startswith(b"<!doctype html>")
    assert api.quality.export(look.id, "csv").startswith(b"rule,title,")
    assert api.quality.export(look.id, "csv", table="findings").startswith(b"rule,title,")
    assert b"not-in-the-future" in api.quality.export(look.id, "csv", table="findings")
    assert api.quality.export(look.id, "csv", table="completeness").startswith(b"source,type,field,")
    assert look.id.encode() in api.quality.export(look.id, "json")
    answer = made.client.get(f"{ROUTE}/runs/{look.id}/export?format=html", headers=made.bearer())
    assert answer.headers["Content-Disposition"] == f'attachment; filename="quality-{look.id}.html"'
    answer = made.client.get(f"{ROUTE}/runs/{look.id}/export?format=csv&table=findings", headers=made.bearer())
    assert answer.headers["Content-Disposition"] == f'attachment; filename="quality-{look.id}-findings.csv"'
    for wrong in ("format=pdf", "format=csv&table=patients"):
        assert made.client.get(f"{ROUTE}/runs/{look.id}/export?{wrong}", headers=made.bearer()).status_code == 400


def test_a_look_that_fails_or_is_cancelled_says_so(made: Installation, api: Careloom) -> None:
    lost = api.quality.look(source="nowhere")
    empty = api.quality.look("research")
    cancelled = api.quality.look()
    cancel_job(made.platform, made.operator, cancelled.id)
    work(made.platform, once=True)
    assert (api.quality.state(lost.id).state, api.quality.state(lost.id).error) == ("failed", "input.query")
    assert api.quality.state(empty.id).error == "input.not-found"
    assert api.quality.state(cancelled.id).state == "cancelled"
    for look in (lost, empty, cancelled):
        with pytest.raises(StateError):
            api.quality.wait(look.id)
        with pytest.raises(NotFound):
            api.quality.report(look.id)


BAD_BODIES: list[Any] = [
    {"zone": "landing"}, {"zone": 1}, {"since": "yesterday"}, {"since": 0}, {"since": "2026-11-28T00:00:00"},
    {"source": "a b"}, {"rules": "/etc/passwd"}, [], "x",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES)
def test_a_body_that_breaks_the_schema_is_refused(made: Installation, body: Any) -> None:
    assert made.client.post(f"{ROUTE}/looks", json=body, headers=made.bearer()).status_code == 400


def test_a_scientist_sees_the_research_zone_only(made: Installation) -> None:
    with client_of(made, roles=("data-scientist",), zones=("identified", "research")) as api:
        with pytest.raises(AccessError):
            api.quality.look()
        with pytest.raises(AccessError):
            api.quality.report()
        with pytest.raises(NotFound):
            api.quality.report(zone="research")
        assert api.quality.looks("research").items == ()
        with pytest.raises(AccessError):
            api.quality.looks("identified")


def test_who_may_not_see_a_zone_learns_nothing_of_its_looks(made: Installation, api: Careloom) -> None:
    look = api.quality.look()
    work(made.platform, once=True)
    with client_of(made, roles=("data-scientist",), zones=("research",)) as stranger:
        for ask in (stranger.quality.report, stranger.quality.state, stranger.quality.export):
            with pytest.raises(AccessError):
                ask(look.id)
        with pytest.raises(AccessError):
            stranger.quality.rows(look.id, "text-intact")
