"""What reads a whole zone, or sets work going that does, costs a client more than one unit.

Which routes those are is found in the code: from the function of a route along the names that it calls.
"""

import ast
import tempfile
from collections.abc import Iterator
from functools import cache
from inspect import unwrap
from pathlib import Path

import pytest

from careloom.api.rates import costs
from tests.api.kit import Installation
from tests.architecture.routes import ROUTES
from tests.architecture.source import PACKAGE, imports, modules

SCANS = {
    "careloom.services.view_scan.pieces", "careloom.services.view_scan.bounded", "careloom.services.view_scan.piece_of",
    "careloom.store.snapshot.snapshot",
}  # fmt: skip
"""What goes through all resources of a type, or of a file of them."""

KNOWN = {
    "POST /api/v1/forecasts/session", "POST /api/v1/forecasts/zone", "POST /api/v1/risk/cohorts/count",
    "POST /api/v1/risk/training-sets/{zone}", "POST /fhir/{zone}/ViewDefinition/$run",
    "GET /fhir/{zone}/$viewdefinition-export/{export_id}/{view}/{file}",
}  # fmt: skip
"""Some that are found so: were the search blind, nothing else here would tell."""


def _module(path: Path) -> str:
    return "careloom." + path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")


@cache
def calls() -> dict[str, set[str]]:
    """Function or class -> the functions and classes of the package that it names."""
    found: dict[str, set[str]] = {}
    for path in modules():
        module, tree = _module(path), ast.parse(path.read_text("utf-8"))
        brought: dict[str, str] = {}
        for one in imports(tree):
            brought |= {name: f"{one.module}.{name}" for name in one.names if one.module.startswith("careloom")}
        defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        brought |= {node.name: f"{module}.{node.name}" for node in defined}
        for node in defined:
            found[f"{module}.{node.name}"] = set(_named(node, brought))
    return found


def _named(node: ast.AST, brought: dict[str, str]) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in brought:
            yield brought[inner.id]
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in brought:
            yield f"{brought[inner.value.id]}.{inner.attr}"


def reached(start: str) -> set[str]:
    """All that a function leads to."""
    seen, waiting = {start}, [start]
    while waiting:
        new = calls().get(waiting.pop(), set()) - seen
        seen |= new
        waiting += new
    return seen


@pytest.fixture(scope="module")
def made() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder)) as installation:
        yield installation


def test_what_reads_a_whole_zone_costs_more_than_one(made: Installation) -> None:
    views = {name: unwrap(view) for name, view in made.app.view_functions.items()}
    functions = {route.name: f"{views[route.endpoint].__module__}.{views[route.endpoint].__name__}" for route in ROUTES}
    scanning = {name for name, function in functions.items() if reached(function) & SCANS}
    assert scanning >= KNOWN
    assert scanning - set(costs()) == set(), "say in src/careloom/api/rates.toml what it costs"


def test_what_sets_work_going_costs_more_than_one(made: Installation) -> None:
    paths = made.client.get("/openapi/openapi.json").get_json()["paths"]
    described = {route.name: paths.get(route.path, {}).get(route.method.lower(), {}) for route in ROUTES}
    starting = {
        name for name, told in described.items() if name.startswith("POST ") and "202" in told.get("responses", {})
    }
    assert "POST /api/v1/quality/looks" in starting
    assert starting - set(costs()) == set(), "say in src/careloom/api/rates.toml what it costs"
