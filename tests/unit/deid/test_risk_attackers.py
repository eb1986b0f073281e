from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_attackers import BY_ESTIMATE, BY_TABLE, journalist, marketer, prosecutor, superset_of
from careloom.deid.risk_classes import classes_of
from careloom.deid.risk_population import inverse_size, unique_people
from careloom.errors import QueryError
from tests.later import Later

integrate, optimize, special, stats = (Later(f"scipy.{name}") for name in ("integrate", "optimize", "special", "stats"))
LETTERS = st.lists(st.sampled_from("abcde") | st.none(), min_size=1, max_size=30)


def table(values: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({"zip": values}, schema={"zip": pl.String})


@given(LETTERS, LETTERS, st.sampled_from([0.09, 0.25, 0.5, 1.0]))
def test_the_three_attackers_are_those_of_counting(
    sample: list[str | None], others: list[str | None], threshold: float
) -> None:
    people = Counter(sample + others)
    classes = classes_of(table(sample), ["zip"])
    superset = superset_of(classes, table(sample), table(sample + others))
    f, n = Counter(sample), len(sample)
    found = prosecutor(classes, threshold)
    assert found.maximum == pytest.approx(1 / min(f.values()))
    assert found.average == pytest.approx(len(f) / n)
    assert found.above_threshold == pytest.approx(sum(1 for value in sample if 1 / f[value] > threshold) / n)
    right = sum(1 / people[value] for value in sample) / n
    found = journalist(classes, superset, threshold)
    assert found.maximum == pytest.approx(max(1 / people[value] for value in f))
    assert found.average == pytest.approx(max(right, len(f) / sum(people[value] for value in f)))
    assert found.above_threshold == pytest.approx(sum(1 for value in sample if 1 / people[value] > threshold) / n)
    found = marketer(classes, superset, threshold)
    assert (found.average, found.maximum, found.population) == (pytest.approx(right), None, BY_TABLE)


def test_who_is_missing_from_the_population_table_is_counted_and_never_lowers_the_risk() -> None:
    frame = table(["a", "a", "b", "c"])
    found = superset_of(classes_of(frame, ["zip"]), frame, table(["a", "a", "a", "a", "b"]))
    assert (sorted(found.inverse.tolist()), found.outside) == ([0.25, 1.0, 1.0], 1)


@pytest.mark.parametrize(
    ("population", "said"),
    [
        (3, "smaller"),
        (pl.DataFrame({"town": ["a"]}), "no column 'zip'"),
        (pl.DataFrame({"zip": [1]}), "is Int64"),
    ],
)
def test_a_population_that_does_not_fit_is_refused(population: pl.DataFrame | int, said: str) -> None:
    frame = table(["a", "a", "b", "c"])
    with pytest.raises(QueryError, match=said):
        superset_of(classes_of(frame, ["zip"]), frame, population)


@pytest.mark.parametrize("share", [0.005, 0.02, 0.3, 0.5, 0.7, 0.98])
def test_the_expected_inverse_is_the_integral_and_the_sum_over_the_negative_binomial(share: float) -> None:
    sizes = np.array([1, 2, 3, 11, 200])
    found = inverse_size(sizes, share)
    slow = [
        share
        * integrate.quad(lambda u, f=f: u ** (f - 1) / (share + (1 - share) * u), 0, 1, limit=500, epsabs=1e-13)[0]
        for f in sizes
    ]
    assert found == pytest.approx(slow, rel=1e-7)
    more = np.arange(400_000)
    summed = [float((stats.nbinom.pmf(more, f, share) / (f + more)).sum()) for f in sizes]
    assert found == pytest.approx(summed, rel=1e-4)


def test_the_whole_population_in_the_table_leaves_nothing_to_estimate() -> None:
    frame = table(["a", "a", "b"])
    classes = classes_of(frame, ["zip"])
    whole = superset_of(classes, frame, 3)
    assert (whole.inverse.tolist(), whole.by) == ((1 / classes.sizes).tolist(), BY_ESTIMATE)


def drawn(people: int, theta: float, alpha: float, seed: int) -> np.ndarray:
    """The class of each of so many people, by Pitman's two-parameter scheme."""
    generator = np.random.default_rng(seed)
    seats: list[int] = []
    sizes: list[int] = []
    for at in range(people):
        if generator.random() * (theta + at) < theta + alpha * len(sizes):
            sizes.append(0)
            chosen = len(sizes) - 1
        else:
            chosen = seats[generator.integers(at)]
            while generator.random() < alpha / sizes[chosen]:
                chosen = seats[generator.integers(at)]
        sizes[chosen] += 1
        seats.append(chosen)
    return np.array(seats)


def histogram(people: np.ndarray) -> tuple[tuple[int, int], ...]:
    sizes = Counter(Counter(people.tolist()).values())
    return tuple(sorted(sizes.items()))


POPULATION = drawn(20_000, 40.0, 0.6, 7)


@pytest.mark.parametrize(("sample", "method"), [(1_500, "Pitman"), (8_000, "Zayatz")])
def test_the_uniques_of_a_known_population_are_found_from_a_sample(sample: int, method: str) -> None:
    true = int((np.bincount(POPULATION) == 1).sum())
    some = np.random.default_rng(8).permutation(POPULATION)[:sample]
    found = unique_people(histogram(some), POPULATION.size)
    assert found.method == method
    assert found.people == pytest.approx(true, rel=0.25)


def test_zayatz_is_that_of_the_hypergeometric_distribution() -> None:
    sizes = ((1, 30), (2, 11), (3, 4), (9, 2))
    n, everyone = 82, 900
    weight = {size: classes * stats.hypergeom.pmf(1, everyone, size, n) for size, classes in sizes}
    slow = 30 * weight[1] / sum(weight.values()) * everyone / n
    assert unique_people(sizes, everyone).zayatz == pytest.approx(slow)


def test_pitman_is_that_of_the_greatest_likelihood() -> None:
    some = histogram(np.random.default_rng(9).permutation(POPULATION)[:1_500])
    n, classes = 1_500, sum(count for _, count in some)

    def unlikely(at: np.ndarray) -> float:
        theta, alpha = at
        if not 0 < alpha < 1 or theta <= -alpha:
            return 1e12
        told = np.log(theta + alpha * np.arange(1, classes)).sum() - np.log(theta + np.arange(1, n)).sum()
        return -told - sum(count * np.log(np.arange(1, size) - alpha).sum() for size, count in some if size > 1)

    theta, alpha = optimize.minimize(
        unlikely, [1.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9}
    ).x
    big = POPULATION.size
    slow = big * np.exp(
        special.gammaln(theta + alpha + big - 1)
        - special.gammaln(theta + big)
        + special.gammaln(theta + 1)
        - special.gammaln(theta + alpha)
    )
    assert unique_people(some, big).pitman == pytest.approx(slow, rel=1e-4)


@pytest.mark.parametrize("sizes", [((1, 1),), ((1, 50),), ((1, 1), (40, 1)), ((1, 3), (2, 1), (5_000, 1))])
def test_a_sample_that_fits_no_model_still_has_an_answer(sizes: tuple[tuple[int, int], ...]) -> None:
    found = unique_people(sizes, 100_000)
    assert found.people is not None
    assert 0 <= found.people <= 100_000


def test_without_sample_uniques_or_records_there_is_nothing_to_estimate() -> None:
    assert unique_people(((2, 10),), 100).people == 0
    assert unique_people((), 100).people is None
