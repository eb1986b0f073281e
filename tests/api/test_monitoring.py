"""Monitoring over HTTP, by the SDK and by the command line: a look as a job, its report, feedback."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.errors import AccessError, FormatError, NotFound, QueryError
from careloom.pipeline.registry import REGISTRY
from careloom.services.jobs import work
from careloom.services.monitor_labels import Feedback, read_feedback
from tests.api.test_sdk import client_of
from tests.monitor_kit import BEGIN, VERSION, Watched


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    opened = Watched(tmp_path)
    yield opened
    opened.close()


def test_a_look_is_queued_done_and_read_by_the_sdk(made: Watched) -> None:
    made.predict(BEGIN + timedelta(days=1), change=(pl.col("glucose") / 18.0156).alias("glucose"))
    with client_of(made) as api:
        with pytest.raises(NotFound):
            api.monitoring.newest(VERSION)
        queued = api.monitoring.start(VERSION)
        assert (queued.state, queued.version) == ("waiting", VERSION)
        work(made.platform, once=True)
        done = api.monitoring.wait(queued.id)
        look = api.monitoring.look(done.version, done.id)
        assert {(one.kind, one.place) for one in look.alarms} == {("outside", "glucose"), ("values", "glucose")}
        assert look == api.monitoring.newest(VERSION)
        assert look.told is not None
        assert (look.told.webhook, look.told.mail, look.told.azure, look.told.otlp) == ("off",) * 4
        (watched,) = api.monitoring.versions()
        assert watched.look is not None
        assert (watched.version, watched.look.id) == (VERSION, done.id)
        assert [one.id for one in api.monitoring.looks(VERSION)] == [done.id]
        assert api.monitoring.thresholds()["psi"] == {"medium": 0.1, "large": 0.25}


def test_alarms_are_listed_by_the_sdk_and_those_that_stand_alone(made: Watched) -> None:
    made.predict(BEGIN + timedelta(days=1), change=(pl.col("glucose") / 18.0156).alias("glucose"))
    with client_of(made) as api:
        assert api.monitoring.alarms(VERSION) == ()
        api.monitoring.start(VERSION)
        work(made.platform, once=True)
        found = api.monitoring.alarms(VERSION, "standing")
        assert {(one.kind, one.place) for one in found} == {("outside", "glucose"), ("values", "glucose")}
        assert {(one.closed, tuple(one.told), one.waiting) for one in found} == {(None, (), ())}
        assert api.monitoring.alarms(VERSION, "closed") == ()
        assert api.monitoring.alarms(VERSION) == found
        seen = api.monitoring.acknowledge(VERSION, found[0].id, "the lab changed units")
        assert seen.acknowledged is not None
        assert (seen.id, seen.acknowledged.note) == (found[0].id, "the lab changed units")
        assert {one.id: one for one in api.monitoring.alarms(VERSION)}[seen.id] == seen
        for version, alarm in (("readmission-30d@2", seen.id), (VERSION, "a" * 26)):
            with pytest.raises(NotFound):
                api.monitoring.acknowledge(version, alarm)


def test_answers_are_fed_back_by_the_sdk(made: Watched) -> None:
    names = made.predict(BEGIN + timedelta(days=1), count=3)
    with client_of(made) as api:
        told: list[dict[str, object]] = [
            {"prediction": names[0], "answer": "accepted"},
            {"prediction": names[1], "outcome": True},
        ]
        done = api.monitoring.feedback([*told, {"prediction": "a" * 26, "answer": "accepted"}])
        assert (done.answers, done.outcomes, done.provisional, done.unknown) == (1, 0, 1, 1)
        with pytest.raises(QueryError):
            api.monitoring.newest("../other@1")


def test_who_may_see_may_not_look_nor_feed_back(made: Watched) -> None:
    made.predict(BEGIN + timedelta(days=1), count=3)
    with client_of(made, roles=("auditor",)) as api:
        assert [one.version for one in api.monitoring.versions()] == [VERSION]
        for act in (lambda: api.monitoring.start(VERSION), lambda: api.monitoring.feedback([])):
            with pytest.raises(AccessError):
                act()


@pytest.mark.parametrize(
    "body",
    [{"version": "readmission"}, {"version": "a@1", "more": 1}, {}],
    ids=["no number", "a further member", "nothing"],
)
def test_a_body_that_means_nothing_is_a_problem(made: Watched, body: dict[str, object]) -> None:
    answer = made.client.post("/api/v1/monitoring/looks", json=body, headers=made.bearer())
    assert answer.status_code == 400
    assert answer.get_json()["code"].startswith("input")


def test_lines_of_feedback_are_read_and_a_wrong_one_is_named() -> None:
    text = '{"prediction": "x", "outcome": true}\n\n{"prediction": "y", "answer": "overridden", "reason": "done"}\n'
    assert read_feedback(text) == [Feedback("x", True), Feedback("y", answer="overridden", reason="done")]
    for wrong in ('{"outcome": true}', '{"prediction": "x", "outcome": 1}', '{"prediction": "x", "answer": "no"}',
                  '{"prediction": "x", "name": "y"}', "x"):  # fmt: skip
        with pytest.raises(FormatError, match="line 2"):
            read_feedback(f'{{"prediction": "x"}}\n{wrong}\n')


def test_the_command_line_looks_and_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Watched(tmp_path / "here")
    names = made.predict(made.platform.runtime.now() + timedelta(days=1))
    made.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "here" / "data"))
    run = CliRunner()
    asked = ["monitor", "run", VERSION, "--until", "2026-03-05", "--json"]
    look = orjson.loads(run.invoke(app, asked, catch_exceptions=False).stdout)
    assert look["predictions"] == 300
    shown = run.invoke(app, ["monitor", "show", VERSION], catch_exceptions=False).stdout
    assert "300 predictions" in " ".join(shown.split())
    assert "No alarm." in shown
    Path("answers.ndjson").write_text(f'{{"prediction": "{names[0]}", "answer": "accepted"}}\n')
    assert "1 answers" in run.invoke(app, ["monitor", "feedback", "answers.ndjson"], catch_exceptions=False).stdout
    assert VERSION in run.invoke(app, ["monitor", "list"], catch_exceptions=False).stdout
    now = orjson.loads(run.invoke(app, ["monitor", "run", VERSION, "--json"], catch_exceptions=False).stdout)
    listed = run.invoke(app, ["monitor", "alarms", VERSION], catch_exceptions=False).stdout
    assert len(now["alarms"]) == len(now["told"]["told"]) > 0  # by now nothing was predicted for long
    assert "stale  (" in listed
    assert "told to nobody" in " ".join(listed.split())
    alarm = now["told"]["told"][0]["id"]
    seen = run.invoke(app, ["monitor", "acknowledge", VERSION, alarm, "--note", "known"], catch_exceptions=False).stdout
    assert "acknowledged by" in " ".join(seen.split())
    assert "[psi]" in run.invoke(app, ["monitor", "thresholds"], catch_exceptions=False).stdout
