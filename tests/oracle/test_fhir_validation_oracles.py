"""What two foreign validators refuse on structural grounds, ours refuses."""

import gzip
import importlib
import warnings
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from careloom.fhir.validate import check
from careloom.fhir.validate_explain import explain
from careloom.fhir.validate_shapes import Shapes
from tests.fhir_mutants import SMALL, mutants

FEW = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def schema_says(suites):
    """A resource to True where the R4 JSON schema accepts it."""
    schema = orjson.loads(gzip.decompress((suites / "fhir_definitions/fhir.schema.r4.json.gz").read_bytes()))
    made: dict[str, Any] = {}

    def accepts(resource: dict[str, Any]) -> bool:
        name = resource["resourceType"]
        if name not in made:
            made[name] = jsonschema_rs.validator_for(
                {
                    **{k: v for k, v in schema.items() if k not in ("oneOf", "discriminator")},
                    "$ref": f"#/definitions/{name}",
                }
            )
        return made[name].is_valid(resource)

    return accepts


def model_accepts(resource: dict[str, Any]) -> bool:
    """True where `fhir.resources` (R4B) can build its model."""
    name = resource["resourceType"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(importlib.import_module(f"fhir.resources.R4B.{name.lower()}"), name)
        try:
            model.model_validate(resource)
        except (ValueError, TypeError, KeyError, AttributeError):  # it crashes on some: a refusal too
            return False
    return True


@FEW
@given(mutant=mutants(SMALL))
def test_what_schema_and_models_both_refuse_is_refused(schema_says, mutant):
    if mutant.get("resourceType") not in [r["resourceType"] for r in SMALL]:
        return
    if schema_says(mutant) or model_accepts(mutant):
        return

    assert check(mutant)


@pytest.fixture(scope="module")
def examples(suites) -> list[dict[str, Any]]:
    found = [orjson.loads(p.read_bytes()) for p in sorted((suites / "fhir_r4_examples").glob("*.json"))[::6]]
    return [r for r in found if not check(r) and r["resourceType"] != "Bundle" and len(orjson.dumps(r)) < 8_000]


@pytest.mark.parametrize("every", [27, pytest.param(9, marks=pytest.mark.long)])
def test_what_both_accept_of_the_examples_is_accepted(suites, schema_says, every):
    paths = sorted((suites / "fhir_r4_examples").glob("*.json"))[::every]
    for resource in (orjson.loads(path.read_bytes()) for path in paths):
        try:
            fine = schema_says(resource) and model_accepts(resource)
        except ImportError:
            continue  # R4 only types, which R4B dropped
        if fine:
            assert [issue.code for issue in check(resource)] == [], resource["resourceType"]


@pytest.mark.parametrize("count", [400, pytest.param(1500, marks=pytest.mark.long)])
def test_the_law_of_the_generated_code_holds_on_mutants_of_examples(examples, count):
    @settings(max_examples=count)
    @given(mutants(tuple(examples)))
    def law(mutant):
        try:
            accepted = max(shapes.resource(mutant, [].append) for _ in range(3))
        except (TypeError, AttributeError, KeyError, ValueError, IndexError):
            accepted = 0
        assert not (accepted and explain(mutant, []).issues)

    shapes = Shapes()
    law()
