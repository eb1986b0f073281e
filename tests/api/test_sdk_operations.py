"""FHIR operations through the SDK, against the application itself."""

from collections.abc import Iterator

import pytest

from careloom.client.careloom import Careloom
from careloom.client.fhir_operations import FhirOperations
from careloom.errors import NotFound, QueryError
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_sdk import client_of

NEW = {"resourceType": "Organization", "name": "Lab"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("sdk-operations")) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        yield installation


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


@pytest.fixture
def operations(api: Careloom) -> FhirOperations:
    return api.fhir("identified").operations


def test_a_resource_is_validated(made: Installation, operations: FhirOperations) -> None:
    assert operations.validate(NEW, mode="create")["issue"][0]["severity"] == "information"
    assert operations.validate({**NEW, "active": "yes"})["issue"][0]["expression"] == ["Organization.active"]
    told = operations.validate({**NEW, "id": "not-here"}, mode="update", resource_id="not-here")
    assert told["issue"][0]["details"]["coding"][0]["code"] == "input.not-supported"
    patient = made.stored_id("Patient", "p1")
    assert operations.validate_stored("Patient", patient, mode="delete")["issue"][0]["severity"] == "error"
    with pytest.raises(NotFound):
        operations.validate_stored("Patient", "nobody")
    with pytest.raises(QueryError):
        operations.validate({"resourceType": "Pa/tient"})


def test_everything_of_a_patient_comes_page_by_page(made: Installation, api: Careloom) -> None:
    zone, patient = api.fhir("identified"), made.stored_id("Patient", "p1")
    page = zone.operations.everything(patient, count=1)
    seen = [one["resourceType"] for one in page.resources]
    while page.next:
        page = zone.follow(page.next)
        seen += [one["resourceType"] for one in page.resources]
    assert sorted(seen) == ["Observation", "Patient"]
    assert len(zone.operations.everything(types=["Observation"], end="2020").resources) == 0


def test_documents_and_what_is_left_of_a_resource_without_identity(
    made: Installation, operations: FhirOperations
) -> None:
    patient = made.stored_id("Patient", "p1")
    assert operations.documents(patient, types=["34133-9"], start="2024").total == 0
    for told in (
        operations.deidentify(PATIENT, policy="safe-harbor"),
        operations.deidentify_stored("Patient", patient, style="tag"),
    ):
        assert told["parameter"][0]["name"] == "return"
        assert "Quillfeather" not in str(told)


def test_rows_of_a_view_come_as_dictionaries(operations: FhirOperations) -> None:
    view = {"resource": "Patient", "select": [{"column": [{"name": "born", "path": "birthDate"}]}]}
    assert operations.run_view(view, limit=5) == [{"born": "1961-04-05"}]
    assert len(operations.run_view("patient")) == 1
    assert operations.run_view("patient", since="2100-01-01T00:00:00Z") == []
    with pytest.raises(NotFound):
        operations.run_view("wish")
