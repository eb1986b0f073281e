"""``$viewdefinition-export``: kicked off, watched, fetched in every format, refused, cancelled, after an erasure."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson
import polars as pl
import pytest
from werkzeug.test import TestResponse

from careloom.services.erase import erase
from careloom.services.jobs import work
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation
from tests.api.test_fhir_views import LISTS, OTHER, ROWS, UNFIT, VIEW

PULSES = {
    "resourceType": "ViewDefinition", "name": "pulses", "status": "active", "resource": "Observation",
    "select": [{"column": [{"name": "status", "path": "status"}]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("view-export")) as installation:
        installation.ingest([PATIENT, OTHER, OBSERVATION])
        yield installation


class Client:
    """Somebody who exports views."""

    def __init__(self, made: Installation, **rights: Any) -> None:
        self.made, self.headers = made, made.bearer(**rights)

    def begun(self, *views: tuple[str, dict[str, Any]], prefer: str = "respond-async", **more: str) -> TestResponse:
        parts: list[dict[str, Any]] = [
            {
                "name": "view",
                "part": [{"name": "name", "valueString": name}, {"name": "viewResource", "resource": view}],
            }
            for name, view in views
        ]
        parts += [{"name": name, "valueString": value} for name, value in more.items()]
        return self.made.client.post(
            "/fhir/identified/$viewdefinition-export", content_type="application/fhir+json",
            data=orjson.dumps({"resourceType": "Parameters", "parameter": parts}),
            headers=self.headers | ({"Prefer": prefer} if prefer else {}),
        )  # fmt: skip

    def get(self, address: str, method: str = "GET") -> TestResponse:
        return self.made.client.open(address.removeprefix(BASE_URL), method=method, headers=self.headers)

    def whole(self, *views: tuple[str, dict[str, Any]], **more: str) -> tuple[str, dict[str, list[str]]]:
        """The address of an export that the worker has done, and view -> addresses of its files."""
        answer = self.begun(*views, **more)
        assert answer.status_code == 202, answer.text
        at = answer.headers["Content-Location"]
        assert told(self.get(at))["status"] == "in-progress"
        work(self.made.platform, once=True)
        done = self.get(at)
        assert (done.status_code, told(done)["status"], bool(done.headers["Expires"])) == (200, "completed", True)
        outputs = [one["part"] for one in done.get_json(force=True)["parameter"] if one["name"] == "output"]
        files = {part[0]["valueString"]: [one["valueUri"] for one in part[1:]] for part in outputs}
        return at, files


def told(answer: TestResponse) -> dict[str, str]:
    """Name -> value of the simple parameters of an answer."""
    listed = answer.get_json(force=True)["parameter"]
    return {one["name"]: value for one in listed for key, value in one.items() if key.startswith("value")}


@pytest.mark.parametrize("form", ["ndjson", "json", "csv", "parquet"])
def test_an_export_of_views_is_watched_and_fetched(made: Installation, form: str) -> None:
    client = Client(made)
    _, files = client.whole(("people", VIEW), ("pulses", PULSES), _format=form)
    assert {name: len(places) for name, places in files.items()} == {"people": 1, "pulses": 1}
    raw = client.get(files["people"][0]).get_data()
    rows = {
        "ndjson": lambda: [json.loads(line) for line in raw.splitlines()],
        "json": lambda: json.loads(raw),
        "csv": lambda: pl.read_csv(BytesIO(raw)).to_dicts(),
        "parquet": lambda: pl.read_parquet(BytesIO(raw)).to_dicts(),
    }[form]()
    assert rows == ROWS
    event = made.events()[-1]
    assert (event["operation"], event["detail"]["lines"], len(event["subjects"])) == ("export-fetch", 2, 2)


def test_a_client_s_own_id_is_told_and_patients_narrow(made: Installation) -> None:
    client = Client(made)
    patient = made.stored_id("Patient", "p2")
    answer = client.begun(("people", VIEW), clientTrackingId="mine", patient=f"Patient/{patient}")
    assert told(answer)["clientTrackingId"] == "mine"
    _, files = client.whole(("people", VIEW), patient=patient, _format="json")
    assert client.get(files["people"][0]).get_json() == ROWS[1:]


def test_nobody_else_sees_it_and_it_can_be_cancelled(made: Installation) -> None:
    client, other = Client(made), Client(made)
    at, files = client.whole(("people", VIEW))
    assert (other.get(at).status_code, other.get(files["people"][0]).status_code) == (404, 404)
    assert client.get(files["people"][0].replace("/people/", "/others/")).status_code == 404
    assert client.get(at, "DELETE").status_code == 202
    assert (client.get(at).status_code, client.get(files["people"][0]).status_code) == (404, 404)


def test_a_plain_export_is_none_of_views(made: Installation) -> None:
    client = Client(made)
    asked = made.client.get(
        "/fhir/identified/$export?_type=Patient", headers=client.headers | {"Prefer": "respond-async"}
    )
    work(made.platform, once=True)
    at = asked.headers["Content-Location"].replace("$export", "$viewdefinition-export")
    assert client.get(at).status_code == 404


def test_a_file_of_too_many_cells_is_refused_at_the_fetch(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made)
    _, files = client.whole(("people", VIEW))
    for cells, status in ((3, 422), (4, 200)):
        monkeypatch.setattr("careloom.services.view_export.FILE_CELLS", cells)
        assert client.get(files["people"][0]).status_code == status


def test_a_resource_that_does_not_fit_leaves_no_gap(made: Installation) -> None:
    client = Client(made)
    _, files = client.whole(("given", UNFIT))
    answer = client.get(files["given"][0])
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (422, "OperationOutcome")
    assert "Ann" not in answer.text


def test_an_erased_patient_is_in_no_file_any_more(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Installation(tmp_path_factory.mktemp("view-export-erase")) as made:
        made.ingest([PATIENT, OTHER])
        client = Client(made)
        _, files = client.whole(("people", VIEW), _format="json")
        erase(made.platform, made.operator, f"Patient/{made.stored_id('Patient', 'p1')}")
        assert client.get(files["people"][0]).get_json() == ROWS[1:]


REFUSED: list[tuple[list[tuple[str, dict[str, Any]]], dict[str, str]]] = [
    ([], {}),
    ([("people", VIEW), ("people", PULSES)], {}),
    ([("people", VIEW | {"select": []})], {}),
    ([("a/b", VIEW)], {}),
    ([("people", VIEW)], {"_format": "xlsx"}),
    ([("people", VIEW)], {"_since": "2024"}),
    ([("people", VIEW)], {"wish": "1"}),
    ([("people", VIEW)], {"patient": "a/b/c"}),
    ([("people", VIEW)], {"prefer": ""}),
    ([("lists", LISTS)], {"_format": "csv"}),
]


@pytest.mark.parametrize(("views", "more"), REFUSED)
def test_what_cannot_be_exported_is_refused_and_audited(
    made: Installation, views: list[tuple[str, dict[str, Any]]], more: dict[str, str]
) -> None:
    answer = Client(made).begun(*views, **more)
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (400, "OperationOutcome")
    event = made.events()[-1]
    assert (event["operation"], event["outcome"]) == ("export-queue", "failed")


def test_who_may_not_read_and_search_the_type_exports_nothing(made: Installation) -> None:
    for scopes in ("system/Patient.s", "system/Patient.r", "system/Observation.rs"):
        assert Client(made, scopes=scopes).begun(("people", VIEW)).status_code == 403
    assert Client(made, scopes="system/Patient.rs").begun(("people", VIEW)).status_code == 202
