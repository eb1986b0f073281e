"""Who may do what with ingestions, jobs and quarantine, and that each use stands in the audit chain."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from careloom.errors import Conflict
from careloom.services import jobs, quarantine
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_ingestions import FEED, ROUTE, kept, sent

REFUSED = OBSERVATION | {"id": "o2", "status": "unheard-of"}
Ask = Callable[[Installation, dict[str, str], str], TestResponse]


class Use(NamedTuple):
    """One route: how it is asked, who may, and the event that it leaves."""

    ask: Ask
    verb: str
    zones: tuple[str, ...]
    event: tuple[str, str]


def upload(installation: Installation, headers: dict[str, str], run_id: str) -> TestResponse:
    return installation.client.post(ROUTE, data=FEED, content_type="text/plain", headers=headers)


def ask(path: str, method: str = "GET") -> Ask:
    return lambda installation, headers, run_id: installation.client.open(
        ROUTE + path.format(run_id), method=method, headers=headers
    )


USES = {
    "upload": Use(upload, "ingest", ("landing", "identified"), ("upload", "create")),
    "list": Use(ask(""), "monitor", ("landing",), ("ingestions", "read")),
    "show": Use(ask("/{}"), "monitor", ("landing",), ("ingestions", "read")),
    "issues": Use(ask("/{}/issues"), "quarantine", ("landing",), ("ingestions", "read")),
    "cancel": Use(ask("/{}/cancel", "POST"), "ingest", ("landing", "identified"), ("jobs", "update")),
}


@pytest.mark.parametrize("name", USES)
def test_who_may_is_served_and_leaves_one_event(installation: Installation, name: str) -> None:
    use = USES[name]
    headers = installation.bearer(["data-engineer"], use.zones, f"careloom/{use.verb}", name="caller")
    run_id = upload(installation, headers, "").json["id"] if name == "cancel" else sent(installation)
    before = len(installation.events())
    answer = use.ask(installation, headers, run_id)
    assert answer.status_code in (200, 202), answer.text
    events = [event for event in installation.events()[before:] if event["actor"] == "caller"]
    assert [(event["operation"], event["action"], event["outcome"]) for event in events] == [(*use.event, "success")]
    assert (events[0]["zone"], events[0]["detail"]["request"]) == ("landing", answer.headers["X-Request-Id"])


def lacking(use: Use) -> list[dict[str, Any]]:
    """Rights that lack one thing: the scope, each zone in turn, the role."""
    others = sorted({"ingest", "monitor", "quarantine", "erase"} - {use.verb})
    zones = [{"zones": sorted({"landing", "identified", "research"} - {zone})} for zone in use.zones]
    return [{"scopes": [f"careloom/{verb}" for verb in others]}, *zones, {"roles": ["data-scientist"]}]


@pytest.mark.parametrize("name", USES)
def test_who_may_not_is_refused_once_and_changes_nothing(installation: Installation, name: str) -> None:
    run_id = sent(installation)
    before = kept(installation)
    for rights in lacking(USES[name]):
        seen = len(installation.events())
        headers = installation.bearer(**rights)
        answer = USES[name].ask(installation, headers, run_id)
        assert (answer.status_code, answer.json["code"]) == (403, "access"), rights
        refused = [event for event in installation.events()[seen:] if event["outcome"] == "refused"]
        assert len(refused) == 1
        assert refused[0]["detail"]["request"] == answer.headers["X-Request-Id"]
    assert kept(installation) == before
    assert installation.client.get(f"{ROUTE}/{run_id}", headers=installation.bearer()).json["state"] == "waiting"


CANCELLERS = [("careloom/ingest", 403), ("careloom/ingest careloom/operate", 200), ("careloom/operate", 403)]


@pytest.mark.parametrize(("scopes", "status"), CANCELLERS)
def test_what_another_sent_is_cancelled_by_who_may_operate(
    installation: Installation, scopes: str, status: int
) -> None:
    run_id = sent(installation)
    headers = installation.bearer(["data-engineer"], scopes=scopes, name="caller")
    before = len(installation.events())
    answer = installation.client.post(f"{ROUTE}/{run_id}/cancel", headers=headers)
    (event,) = installation.events()[before:]
    assert (answer.status_code, event["outcome"]) == (status, "success" if status == 200 else "refused")
    assert kept(installation) == ([] if status == 200 else [run_id])


@pytest.mark.parametrize("name", ["show", "issues", "cancel"])
def test_a_run_that_is_not_there_is_asked_for_in_one_failed_event(installation: Installation, name: str) -> None:
    headers = installation.bearer(name="caller")
    before = len(installation.events())
    answer = USES[name].ask(installation, headers, "20260101T000000Z-aaaaaa")
    (event,) = installation.events()[before:]
    assert (answer.status_code, event["actor"], event["outcome"]) == (404, "caller", "failed")
    assert event["detail"] == {"code": "input.not-found", "request": answer.headers["X-Request-Id"]}


@pytest.mark.parametrize("name", USES)
def test_who_is_nobody_finds_out_nothing(installation: Installation, name: str) -> None:
    run_id = sent(installation)
    answer = USES[name].ask(installation, {}, run_id)
    assert answer.status_code == 401
    assert run_id not in answer.text
    assert kept(installation) == [run_id]


Act = Callable[[Installation, str, str], object]
SERVICES: dict[str, tuple[Act, tuple[str, str], int]] = {
    "list jobs": (lambda i, job, record: jobs.list_jobs(i.platform, i.operator), ("jobs", "read"), 0),
    "show a job": (lambda i, job, record: jobs.show_job(i.platform, i.operator, job), ("jobs", "read"), 0),
    "cancel a job": (lambda i, job, record: jobs.cancel_job(i.platform, i.operator, job), ("jobs", "update"), 0),
    "list what was refused": (
        lambda i, job, record: quarantine.list_refused(i.platform, i.operator),
        ("quarantine", "read"),
        0,
    ),
    "show what was refused": (
        lambda i, job, record: quarantine.show_refused(i.platform, i.operator, record),
        ("quarantine", "read"),
        1,
    ),
    "show it in clear": (
        lambda i, job, record: quarantine.show_refused(i.platform, i.operator, record, raw=True),
        ("quarantine", "read"),
        1,
    ),
}
"""What is done, the event that it leaves, and how many patients that names by pseudonym."""


@pytest.mark.parametrize("name", SERVICES)
def test_each_use_of_jobs_and_quarantine_is_one_event(installation: Installation, name: str) -> None:
    installation.ingest([PATIENT, OBSERVATION, REFUSED])
    (record,) = [row["record"] for row in quarantine.list_refused(installation.platform, installation.operator)]
    job = sent(installation)
    before = len(installation.events())
    use, (operation, action), subjects = SERVICES[name]
    use(installation, job, record)
    (event,) = installation.events()[before:]
    assert (event["operation"], event["action"], event["zone"]) == (operation, action, "landing")
    assert len(event["subjects"]) == subjects


def test_a_restart_is_audited_and_one_that_cannot_be_is_not(installation: Installation) -> None:
    job = sent(installation)
    (installation.platform.settings.data.directory / "uploads" / job).unlink()
    jobs.work(installation.platform, once=True)
    before = len(installation.events())
    jobs.restart_job(installation.platform, installation.operator, job)
    (event,) = installation.events()[before:]
    assert (event["operation"], event["action"], event["detail"]["to"]) == ("jobs", "update", "waiting")
    with pytest.raises(Conflict):
        jobs.restart_job(installation.platform, installation.operator, job)
    assert len(installation.events()) == before + 1
