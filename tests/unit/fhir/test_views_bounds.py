"""What one resource may make under a view: counted before it is made, by the written function and the interpreter."""

import tracemalloc
from typing import Any

import pytest

from careloom.fhir.views import compile_view
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_interpret import interpreted
from careloom.fhir.views_write import UNEXPECTED


def column(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "path": path}


def many(count: int = 40) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": str(number)} for number in range(count)]}


WIDE = [column(f"wide{at}", "family") for at in range(300)]
MULTIPLIED = {
    "three wide lists side by side": [
        {"forEach": "name", "column": [one | {"name": f"{one['name']}_{at}"} for one in WIDE]} for at in range(3)
    ],
    "unions of lists side by side": [
        {
            "unionAll": [
                {
                    "select": [
                        {"forEach": "name", "column": [column("a", "family")]},
                        {"forEach": "name", "column": [column("b", "family")]},
                        {"forEach": "name", "column": [column("c", "family")]},
                    ]
                }
            ]
            * 40
        }
    ],
}


@pytest.mark.parametrize("select", MULTIPLIED.values(), ids=MULTIPLIED)
@pytest.mark.parametrize("is_written", [True, False])
def test_cells_are_counted_before_lists_are_crossed(select: list[Any], is_written: bool) -> None:
    compiled = compile_view({"resource": "Patient", "select": select})
    assert compiled.fast is not None
    tracemalloc.start()
    try:
        with pytest.raises((ViewError, *UNEXPECTED)):
            compiled.fast(many()) if is_written else interpreted(compiled.definition, many())
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_lists_beside_an_empty_one_are_not_gone_through() -> None:
    lists = [{"forEach": "name", "column": [column(f"c{at}", "family")]} for at in range(6)]
    empty = {"forEach": "contact", "column": [column("c", "id")]}
    compiled = compile_view({"resource": "Patient", "select": [*lists, empty]})
    assert compiled.fast is not None
    assert compiled.fast(many(400)) == []


def test_nodes_that_double_at_each_level_are_refused() -> None:
    item: dict[str, Any] = {"linkId": "end"}
    for _ in range(24):
        item = {"linkId": "1", "item": [item]}
    endless = {"resource": "Questionnaire", "select": [{"repeat": ["item", "item"], "column": [column("i", "linkId")]}]}
    compiled = compile_view(endless)
    assert compiled.fast is not None
    with pytest.raises(UNEXPECTED):
        compiled.fast({"resourceType": "Questionnaire", "item": [item]})
