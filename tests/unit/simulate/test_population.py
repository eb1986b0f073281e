"""A population against published figures, as the modules name them with their tolerances."""

import pytest

from tools import check_simulator


def test_a_small_population_is_near_the_published_figures() -> None:
    """Three standard errors of so few people come on top of the tolerance: this finds what is far off."""
    rows = check_simulator.checked(check_simulator.population(250, 2, 1))
    assert [row for row in rows if not row.ok] == []
    assert len(rows) >= 40


def test_a_figure_that_is_far_off_is_found() -> None:
    rows = check_simulator.checked(
        [check_simulator.Life(90.0, "male", True, (), (), {89: 1.0}, {}, {"emergency": 0})] * 400
    )
    assert {row.what for row in rows if not row.ok} >= {"diagnosed diabetes, from 65", "women", "dementia, from 65"}


@pytest.mark.long
def test_a_large_population_meets_every_published_figure() -> None:
    rows = check_simulator.checked(check_simulator.population(8000, 1, 2))
    assert [row for row in rows if not row.ok] == []
