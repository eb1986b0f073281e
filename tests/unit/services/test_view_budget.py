"""What one request for the rows of a view may make, of all of its resources together."""

from collections.abc import Iterator
from typing import Any

import pytest

from careloom.errors import Unprocessable
from careloom.fhir.views import View, compile_view
from careloom.services.view_budget import Budget
from careloom.services.view_scan import piece_of

VIEW = compile_view(
    {
        "resource": "Patient",
        "select": [
            {"forEach": "identifier", "column": [{"name": "first", "path": "value"}]},
            {"forEach": "identifier", "column": [{"name": "second", "path": "value"}]},
        ],
    }
)
LISTS = compile_view(
    {"resource": "Patient", "select": [{"column": [{"name": "l", "path": "identifier.value", "collection": True}]}]}
)
TWO = {"resourceType": "Patient", "identifier": [{"value": "a"}, {"value": "b"}]}
LONG = {"resourceType": "Patient", "identifier": [{"value": "a" * 640}]}


def test_nothing_is_looked_at_once_the_wanted_rows_are_made() -> None:
    looked: list[int] = []

    def resources() -> Iterator[Any]:
        for number in range(10):
            looked.append(number)
            yield TWO

    piece = piece_of(VIEW, resources(), budget=Budget(1_000, rows=5))
    assert (piece.opened().height, looked) == (5, [0, 1])


@pytest.mark.parametrize(
    ("resources", "view", "cells"),
    [([TWO] * 3, VIEW, 3 * 4 * 2), ([LONG], VIEW, 2 * (1 + 10)), ([TWO], LISTS, 1 + 2), ([LONG], LISTS, 1 + 1 + 10)],
)
def test_cells_are_those_of_all_resources_and_long_ones_count_more(
    resources: list[Any], view: View, cells: int
) -> None:
    piece_of(view, resources, budget=Budget(cells))
    with pytest.raises(Unprocessable):
        piece_of(view, resources, budget=Budget(cells - 1))
