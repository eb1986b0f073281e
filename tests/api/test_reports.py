"""Reports over HTTP: the register by which one is verified, and schedules that make them with their owner's rights."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import AccessError, Conflict, InputError, NotFound
from careloom.runtime import Runtime
from careloom.services.backups import back_up
from careloom.services.client_grants import Grants, change_grants
from careloom.services.clients import disable_client
from careloom.services.jobs import work
from careloom.services.quality import QualityAsk, quality
from careloom.services.report_times import Cadence, next_run
from careloom.services.reports import MOST_SCHEDULES
from careloom.worker import renderer
from tests.api.kit import OBSERVATION, PATIENT, Clock, Installation

OFFICER: dict[str, Any] = {
    "roles": ["privacy-officer", "data-engineer"],
    "zones": ["landing", "identified", "research"],
}


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 25, 10, 0, tzinfo=UTC))  # a Wednesday


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        quality(installation.platform, installation.operator, QualityAsk("identified"))
        yield installation


def client(made: Installation, name: str = "petra", **rights: Any) -> Careloom:
    registered = made.register(name=name, kind="person", **(rights or OFFICER))
    credential = ClientSecret(registered.client.id, registered.secret)
    return Careloom(made.platform.settings.base_url, credential, transport=httpx.WSGITransport(app=made.app))


def run(made: Installation) -> None:
    """What the worker does now."""
    work(made.platform, once=True, render=renderer(made.platform))


TIMES: list[tuple[Cadence, int, str, str]] = [
    ("daily", 6, "2026-11-25T05:59:59", "2026-11-25T06:00:00"),
    ("daily", 6, "2026-11-25T06:00:00", "2026-11-26T06:00:00"),
    ("weekly", 6, "2026-11-25T10:00:00", "2026-11-30T06:00:00"),
    ("weekly", 6, "2026-11-30T06:00:00", "2026-12-07T06:00:00"),
    ("monthly", 23, "2026-11-01T22:00:00", "2026-11-01T23:00:00"),
    ("monthly", 0, "2026-12-31T10:00:00", "2027-01-01T00:00:00"),
]


@pytest.mark.parametrize(("cadence", "hour", "after", "due"), TIMES)
def test_the_next_run_is_the_first_time_that_fits(cadence: Cadence, hour: int, after: str, due: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_run(cadence, hour, moment) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_schedule_makes_its_report_when_it_is_due_and_not_before(made: Installation, clock: Clock) -> None:
    api = client(made)
    planned = api.reports.schedule("quality?zone=identified", "daily", hour=6)
    assert (planned.by, planned.next) == ("petra", datetime(2026, 11, 26, 6, tzinfo=UTC))
    run(made)
    assert api.reports.list().items == ()
    clock.move(hours=21)
    run(made)
    run(made)
    (entry,) = api.reports.list().items
    assert (entry.by, entry.page, entry.schedule, entry.is_kept) == ("petra", "quality", planned.id, True)
    content = api.reports.download(entry.id)
    assert hashlib.sha256(content).hexdigest() == entry.file
    document = pypdfium2.PdfDocument(content)
    text = " ".join(" ".join(page.get_textpage().get_text_bounded().split()) for page in document)
    assert f"SHA-256 {entry.content}" in text
    assert "Made by petra, 2026-11-26 07:00:00 UTC" in text
    assert "Filters Zone: identified" in text
    (after,) = api.reports.schedules().items
    assert after.last is not None
    assert (after.last.state, after.last.report, after.next) == (
        "done",
        entry.id,
        datetime(2026, 11, 27, 6, tzinfo=UTC),
    )


def test_the_file_lies_sealed(made: Installation, clock: Clock) -> None:
    client(made).reports.schedule("quality", "daily", hour=6)
    clock.move(days=1)
    run(made)
    (file,) = (made.platform.settings.data.directory / "reports" / "files").iterdir()
    assert b"%PDF" not in file.read_bytes()


def test_only_the_newest_files_stay_and_all_entries_do(made: Installation, clock: Clock) -> None:
    api = client(made)
    api.reports.schedule("quality", "daily", hour=6, keep=2)
    for _ in range(4):
        clock.move(days=1)
        run(made)
    assert [each.is_kept for each in api.reports.all()] == [True, True, False, False]


def test_rights_that_were_taken_away_are_gone_from_the_next_report(made: Installation, clock: Clock) -> None:
    api = client(made)
    planned = api.reports.schedule("quality?zone=identified", "daily", hour=6)
    clock.move(days=1)
    run(made)
    assert len(api.reports.list().items) == 1
    change_grants(made.platform, made.operator, "petra", Grants(["data-scientist"], ["research"]))
    clock.move(days=1)
    run(made)
    api = _again(made)
    (after,) = [each for each in api.reports.schedules().items if each.id == planned.id]
    assert after.last is not None
    assert (after.last.state, after.last.error, after.last.report) == ("failed", "access", None)
    assert len(api.reports.list().items) == 1


def _again(made: Installation) -> Careloom:
    """A client of an operator who sees every schedule, and the register of petra by hash alone."""
    registered = made.register(name="olga")
    credential = ClientSecret(registered.client.id, registered.secret)
    return Careloom(made.platform.settings.base_url, credential, transport=httpx.WSGITransport(app=made.app))


def test_a_schedule_goes_no_further_than_the_token_that_made_it(made: Installation, clock: Clock) -> None:
    registered = made.register(name="petra", kind="person", **OFFICER)
    narrow = ClientSecret(registered.client.id, registered.secret, scope="careloom/monitor")
    transport = httpx.WSGITransport(app=made.app)
    api = Careloom(made.platform.settings.base_url, narrow, transport=transport)
    api.reports.schedule("quality?zone=identified", "daily", hour=6)
    overview = api.reports.schedule("", "daily", hour=6)
    clock.move(days=1)
    run(made)
    states = {each.id == overview.id: each.last.state for each in api.reports.schedules().items if each.last}
    assert states == {True: "done", False: "failed"}


def test_an_account_that_is_stopped_gets_no_report(made: Installation, clock: Clock) -> None:
    client(made).reports.schedule("quality", "daily", hour=6)
    disable_client(made.platform, made.operator, "petra")
    clock.move(days=1)
    run(made)
    (after,) = _again(made).reports.schedules().items
    assert after.last is not None
    assert (after.last.state, after.last.error) == ("failed", "access")


def test_a_schedule_that_rests_makes_nothing_and_goes_on_later(made: Installation, clock: Clock) -> None:
    api = client(made)
    planned = api.reports.schedule("quality", "daily", hour=6)
    assert api.reports.pause(planned.id).paused
    clock.move(days=3)
    run(made)
    assert api.reports.list().items == ()
    assert api.reports.pause(planned.id, paused=False).next > clock.now
    clock.move(days=1)
    run(made)
    assert len(api.reports.list().items) == 1


def test_what_was_missed_is_made_once(made: Installation, clock: Clock) -> None:
    api = client(made)
    api.reports.schedule("quality", "daily", hour=6)
    clock.move(days=30)
    run(made)
    assert len(api.reports.list().items) == 1


def test_a_schedule_that_ends_takes_its_files_along_and_leaves_the_register(made: Installation, clock: Clock) -> None:
    api = client(made)
    planned = api.reports.schedule("quality", "daily", hour=6)
    clock.move(days=1)
    run(made)
    api.reports.unschedule(planned.id)
    (entry,) = api.reports.list().items
    assert not entry.is_kept
    with pytest.raises(NotFound):
        api.reports.download(entry.id)
    assert api.reports.schedules().items == ()
    with pytest.raises(NotFound):
        api.reports.unschedule(planned.id)


@pytest.mark.parametrize(
    "page",
    ["patients/identified/abc", "patients", "linkage/abc", "deidentify/compare/Patient/abc", "notes/view/x/y",
     "quality/20261122T010203Z-abcdef/rule", "../api", "//elsewhere", "quality?a=<b>", "quality#x", "nowhere"],
)  # fmt: skip
def test_a_page_that_may_tell_of_one_patient_is_not_scheduled(made: Installation, page: str) -> None:
    with pytest.raises(InputError):
        client(made).reports.schedule(page, "daily")


def test_somebody_has_so_many_schedules_at_most(made: Installation) -> None:
    api = client(made)
    for _ in range(MOST_SCHEDULES):
        api.reports.schedule("quality", "weekly")
    with pytest.raises(Conflict):
        api.reports.schedule("quality", "weekly")
    assert len(api.reports.schedules(limit=5).items) == 5


def test_a_report_is_verified_by_either_hash_by_whoever_may_watch(made: Installation) -> None:
    content, file = "a" * 64, "b" * 64
    entry = client(made).reports.register("quality", content, file)
    other = client(made, "carl", roles=["clinician"], zones=["identified"])
    assert other.reports.list().items == ()
    for digest in (content, file):
        (found,) = other.reports.verify(digest)
        assert (found.id, found.by, found.page, found.schedule) == (entry.id, "petra", "quality", None)
    assert other.reports.verify("c" * 64) == ()
    with pytest.raises(NotFound):
        other.reports.download(entry.id)


def test_what_somebody_declares_does_not_pass_for_made_here(made: Installation, clock: Clock) -> None:
    petra, carl = client(made), client(made, "carl", roles=["clinician"], zones=["identified"])
    planned = petra.reports.schedule("quality", "daily", hour=6)
    clock.move(days=1)
    run(made)
    (true,) = petra.reports.list().items
    for _ in range(3):
        clock.move(seconds=1)
        carl.reports.register("privacy", true.content, true.file)
    found = carl.reports.verify(true.content)
    assert [(each.by, each.schedule) for each in found] == [("petra", planned.id), ("carl", None)]
    oldest = min(carl.reports.all(), key=lambda each: each.made)
    assert found[1].id == oldest.id


def test_who_may_watch_nothing_has_no_reports(made: Installation) -> None:
    stranger = client(made, "stranger", roles=["clinician"], zones=["identified"], scopes="user/Patient.rs")
    for call in (
        stranger.reports.list, stranger.reports.schedules, lambda: stranger.reports.schedule("quality", "daily"),
        lambda: stranger.reports.register("quality", "a" * 64, "b" * 64),
    ):  # fmt: skip
        with pytest.raises(AccessError):
            call()


def test_a_worker_without_a_renderer_says_so(made: Installation, clock: Clock) -> None:
    api = client(made)
    api.reports.schedule("quality", "daily", hour=6)
    clock.move(days=1)
    work(made.platform, once=True)
    (after,) = api.reports.schedules().items
    assert after.last is not None
    assert (after.last.state, after.last.error) == ("failed", "setup")


def test_a_backup_holds_register_and_schedules_but_no_file(made: Installation, clock: Clock, tmp_path: Path) -> None:
    client(made).reports.schedule("quality", "daily", hour=6)
    clock.move(days=1)
    run(made)
    done = back_up(made.platform, made.operator, tmp_path / "out")
    names = {path.relative_to(done["place"]).parts[1:3] for path in Path(done["place"]).rglob("files/reports/*/*")}
    assert names == {("reports", "register"), ("reports", "schedules")}
