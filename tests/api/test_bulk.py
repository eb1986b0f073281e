"""Bulk exports over HTTP: kicked off, watched, fetched, refused, cancelled, erased."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.errors import NotFound
from careloom.runtime import Runtime
from careloom.services.admission import event
from careloom.services.erase import erase
from careloom.services.exports import sweep
from careloom.services.jobs import work
from careloom.services.records import read
from careloom.store.rows import Write
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Clock, Installation

OTHER = PATIENT | {"id": "p2", "name": [{"family": "Marchbanks"}], "gender": "male"}
OTHERS = OBSERVATION | {"id": "o2", "subject": {"reference": "Patient/p2"}, "status": "amended"}
PLACE = {"resourceType": "Organization", "id": "h1", "name": "Hospital"}
GROUP = {
    "resourceType": "Group", "id": "g1", "type": "person", "actual": True,
    "member": [{"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}, "inactive": True}],
}  # fmt: skip
WARD = (PATIENT, OBSERVATION, OTHER, OTHERS, PLACE, GROUP)
ASYNC = {"Prefer": "respond-async"}


class Client:
    """Somebody who exports."""

    def __init__(self, made: Installation, **rights: Any) -> None:
        self.made = made
        self.headers = made.bearer(**rights)

    def get(self, address: str, **headers: str) -> TestResponse:
        return self.made.client.get(address.removeprefix("http://127.0.0.1:8080"), headers=self.headers | headers)

    def begun(self, query: str = "", below: str = "") -> str:
        """The address of a new export's status."""
        answer = self.get(f"/fhir/identified/{below}$export?{query}", **ASYNC)
        assert answer.status_code == 202, answer.text
        return answer.headers["Content-Location"]

    def manifest(self, query: str = "", below: str = "") -> dict[str, Any]:
        """The manifest of an export that the worker has done."""
        address = self.begun(query, below)
        work(self.made.platform, once=True)
        answer = self.get(address)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def lines(self, manifest: dict[str, Any], part: str = "output") -> list[bytes]:
        """The lines of all files."""
        found: list[bytes] = []
        for file in manifest[part]:
            answer = self.get(file["url"])
            assert answer.status_code == 200, answer.text
            assert answer.mimetype == "application/fhir+ndjson"
            assert len(answer.data) == file["extension"]["bytes"] == answer.content_length
            lines = answer.data.splitlines()
            assert len(lines) == file["count"]
            found += lines
        return found

    def names(self, manifest: dict[str, Any]) -> set[str]:
        """Types and ids of the sender's own."""
        own = {self.made.stored_id(one["resourceType"], one["id"]): one["id"] for one in WARD}
        return {own[orjson.loads(line)["id"]] for line in self.lines(manifest)}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an installation that tests share which change nothing in its store."""
    with Installation(tmp_path_factory.mktemp("ward")) as made:
        made.ingest(WARD)
        yield Client(made)


@pytest.fixture
def client(installation: Installation) -> Client:
    installation.ingest(WARD)
    return Client(installation)


def test_what_is_exported_is_what_reading_every_resource_gives(ward: Client) -> None:
    made, manifest = ward.made, ward.manifest()
    lines = ward.lines(manifest)
    found = {(one["resourceType"], one["id"]): line for line in lines for one in [orjson.loads(line)]}
    everything = set(made.platform.store("identified").all_names())
    assert {f"{kind}/{name}" for kind, name in found} == everything
    assert len(lines) == len(everything) == manifest["extension"]["resources"] == manifest["extension"]["counted"]
    for (kind, name), line in found.items():
        assert line == read(made.platform, made.operator, "identified", kind, name).content


@pytest.mark.parametrize(
    ("below", "query", "names"),
    [
        ("", "_type=Patient", {"p1", "p2"}),
        ("", "_type=Patient,Organization", {"p1", "p2", "h1"}),
        ("Patient/", "", {"p1", "p2", "o1", "o2", "g1"}),
        ("Patient/", "_type=Observation,Organization", {"o1", "o2"}),
        ("Group/{group}/", "", {"p1", "o1", "g1"}),
        ("Group/{group}/", "_type=Observation", {"o1"}),
        ("", "_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal", {"o1"}),
        ("", "_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal&_typeFilter=Observation%3Fstatus%3Damended",
         {"o1", "o2"}),
        ("", "_typeFilter=Observation%3Fstatus%3Dfinal", {"p1", "p2", "o1", "h1", "g1"}),
        ("Patient/", "_typeFilter=Patient%3Fgender%3Dmale", {"p2", "o1", "o2", "g1"}),
        ("", "_since=2100-01-01T00:00:00Z", set()),
        ("", "_since=2000-01-01T00:00:00%2B01:00&_outputFormat=ndjson", {"p1", "p2", "o1", "o2", "h1", "g1"}),
    ],
)  # fmt: skip
def test_an_export_holds_what_its_parameters_ask(ward: Client, below: str, query: str, names: set[str]) -> None:
    group = ward.made.stored_id("Group", "g1")
    asked = ward.manifest(query, below.replace("{group}", group))
    assert ward.names(asked) == names


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("$export?_type=Nothing", 400),
        ("$export?_type=Patient&_type=Nothing", 400),
        ("$export?_outputFormat=text/csv", 400),
        ("$export?_since=yesterday", 400),
        ("$export?_since=2026-11-22", 400),
        ("$export?_since=2026-13-22T00:00:00Z", 400),
        ("$export?_since=2026-11-22T00:00:00", 400),
        ("$export?_since=2026-11-22T00:00:00Z&_since=2026-11-22T00:00:00Z", 400),
        ("$export?_typeFilter=status%3Dfinal", 400),
        ("$export?_typeFilter=Observation", 400),
        ("$export?_typeFilter=Nothing%3Fa%3Db", 400),
        ("$export?_typeFilter=Observation%3Fnothing%3Db", 400),
        ("$export?_typeFilter=Observation%3F_count%3D5", 400),
        ("$export?_typeFilter=Observation%3F_include%3DObservation:subject", 400),
        ("$export?_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal", 400),
        ("$export?_elements=nothing", 400),
        ("$export?_elements=Nothing.id", 400),
        ("$export?_elements=Patient.status", 400),
        ("$export?_elements=valueQuantity", 400),
        ("$export?patient=Patient/1", 400),
        ("$export?includeAssociatedData=LatestProvenanceResources", 400),
        ("$export?_type=%FF", 400),
        ("Group/nobody/$export", 404),
        ("Group/a%20b/$export", 404),
        ("Observation/$export", 404),
    ],
)
def test_a_kick_off_that_means_nothing_is_refused(ward: Client, address: str, status: int) -> None:
    before = len(ward.made.events())
    answer = ward.get(f"/fhir/identified/{address}", **ASYNC)
    assert answer.status_code == status, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    assert all(one["outcome"] != "success" for one in ward.made.events()[before:])


def test_a_kick_off_must_ask_for_an_answer_later_and_for_no_other_format(ward: Client) -> None:
    assert ward.get("/fhir/identified/$export").status_code == 400
    assert ward.get("/fhir/identified/$export", **ASYNC, Accept="application/xml").status_code == 406


def by_body(client: Client, below: str, *parameters: dict[str, Any], **kind: str) -> TestResponse:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    return client.made.client.post(f"/fhir/identified/{below}$export", json=body, headers=client.headers | ASYNC | kind)


@pytest.mark.parametrize("below", ["", "Patient/", "Group/{group}/"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"_type": "Observation"},
        {"_type": "Patient,Observation", "_since": "2000-01-01T00:00:00Z", "_outputFormat": "application/fhir+ndjson"},
        {"_type": "Observation", "_typeFilter": "Observation?status=final"},
        {"_type": "Patient", "_elements": "Patient.gender"},
    ],
)
def test_a_kick_off_by_body_is_that_by_address(ward: Client, below: str, parameters: dict[str, str]) -> None:
    below = below.replace("{group}", ward.made.stored_id("Group", "g1"))
    asked = [
        {"name": name, ("valueInstant" if name == "_since" else "valueString"): value}
        for name, value in parameters.items()
    ]
    answer = by_body(ward, below, *asked)
    assert answer.status_code == 202, answer.text
    work(ward.made.platform, once=True)
    found = ward.get(answer.headers["Content-Location"]).json
    assert found["request"] == f"{BASE_URL}/fhir/identified/{below}$export"
    assert sorted(ward.lines(found)) == sorted(ward.lines(ward.manifest(urlencode(parameters), below)))


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "_type"},
        {"valueString": "Patient"},
        {"name": "_type", "valueInteger": 1},
        {"name": "patient", "valueString": "p1"},
        {"name": "_since", "valueString": "yesterday"},
        {"name": "_type", "valueString": "Nothing"},
        {"name": "_type", "valueString": "Patient", "valueCode": "Patient"},
        {"name": 1, "valueString": "x"},
        "_type",
    ],
)
def test_a_body_that_means_nothing_is_refused(ward: Client, parameter: Any) -> None:
    before = len(ward.made.events())
    answer = by_body(ward, "", parameter)
    assert answer.status_code == 400, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    assert [one["outcome"] for one in ward.made.events()[before:]] == ["failed"]


def test_a_body_of_another_kind_is_refused(ward: Client) -> None:
    send, headers = ward.made.client.post, ward.headers | ASYNC
    assert send("/fhir/identified/$export", data="_type=Patient", headers=headers).status_code == 415
    assert send("/fhir/identified/$export", json={"resourceType": "Patient"}, headers=headers).status_code == 400
    assert (
        send("/fhir/identified/$export", json={"resourceType": "Parameters"}, headers=ward.headers).status_code == 400
    )


def test_a_kick_off_by_post_without_a_body_is_that_by_its_address(ward: Client) -> None:
    answer = ward.made.client.post("/fhir/identified/$export?_type=Patient", headers=ward.headers | ASYNC)
    assert answer.status_code == 202, answer.text
    work(ward.made.platform, once=True)
    manifest = ward.get(answer.headers["Content-Location"]).json
    assert [one["type"] for one in manifest["output"]] == ["Patient"]


def test_who_may_see_some_types_hears_that_a_deleted_export_is_gone(ward: Client) -> None:
    headers = ward.made.bearer(["clinician"], ["identified"], "system/Patient.rs")
    begun = ward.made.client.get("/fhir/identified/$export?_type=Patient", headers=headers | ASYNC)
    work(ward.made.platform, once=True)
    status = begun.headers["Content-Location"]
    assert ward.made.client.get(status, headers=headers).status_code == 200
    assert ward.made.client.delete(status, headers=headers).status_code == 202
    assert ward.made.client.get(status, headers=headers).status_code == 404
    stranger = ward.made.bearer(["clinician"], ["identified"], "system/Patient.rs")
    assert ward.made.client.get(status, headers=stranger).status_code == 403


def test_who_is_lenient_is_told_what_is_understood(ward: Client) -> None:
    answer = ward.get("/fhir/identified/$export?_type=Patient,Nothing&x=y", Prefer="respond-async, handling=lenient")
    assert answer.status_code == 202
    work(ward.made.platform, once=True)
    assert ward.names(ward.get(answer.headers["Content-Location"]).json) == {"p1", "p2"}


def test_a_token_for_some_types_exports_those(ward: Client) -> None:
    narrow = Client(ward.made, scopes="system/Observation.rs")
    assert narrow.names(narrow.manifest()) == {"o1", "o2"}
    assert narrow.get("/fhir/identified/$export?_type=Patient", **ASYNC).status_code == 403
    reads = Client(ward.made, scopes="system/*.r")
    assert reads.get("/fhir/identified/$export", **ASYNC).status_code == 403


def test_an_export_is_watched_from_waiting_to_done(ward: Client) -> None:
    address = ward.begun("_type=Patient")
    waiting = ward.get(address)
    assert (waiting.status_code, waiting.headers["X-Progress"], waiting.headers["Retry-After"]) == (202, "waiting", "5")
    assert ward.get(f"{address}/Patient.1.ndjson").status_code == 409
    work(ward.made.platform, once=True)
    done = ward.get(address)
    assert done.status_code == 200
    assert "Expires" in done.headers
    assert done.json["request"].endswith("/fhir/identified/$export?_type=Patient")
    assert ward.get(f"{address}/Observation.1.ndjson").status_code == 404


def test_an_export_is_seen_by_nobody_else(ward: Client) -> None:
    address, other = ward.begun(), Client(ward.made)
    assert other.get(address).status_code == 404
    path = address.removeprefix("http://127.0.0.1:8080")
    assert ward.made.client.delete(path, headers=other.headers).status_code == 404
    work(ward.made.platform, once=True)
    assert other.get(f"{address}/Patient.1.ndjson").status_code == 404
    assert ward.get(address.replace("identified", "synthetic")).status_code == 404


@pytest.mark.parametrize("is_done", [False, True])
def test_a_cancelled_export_is_gone_with_its_files(client: Client, is_done: bool) -> None:
    address = client.begun()
    if is_done:
        work(client.made.platform, once=True)
    path = address.removeprefix("http://127.0.0.1:8080")
    assert client.made.client.delete(path, headers=client.headers).status_code == 202
    work(client.made.platform, once=True)
    assert client.get(address).status_code == 404
    exports = client.made.platform.settings.data.directory / "exports"
    assert not any(one.is_dir() for one in exports.iterdir())


def test_only_named_and_mandatory_elements_are_written(ward: Client) -> None:
    lines = ward.lines(ward.manifest("_type=Patient,Observation&_elements=Patient.gender,Observation.value"))
    members = {orjson.loads(line)["resourceType"]: set(orjson.loads(line)) for line in lines}
    assert members["Patient"] == {"resourceType", "id", "meta", "gender"}
    assert members["Observation"] == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert all(orjson.loads(line)["meta"]["tag"][-1]["code"] == "SUBSETTED" for line in lines)


def test_every_patient_of_a_fetched_file_is_audited(ward: Client) -> None:
    manifest = ward.manifest("_type=Observation,Organization")
    before = len(ward.made.events())
    ward.lines(manifest)
    store = ward.made.platform.store("identified")
    both = sorted(store.pseudonym(ward.made.stored_id("Patient", one)) for one in ("p1", "p2"))
    fetched = [one for one in ward.made.events()[before:] if one["operation"] == "export-fetch"]
    assert sorted(one["subjects"] for one in fetched) == [[], both]


def test_what_is_fetched_after_an_erasure_holds_nothing_of_the_patient(client: Client) -> None:
    manifest = client.manifest("_type=Patient,Observation")
    patient = client.made.stored_id("Patient", "p1")
    assert erase(client.made.platform, client.made.operator, f"Patient/{patient}")["removed"]["export lines"] == 2
    folder = client.made.platform.settings.data.directory / "exports"
    assert {path.name for path in folder.rglob("*.ndjson.*")} == {"Patient.1.ndjson.1", "Observation.1.ndjson.1"}
    (status,) = {file["url"].rpartition("/")[0] for file in manifest["output"]}
    after = client.get(status).json
    assert after["extension"] == {"resources": 2, "counted": 4, "erasedSince": 2}
    assert client.names(after) == {"p2", "o2"}


def test_an_export_with_filters_goes_whole_when_somebody_is_erased(client: Client) -> None:
    address = client.begun("_typeFilter=Patient%3Fgender%3Dmale")
    work(client.made.platform, once=True)
    assert client.get(address).status_code == 200
    erase(client.made.platform, client.made.operator, f"Patient/{client.made.stored_id('Patient', 'p1')}")
    assert client.get(address).status_code == 404


def test_files_are_removed_when_their_time_is_over(tmp_path: Path) -> None:
    clock = Clock()
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.ingest(WARD)
        client = Client(made)
        client.manifest()
        folder = made.platform.settings.data.directory / "exports"
        clock.move(hours=23)
        assert sweep(made.platform) == 0
        clock.move(hours=1)
        assert sweep(made.platform) == 1
        assert not any(one.is_dir() for one in folder.iterdir())


def test_since_tells_what_was_changed_and_what_was_deleted(tmp_path: Path) -> None:
    clock = Clock()
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.ingest(WARD)
        client = Client(made)
        first = client.manifest()["transactionTime"]
        clock.move(seconds=1)
        name = made.stored_id("Organization", "h1")
        told = event(made.platform, made.operator, "ingest", "identified")
        with made.platform.store("identified").transaction(told) as step:
            step.write([Write("Organization", name, b"", (), None, "delete")])
        made.ingest([PATIENT | {"active": False}])
        second = client.manifest(f"_since={first}")
        deleted = [orjson.loads(line) for line in client.lines(second, "deleted")]
        assert [one["entry"][0]["request"] for one in deleted] == [{"method": "DELETE", "url": f"Organization/{name}"}]
        assert client.names(second) == {"p1"}
        assert client.manifest(f"_since={second['transactionTime']}")["output"] == []


def test_the_sdk_begins_waits_reads_and_cancels(ward: Client) -> None:
    bearer = Bearer(ward.headers["Authorization"].removeprefix("Bearer "))
    with Careloom(BASE_URL, bearer, transport=httpx.WSGITransport(app=ward.made.app)) as api:
        exports = api.exports("identified")
        status = exports.begin(types=["Patient"], filters=["Patient?gender=male"], elements=["Patient.gender"])
        assert exports.look(status) is None
        work(ward.made.platform, once=True)
        (file,) = exports.wait(status).output
        assert [one["gender"] for one in exports.lines(file)] == ["male"]
        exports.cancel(status)
        with pytest.raises(NotFound):
            exports.look(status)
