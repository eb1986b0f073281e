"""Two cohorts side by side: no difference of two bins tells of few patients, and nothing sums up to a hidden size."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.services.risk_compare_cells import Bins, having, parted

SMALLEST = 11
CELLS = st.lists(
    st.tuples(*[st.one_of(st.just(0), st.integers(0, 12), st.integers(0, 60)) for _ in range(3)]),
    min_size=2, max_size=6,
)  # fmt: skip
TOLD = st.tuples(st.booleans(), st.booleans())


def bins(cells: list[tuple[int, int, int]]) -> Bins:
    return Bins(*np.array(cells, dtype=np.int64).T)


def few(number: int) -> bool:
    return 0 < number < SMALLEST


def test_three_patients_more_in_one_cohort_are_not_told_by_a_difference() -> None:
    """100 patients and the same with three more, parted [60, 40, 0] and [61, 42, 0]: the sizes are hidden."""
    assert not parted(bins([(60, 0, 1), (40, 0, 2), (0, 0, 0)]), (False, False), SMALLEST)[:2].any()


def test_what_is_not_small_in_either_cohort_or_alone_is_shown() -> None:
    assert parted(bins([(60, 0, 20), (40, 11, 0), (0, 0, 0)]), (True, True), SMALLEST).all()
    shown = parted(bins([(60, 0, 20), (40, 11, 0), (30, 30, 30), (20, 0, 5)]), (True, True), SMALLEST)
    assert shown.sum() == 2
    assert not shown[3]


@settings(max_examples=200, deadline=None)
@given(CELLS, TOLD)
def test_no_bin_shown_differs_by_few_and_what_is_hidden_is_neither_alone_nor_few(
    cells: list[tuple[int, int, int]], told: tuple[bool, bool]
) -> None:
    found = bins(cells)
    shown = parted(found, told, SMALLEST)
    for (both, one, other), seen in zip(cells, shown, strict=True):
        if seen:
            assert not any(map(few, (both, one, other, both + one, both + other)))
    assert (~shown).sum() != 1
    if not shown.any():
        return
    for counts, is_told in zip((found.one, found.other), told, strict=True):
        if is_told:
            assert not few(int(counts[~shown].sum()))
        else:
            assert (counts[~shown] > 0).sum() >= 2
    if all(told):
        assert not few(abs(int(found.one[~shown].sum()) - int(found.other[~shown].sum()))) or (
            found.only_one[~shown].any() and found.only_other[~shown].any()
        )


@settings(max_examples=200, deadline=None)
@given(CELLS, st.tuples(*[st.integers(0, 80)] * 3), TOLD)
def test_a_condition_is_told_of_neither_where_few_have_it_or_lack_it(
    cells: list[tuple[int, int, int]], spare: tuple[int, int, int], told: tuple[bool, bool]
) -> None:
    sizes = tuple(max(line[at] for line in cells) + spare[at] for at in range(3))
    shown = having(bins(cells), (sizes[0], sizes[1], sizes[2]), told, SMALLEST)
    for (both, one, other), seen in zip(cells, shown, strict=True):
        if not seen:
            continue
        assert not any(map(few, (both, one, other, both + one, both + other)))
        lacking = (sizes[0] + sizes[1] - both - one, sizes[0] + sizes[2] - both - other)
        assert not any(few(number) for number, is_told in zip(lacking, told, strict=True) if is_told)
        assert not all(told) or not few(abs(lacking[0] - lacking[1]))
