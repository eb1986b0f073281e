"""Distances of histograms against worked cases and scipy, and adjusted p values against worked cases."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.metrics import chi_square_above
from careloom.mlops.drift_measures import apart, benjamini_hochberg, holm, same, smirnov
from careloom.mlops.drift_scores import recalibrated
from tests.later import Later

stats, spatial = Later("scipy.stats"), Later("scipy.spatial.distance")
COUNTS = st.lists(st.integers(20, 5000), min_size=2, max_size=12)


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 9, 40, 101])
@pytest.mark.parametrize("value", [0.0, 0.3, 4.0, 25.0, 180.0])
def test_the_tail_of_a_chi_square_is_that_of_scipy(value: float, freedom: int) -> None:
    assert chi_square_above(value, freedom) == pytest.approx(stats.chi2.sf(value, freedom), rel=1e-9, abs=1e-14)


def test_psi_of_a_worked_case() -> None:
    """Half and half turns into three quarters and a quarter: (1/4) ln 3 + ... by hand, less chance."""
    told = apart([100_000, 100_000], [150_000, 50_000], ordered=True)
    assert told.psi == pytest.approx(0.25 * log(0.75 / 0.5) - 0.25 * log(0.25 / 0.5), abs=1e-4)
    assert told.ks == pytest.approx(0.25)
    assert told.psi < told.most < told.psi + 0.01


def test_the_psi_of_a_shifted_normal_is_the_square_of_its_d() -> None:
    edges = stats.norm.ppf(np.linspace(0.002, 0.998, 400))
    before = np.diff(np.concatenate(([0.0], stats.norm.cdf(edges), [1.0]))) * 1e9
    after = np.diff(np.concatenate(([0.0], stats.norm.cdf(edges - 0.5), [1.0]))) * 1e9
    assert apart(before, after, ordered=True).psi == pytest.approx(0.25, rel=0.02)


@given(COUNTS, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_distances_agree_with_scipy(counts: list[int], seed: int) -> None:
    other = np.random.default_rng(seed).integers(20, 5000, len(counts))
    told = apart(counts, other, ordered=True)
    was, now = np.array(counts) / sum(counts), other / other.sum()
    assert told.js == pytest.approx(spatial.jensenshannon(was, now, base=2) ** 2, abs=1e-12)
    assert told.ks == pytest.approx(np.abs(np.cumsum(was - now)).max())
    assert told.p == pytest.approx(
        stats.chi2_contingency([counts, other], correction=False).pvalue, rel=1e-6, abs=1e-12
    )


@given(COUNTS)
@settings(max_examples=40, deadline=None)
def test_a_window_with_the_shares_of_its_reference_lies_nowhere(counts: list[int]) -> None:
    told = apart(counts, [3 * one for one in counts], ordered=False)
    assert told.psi == 0
    assert told.js < 1e-12
    assert told.p == pytest.approx(1)


@pytest.mark.parametrize(
    ("before", "now"), [([0, 0], [5, 5]), ([5, 5], [0, 0]), ([9], [9]), ([7, 0], [9, 0])],
    ids=["no reference", "no window", "one bin", "one bin seen"],
)  # fmt: skip
def test_where_there_is_nothing_to_compare_nothing_is_found(before: list[int], now: list[int]) -> None:
    told = apart(before, now, ordered=False)
    assert (told.psi, told.js, told.p) == (0, 0, 1)


def test_thin_bins_are_tested_together() -> None:
    before = np.array([1000.0, 3, 2, 1])
    assert same(before, np.array([100.0, 1, 0, 0])) == 1.0
    assert same(before, np.array([60.0, 20, 10, 11])) < 1e-10
    assert same(before, np.array([60.0, 20, 10, 11])) == pytest.approx(
        4 * stats.fisher_exact([[1000, 6], [60, 41]], alternative="greater").pvalue
    )


def test_the_same_counts_on_either_side_are_as_likely() -> None:
    one, other = np.array([500.0, 40, 3, 0]), np.array([90.0, 8, 0, 2])
    assert same(one, other) == pytest.approx(same(other, one))


@pytest.mark.parametrize("shares", [[0.5, 0.3, 0.2], [0.9, 0.09, 0.005, 0.005], [0.999, 0.001]], ids=str)
def test_where_nothing_changed_a_small_chance_is_rare(shares: list[float]) -> None:
    draw = np.random.default_rng(4)
    chances = [
        same(draw.multinomial(20_000, shares).astype(float), draw.multinomial(500, shares).astype(float))
        for _ in range(4000)
    ]
    assert np.mean(np.array(chances) < 0.01) < 0.015
    assert np.mean(np.array(chances) < 0.001) < 0.0025


@pytest.mark.parametrize("distance", [0.01, 0.05, 0.1, 0.3])
def test_the_chance_of_a_largest_difference_is_that_of_scipy(distance: float) -> None:
    expected = stats.kstwobign.sf(distance * (400 * 900 / 1300) ** 0.5)
    assert smirnov(distance, 400, 900) == pytest.approx(expected, abs=1e-9)


def test_adjusted_chances_of_worked_cases() -> None:
    told = [0.01, 0.04, 0.03, 0.005]
    assert holm(told) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(told) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert holm([]) == benjamini_hochberg([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_adjusting_makes_no_chance_smaller_and_keeps_their_order(chances: list[float]) -> None:
    strict, mild = holm(chances), benjamini_hochberg(chances)
    assert mild == pytest.approx(stats.false_discovery_control(chances).tolist())
    for one, low, high in zip(chances, mild, strict, strict=True):
        assert one - 1e-12 <= low <= high + 1e-12
    order = np.argsort(chances, kind="stable")
    assert (np.diff(np.array(strict)[order]) >= -1e-12).all()


def test_rows_of_one_person_are_no_more_evidence_than_the_person() -> None:
    draw = np.random.default_rng(5)
    scores = 1 / (1 + np.exp(2 - draw.normal(size=1500)))
    happened = draw.random(1500) < scores
    people = np.arange(1500).astype(str)
    alone, thrice = recalibrated(scores, happened), [np.repeat(one, 3) for one in (scores, happened, people)]
    naive, told = recalibrated(*thrice[:2]), recalibrated(*thrice)
    assert alone is not None
    assert naive is not None
    assert told is not None
    assert (told.shift, told.slope) == (naive.shift, naive.slope)
    assert naive.slope_error < 0.6 * alone.slope_error
    assert told.shift_error == pytest.approx(alone.shift_error, rel=0.1)
    assert told.slope_error == pytest.approx(alone.slope_error, rel=0.1)


def test_errors_of_people_with_one_row_each_are_never_below_those_without() -> None:
    draw = np.random.default_rng(6)
    scores = 1 / (1 + np.exp(2 - draw.normal(size=800)))
    happened = draw.random(800) < scores
    alone, told = recalibrated(scores, happened), recalibrated(scores, happened, np.arange(800))
    assert alone is not None
    assert told is not None
    assert alone.slope_error <= told.slope_error <= 1.2 * alone.slope_error
