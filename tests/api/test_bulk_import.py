"""Bulk imports over HTTP, the SDK and the services: sent, watched, reconciled, redriven, cancelled, refused."""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.errors import NotFound
from careloom.services import jobs as job_service
from careloom.services.erase import erase
from careloom.services.imports import import_files
from careloom.services.ingest import IngestAsk, commit
from careloom.services.jobs import work
from careloom.services.platform import Platform
from careloom.services.quarantine import redrive
from careloom.services.reconciliation import reconcile
from careloom.settings import Settings
from careloom.store.landing import hashes_of
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation
from tests.killed import killed

ROUTE = "/fhir/identified/$import"
ASYNC = {"Prefer": "respond-async"}
PLANTED = "Quillfeather"
WRONG = {"resourceType": "Observation", "id": "w1", "code": {"text": PLANTED}}
"""Without a status: refused whole."""


def ndjson(*resources: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(one) + b"\n" for one in resources)


def observations(first: int, count: int) -> list[dict[str, Any]]:
    return [OBSERVATION | {"id": f"o{number}"} for number in range(first, first + count)]


class Sender:
    """Somebody who imports."""

    def __init__(self, made: Installation, **rights: Any) -> None:
        self.made = made
        self.headers = made.bearer(**rights)

    def ask(self, method: str, address: str, **more: Any) -> TestResponse:
        path = address.removeprefix(BASE_URL)
        headers = self.headers | more.pop("headers", {})
        return self.made.client.open(path, method=method, headers=headers, **more)

    def sent(self, *files: bytes, query: str = "") -> str:
        """The address of a new import's status."""
        form = {"file": [(io.BytesIO(one), f"{PLANTED}-{number}.ndjson") for number, one in enumerate(files)]}
        answer = self.ask("POST", ROUTE + query, headers=ASYNC, data=form, content_type="multipart/form-data")
        assert answer.status_code == 202, answer.text
        return answer.headers["Content-Location"]

    def done(self, *files: bytes, query: str = "") -> dict[str, Any]:
        """The manifest of an import that the worker has done."""
        address = self.sent(*files, query=query)
        work(self.made.platform, once=True)
        answer = self.ask("GET", address)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found


@pytest.fixture
def sender(installation: Installation) -> Sender:
    return Sender(installation)


def by_type(manifest: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Type -> (stored, known, quarantined) over all files."""
    found: Counter[tuple[str, str]] = Counter()
    for one in manifest["output"]:
        for fate in ("stored", "known", "quarantined"):
            found[one["type"], fate] += one["extension"][fate]
    kinds = sorted({kind for kind, _ in found})
    return {kind: (found[kind, "stored"], found[kind, "known"], found[kind, "quarantined"]) for kind in kinds}


def assert_balanced(part: dict[str, Any]) -> None:
    assert part["received"] == sum(part[fate] for fate in ("stored", "known", "quarantined", "kept", "erased"))


def test_every_record_of_every_file_is_accounted_for_by_type(sender: Sender) -> None:
    first = ndjson(PATIENT, *observations(0, 5), WRONG, OBSERVATION | {"id": "o0"})
    second = ndjson({"resourceType": "Organization", "id": "h1", "name": "Hospital"}) + b"{no json\n"
    manifest = sender.done(first, second)
    assert by_type(manifest) == {"Observation": (5, 1, 1), "Organization": (1, 0, 0), "Patient": (1, 0, 0)}
    proof = manifest["extension"]
    assert (proof["received"], proof["stored"], proof["known"], proof["quarantined"]) == (10, 7, 1, 2)
    assert proof["isWhole"]
    assert [(file["received"], file["isVerified"], file["isWhole"]) for file in proof["files"]] == [
        (8, True, True), (2, True, True),
    ]  # fmt: skip
    for part in (proof, *proof["files"], *(one["extension"] for one in manifest["output"])):
        assert_balanced(part)
    assert len({one["extension"]["hash"] for one in manifest["output"]}) == len(manifest["output"])


def test_the_same_bytes_again_are_known_and_their_hashes_the_same(sender: Sender) -> None:
    lines = ndjson(PATIENT, *observations(0, 3), WRONG)
    once, again = sender.done(lines), sender.done(lines)
    assert by_type(again) == {"Observation": (0, 3, 1), "Patient": (0, 1, 0)}
    assert [file["state"] for file in again["extension"]["files"]] == ["unchanged"]
    told = [[(one["type"], one["extension"]["hash"]) for one in each["output"]] for each in (once, again)]
    assert told[0] == told[1]
    more = sender.done(lines + ndjson(*observations(3, 1)))
    assert by_type(more) == {"Observation": (1, 3, 1), "Patient": (0, 1, 0)}


def test_what_was_refused_is_told_without_its_content_and_counts_as_stored_once_it_is_redriven(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = sender.done(ndjson(PATIENT, WRONG))
    (error,) = manifest["error"]
    assert error["count"] == 1
    answer = sender.ask("GET", error["url"])
    assert answer.mimetype == "application/fhir+ndjson"
    (outcome,) = map(orjson.loads, answer.data.splitlines())
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["details"]["coding"][0]["code"].startswith("fhir.")
    assert PLANTED not in answer.text
    made = sender.made
    run_id = error["url"].split("/")[-2]
    monkeypatch.setattr("careloom.services.ingest_pipeline.validate.check_read", lambda *_: [])
    monkeypatch.setattr("careloom.services.ingest_pipeline.validate.check", lambda *_: [])
    assert redrive(made.platform, made.operator, (outcome["id"],))["stored"] == 1
    told = reconcile(made.platform, made.operator, run_id)
    assert told["is_whole"]
    assert told["totals"] == {"received": 2, "stored": 2, "known": 0, "quarantined": 0, "kept": 0, "erased": 0}


def work_apart(settings: Settings) -> None:
    """The next job, in a process of its own."""
    with Platform(settings) as platform:
        work(platform, once=True)


def test_an_import_that_is_killed_amid_a_file_is_finished_by_the_next_worker_and_nothing_counts_twice(
    tmp_path: Path,
) -> None:
    with Installation(tmp_path, ingest={"batch_records": 10}) as made:
        sender = Sender(made)
        address = sender.sent(ndjson(PATIENT, *observations(0, 49), WRONG))
        killed(work_apart, made.platform.settings, at=commit, moment="call", time=3)
        assert sender.ask("GET", address).status_code == 202
        work(made.platform, once=True)
        manifest = sender.ask("GET", address).json
        assert by_type(manifest) == {"Observation": (49, 0, 1), "Patient": (1, 0, 0)}
        assert manifest["extension"]["isWhole"]
        assert made.platform.store("identified").check().is_whole


def test_what_the_tables_lack_makes_the_report_not_whole(sender: Sender) -> None:
    manifest = sender.done(ndjson(PATIENT, *observations(0, 3)))
    made, run_id = sender.made, manifest["extension"]["files"][0]["manifest"]
    store = made.platform.store("identified")
    with store._engine.begin() as connection:
        (hashes,) = connection.exec_driver_sql("SELECT hashes FROM manifest_chunk").fetchone() or (b"",)
        left = b"".join(hashes_of(hashes)[:-1])
        connection.exec_driver_sql("UPDATE manifest_chunk SET hashes = ?", (left,))
    (job,) = job_service.list_jobs(made.platform, made.operator)
    told = reconcile(made.platform, made.operator, job["job_id"])
    assert run_id == told["files"][0]["manifest"]
    assert not told["is_whole"]
    assert not told["files"][0]["is_verified"]


def test_an_erased_patient_s_records_are_told_as_erased(sender: Sender) -> None:
    sender.done(ndjson(PATIENT, *observations(0, 2), {"resourceType": "Organization", "id": "h1", "name": "H"}))
    made = sender.made
    erase(made.platform, made.operator, "Patient/p1")
    (job,) = job_service.list_jobs(made.platform, made.operator)
    told = reconcile(made.platform, made.operator, job["job_id"])
    assert told["totals"]["erased"] == 3
    assert told["is_whole"]


def test_only_who_sent_it_sees_it_and_a_cancelled_one_is_gone(sender: Sender) -> None:
    address, other = sender.sent(ndjson(PATIENT)), Sender(sender.made)
    assert sender.ask("GET", address).headers["Retry-After"] == "5"
    assert [other.ask(method, address).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert sender.ask("DELETE", address).status_code == 202
    assert sender.ask("GET", address).status_code == 404
    assert not sender.made.platform.spools.listed()


def test_an_ingestion_is_no_import(sender: Sender) -> None:
    answer = sender.ask("POST", "/api/v1/ingestions", data=ndjson(PATIENT), content_type="application/fhir+ndjson")
    run_id = answer.json["id"]
    assert sender.ask("GET", f"{ROUTE}/{run_id}").status_code == 404
    work(sender.made.platform, once=True)
    assert sender.ask("GET", f"{ROUTE}/{run_id}").status_code == 404


@pytest.mark.parametrize(
    ("address", "more", "status"),
    [
        (ROUTE, {"headers": {}}, 400),
        (f"{ROUTE}?source=a%20b", {}, 400),
        (f"{ROUTE}?_since=2026-01-01T00:00:00Z", {}, 400),
        (ROUTE, {"content_type": "application/fhir+json", "data": b'{"resourceType":"Parameters"}'}, 415),
        (ROUTE, {"data": b""}, 400),
        ("/fhir/research/$import", {}, 405),
        ("/fhir/nowhere/$import", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    installation: Installation, address: str, more: dict[str, Any], status: int
) -> None:
    given = {"headers": ASYNC, "data": ndjson(PATIENT), "content_type": "application/fhir+ndjson"} | more
    answer = Sender(installation).ask("POST", address, **given)
    assert answer.status_code == status, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"


def test_files_of_this_machine_are_imported_by_the_service(installation: Installation) -> None:
    file = installation.folder / "patients.ndjson"
    file.write_bytes(ndjson(PATIENT, *observations(0, 2)))
    report = import_files(installation.platform, installation.operator, IngestAsk((file,)))
    assert report["is_whole"]
    assert {kind: one["stored"] for kind, one in report["files"][0]["types"].items()} == {
        "Observation": 2, "Patient": 1,
    }  # fmt: skip
    with pytest.raises(NotFound):
        reconcile(installation.platform, installation.operator, "20260101T000000Z-aaaaaa")


@pytest.fixture
def api(installation: Installation) -> Iterator[Careloom]:
    bearer = Bearer(installation.token())
    with Careloom(BASE_URL, bearer, transport=httpx.WSGITransport(app=installation.app)) as made:
        yield made


def test_the_sdk_sends_waits_and_reads_what_was_refused(installation: Installation, api: Careloom) -> None:
    imports = api.imports()
    status = imports.begin(ndjson(PATIENT, WRONG), source="lab")
    assert imports.look(status) is None
    work(installation.platform, once=True)
    report = imports.wait(status)
    assert report.is_whole
    assert (report.totals.received, report.totals.stored, report.totals.quarantined) == (2, 1, 1)
    assert [one.type for one in report.types] == ["Observation", "Patient"]
    assert [one["resourceType"] for one in imports.errors(report)] == ["OperationOutcome"]
    other = imports.begin(ndjson(PATIENT))
    imports.cancel(other)
    with pytest.raises(NotFound):
        imports.look(other)
