"""Findings of long campaigns, each as one request: what the OpenAPI document says is what is taken."""

from collections.abc import Iterator

import pytest

from tests.api.kit import Installation

FIT = {"table": "silver/patients", "engine": "marginals"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("document")) as made:
        yield made


@pytest.mark.parametrize("wrong", [{"seed": True}, {"rows_per_patient": True}, {"seed": 2**53}, {"delta": False}])
def test_a_truth_is_no_number(installation: Installation, wrong: dict[str, object]) -> None:
    address = "/api/v1/synthetic/models"
    answer = installation.client.post(address, json=FIT | wrong, headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (400, "input.schema")
    assert [one["name"] for one in answer.json["errors"]] == list(wrong)


def test_a_truth_is_no_number_of_an_option(installation: Installation) -> None:
    address, options = "/api/v1/synthetic/records/models", {"options": {"epochs": True}}
    answer = installation.client.post(address, json=options, headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (400, "input.schema")


@pytest.mark.parametrize("until", ["0.5", "1700000000", "2026"])
def test_a_number_is_no_time(installation: Installation, until: str) -> None:
    address = f"/api/v1/audit/patients/4q2c7lq6m5v3wyf4d2y7z2k7xa/views?until={until}"
    answer = installation.client.get(address, headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (400, "input.schema")


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("POST", "/fhir/metadata", {"GET", "HEAD"}),
        ("OPTIONS", "/fhir/identified/$import", {"POST"}),
        ("OPTIONS", "/fhir/identified/_search", {"POST"}),
    ],
)
def test_a_method_is_allowed_where_it_is_declared(
    installation: Installation, method: str, address: str, allowed: set[str]
) -> None:
    answer = installation.client.open(address, method=method, headers=installation.bearer())
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_ids_are_looked_at_before_a_search_over_types(installation: Installation) -> None:
    for ask in ({"method": "GET"}, {"method": "POST"}):
        told = {"query_string": {"_id": "no id"}} if ask["method"] == "GET" else {"data": {"_id": "no id"}}
        address = "/fhir/identified" + ("" if ask["method"] == "GET" else "/_search")
        assert installation.client.open(address, **ask, **told, headers=installation.bearer()).status_code == 400
