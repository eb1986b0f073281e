"""What reports must not do: keep a patient, crowd out another's, come back, or widen a purpose."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from careloom.api.rates import costs
from careloom.errors import AccessError, InputError
from careloom.runtime import Runtime
from careloom.services import reports as service
from careloom.services.access import Principal
from careloom.services.client_grants import Grants, change_grants
from careloom.services.erase import erase
from careloom.services.erase_certificate import kept
from careloom.services.jobs import work
from careloom.services.quality import QualityAsk, quality
from careloom.services.report_pages import refuse_page
from careloom.services.reports import Ask, Json, change, delete, forget_files, pause, schedule, schedules
from careloom.services.scopes import parse
from careloom.services.tokens import principal_for, principal_of
from tests.api.kit import OBSERVATION, PATIENT, Clock, Installation
from tests.api.test_reports import OFFICER, client, run

PDF = (b"%PDF-1.4", "d" * 64)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 25, 10, 0, tzinfo=UTC))


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        quality(installation.platform, installation.operator, QualityAsk("identified"))
        yield installation


def person(made: Installation, name: str = "petra", purpose: str = "", **rights: Any) -> Principal:
    """Somebody who came in by a token, for this purpose of use."""
    found = made.register(name=name, kind="person", **(OFFICER | rights)).client
    return principal_for(found, parse(found.scopes), purpose=purpose)


def files(made: Installation) -> list[Path]:
    return list((made.platform.settings.data.directory / "reports" / "files").glob("*"))


def last(made: Installation, name: str) -> tuple[str, str | None]:
    """State and code of the last run of a schedule."""
    found = schedules(made.platform).find(name)
    assert found is not None
    return found["last"]["state"], found["last"]["error"]


REFUSED = [
    "capacity?ask=calls&model=readmission&k=200", "capacity?ask=overbook&by=model&day=2026-11-25", "capacity?k=200",
    "capacity?model=readmission", "explore?zone=identified&source=patient&look=rows", "explore?look=", "explore?look",
    "explore?source=patient&where=family:is:Abernathy", "explore?add=family&is=Abernathy", "explore?start=40",
    "privacy", "privacy?check=x", "quarantine", "quarantine?code=x", "quality?zone=research&zone=identified",
    "quality?zone=research&", "quality?patient=p1", "quality?zone=%3Cb%3E", "models/risk?version=1", "runs?before=x",
    "operations/jobs?actor=petra", "operations/logs?request=abc", "explore?look=overview&look=rows",
    "explore?loo%6b=rows",
]  # fmt: skip
TAKEN = [
    "", "runs", "quality?zone=research", "quality?zone=identified&status=fail&type=Patient", "capacity",
    "capacity?what=beds&days=14&zone=identified&unit=Ward+3&judged=1", "explore?zone=research&source=patient",
    "explore?zone=research&source=patient&look=distribution&column=sex", "models/readmission@champion",
    "operations/costs?window=7d&cpu_hour=0.05&gigabyte=0.02&unit=EUR", "deidentify/policies/safe-harbor",
    "notes/runs", "deployment", "synthetic", "normalize",
]  # fmt: skip


@pytest.mark.parametrize("page", REFUSED)
def test_a_page_that_shows_a_patient_or_a_record_is_refused(page: str) -> None:
    with pytest.raises(InputError):
        refuse_page(page)


@pytest.mark.parametrize("page", TAKEN)
def test_a_page_that_counts_is_taken(page: str) -> None:
    refuse_page(page)


def test_a_schedule_of_a_page_that_is_refused_now_makes_nothing(made: Installation, clock: Clock) -> None:
    planned = schedule(made.platform, person(made), Ask("quality", "daily", 6, 2))
    change(made.platform, planned["id"], lambda _: {"page": "explore?look=rows&source=patient&zone=identified"})
    clock.move(days=1)
    run(made)
    assert last(made, planned["id"]) == ("failed", "input")
    assert files(made) == []


def test_an_erasure_destroys_the_files_of_kept_reports(made: Installation, clock: Clock) -> None:
    api = client(made)
    api.reports.schedule("quality?zone=identified", "daily", hour=6)
    clock.move(days=1)
    run(made)
    assert len(files(made)) == 1
    erase(made.platform, made.operator, f"Patient/{PATIENT['id']}", search=False)
    assert files(made) == []
    (entry,) = api.reports.list().items
    assert not entry.is_kept
    (certificate,) = kept(made.platform)
    assert {"zone": "all", "what": "kept reports", "count": 1} in certificate["artefacts"]
    clock.move(days=1)
    run(made)
    assert len(files(made)) == 1


def test_a_report_that_was_read_before_an_erasure_is_not_kept_after_it(made: Installation, clock: Clock) -> None:
    planned = schedule(made.platform, person(made), Ask("quality", "daily", 6, 2))

    def render(token: str, page: str, when: datetime) -> tuple[bytes, str]:
        forget_files(made.platform)
        return PDF

    clock.move(days=1)
    work(made.platform, once=True, render=render)
    assert last(made, planned["id"]) == ("failed", "state.conflict")
    assert files(made) == []


def test_a_schedule_that_ends_while_its_report_is_made_stays_gone(made: Installation, clock: Clock) -> None:
    who = person(made)
    planned = schedule(made.platform, who, Ask("quality", "daily", 6, 2))

    def render(token: str, page: str, when: datetime) -> tuple[bytes, str]:
        delete(made.platform, who, planned["id"])
        return PDF

    clock.move(days=1)
    work(made.platform, once=True, render=render)
    assert schedules(made.platform).all() == []
    assert files(made) == []


def test_what_is_changed_at_the_same_time_waits_and_nothing_is_lost(made: Installation) -> None:
    who = person(made)
    planned = schedule(made.platform, who, Ask("quality", "daily", 6, 2))
    later: list[Future[Json]] = []
    with ThreadPoolExecutor(2) as pool:

        def act(_: Json) -> Json:
            later.append(pool.submit(pause, made.platform, who, planned["id"], paused=True))
            with pytest.raises(TimeoutError):
                later[0].result(timeout=0.2)
            return {"last": {"at": planned["created"], "state": "done", "error": None, "report": None}}

        change(made.platform, planned["id"], act)
        later[0].result(timeout=20)
    found = schedules(made.platform).find(planned["id"])
    assert found is not None
    assert (found["paused"], found["last"]["state"]) == (True, "done")
    delete(made.platform, who, planned["id"])
    assert change(made.platform, planned["id"], lambda _: {"paused": False}) is None
    assert schedules(made.platform).all() == []


def test_who_enters_many_crowds_out_only_their_own(
    made: Installation, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_DECLARED", 3)
    petra, carl = client(made), client(made, "carl", roles=["clinician"], zones=["identified"])
    petra.reports.schedule("quality", "daily", hour=6)
    clock.move(days=1)
    run(made)
    petra.reports.register("quality", "a" * 64, "b" * 64)
    for number in range(7):
        clock.move(seconds=1)
        carl.reports.register("quality", f"{number:064x}", "c" * 64)
    assert [each.content for each in carl.reports.all()] == [f"{number:064x}" for number in (6, 5, 4)]
    assert sorted(each.is_kept for each in petra.reports.all() if each.by == "petra") == [False, True]
    assert len(files(made)) == 1


def test_entering_a_report_costs_more_than_a_look() -> None:
    assert costs()["POST /api/v1/reports"] >= 20


def test_the_purpose_of_the_token_that_scheduled_binds_the_report(made: Installation, clock: Clock) -> None:
    tokens: list[str] = []

    def render(token: str, page: str, when: datetime) -> tuple[bytes, str]:
        tokens.append(token)
        return (*PDF[:1], hashlib.sha256(token.encode()).hexdigest())

    planned = schedule(made.platform, person(made, purpose="HCOMPL"), Ask("quality", "daily", 6, 2))
    clock.move(days=1)
    work(made.platform, once=True, render=render)
    assert last(made, planned["id"]) == ("done", None)
    who = principal_of(made.platform, tokens[0])
    assert (who.purpose, who.purposes) == ("HCOMPL", frozenset({"HCOMPL"}))


def test_a_purpose_that_was_taken_away_makes_no_report(made: Installation, clock: Clock) -> None:
    who = person(made, purpose="HRESCH", purposes=["HRESCH", "HOPERAT"])
    planned = schedule(made.platform, who, Ask("quality", "daily", 6, 2))
    change_grants(made.platform, made.operator, "petra", Grants(purposes=["HOPERAT"], **OFFICER))
    clock.move(days=1)
    work(made.platform, once=True, render=lambda token, page, when: PDF)
    assert last(made, planned["id"]) == ("failed", "access")
    assert files(made) == []


def test_an_emergency_is_no_purpose_of_a_schedule(made: Installation) -> None:
    who = person(made, "carl", purpose="ETREAT", roles=["clinician"], zones=["identified"])
    with pytest.raises(AccessError):
        schedule(made.platform, who, Ask("quality", "daily", 6, 2))
    assert schedules(made.platform).all() == []
