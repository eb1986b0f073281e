from collections import Counter
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_classes import classes_of, coded, small_cells
from careloom.errors import QueryError

ROWS = st.lists(
    st.tuples(st.integers(0, 2) | st.none(), st.sampled_from("ab") | st.none(), st.booleans()), min_size=1, max_size=40
)
KINDS = {"age": pl.Int64, "zip": pl.String, "alive": pl.Boolean}


def table(rows: list[tuple[int | None, str | None, bool]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KINDS, orient="row")


@given(ROWS)
def test_classes_are_those_of_counting(rows: list[tuple[int | None, str | None, bool]]) -> None:
    found = classes_of(table(rows), list(KINDS))
    counted = Counter(rows)
    assert found.k == min(counted.values())
    assert Counter(found.sizes.tolist()) == Counter(counted.values())
    assert [int(found.sizes[place]) for place in found.of_row] == [counted[row] for row in rows]
    assert dict(found.histogram()) == Counter(counted.values())


@given(ROWS, st.integers(1, 6))
def test_small_cells_are_those_of_counting_each_cross_table(
    rows: list[tuple[int | None, str | None, bool]], below: int
) -> None:
    found = small_cells(classes_of(table(rows), list(KINDS)), below)
    expected = []
    for width in (1, 2, 3):
        for places in combinations(range(3), width):
            cells = Counter(tuple(row[place] for place in places) for row in rows)
            small = [count for count in cells.values() if count < below]
            expected.append((tuple(list(KINDS)[place] for place in places), len(cells), len(small), sum(small)))
    assert [(each.columns, each.cells, each.small, each.patients) for each in found] == expected


def test_no_cell_of_any_cross_table_is_smaller_than_the_smallest_class() -> None:
    frame = table([(1, "a", True)] * 11 + [(1, "b", True)] * 12 + [(2, "a", False)] * 11)
    assert sum(each.small for each in small_cells(classes_of(frame, list(KINDS)))) == 0
    frame = table([(1, "a", True)] * 10)
    assert all(each.small == 1 and each.patients == 10 for each in small_cells(classes_of(frame, list(KINDS))))


def test_cross_tables_grow_narrower_when_there_would_be_too_many() -> None:
    wide = pl.DataFrame({f"q{at:02d}": [0] for at in range(20)})
    found = small_cells(classes_of(wide, wide.columns))
    assert {len(each.columns) for each in found} == {1, 2, 3}
    assert {len(each.columns) for each in small_cells(classes_of(wide, wide.columns), columns_at_most=1)} == {1}


def test_null_and_nan_are_values_of_their_own() -> None:
    found = coded(pl.Series([1.0, None, float("nan"), None, float("nan"), -0.0, 0.0]))
    assert found.codes.tolist() == [2, 0, 3, 0, 3, 1, 1]


def test_many_wide_columns_do_not_collide() -> None:
    frame = pl.DataFrame({f"q{at}": [row * 7 % 1009 + at for row in range(1009)] for at in range(9)})
    assert classes_of(pl.concat([frame, frame]), frame.columns).histogram() == ((2, 1009),)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["age", "shoe_size"], "shoe_size"),
        (["age", "age"], "twice"),
        ([], "none is named"),
        (["codes"], "codes"),
    ],
)
def test_a_column_that_cannot_be_used_is_named(names: list[str], said: str) -> None:
    frame = table([(1, "a", True)]).with_columns(codes=pl.Series([["x"]]))
    with pytest.raises(QueryError, match=said):
        classes_of(frame, names)


def test_an_empty_table_has_no_classes() -> None:
    found = classes_of(table([]), ["age", "zip"])
    assert (found.patients, found.k, found.histogram(), small_cells(found)[0].cells) == (0, None, (), 0)
