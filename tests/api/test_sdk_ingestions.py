"""Uploads by the Python SDK, read by the worker of the same installation."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.pace import Pace
from careloom.errors import AccessError, Conflict, InputError, NotFound, TooLarge
from careloom.services.jobs import work
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

NOBODY = "20260101T000000Z-aaaaaa"


def ndjson(*resources: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(each) + b"\n" for each in resources)


def client_of(installation: Installation, **ask: Any) -> Careloom:
    """A client of the installation, whose worker works while the client waits."""
    registered = installation.register(**ask)
    return Careloom(
        BASE_URL,
        ClientSecret(registered.client.id, registered.secret),
        transport=httpx.WSGITransport(app=installation.app),
        pace=Pace(attempts=1, sleep=lambda _: void(work(installation.platform, once=True))),
    )


def void(_: object) -> None:
    return None


@pytest.fixture
def api(installation: Installation) -> Iterator[Careloom]:
    with client_of(installation) as api:
        yield api


FEED = ndjson(PATIENT, OBSERVATION)


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("feed.ndjson", FEED)
    return packed.getvalue()


WAYS: list[tuple[str, Any, int]] = [
    ("bytes", FEED, 2),
    ("a stream", io.BytesIO(FEED), 2),
    ("a zip", zipped(), 2),
    ("two sources", [FEED, ndjson(OBSERVATION | {"id": "o2"})], 3),
]


@pytest.mark.parametrize(("what", "source", "stored"), WAYS, ids=[row[0] for row in WAYS])
def test_what_is_uploaded_can_be_read_when_it_is_done(api: Careloom, what: str, source: Any, stored: int) -> None:
    sent = api.ingestions.upload(source)
    assert sent.state == "waiting"
    report = api.ingestions.wait(sent.id)
    assert (report.id, report.state, report.totals.stored) == (sent.id, "done", stored)
    assert len(list(api.fhir("identified").all("Patient", {"family": "Quillfeather"}))) == 1


def test_a_folder_is_uploaded_and_each_file_reported(api: Careloom, tmp_path: Path) -> None:
    folder = tmp_path / "feeds"
    (folder / "lab").mkdir(parents=True)
    (folder / "adt.ndjson").write_bytes(ndjson(PATIENT))
    (folder / "lab" / "results.ndjson").write_bytes(ndjson(OBSERVATION))
    seen: list[tuple[int, int]] = []
    sent = api.ingestions.upload(folder, progress=lambda done, total: seen.append((done, total)))
    size_bytes = len(ndjson(PATIENT)) + len(ndjson(OBSERVATION))
    assert seen[-1] == (size_bytes, size_bytes)
    report = api.ingestions.wait(sent.id)
    assert [(file.state, file.records) for file in report.files] == [("complete", 1)] * 2
    assert report.stages
    assert report.config_hash


def test_the_same_bytes_twice_are_stored_once(api: Careloom) -> None:
    api.ingestions.wait(api.ingestions.upload(FEED).id)
    report = api.ingestions.wait(api.ingestions.upload(FEED).id)
    assert (report.totals.stored, report.totals.known) == (0, 2)


def test_what_was_refused_is_told_with_its_reason(api: Careloom) -> None:
    broken = {name: value for name, value in OBSERVATION.items() if name != "status"}
    sent = api.ingestions.upload(ndjson(PATIENT, *({**broken, "id": f"o{number}"} for number in range(3))))
    report = api.ingestions.wait(sent.id)
    assert (report.totals.stored, report.totals.quarantined) == (1, 3)
    page = api.ingestions.issues(sent.id, limit=1)
    assert len(page.items) == 1
    assert page.next
    refused = list(api.ingestions.refused(sent.id))
    assert len({each.record for each in refused}) == 3
    assert {each.reason for each in refused} <= {count.code for count in page.counts}
    assert list(api.ingestions.refused(sent.id, code="nothing.of-the-kind")) == []


def test_ingestions_are_listed_newest_first(api: Careloom) -> None:
    sent = [api.ingestions.upload(ndjson(PATIENT | {"id": f"p{number}"})).id for number in range(3)]
    page = api.ingestions.list(limit=2)
    assert len(page.items) == 2
    assert page.next
    ids = [each.id for each in api.ingestions.all()]
    assert sorted(ids) == sorted(sent)
    assert ids == sorted(ids, reverse=True)


def test_an_ingestion_that_waits_is_cancelled_and_one_that_ended_is_not(api: Careloom) -> None:
    sent = api.ingestions.upload(FEED)
    assert api.ingestions.cancel(sent.id).state == "cancelled"
    done = api.ingestions.wait(api.ingestions.upload(FEED).id)
    with pytest.raises(Conflict):
        api.ingestions.cancel(done.id)


def test_what_is_not_there_is_not_found(api: Careloom) -> None:
    for ask in (api.ingestions.get, api.ingestions.issues, api.ingestions.cancel, api.ingestions.wait):
        with pytest.raises(NotFound):
            ask(NOBODY)


USELESS: list[tuple[str, bytes, str]] = [("nothing", b"", "auto"), ("a format that is none", FEED, "nonsense")]


@pytest.mark.parametrize(("what", "content", "kind"), USELESS, ids=[row[0] for row in USELESS])
def test_what_cannot_be_ingested_is_refused_at_once(api: Careloom, what: str, content: bytes, kind: str) -> None:
    with pytest.raises(InputError):
        api.ingestions.upload(content, format=kind)
    assert api.ingestions.list().items == ()


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with Installation(tmp_path, api={"max_upload_bytes": 1000}) as small:
        api = client_of(small)
        with pytest.raises(TooLarge):
            api.ingestions.upload(bytes(1001))
        assert api.ingestions.list().items == ()


def test_who_may_not_ingest_sends_nothing(installation: Installation) -> None:
    api = client_of(installation, roles=("clinician",), zones=("identified",))
    with pytest.raises(AccessError):
        api.ingestions.upload(FEED)


def test_the_overview_counts_what_arrived(api: Careloom) -> None:
    api.ingestions.wait(api.ingestions.upload(FEED).id)
    seen = api.overview()
    identified = next(zone for zone in seen.zones if zone.zone == "identified")
    assert identified.resources["Patient"] == 1
    assert seen.arrivals
    assert (seen.arrivals.runs, seen.arrivals.stored) == (1, 2)
    assert seen.refused
    assert seen.refused.waiting == 0
    assert seen.quality
    assert seen.quality.accepted_share == 1.0
    assert seen.jobs
    assert seen.jobs.failed == 0


def test_who_sees_one_zone_only_gets_no_numbers_of_the_landing_zone(installation: Installation) -> None:
    installation.ingest()
    seen = client_of(installation, roles=("clinician",), zones=("identified",)).overview()
    assert [zone.zone for zone in seen.zones] == ["identified"]
    assert (seen.arrivals, seen.refused, seen.quality, seen.jobs) == (None, None, None, None)
