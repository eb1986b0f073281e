"""What the server says it can do: valid, open to all, and true."""

from collections.abc import Iterator
from typing import Any

import pytest
from fhirclient.auth import FHIRAuth
from fhirclient.models.capabilitystatement import CapabilityStatement

from careloom.api.fhir_offered import offered_by
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_parameters import composites, parameters, resource_types
from careloom.fhir.validate import check
from careloom.services.capability import EVERYTHING, FORMATS, INTERACTIONS, READS, capability_statement
from careloom.services.capability_operations import Operation
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

PATHS = ["/fhir/metadata", "/fhir/identified/metadata", "/fhir/research/metadata", "/fhir/synthetic/metadata"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("capability")) as made:
        made.ingest([PATIENT, OBSERVATION])
        yield made


@pytest.mark.parametrize("path", PATHS)
def test_anybody_may_see_what_the_server_can_do(installation: Installation, path: str) -> None:
    answer = installation.client.get(path)
    statement = answer.get_json(force=True)
    assert (answer.status_code, answer.content_type) == (200, "application/fhir+json")
    assert check(statement) == []
    assert statement["implementation"]["url"] == BASE_URL + path.removesuffix("/metadata")
    again = installation.client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert installation.client.head(path).headers["ETag"] == answer.headers["ETag"]


def test_the_statement_of_all_names_the_base_of_each_zone(installation: Installation) -> None:
    said = installation.client.get("/fhir/metadata").get_json(force=True)["implementation"]["description"]
    assert all(f"{BASE_URL}/fhir/{zone}" in said for zone in ("identified", "research", "synthetic"))
    assert "landing" not in said


@pytest.mark.parametrize(
    "path", ["landing/metadata", "elsewhere/metadata", "elsewhere/.well-known/smart-configuration"]
)
def test_a_zone_that_is_none_can_do_nothing(installation: Installation, path: str) -> None:
    answer = installation.client.get(f"/fhir/{path}")
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (404, "OperationOutcome")


def rest() -> dict[str, Any]:
    found: dict[str, Any] = capability_statement(BASE_URL, "identified")["rest"][0]
    return found


def test_every_type_of_r4_is_listed_with_what_can_be_done() -> None:
    assert [one["type"] for one in rest()["resource"]] == sorted(resource_types())
    assert {tuple(each["code"] for each in one["interaction"]) for one in rest()["resource"]} == {INTERACTIONS}


def test_only_the_identified_zone_says_that_it_is_written() -> None:
    for zone in ("research", "synthetic"):
        told = capability_statement(BASE_URL, zone, update_creates=True)["rest"][0]
        for one in told["resource"]:
            assert tuple(each["code"] for each in one["interaction"]) == READS
            assert not any(one[name] for name in ("conditionalCreate", "conditionalUpdate", "updateCreate"))
        assert {"code": "transaction"} not in told["interaction"]
    assert {"code": "transaction"} in rest()["interaction"]


def test_what_is_said_to_be_possible_is(installation: Installation) -> None:
    base = f"/fhir/identified/Observation/{installation.stored_id('Observation', 'o1')}"
    paths = {
        "read": base,
        "vread": f"{base}/_history/1",
        "history-instance": f"{base}/_history",
        "history-type": "/fhir/identified/Observation/_history",
        "search-type": "/fhir/identified/Observation",
    }
    headers = installation.bearer()
    for interaction in READS:
        for form in FORMATS:
            assert installation.client.get(f"{paths[interaction]}?_format={form}", headers=headers).status_code == 200


def test_the_statement_and_the_routes_tell_of_the_same(installation: Installation) -> None:
    """No route without a word of it, and no word without a route: interactions and operations alike."""
    assert offered_by(installation.app) == EVERYTHING


def test_what_no_route_takes_is_not_told() -> None:
    fewer = EVERYTHING._replace(
        interactions=EVERYTHING.interactions - {"patch", "transaction"},
        operations=EVERYTHING.operations - {Operation("Patient", "everything"), Operation("", "import")},
    )
    told = capability_statement(BASE_URL, "identified", offered=fewer)["rest"][0]
    assert {"code": "transaction"} not in told["interaction"]
    assert "import" not in {one["name"] for one in told["operation"]}
    patient = next(one for one in told["resource"] if one["type"] == "Patient")
    assert {"code": "patch"} not in patient["interaction"]
    assert {one["name"] for one in patient["operation"]} == {"export", "de-identify", "validate"}


def test_each_operation_is_told_where_it_is_with_its_definition() -> None:
    told = rest()
    by_type = {one["type"]: {each["name"]: each["definition"] for each in one["operation"]} for one in told["resource"]}
    assert by_type["Patient"]["everything"] == "http://hl7.org/fhir/OperationDefinition/Patient-everything"
    assert by_type["DocumentReference"]["docref"].endswith("/us/core/OperationDefinition/docref")
    assert all("validate" in names for names in by_type.values())
    of_every_zone = {"export", "run", "viewdefinition-export"}
    assert {one["name"] for one in told["operation"]} == of_every_zone | {"import", "de-identify"}
    research = capability_statement(BASE_URL, "research")["rest"][0]
    assert {one["name"] for one in research["operation"]} == of_every_zone
    assert all("de-identify" not in {each["name"] for each in one["operation"]} for one in research["resource"])
    of_all = {one["name"] for one in capability_statement(BASE_URL)["rest"][0]["operation"]}
    assert of_all >= {"lookup", "validate-code", "subsumes", "translate", "expand"}


def test_every_route_of_an_operation_is_answered_where_it_is_told(installation: Installation) -> None:
    headers = installation.bearer()
    patient = installation.stored_id("Patient", "p1")
    for path in (
        f"Patient/{patient}/$everything",
        f"Patient/{patient}/$validate",
        f"Patient/{patient}/$de-identify",
        f"DocumentReference/$docref?patient={patient}",
        "ViewDefinition/patient/$run",
    ):
        assert installation.client.get(f"/fhir/identified/{path}", headers=headers).status_code == 200, path


VALUES = {
    "token": "a", "string": "a", "reference": "Patient/a", "date": "ge2024", "number": "gt1", "quantity": "1",
    "uri": "urn:a",
}  # fmt: skip


def composite_value(kind: str, name: str) -> str:
    return "$".join(VALUES[parameters(kind)[part.code].kind] for part in composites(kind)[name].components)


def test_every_inclusion_that_is_listed_is_understood() -> None:
    for resource in rest()["resource"]:
        for name in ("_include", "_revinclude"):
            for value in resource.get({"_include": "searchInclude", "_revinclude": "searchRevInclude"}[name], []):
                assert parse_search(f"{resource['type']}?{name}={value}").includes


def test_every_parameter_that_is_listed_is_understood_with_every_modifier_that_is_named() -> None:
    for resource in rest()["resource"]:
        kind = resource["type"]
        assert {one["name"] for one in resource["searchParam"]} == {
            *(*parameters(kind), *composites(kind)), "_id", "_lastUpdated", "_source",
        }  # fmt: skip
        for one in resource["searchParam"]:
            value = VALUES.get(one["type"]) or composite_value(kind, one["name"])
            parse_search(f"{kind}?{one['name']}={value}")
            for modifier in ("missing", "exact", "not", "identifier"):
                if f":{modifier}" in one["documentation"]:
                    asked = "true" if modifier == "missing" else value
                    parse_search(f"{kind}?{one['name']}:{modifier}={asked}")


KINDS = [
    "code=a", "code:not=a", "patient=Patient/a", "subject:missing=true", "date=ge2024", "value-quantity=1",
    "_profile=urn:a", "_tag=a", "_id=a", "_lastUpdated=ge2024", "identifier=a",
]  # fmt: skip


@pytest.mark.parametrize("query", KINDS)
def test_parameters_of_every_kind_are_answered(installation: Installation, query: str) -> None:
    answer = installation.client.get(f"/fhir/identified/Observation?{query}", headers=installation.bearer())
    assert answer.status_code == 200


def test_a_client_finds_where_tokens_come_from(installation: Installation) -> None:
    statement = CapabilityStatement(installation.client.get("/fhir/identified/metadata").get_json(force=True))
    state: dict[str, Any] = {"jwt_token": "x"}
    FHIRAuth.from_capability_security(statement.rest[0].security, state)
    assert state["token_uri"] == f"{BASE_URL}/oauth2/token"
    answer = installation.client.get("/fhir/identified/.well-known/smart-configuration")
    assert answer.content_type == "application/json"
    assert answer.get_json()["token_endpoint"] == state["token_uri"]


SHAPES = [("?_format=xml", {}, 406), ("", {"Accept": "application/fhir+xml"}, 406), ("?mode=full", {}, 200)]


@pytest.mark.parametrize(("query", "headers", "status"), SHAPES)
def test_the_statement_has_the_formats_of_everything_else(
    installation: Installation, query: str, headers: dict[str, str], status: int
) -> None:
    assert installation.client.get(f"/fhir/metadata{query}", headers=headers).status_code == status
