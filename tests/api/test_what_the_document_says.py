"""Findings of long campaigns, each as one request: what the OpenAPI document says is what is taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.kit import Installation

Json = dict[str, Any]
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


@pytest.fixture(scope="module")
def operations(installation: Installation) -> dict[tuple[str, str], Json]:
    document = installation.client.get("/openapi/openapi.json").get_json()
    return {
        (method.upper(), path): told for path, methods in document["paths"].items() for method, told in methods.items()
    }


def test_what_is_left_to_a_client_is_declared_wherever_one_is_known(
    installation: Installation, operations: dict[tuple[str, str], Json]
) -> None:
    declared = {"RateLimit", "RateLimit-Policy"}
    for one, told in operations.items():
        for status, answer in told["responses"].items():
            is_known = bool(told.get("security")) and status != "401"
            assert (declared <= answer.get("headers", {}).keys()) == is_known, (one, status)
            assert ("Retry-After" in answer.get("headers", {})) >= (status == "429"), (one, status)
        if told.get("security") and one[1].startswith(("/api/v1/", "/fhir/")):
            assert "429" in told["responses"], one
    for address in ("/api/v1/me", "/fhir/identified/Patient", "/fhir/identified/Patient/none"):
        answer = installation.client.get(address, headers=installation.bearer())
        assert declared <= set(answer.headers.keys()), address
    assert not declared & set(installation.client.get("/api/v1/me").headers.keys())


def test_304_and_the_tag_are_declared_where_they_are_answered(
    installation: Installation, operations: dict[tuple[str, str], Json]
) -> None:
    tagged = {path for (method, path), told in operations.items() if method == "GET" and "304" in told["responses"]}
    for path in ("/api/v1/me", "/api/v1/jobs", "/api/v1/emergencies", "/fhir/{zone}/{type}/{id}"):
        assert path in tagged, sorted(tagged)
    assert not any("304" in told["responses"] for (method, _), told in operations.items() if method != "GET")
    for path in tagged:
        answers = operations["GET", path]["responses"]
        assert all("ETag" in answers[status]["headers"] for status in ("200", "304")), path
        assert "content" not in answers["304"], path
    for path in sorted(one for one in tagged if one.startswith("/api/v1/") and "{" not in one):
        first = installation.client.get(path, headers=installation.bearer())
        if first.status_code == 200:
            assert first.headers["ETag"].startswith('W/"'), path
    headers = installation.bearer()
    first = installation.client.get("/api/v1/jobs", headers=headers)
    again = installation.client.get("/api/v1/jobs", headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
