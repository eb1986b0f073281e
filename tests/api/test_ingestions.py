"""Feeds sent over HTTP: kept sealed, ingested by the worker, told with their issues, cancelled."""

import gzip
import io
import os
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.api import schemas
from careloom.services.jobs import list_jobs, restart_job, work
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.journeys.two_patients import ALDA, CSV_HEADER, csv_row, hl7_message

ROUTE = "/api/v1/ingestions"


def ndjson(*resources: Mapping[str, Any]) -> bytes:
    return b"".join(orjson.dumps(dict(one)) + b"\n" for one in resources)


FEED = ndjson(PATIENT, OBSERVATION)


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def send(installation: Installation, content: bytes = FEED, kind: str = "application/octet-stream", **more: Any) -> Any:
    """The answer to one file as the body."""
    query = more.pop("query", "")
    headers = installation.bearer() | more.pop("headers", {})
    return installation.client.post(ROUTE + query, data=content, content_type=kind, headers=headers, **more)


def sent(installation: Installation, content: bytes = FEED, kind: str = "application/octet-stream") -> str:
    """The id of an accepted upload."""
    answer = send(installation, content, kind)
    assert answer.status_code == 202, answer.text
    found: str = answer.json["id"]
    return found


def get(installation: Installation, path: str) -> TestResponse:
    return installation.client.get(ROUTE + path, headers=installation.bearer())


def done(installation: Installation, run_id: str) -> dict[str, Any]:
    """The ingestion after the worker has worked."""
    work(installation.platform, once=True)
    answer = get(installation, f"/{run_id}")
    schemas.IngestionDetail.model_validate(answer.json)
    assert answer.json["state"] == "done", answer.text
    found: dict[str, Any] = answer.json
    return found


def kept(installation: Installation) -> list[str]:
    return [spool.name for spool in installation.platform.spools.listed()]


BUNDLE = orjson.dumps(
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, {"resource": OBSERVATION}]}
)
WAYS: list[tuple[str, bytes, str, str, int]] = [
    ("NDJSON", FEED, "application/fhir+ndjson", "fhir", 2),
    ("NDJSON without saying so", FEED, "application/octet-stream", "fhir", 2),
    ("a Bundle", BUNDLE, "application/fhir+json; charset=utf-8", "fhir", 2),
    ("a resource", orjson.dumps(PATIENT), "application/json", "fhir", 1),
    ("HL7 v2", hl7_message(ALDA, "C1").encode(), "x-application/hl7-v2+er7", "hl7v2", 1),
    ("a CSV extract", f"{CSV_HEADER}\n{csv_row(ALDA)}\n".encode(), "text/csv", "csv", 1),
    ("a note", b"Patient-ID: p1\nDate: 2026-01-02\n\nSlept well.\n", "text/plain", "notes", 1),
    ("a zip", zipped(**{"feed.ndjson": FEED}), "application/zip", "fhir", 2),
    ("a gzip file", gzip.compress(FEED), "application/gzip", "fhir", 2),
    ("any text", FEED, "TEXT/x-of-our-own", "fhir", 2),
]


@pytest.mark.parametrize(("what", "content", "kind", "found", "stored"), WAYS, ids=[row[0] for row in WAYS])
def test_a_body_of_one_file_is_ingested_by_its_content(
    installation: Installation, what: str, content: bytes, kind: str, found: str, stored: int
) -> None:
    report = done(installation, sent(installation, content, kind))
    assert (report["totals"]["files"], report["totals"]["stored"]) == (1, stored)
    assert [one["format"] for one in report["by_format"]] == [found]
    assert report["progress"] == {"done": len(content), "total": len(content)}


def test_a_body_that_its_sender_packed_is_unpacked(installation: Installation) -> None:
    answer = send(installation, gzip.compress(FEED), "application/fhir+ndjson", headers={"Content-Encoding": "gzip"})
    assert done(installation, answer.json["id"])["totals"]["stored"] == 2


def test_a_form_brings_several_files(installation: Installation) -> None:
    files = [(io.BytesIO(FEED), "a.ndjson"), (io.BytesIO(hl7_message(ALDA, "C1").encode()), "b.hl7")]
    answer = installation.client.post(ROUTE, data={"file": files}, headers=installation.bearer())
    assert answer.status_code == 202, answer.text
    report = done(installation, answer.json["id"])
    assert [(file["format"], file["stored"]) for file in report["files"]] == [("fhir", 2), ("hl7v2", 1)]


def test_an_upload_waits_until_the_worker_comes(installation: Installation) -> None:
    answer = send(installation)
    assert answer.status_code == 202
    schemas.Ingestion.model_validate(answer.json)
    run_id = answer.json["id"]
    assert answer.headers["Location"] == f"http://127.0.0.1:8080{ROUTE}/{run_id}"
    assert (answer.json["state"], answer.json["started"], answer.json["totals"]["records"]) == ("waiting", None, 0)
    assert get(installation, f"/{run_id}").json["state"] == "waiting"
    assert get(installation, f"/{run_id}/issues").json == {"counts": [], "items": [], "next": None}
    assert kept(installation) == [run_id]
    report = done(installation, run_id)
    assert report["started"] < report["ended"]
    assert (report["error"], report["stages"] != [], len(report["config_hash"])) == (None, True, 64)
    assert kept(installation) == []


def test_format_and_source_are_asked_for_in_the_address(installation: Installation) -> None:
    answer = send(installation, ndjson(PATIENT), query="?format=fhir&source=ward-7")
    done(installation, answer.json["id"])
    stored = installation.stored_id("Patient", "p1", "ward-7")
    assert installation.platform.store("identified").read("Patient", stored)


def test_the_same_bytes_again_are_known(installation: Installation) -> None:
    done(installation, sent(installation))
    report = done(installation, sent(installation))
    assert (report["totals"]["known"], report["totals"]["stored"]) == (2, 0)
    assert report["files"][0]["state"] == "unchanged"


BROKEN = b'{"resourceType": "Patient", "id": "p9", "name": [\n'


def test_broken_json_is_accepted_and_refused_in_the_ingestion(installation: Installation) -> None:
    run_id = sent(installation, BROKEN, "application/fhir+json")
    report = done(installation, run_id)
    assert (report["totals"]["records"], report["totals"]["quarantined"]) == (1, 1)
    page = get(installation, f"/{run_id}/issues").json
    schemas.IssuePage.model_validate(page)
    assert [item["reason"] for item in page["items"]] == [count["code"] for count in page["counts"]]
    assert "p9" not in orjson.dumps(page).decode()


BOMBS: list[tuple[str, bytes]] = [
    ("one member", zipped(zeros=bytes(20_000_000))),
    ("a zip in a zip", zipped(inner=zipped(zeros=bytes(20_000_000)))),
    ("gzip", gzip.compress(bytes(20_000_000))),
]


@pytest.mark.parametrize(("what", "bomb"), BOMBS, ids=[row[0] for row in BOMBS])
def test_a_decompression_bomb_is_accepted_and_refused_in_the_ingestion(tmp_path: Path, what: str, bomb: bytes) -> None:
    with Installation(tmp_path, ingest={"max_archive_bytes": 1_000_000}) as installation:
        run_id = sent(installation, bomb, "application/zip")
        report = done(installation, run_id)
        assert report["totals"]["stored"] == 0
        assert "ingest.archive-bomb" in [issue["code"] for issue in report["issues"]]
        assert "ingest.archive-bomb" in [one["reason"] for one in get(installation, f"/{run_id}/issues").json["items"]]
        assert kept(installation) == []


def test_issues_come_in_pages_and_by_reason(installation: Installation) -> None:
    unknown = [OBSERVATION | {"id": f"o{number}", "status": "unheard-of"} for number in range(5)]
    nameless = [{name: value for name, value in OBSERVATION.items() if name != "status"} | {"id": "none"}]
    other = sent(installation, ndjson(OBSERVATION | {"id": "elsewhere", "status": "odd"}))
    run_id = sent(installation, ndjson(PATIENT, *unknown, *nameless))
    done(installation, run_id)
    first = get(installation, f"/{run_id}/issues?limit=4").json
    second = get(installation, f"/{run_id}/issues?limit=4&cursor={first['next']}").json
    found = [item["record"] for item in first["items"] + second["items"]]
    assert (len(first["items"]), len(second["items"]), second["next"], len(set(found))) == (4, 2, None, 6)
    assert first["counts"] == second["counts"]
    missing = get(installation, f"/{run_id}/issues?code=fhir.required-missing").json
    assert [item["reason"] for item in missing["items"]] == ["fhir.required-missing"]
    assert len(get(installation, f"/{other}/issues").json["items"]) == 1


def test_a_refused_record_that_comes_again_in_another_file_stands_in_both_ingestions(
    installation: Installation,
) -> None:
    refused = OBSERVATION | {"id": "o9", "status": "unheard-of"}
    runs = [sent(installation, ndjson(PATIENT, refused)), sent(installation, ndjson(refused, OBSERVATION))]
    for run_id in runs:
        done(installation, run_id)
    pages = [get(installation, f"/{run_id}/issues").json["items"] for run_id in runs]
    assert [[item["record"] for item in page] for page in pages] == [[pages[0][0]["record"]]] * 2


def test_ingestions_of_every_face_are_listed_newest_first_in_pages(installation: Installation) -> None:
    command_line = installation.ingest(ndjson(PATIENT | {"id": "p7"})).run_id
    uploads = [sent(installation, ndjson(PATIENT | {"id": f"p{number}"})) for number in range(3)]
    work(installation.platform, once=True)
    waiting = sent(installation)
    expected = sorted([command_line, *uploads, waiting], reverse=True)
    seen, cursor = [], ""
    for _ in range(3):
        page = get(installation, f"?limit=2&cursor={cursor}").json
        schemas.IngestionPage.model_validate(page)
        seen += page["items"]
        cursor = page["next"]
    assert cursor is None
    assert [item["id"] for item in seen] == expected
    states = {item["id"]: (item["state"], item["actor"], item["totals"]["stored"]) for item in seen}
    assert states[waiting] == ("waiting", states[waiting][1], 0)
    assert states[command_line] == ("done", "tester", 1)
    assert states[uploads[0]][0::2] == ("done", 1)


def test_an_empty_installation_lists_nothing(installation: Installation) -> None:
    assert get(installation, "").json == {"items": [], "next": None}


def test_an_upload_that_waits_is_cancelled_and_destroyed(installation: Installation) -> None:
    run_id = sent(installation)
    answer = installation.client.post(f"{ROUTE}/{run_id}/cancel", headers=installation.bearer())
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert kept(installation) == []
    work(installation.platform, once=True)
    assert installation.platform.store("identified").count() == {}
    again = installation.client.post(f"{ROUTE}/{run_id}/cancel", headers=installation.bearer())
    assert (again.status_code, again.json["code"]) == (409, "state.conflict")


def test_a_run_of_the_command_line_cannot_be_cancelled(installation: Installation) -> None:
    run_id = installation.ingest().run_id
    answer = installation.client.post(f"{ROUTE}/{run_id}/cancel", headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (409, "state.conflict")


def test_an_upload_that_failed_is_kept_and_can_be_tried_again(installation: Installation) -> None:
    run_id = sent(installation)
    spool = installation.platform.settings.data.directory / "uploads" / run_id
    spool.rename(spool.with_suffix(".away"))
    work(installation.platform, once=True)
    shown = get(installation, f"/{run_id}").json
    assert (shown["state"], shown["error"]) == ("failed", "input.not-found")
    spool.with_suffix(".away").rename(spool)
    assert restart_job(installation.platform, installation.operator, run_id) == "waiting"
    assert done(installation, run_id)["totals"]["stored"] == 2
    assert kept(installation) == []


def test_an_upload_that_was_changed_on_disk_fails_and_stores_nothing(installation: Installation) -> None:
    run_id = sent(installation, FEED * 20_000)
    spool = installation.platform.settings.data.directory / "uploads" / run_id
    content = bytearray(spool.read_bytes())
    content[-1] ^= 1
    spool.write_bytes(content)
    work(installation.platform, once=True)
    assert get(installation, f"/{run_id}").json["error"] == "integrity"
    assert installation.platform.store("identified").count() == {}


@pytest.mark.parametrize("path", ["", "/issues", "/cancel"])
def test_what_is_not_there_is_not_found(installation: Installation, path: str) -> None:
    method = "POST" if path == "/cancel" else "GET"
    answer = installation.client.open(
        f"{ROUTE}/20260101T000000Z-aaaaaa{path}", method=method, headers=installation.bearer()
    )
    assert (answer.status_code, answer.json["code"]) == (404, "input.not-found")


BAD_QUERIES = [
    "?format=docx", "?source=a%20b", "?limit=0", "?limit=201", "?limit=many", "?cursor=../..", "?nothing=known",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_what_means_nothing_is_refused(installation: Installation, query: str) -> None:
    if query.startswith(("?format", "?source", "?nothing")):
        answer = send(installation, query=query)
        assert kept(installation) == []
    else:
        answer = get(installation, query)
    assert (answer.status_code, answer.json["code"]) == (400, "input.schema")


def test_a_job_of_the_queue_is_an_ingestion_of_the_same_id(installation: Installation) -> None:
    run_id = sent(installation)
    (job,) = list_jobs(installation.platform, installation.operator)
    assert (job["job_id"], job["state"]) == (run_id, "waiting")


def test_an_upload_is_written_by_who_sent_it(installation: Installation) -> None:
    made = installation.register(name="lab-gateway")
    token = installation.client.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(made.client.id, made.secret)
    ).json["access_token"]
    answer = installation.client.post(
        ROUTE, data=FEED, content_type="text/plain", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.json["actor"] == "lab-gateway"
    done(installation, answer.json["id"])
    by_sender = [event for event in installation.events() if event["actor"] == "lab-gateway"]
    assert {event["operation"] for event in by_sender} >= {"upload", "ingest"}
    asked = {event["detail"]["request"] for event in by_sender if event["operation"] in ("upload", "ingest")}
    assert asked == {answer.headers["X-Request-Id"]}


def test_a_day_old_spool_without_a_job_is_swept_when_the_worker_starts(installation: Installation) -> None:
    spools = installation.platform.spools
    for name, age in (("left-behind", timedelta(hours=25)), ("still-coming", timedelta(hours=1))):
        with spools.begin(name) as spool:
            spool.write(b"x")
        written = (installation.platform.runtime.now() - age).timestamp()
        os.utime(installation.platform.settings.data.directory / "uploads" / name, (written, written))
    waiting = sent(installation)
    work(installation.platform, once=True)
    assert kept(installation) == ["still-coming"]
    assert get(installation, f"/{waiting}").json["state"] == "done"
