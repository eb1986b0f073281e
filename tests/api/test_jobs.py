"""Jobs over HTTP and by the SDK: whose one sees, pages, log, events as they happen, cancel, run again, audit."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from careloom.api import job_events
from careloom.client.aio.careloom import AsyncCareloom
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.jobs import Job, JobFilter, LogLine
from careloom.errors import AccessError, Conflict, NotFound, SetupError, StateError
from careloom.runtime import Runtime
from careloom.services.ingest import IngestAsk
from careloom.services.jobs import submit_ingest, work
from careloom.services.jobs_shown import PLACES, RIGHTS
from careloom.services.tokens import issue, session_of
from careloom.store.jobs import Progress
from tests.api.kit import BASE_URL, PATIENT, Clock, Installation
from tests.architecture.jobs_routes import BASE, failed, waiting


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        yield installation


def client(made: Installation, **ask: Any) -> tuple[str, Careloom]:
    """A client's name, and its SDK."""
    registered = made.register(**ask).client
    token = issue(made.platform, registered).token
    return registered.name, Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))


def ran(made: Installation, job_id: str, work: Any, kind: str = "test") -> None:
    with made.platform.jobs() as jobs:
        jobs.register(kind, work)
        jobs._run(job_id)


def test_who_operates_sees_all_jobs_and_everybody_else_their_own(made: Installation) -> None:
    name, mine = client(made, roles=["data-scientist"], zones=["research"], scopes="system/*.rs")
    _, operator = client(made, roles=["data-engineer"])
    own, other = waiting(made, name, "export"), waiting(made, "somebody", "export")
    assert {job.id for job in operator.jobs.all()} == {own, other}
    assert [job.id for job in mine.jobs.all()] == [own]
    assert [job.id for job in mine.jobs.all(JobFilter(actor=name))] == [own]
    assert list(mine.jobs.all(JobFilter(actor="somebody"))) == []
    assert mine.jobs.get(own).actor == name
    for ask in (mine.jobs.get, mine.jobs.cancel, mine.jobs.retry, lambda one: list(mine.jobs.log(one)),
                lambda one: list(mine.jobs.events(one))):  # fmt: skip
        with pytest.raises(NotFound):
            ask(other)
    refused = [one for one in made.events() if one["actor"] == name and one["outcome"] == "refused"]
    assert len(refused) == 5


def test_a_token_shows_jobs_of_what_it_allows_alone(made: Installation) -> None:
    name, mine = client(made, roles=["data-scientist"], zones=["research"], scopes="system/*.rs")
    mixed = [waiting(made, name, kind) for kind in ("export", "train-risk", "ingest", "export", "monitor", "export")]
    shown = [mixed[number] for number in (5, 3, 0)]
    assert [job.id for job in mine.jobs.all()] == shown
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = mine.jobs.page(limit=1, cursor=cursor)
        pages.append([job.id for job in page.items])
        cursor = page.next
    for hidden in (mixed[1], mixed[2], mixed[4]):
        with pytest.raises(NotFound):
            mine.jobs.get(hidden)
    assert pages == [[one] for one in shown]


def test_a_token_for_one_patient_shows_no_jobs(made: Installation) -> None:
    made.ingest()
    name, bound = client(made, roles=["clinician"], zones=["identified"], patient="Patient/p1")
    job_id = waiting(made, name, "export")
    assert list(bound.jobs.all()) == []
    with pytest.raises(NotFound):
        bound.jobs.get(job_id)


def test_a_list_is_filtered_and_paged_from_the_newest(made: Installation) -> None:
    clock = Clock()
    with Installation(made.folder / "timed", Runtime(clock)) as timed:
        ids = []
        for number in range(5):
            clock.move(hours=1)
            ids.append(waiting(timed, "somebody", "even" if number % 2 == 0 else "odd"))
        _, api = client(timed)
        first = api.jobs.page(limit=2)
        assert [job.id for job in first.items] == ids[:2:-1]
        assert first.next
        second = api.jobs.page(limit=2, cursor=first.next)
        assert [job.id for job in second.items] == [ids[2], ids[1]]
        assert [job.id for job in api.jobs.all(JobFilter(kind="odd"))] == [ids[3], ids[1]]
        api.jobs.cancel(ids[0])
        assert [job.id for job in api.jobs.all(JobFilter(state="cancelled"))] == [ids[0]]
        since = api.jobs.get(ids[1]).created
        shown = api.jobs.all(JobFilter(since=since, until=since + timedelta(hours=2)))
        assert [job.id for job in shown] == [ids[2], ids[1]]
        answer = timed.client.get(f"{BASE}?cursor=99999999999999999.x", headers=timed.bearer())
        assert len(answer.json["items"]) == 5
        answer = timed.client.get(f"{BASE}?cursor=999999999999999999.x", headers=timed.bearer())
        assert (answer.status_code, answer.json["code"]) == (400, "input.schema")


def test_jobs_of_one_moment_are_paged_without_a_gap(made: Installation) -> None:
    with Installation(made.folder / "still", Runtime(Clock())) as still:
        ids = {waiting(still) for _ in range(7)}
        _, api = client(still)
        seen, cursor = [], ""
        while cursor is not None:
            page = api.jobs.page(limit=2, cursor=cursor)
            seen += [job.id for job in page.items]
            cursor = page.next
    assert (len(seen), set(seen)) == (7, ids)


def test_the_log_is_read_by_page(made: Installation) -> None:
    job_id = failed(made)
    _, api = client(made)
    assert [line.code for line in api.jobs.log(job_id)] == ["test.begun", "test.half"]
    page = made.client.get(f"{BASE}/{job_id}/log?limit=1", headers=made.bearer()).json
    assert [line["code"] for line in page["items"]] == ["test.begun"]
    rest = made.client.get(f"{BASE}/{job_id}/log?after={page['next']}", headers=made.bearer()).json
    assert ([line["code"] for line in rest["items"]], rest["next"]) == (["test.half"], None)


def events_of(text: str) -> list[tuple[str, str, Any]]:
    """(id, event, data) of a stream."""
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if block]
    return [(one["id"], one["event"], json.loads(one["data"])) for one in blocks if "event" in one]


def test_a_stream_tells_everything_once_also_to_who_connects_again(made: Installation) -> None:
    job_id = failed(made)
    headers = made.bearer()
    answer = made.client.get(f"{BASE}/{job_id}/events", headers=headers)
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store, no-transform"
    assert answer.text.startswith("retry: 500\n\n")
    told = events_of(answer.text)
    assert [(event, data.get("code") or data["state"]) for _, event, data in told] == [
        ("log", "test.begun"), ("log", "test.half"), ("end", "failed"),
    ]  # fmt: skip
    again = made.client.get(f"{BASE}/{job_id}/events", headers=headers | {"Last-Event-ID": told[0][0]})
    assert [event for _, event, _ in events_of(again.text)] == ["log", "end"]
    over = made.client.get(f"{BASE}/{job_id}/events", headers=headers | {"Last-Event-ID": told[-1][0]})
    assert (over.status_code, over.data) == (204, b"")
    nonsense = made.client.get(f"{BASE}/{job_id}/events", headers=headers | {"Last-Event-ID": "no: such"})
    assert len(events_of(nonsense.text)) == 3


def until(happened: Callable[[], bool]) -> None:
    last = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < last
        time.sleep(0.01)


def test_the_sdk_follows_a_job_while_it_runs(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(job_events, "STREAM_SECONDS", 0.05)  # so that it has to connect again and again
    job_id = waiting(made)
    _, api = client(made)

    def slow(progress: Progress, request: dict[str, Any]) -> None:
        for step in range(1, 5):
            progress.report(step, 4)
            progress.log(f"test.step-{step}")
            until(lambda: any(isinstance(one, Job) and one.progress.done == step for one in found))  # noqa: B023

    worker = Thread(target=ran, args=(made, job_id, slow))
    found: list[Job | LogLine] = []
    stream = api.jobs.events(job_id)
    found.append(next(stream))
    worker.start()
    found += stream
    worker.join()
    assert [one.code for one in found if isinstance(one, LogLine)] == [f"test.step-{step}" for step in range(1, 5)]
    states = [one.state for one in found if isinstance(one, Job)]
    assert (states[0], states[-1]) == ("waiting", "done")
    assert len({one.progress.done for one in found if isinstance(one, Job)}) >= 3


def test_a_silent_job_is_kept_on_the_line_by_heartbeats(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK_SECONDS", 0.01), ("STREAM_SECONDS", 1.0), ("HEARTBEAT_SECONDS", 0.03)):
        monkeypatch.setattr(job_events, name, seconds)
    answer = made.client.get(f"{BASE}/{waiting(made)}/events", headers=made.bearer())
    assert [event for _, event, _ in events_of(answer.text.replace(": still here\n\n", ""))] == ["progress"]
    assert answer.text.count(": still here") >= 2


def test_only_half_of_the_threads_follow_jobs_at_a_time(made: Installation) -> None:
    job_id = failed(made)
    room = made.platform.settings.api.threads // 2
    callers = [made.bearer(name=f"caller-{number}") for number in range(room + 1)]
    held = [made.client.get(f"{BASE}/{job_id}/events", headers=headers) for headers in callers[:-1]]
    headers = callers[-1]
    full = made.client.get(f"{BASE}/{job_id}/events", headers=headers)
    assert (full.status_code, full.headers["Retry-After"]) == (503, "5")
    held.pop().close()  # unread
    last = made.client.get(f"{BASE}/{job_id}/events", headers=headers)
    assert last.status_code == 200
    assert made.client.get(f"{BASE}/{job_id}/events", headers=headers).status_code == 503
    assert last.text.count("event: end") == 1  # read to its end
    for one in held:
        one.close()
    with made.client.get(f"{BASE}/{job_id}/events", headers=headers) as again:
        assert again.status_code == 200


def test_one_caller_follows_two_jobs_at_a_time_and_leaves_room_for_others(made: Installation) -> None:
    job_id, greedy, other = failed(made), made.bearer(name="greedy"), made.bearer(name="other")
    assert made.platform.settings.api.threads // 2 > 2
    held = [made.client.get(f"{BASE}/{job_id}/events", headers=greedy) for _ in range(2)]
    assert [one.status_code for one in held] == [200, 200]
    for _ in range(20):
        full = made.client.get(f"{BASE}/{job_id}/events", headers=greedy)
        assert (full.status_code, full.headers["Retry-After"]) == (503, "5")
    assert made.client.head(f"{BASE}/{job_id}/events", headers=greedy).status_code == 200  # takes no place
    with made.client.get(f"{BASE}/{job_id}/events", headers=other) as theirs:
        assert theirs.status_code == 200
    held.pop().close()
    held.append(made.client.get(f"{BASE}/{job_id}/events", headers=greedy))
    assert held[-1].status_code == 200
    for one in held:
        one.close()


def test_the_sdk_gives_up_on_a_platform_that_takes_no_more_watchers(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = failed(made)
    monkeypatch.setitem(made.app.extensions, job_events.EXTENSION, job_events.Room(0))
    name, api = client(made)
    with pytest.raises(SetupError):
        list(api.jobs.events(job_id))
    watched = [one for one in made.events() if one["actor"] == name and one["detail"].get("watched")]
    assert len(watched) == api._wire.pace.attempts


def test_a_job_is_waited_for_with_its_progress(made: Installation) -> None:
    _, api = client(made)
    done = waiting(made)
    ran(made, done, lambda progress, request: progress.report(3, 3))
    seen: list[int] = []
    assert api.jobs.wait(done, on_progress=lambda job: seen.append(job.progress.done)).has_ended
    assert seen == [3]
    with pytest.raises(StateError):
        api.jobs.wait(failed(made))
    with pytest.raises(StateError):
        api.jobs.wait(waiting(made), timeout=0.0)


def test_ones_own_ingestion_is_stopped_and_run_again_with_the_right_to_ingest(made: Installation) -> None:
    feed = made.folder / "feed.ndjson"
    feed.write_text(json.dumps(PATIENT))
    registered = made.register(roles=["service"]).client
    token = issue(made.platform, registered).token
    full = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    job_id = submit_ingest(made.platform, session_of(made.platform, token).principal(""), IngestAsk((feed,)))["job_id"]
    assert full.jobs.get(job_id).about == f"/api/v1/ingestions/{job_id}"
    assert full.jobs.cancel(job_id).state == "cancelled"
    assert full.jobs.retry(job_id).state == "waiting"
    assert work(made.platform, once=True) == 2  # the message of the cancelled one does nothing
    assert full.jobs.get(job_id).state == "done"
    with pytest.raises(Conflict):
        full.jobs.retry(job_id)
    with pytest.raises(Conflict):
        full.jobs.cancel(job_id)


def test_the_asynchronous_sdk_follows_a_job_too(made: Installation) -> None:
    job_id = failed(made)
    token = made.token()

    async def followed() -> list[Job | LogLine]:
        async def handle(request: httpx.Request) -> httpx.Response:
            answer = made.client.get(request.url.path, headers=dict(request.headers))
            return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.data)

        async with AsyncCareloom(BASE_URL, Bearer(token), transport=httpx.MockTransport(handle)) as api:
            return [event async for event in api.jobs.events(job_id)]

    log, other, end = asyncio.run(followed())
    assert isinstance(log, LogLine)
    assert isinstance(other, LogLine)
    assert isinstance(end, Job)
    assert (log.code, other.code, end.state) == ("test.begun", "test.half", "failed")


def test_who_has_lost_the_right_cannot_run_the_job_again(made: Installation) -> None:
    name, api = client(made, roles=["service"], zones=["identified"])
    job_id = failed(made, name, "ingest")
    with pytest.raises(AccessError):
        api.jobs.retry(job_id)
    with pytest.raises(AccessError):
        api.jobs.cancel(waiting(made, name, "ingest"))
    with pytest.raises(AccessError):
        api.jobs.cancel(waiting(made, name, "synthesize"))  # of a kind that operators alone stop
    assert api.jobs.get(job_id).state == "failed"


def test_every_place_of_a_job_is_an_address_of_the_platform(made: Installation) -> None:
    rules = {str(rule) for rule in made.app.url_map.iter_rules()}

    def rule_of(template: str) -> bool:
        parts = template.replace("{zone}", "<zone>").rsplit("/", 1)[0]
        return any(rule.rpartition("/")[0] == parts and rule.endswith(">") for rule in rules)

    assert [kind for kind, template in PLACES.items() if not rule_of(template)] == []
    assert set(RIGHTS) <= set(PLACES) | {"train-risk"}
