"""The OpenAPI document is valid, complete and true to itself: what it shows as an example fits what it declares."""

import json
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
from schemathesis.specs.openapi.definitions import OPENAPI_31

from careloom.api.answers import PROBLEM_TYPE
from careloom.api.problems import FHIR_TYPE
from careloom.services.access import VERBS
from tests.api.kit import Installation
from tests.every import over

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
SCOPE = re.compile(rf"careloom/({'|'.join(sorted(VERBS))})|system/\*\.(c|r|u|d|s|rs|cruds)")


def document() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder)) as made:
        found: dict[str, Any] = made.client.get("/openapi/openapi.json").json
        return found


DOCUMENT = document()


class Operation(NamedTuple):
    """One method of one path."""

    name: str
    told: dict[str, Any]


OPERATIONS = [
    Operation(f"{method.upper()} {path}", told)
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
    if method in METHODS
]
each_operation = over(OPERATIONS, lambda operation: operation.name)


def nodes(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document with its place, but nothing inside an example; a property may be called so."""
    if isinstance(node, dict):
        yield place, node
        for name, child in node.items():
            if name not in ("example", "examples") or place.endswith("/properties"):
                yield from nodes(child, f"{place}/{name}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from nodes(child, f"{place}/{number}")


def checker(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """A validator of a schema inside the document; formats are checked too."""
    return checker_of(json.dumps(schema))


@cache
def checker_of(schema: str) -> jsonschema_rs.Validator:
    """Made once: it reads every component, and a thousand answers are of a few hundred schemas."""
    whole = {**json.loads(schema), "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to, or the node itself."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def is_closed(operation: Operation) -> bool:
    return bool(operation.told.get("security"))


def test_it_is_a_valid_openapi_3_1_document() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    faults = jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)
    assert [(fault.instance_path, fault.message[:200]) for fault in faults] == []


def test_every_schema_in_it_is_a_valid_schema() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert checker({"$ref": f"#/components/schemas/{name}"})


def test_every_reference_leads_somewhere() -> None:
    for _, node in nodes(DOCUMENT):
        if isinstance(node.get("$ref"), str):
            assert resolved(node)


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    assert {name for name in DOCUMENT["components"]["schemas"] if f"#/components/schemas/{name}" not in used} == set()


def test_operations_are_named_once() -> None:
    names = [operation.told["operationId"] for operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


@each_operation
def test_an_operation_says_what_it_does(operation: Operation) -> None:
    assert operation.told["summary"]
    assert operation.told["description"]
    assert set(operation.told["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert len(operation.told["tags"]) == 1


@each_operation
def test_an_operation_names_scopes_that_are_declared(operation: Operation) -> None:
    declared = DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    named = [scope for need in operation.told.get("security", []) for scope in need["oauth2"]]
    assert [scope for scope in named if scope not in declared or not SCOPE.fullmatch(scope)] == []
    assert all(declared[scope] for scope in named)


@each_operation
def test_every_answer_has_a_description_and_an_example_that_fits(operation: Operation) -> None:
    for status, told in operation.told["responses"].items():
        answer = resolved(told)
        assert answer["description"], status
        for kind, media in answer.get("content", {}).items():
            examples = _examples(media) or _examples(resolved(media.get("schema", {})))
            assert examples, f"{status} {kind}"
            if "schema" in media and not _is_binary(media["schema"]):
                for example in examples:
                    assert faults_of(media["schema"], example) == [], f"{status} {kind}"


@each_operation
def test_it_answers_well_and_badly_in_the_right_media_type(operation: Operation) -> None:
    answers = operation.told["responses"]
    assert any(status.startswith(("2", "3")) for status in answers)
    path = operation.name.split(" ")[1]
    kind = FHIR_TYPE if path.startswith("/fhir/") else PROBLEM_TYPE
    kinds = (
        {kind, "application/json"} if path.startswith("/oauth2/") else {kind}
    )  # errors of OAuth have a shape of their own
    if "Sign-in of people" in operation.told["tags"]:
        kinds = kinds | {"text/html"}  # a person reads them
    for status, told in answers.items():
        if status[0] in "45":
            assert set(resolved(told).get("content", {})) & kinds, status
    if is_closed(operation):
        assert {"401", "403"} <= set(answers) | ({"403"} if operation.told["operationId"] == "me" else set())
        assert "WWW-Authenticate" in resolved(answers["401"]).get("headers", {})


@each_operation
def test_parameters_and_bodies_have_descriptions_and_examples_that_fit(operation: Operation) -> None:
    for parameter in map(resolved, operation.told.get("parameters", [])):
        assert parameter["schema"], parameter["name"]
        assert parameter.get("description") or resolved(parameter["schema"]).get("description"), parameter["name"]
        for example in _examples(parameter) + _examples(resolved(parameter["schema"])):
            assert faults_of(parameter["schema"], example) == [], parameter["name"]
    for kind, media in resolved(operation.told.get("requestBody", {})).get("content", {}).items():
        if "schema" in media and not _is_binary(media["schema"]):
            for example in _examples(media):
                assert faults_of(media["schema"], example) == [], kind


@over(sorted(DOCUMENT["components"]["schemas"]))
def test_the_example_of_a_component_fits_it(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    for example in _examples(schema):
        assert faults_of({"$ref": f"#/components/schemas/{name}"}, example) == []


def test_an_example_that_does_not_fit_would_be_noticed() -> None:
    assert faults_of({"$ref": "#/components/schemas/Problem"}, {"status": "no number"})


def _examples(node: dict[str, Any]) -> list[Any]:
    found = [node["example"]] if "example" in node else []
    more = node.get("examples", [])
    listed = [one["value"] for one in map(resolved, more.values())] if isinstance(more, dict) else list(more)
    return found + listed


def _is_binary(schema: dict[str, Any]) -> bool:
    return resolved(schema).get("format") == "binary"


def faults_of(schema: dict[str, Any], example: Any) -> list[str]:
    return [f"{fault.instance_path}: {fault.message[:200]}" for fault in checker(schema).iter_errors(example)]
