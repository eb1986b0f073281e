"""A population against published figures, as the modules name them with their tolerances."""

import pytest

from tools import check_simulator


def test_a_small_population_is_near_the_published_figures() -> None:
    """Three standard errors of so few people come on top of the tolerance: this finds what is far off."""
    rows = check_simulator.checked(check_simulator.population(250, 2, 1))
    assert [row for row in rows if not row.ok] == []
    assert len(rows) >= 55


def test_a_figure_that_is_far_off_is_found() -> None:
    rows = check_simulator.checked(
        [check_simulator.Life(90.0, "male", True, (), (), {89: 1.0}, {}, {"emergency": 0})] * 400
    )
    assert {row.what for row in rows if not row.ok} >= {"diagnosed diabetes, from 65", "women", "dementia, from 65"}


POINTS = {"measure": "bmi", "shares": [[30.0, 0.5]], "quantiles": [[20.0, 0.25], [40.0, 0.75]]}


@pytest.mark.parametrize(
    ("values", "distance"),
    [
        ([10.0, 25.0, 35.0, 50.0], 0.0),
        ([20.0, 20.0, 40.0, 40.0], 0.0),
        ([10.0, 20.0, 30.0, 40.0], 0.125),
        ([10.0, 10.0, 10.0, 50.0], 0.5),
        ([30.0, 30.0, 30.0, 30.0], 0.5),
    ],
)
def test_a_distribution_is_as_far_off_as_its_worst_point(values: list[float], distance: float) -> None:
    lives = [check_simulator.Life(40.0, "male", True, (), (), {}, {"bmi": value}, {}) for value in values]
    assert check_simulator.distribution(POINTS, lives)[0] == pytest.approx(distance)


@pytest.mark.long
def test_a_large_population_meets_every_published_figure() -> None:
    rows = check_simulator.checked(check_simulator.population(8000, 1, 2))
    assert [row for row in rows if not row.ok] == []
