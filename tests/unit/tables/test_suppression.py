"""Small cells: which are left out, and that nobody works them out from what is shown."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from careloom.tables.suppression import may_be_shown

SMALLEST = 11
LINES = [
    ("nothing is small", [40, 50, 0, 90], [1, 1, 1, 1]),
    ("one small cell takes the smallest other with it", [5, 40, 50, 95], [0, 0, 1, 1]),
    ("two small cells that are few together take a third", [3, 4, 40, 50, 97], [0, 0, 0, 1, 1]),
    ("two small cells that are many together stand", [9, 8, 40, 50, 107], [0, 0, 1, 1, 1]),
    ("two small cells may be of the same patients", [9, 8, 40, 50, 99], [0, 0, 0, 1, 1]),
    ("of the same six nothing follows from a total", [200, 6, 6, 206], [0, 0, 0, 1]),
    ("a small and a large cell are many together for sure", [9, 12, 40, 50, 107], [0, 0, 1, 1, 1]),
    ("where all are few, nothing is told", [3, 2, 5], [0, 0, 0]),
    ("an empty cell tells of nobody", [0, 30, 30], [1, 1, 1]),
]


@pytest.mark.parametrize(("counts", "shown"), [line[1:] for line in LINES], ids=[line[0] for line in LINES])
def test_a_line_leaves_out_what_is_small_and_what_would_tell_of_it(counts: list[int], shown: list[int]) -> None:
    assert may_be_shown([counts], SMALLEST).tolist() == [[bool(one) for one in shown]]


def table(inner: np.ndarray) -> np.ndarray:
    rows = np.column_stack((inner, inner.sum(axis=1)))
    return np.vstack((rows, rows.sum(axis=0)))


def test_a_table_leaves_out_a_square_where_one_cell_is_small() -> None:
    shown = may_be_shown(table(np.array([[5, 40, 60], [30, 50, 70], [90, 80, 20]])), SMALLEST)
    assert not shown[0, 0]
    assert (~shown).sum() >= 4
    for line in (*shown, *shown.T):
        assert (~line).sum() != 1


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        may_be_shown([1, 2], SMALLEST)


@settings(max_examples=80, deadline=None)
@given(arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.integers(0, 40)))
def test_no_small_cell_is_shown_and_no_line_gives_one_away(inner: np.ndarray) -> None:
    counts = table(inner)
    shown = may_be_shown(counts, SMALLEST)
    assert not shown[(counts > 0) & (counts < SMALLEST)].any()
    for held, seen in [*zip(counts, shown, strict=True), *zip(counts.T, shown.T, strict=True)]:
        left = held[~seen]
        assert left.size != 1
        assert left.size == 0 or not seen[-1] or left.sum() >= SMALLEST


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sets(st.integers(0, 60), max_size=40), min_size=2, max_size=6))
def test_what_is_left_out_beside_a_total_is_of_many_though_cells_overlap(
    cells: list[set[int]],
) -> None:
    shown = may_be_shown([[*map(len, cells), len(set().union(*cells))]], SMALLEST)[0]
    left = [one for one, seen in zip(cells, shown[:-1], strict=True) if not seen]
    assert not shown[-1] or not left or len(set().union(*left)) >= SMALLEST


def test_more_than_one_table_fits_what_is_shown_of_one_with_a_small_cell() -> None:
    """By all tables of two rows and columns: what the small cell holds is not told by the rest."""
    counts = table(np.array([[4, 30], [25, 16]]))
    shown = may_be_shown(counts, SMALLEST)
    inner = np.array(list(product(range(11), range(24, 36), range(19, 31), range(10, 22)))).reshape(-1, 2, 2)
    rows, down, whole = inner.sum(axis=2), inner.sum(axis=1), inner.sum(axis=(1, 2))
    every = np.concatenate((np.dstack((inner, rows)), np.dstack((down[:, None], whole[:, None, None]))), axis=1)
    fits = (every[:, shown] == counts[shown]).all(axis=1)
    assert len(set(inner[fits][:, 0, 0].tolist())) > 1
