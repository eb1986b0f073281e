"""How well patients are linked where the answer is known, beyond FEBRL 4: docs/explanation/linkage.md."""

from dataclasses import replace

import pytest

from careloom.quality.linkage import link
from careloom.quality.linkage_traits import traits_of
from tests.linkage_people import People
from tests.linkage_scores import febrl, score, simulated


@pytest.mark.long
@pytest.mark.parametrize(("number", "least"), [(1, 0.985), (2, 0.985), (3, 0.98)])
def test_the_other_febrl_sets(number: int, least: float) -> None:
    keys, patients = febrl(number)
    found = score(keys, patients, link(patients))
    assert found.f1 >= least
    assert found.precision >= 0.999


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_households_twins_and_namesakes(seed: int) -> None:
    made = People(seed).records(5_000)
    keys = [key for key, _ in made]
    patients = [replace(traits_of(one), id=f"{at:06d}") for at, (_, one) in enumerate(made)]
    found = score(keys, patients, link(patients))
    assert found.f1 >= 0.98
    assert found.precision >= 0.99


@pytest.mark.long
@pytest.mark.parametrize("level", ["some", "much"])
def test_the_simulated_hospital(level: str) -> None:
    keys, patients = simulated(500, 7, level)
    found = score(keys, patients, link(patients))
    assert found.f1 >= 0.99
    assert found.precision >= 0.995
