"""EM finds the m and u that made the patterns; without patterns the declared ones stay."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from careloom.quality.linkage_model import Model, default_model
from careloom.quality.linkage_training import Patterns, train

NAMES = ("given", "family", "birth", "number", "residence")
M = [0.7, 0.9, 0.95, 0.8, 0.6]
U = [0.1, 0.02, 0.05, 0.01, 0.03]


def model() -> Model:
    """Comparisons of two levels, whose declared values are not those of the data."""
    shipped = default_model()
    comparisons = []
    for name in NAMES:
        one = shipped.comparison(name)
        levels = (replace(one.levels[0], m=0.8, u=0.05, tf=""), replace(one.levels[-1], m=0.2, u=0.95))
        comparisons.append(replace(one, levels=levels, most_bits=20.0))
    return replace(shipped, comparisons=tuple(comparisons))


def drawn(seed: int, matches: int, others: int, certain: int | None = None) -> Counter[tuple[int, ...]]:
    """Patterns of pairs drawn from M and U; they all agree on comparison `certain`."""
    pick = random.Random(seed)
    found: Counter[tuple[int, ...]] = Counter()
    for count, values in ((matches, M), (others, U)):
        for _ in range(count):
            levels = [0 if pick.random() < agree else 1 for agree in values]
            if certain is not None:
                levels[certain] = 0
            found[tuple(levels)] += 1
    return found


def test_em_finds_the_values_that_made_the_data() -> None:
    random_pairs = Patterns.of(drawn(1, 20, 200_000))
    blocks = [
        Patterns.of(drawn(2, 4_000, 30_000, 0), frozenset({"given"})),
        Patterns.of(drawn(3, 4_000, 30_000, 1), frozenset({"family"})),
        Patterns.of(drawn(4, 4_000, 30_000, 2), frozenset({"birth"})),
    ]
    trained = train(model(), random_pairs, blocks, 40_000)
    for one, m, u in zip(trained.comparisons, M, U, strict=True):
        assert one.levels[0].m == pytest.approx(m, abs=0.04)
        assert one.levels[0].u == pytest.approx(u, rel=0.1)


def test_without_data_the_declared_values_stay() -> None:
    empty = Patterns.of({})
    trained = train(model(), empty, [empty], 2)
    for one, declared in zip(trained.comparisons, model().comparisons, strict=True):
        assert [(round(level.m, 6), round(level.u, 6)) for level in one.levels] == [
            (level.m, level.u) for level in declared.levels
        ]


def test_a_single_pair_moves_nothing_far() -> None:
    trained = train(model(), Patterns.of({(0,) * 5: 1}), [Patterns.of({(0,) * 5: 1})], 2)
    for one, declared in zip(trained.comparisons, model().comparisons, strict=True):
        assert one.levels[0].m == pytest.approx(declared.levels[0].m, abs=0.01)
        assert one.levels[0].u == pytest.approx(declared.levels[0].u, abs=0.001)


def test_unknown_traits_teach_nothing() -> None:
    known = Patterns.of({(0,) * 5: 50, (1,) * 5: 500})
    trained = train(model(), known, [known], 100)
    silent = Patterns.of({(0,) * 5: 50, (1,) * 5: 500, (-1,) * 5: 10_000})
    again = train(model(), silent, [known], 100)
    assert trained.comparisons == again.comparisons


def test_the_order_of_counting_changes_no_byte() -> None:
    counted = drawn(5, 500, 5_000)
    backwards = dict(reversed(list(counted.items())))
    one = train(model(), Patterns.of(counted), [Patterns.of(counted)], 1_000)
    other = train(model(), Patterns.of(backwards), [Patterns.of(backwards)], 1_000)
    assert one == other
