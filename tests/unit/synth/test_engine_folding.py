"""Columns of thousands of codes as two parts: nothing is lost, and codes of their own tell nothing in the second."""

import numpy as np
import pytest

from careloom.synth.engine_folding import CODES_AT_MOST, OWN, folding_of
from careloom.synth.transforms_space import ModelRows, Part

PARTS = (Part("few", "few", 3), Part("many", "many", 5_001), Part("x", "x", 0), Part("last", "last", CODES_AT_MOST))


def rows(count: int, seed: int = 0) -> ModelRows:
    """Half of the rows have the last code of the second part: missing, say."""
    draw = np.random.default_rng(seed)
    many = np.where(draw.random(count) < 0.5, 5_000, draw.integers(0, 5_001, count))
    codes = [draw.integers(0, 3, count), many, draw.integers(0, CODES_AT_MOST, count)]
    return ModelRows(draw.random((count, 1)), np.stack(codes, axis=1).astype(np.int32))


@pytest.mark.parametrize("count", [0, 1, 4_000])
def test_folded_rows_unfold_to_themselves(count: int) -> None:
    given = rows(count)
    folding = folding_of(PARTS, given)
    folded = folding.fold(given, np.random.default_rng(1))
    sizes = [part.size for part in folding.folded if part.size]
    assert folded.discrete.shape == (count, 4)
    assert (folded.discrete < sizes).all()
    assert max(sizes[:3]) < 500
    again = folding.unfold(folded)
    assert np.array_equal(again.discrete, given.discrete)
    assert again.continuous is given.continuous


def test_any_folded_codes_unfold_to_codes_that_there_are() -> None:
    folding = folding_of(PARTS, rows(100))
    sizes = [part.size for part in folding.folded if part.size]
    draw = np.random.default_rng(1)
    drawn = np.stack([draw.integers(0, size, 20_000) for size in sizes], axis=1).astype(np.int32)
    made = folding.unfold(ModelRows(np.zeros((20_000, 1)), drawn)).discrete
    assert made.min() >= 0
    assert (made.max(0) < [3, 5_001, CODES_AT_MOST]).all()


def test_frequent_codes_keep_their_own_and_stand_beside_any_number() -> None:
    given = rows(4_000)
    folding = folding_of(PARTS, given)
    folded = folding.fold(given, np.random.default_rng(1)).discrete
    often = given.discrete[:, 1] == 5_000
    assert set(folded[often, 1]) == {0}
    assert len(set(folded[often, 2])) > 60
    assert set(folded[~often, 1]) > {OWN}


def test_given_codes_find_their_place_among_the_folded() -> None:
    folding = folding_of(PARTS, rows(4_000))
    codes = np.asarray([5_000, 17], np.int32)
    held = folding.given({1: codes, 2: codes % 7}, np.random.default_rng(1))
    assert sorted(held) == [1, 2, 3]
    assert np.array_equal(held[3], codes % 7)
    assert held[1][0] == 0
