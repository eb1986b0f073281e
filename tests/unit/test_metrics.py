from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.metrics import beta_below, exact_interval, overlap_at_least, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Brown, Cai, DasGupta 2001 formula (4), worked by hand to four places
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 29, 0.0061, 0.1718),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_bounds_match_published_values(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson_interval(successes, trials)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_no_trials_say_nothing() -> None:
    found = wilson_interval(0, 0)
    assert (found.low, found.high, found.share) == (0.0, 1.0, None)


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_counts_that_cannot_be_are_refused(successes: int, trials: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="must"):
        wilson_interval(successes, trials, confidence)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_the_interval_holds_the_share_and_mirrors(counts: tuple[int, int], confidence: float) -> None:
    successes, trials = counts
    found, mirror = (
        wilson_interval(successes, trials, confidence),
        wilson_interval(trials - successes, trials, confidence),
    )
    assert found.share is not None
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.low == pytest.approx(1 - mirror.high, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.308497),
        (1, 10, 0.002529, 0.445016),
        (5, 10, 0.187086, 0.812914),
        (10, 10, 0.691503, 1.0),
        (3, 1000, 0.000619, 0.008742),
    ],
)
def test_exact_interval_is_clopper_and_pearsons(successes: int, trials: int, low: float, high: float) -> None:
    found = exact_interval(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("count", "trials", "chance"), [(0, 5, 0.3), (2, 9, 0.1), (7, 9, 0.9), (40, 90, 0.5)])
def test_beta_below_is_the_sum_of_the_binomial(count: int, trials: int, chance: float) -> None:
    exact = sum(comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(max(count, 1), trials + 1))
    assert beta_below(chance, max(count, 1), trials - max(count, 1) + 1) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("drawn", "marked", "every"), [(5, 7, 20), (9, 4, 12), (30, 3, 31), (0, 5, 9), (40, 60, 100)])
def test_the_tail_of_an_overlap_is_the_sum_of_its_chances(drawn: int, marked: int, every: int) -> None:
    chances = [comb(marked, k) * comb(every - marked, drawn - k) / comb(every, drawn) for k in range(drawn + 1)]
    for count in range(drawn + 2):
        exact = sum(chances[count:])
        assert overlap_at_least(count, drawn, marked, every) == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_an_overlap_of_more_than_there_is_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="counts"):
        overlap_at_least(1, 5, 10, 8)
