from collections import Counter
from math import exp, inf, log

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.deid.risk_classes import classes_of, coded
from careloom.deid.risk_diversity import (
    Counts,
    counts_of,
    distinct,
    entropy,
    equal_distance,
    ordered_distance,
    recursive,
)
from tests.later import Later

optimize = Later("scipy.optimize")
PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5) | st.none()), min_size=1, max_size=30)


def counted(pairs: list[tuple[int, int | None]]) -> Counts:
    frame = pl.DataFrame(pairs, schema={"group": pl.Int64, "hidden": pl.Int64}, orient="row")
    return counts_of(classes_of(frame, ["group"]), coded(frame["hidden"]))


def by_class(pairs: list[tuple[int, int | None]]) -> list[Counter[int | None]]:
    groups = sorted({group for group, _ in pairs})
    return [Counter(value for each, value in pairs if each == group) for group in groups]


@settings(max_examples=50)
@given(PAIRS)
def test_distinct_and_entropy_are_those_of_counting(pairs: list[tuple[int, int | None]]) -> None:
    groups = by_class(pairs)
    assert distinct(counted(pairs)).tolist() == [len(group) for group in groups]
    slow = [exp(-sum(n / group.total() * log(n / group.total()) for n in group.values())) for group in groups]
    assert entropy(counted(pairs)) == pytest.approx(slow)


@settings(max_examples=50)
@given(PAIRS, st.integers(2, 4))
def test_recursive_diversity_is_that_of_sorting(pairs: list[tuple[int, int | None]], least: int) -> None:
    slow = []
    for group in by_class(pairs):
        falling = sorted(group.values(), reverse=True)
        rest = sum(falling[least - 1 :])
        slow.append(falling[0] / rest if rest else inf)
    assert recursive(counted(pairs), least).tolist() == pytest.approx(slow)


def moved(share: list[float], whole: list[float], cost: np.ndarray) -> float:
    """Earth mover's distance as the linear programme that defines it."""
    width = len(share)
    leaving = np.kron(np.eye(width), np.ones(width))
    arriving = np.kron(np.ones(width), np.eye(width))
    found = optimize.linprog(cost.ravel(), A_eq=np.vstack([leaving, arriving]), b_eq=[*share, *whole])
    return float(found.fun)


@settings(max_examples=50)
@given(PAIRS)
def test_both_distances_are_the_least_work_of_moving_earth(pairs: list[tuple[int, int | None]]) -> None:
    values = sorted({value for _, value in pairs}, key=lambda value: (value is not None, value))
    whole = Counter(value for _, value in pairs)
    ranks = np.arange(len(values))
    row = np.abs(ranks[:, None] - ranks[None, :]) / max(1, len(values) - 1)
    apart = (row > 0).astype(float)
    share = [[group[value] / group.total() for value in values] for group in by_class(pairs)]
    table = [whole[value] / len(pairs) for value in values]
    assert ordered_distance(counted(pairs)) == pytest.approx([moved(each, table, row) for each in share], abs=1e-7)
    assert equal_distance(counted(pairs)) == pytest.approx([moved(each, table, apart) for each in share], abs=1e-7)


def test_the_distances_of_the_paper_on_salaries_come_out() -> None:
    # Li, Li, Venkatasubramanian 2007: Q = {3k .. 11k}, P1 = {3k, 4k, 5k}: 0.375; P2 = {6k, 8k, 11k}: 0.167.
    salaries = [(0, 3), (0, 4), (0, 5), (1, 6), (1, 8), (1, 11), (2, 7), (2, 9), (2, 10)]
    found = ordered_distance(counted(salaries))
    assert found[:2] == pytest.approx([0.375, 1 / 6], abs=5e-4)


def test_a_class_that_is_the_table_is_at_no_distance() -> None:
    counts = counted([(0, 1), (0, 2), (0, None)])
    assert [*ordered_distance(counts), *equal_distance(counts)] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert ordered_distance(counted([(0, 1), (1, 1)])).tolist() == [0.0, 0.0]
