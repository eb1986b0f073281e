"""Exports of the patients who are named in the body of a kick-off."""

from collections.abc import Iterator
from typing import Any

import pytest

from careloom.services.erase import erase
from careloom.services.jobs import work
from tests.api.kit import Installation
from tests.api.test_bulk import ASYNC, WARD, Client, by_body


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


def one_patient(reference: str) -> dict[str, Any]:
    return {"name": "patient", "valueReference": {"reference": reference}}


@pytest.mark.parametrize("is_own", [True, False])
@pytest.mark.parametrize(
    ("below", "patients", "names"),
    [
        ("Patient/", ["p1"], {"p1", "o1", "g1"}),
        ("Patient/", ["p2"], {"p2", "o2", "g1"}),
        ("Patient/", ["p1", "p2", "p1"], {"p1", "p2", "o1", "o2", "g1"}),
        ("Group/{group}/", ["p1"], {"p1", "o1", "g1"}),
    ],
)
def test_an_export_of_named_patients_holds_theirs_alone(
    ward: Client, below: str, patients: list[str], names: set[str], is_own: bool
) -> None:
    below = below.replace("{group}", ward.made.stored_id("Group", "g1"))
    asked = patients if is_own else [ward.made.stored_id("Patient", one) for one in patients]
    answer = by_body(ward, below, *(one_patient(f"Patient/{one}") for one in asked))
    assert answer.status_code == 202, answer.text
    work(ward.made.platform, once=True)
    assert ward.names(ward.get(answer.headers["Content-Location"]).json) == names


@pytest.mark.parametrize(
    ("below", "patient", "status"),
    [
        ("", one_patient("Patient/p1"), 400),
        ("Patient/", one_patient("Group/g1"), 400),
        ("Patient/", one_patient("Patient/"), 400),
        ("Patient/", one_patient("http://other.example/fhir/Patient/p1"), 400),
        ("Patient/", {"name": "patient", "valueString": "Patient/p1"}, 400),
        ("Patient/", one_patient("Patient/never-was"), 404),
        ("Group/{group}/", one_patient("Patient/p2"), 404),
        ("Group/{group}/", one_patient("Patient/never-was"), 404),
    ],
)
def test_patients_who_are_not_there_or_mean_nothing_are_refused(
    ward: Client, below: str, patient: dict[str, Any], status: int
) -> None:
    answer = by_body(ward, below.replace("{group}", ward.made.stored_id("Group", "g1")), patient)
    assert answer.status_code == status, answer.text
    assert "p1" not in answer.text
    assert "never-was" not in answer.text


def test_patients_are_named_in_a_body_alone(ward: Client) -> None:
    assert ward.get("/fhir/identified/Patient/$export?patient=Patient/p1", **ASYNC).status_code == 400


def test_an_export_of_named_patients_goes_whole_when_somebody_is_erased(client: Client) -> None:
    address = by_body(client, "Patient/", one_patient("Patient/p1")).headers["Content-Location"]
    work(client.made.platform, once=True)
    assert client.get(address).status_code == 200
    erase(client.made.platform, client.made.operator, f"Patient/{client.made.stored_id('Patient', 'p1')}")
    assert client.get(address).status_code == 404
