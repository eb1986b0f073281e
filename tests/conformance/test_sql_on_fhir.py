"""The suite of SQL-on-FHIR v2: every view gives the rows that it says, in order of columns, or is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from careloom.fhir.views import View, compile_view
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_expressions import expressions
from careloom.fhir.views_interpret import interpreted
from careloom.services.view import definition_of, ready_views
from tests.view_kit import by_columns, by_function, same

FOLDER = "sql_on_fhir_v2"


def cases(suites: Path) -> list[tuple[str, list[Any], Any]]:
    files = [path for path in sorted((suites / FOLDER).glob("*.json")) if path.name != "tests.schema.json"]
    suite = [(path.stem, json.loads(path.read_bytes())) for path in files]
    return [(f"{name}: {test['title']}", held["resources"], test) for name, held in suite for test in held["tests"]]


def told(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def rows(view: View, resources: list[Any]) -> list[dict[str, Any]]:
    names = [column.name for column in view.columns]
    return [dict(zip(names, row, strict=True)) for resource in resources for row in view.rows(resource)]


def test_every_view_gives_what_the_suite_says(suites: Path) -> None:
    every = cases(suites)
    assert len(every) == 74
    for name, resources, test in every:
        if test.get("expectError"):
            with pytest.raises(ViewError):
                rows(compile_view(test["view"]), resources)
            continue
        view = compile_view(test["view"])
        found = rows(view, resources)
        assert told(found) == told(test["expect"]), name
        assert len(found) == test.get("expectCount", len(found)), name
        assert [column.name for column in view.columns] == test.get("expectColumns", list(view.schema())), name
        assert view.table(resources).height == len(found), name


def test_the_written_function_finds_what_the_interpreter_finds(suites: Path) -> None:
    fast = 0
    for name, resources, test in cases(suites):
        if test.get("expectError"):
            continue
        view = compile_view(test["view"])
        fast += view.fast is not None
        for resource in resources:
            if view.fast is not None and resource["resourceType"] == view.resource:
                assert view.fast(resource) == interpreted(view.definition, resource), name
    assert fast > 50


def test_expressions_over_columns_find_what_the_function_finds(suites: Path, tmp_path: Path) -> None:
    asked = answered = 0
    for name, resources, test in cases(suites):
        view = None if test.get("expectError") else compile_view(test["view"])
        if view is None or expressions(view.definition) is None:
            continue
        (file := tmp_path / "in.ndjson").write_text("\n".join(json.dumps(one) for one in resources))
        told, count = by_columns(view, file)
        assert same(told, by_function(view, file)), name
        asked, answered = asked + 1, answered + (count == told.resources)
    assert asked == 24
    assert answered >= 20


def test_views_that_ship_make_rows_of_every_example_of_the_specification(suites: Path) -> None:
    views = [compile_view(definition_of(name)) for name in ready_views()]
    rows_of = dict.fromkeys((view.definition.name for view in views), 0)
    for path in sorted((suites / "fhir_r4_examples").glob("*.json")):
        resource = json.loads(path.read_bytes())
        for view in views:
            if view.resource == resource.get("resourceType"):
                found = view.rows(resource)
                assert found == interpreted(view.definition, resource), (view.definition.name, path.name)
                rows_of[view.definition.name] += len(found)
    assert min(rows_of.values()) > 0, rows_of
