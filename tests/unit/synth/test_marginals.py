"""Synthetic rows from noisy marginals: what is kept of the rows, what it costs, and what is refused."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from careloom.errors import FormatError, QueryError
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Gaussian
from careloom.synth.marginals import Fitted, fit
from careloom.synth.marginals_inference import Measured, as_tree, evidence_of, mixture, total_of
from careloom.synth.marginals_plan import Ask, Table, impossible, plan
from careloom.synth.marginals_state import packed, unpacked
from careloom.synth.marginals_tree import Codes, Link, Tree, axes_apart, beliefs, sampled

SIZES = (2, 4, 3, 5, 3)
TABLE = Table(SIZES, target=0)


def rows(count: int, seed: int = 7) -> Codes:
    """A chain of columns, each like the one before it, and a target that depends on two."""
    random = np.random.default_rng(seed)
    a = random.choice(4, count, p=[0.4, 0.3, 0.2, 0.1])
    b = np.where(random.random(count) < 0.8, a % 3, random.integers(0, 3, count))
    c = np.where(random.random(count) < 0.7, a, random.integers(0, 5, count))
    e = random.choice(3, count, p=[0.7, 0.2, 0.1])
    target = (random.random(count) < 0.15 + 0.6 * (a < 2) * (b != 1)).astype(int)
    return np.stack([target, a, b, c, e], axis=1).astype(np.int64)


def table_of(codes: Codes, columns: tuple[int, ...]) -> np.ndarray:
    sizes = [SIZES[one] for one in columns]
    flat = np.ravel_multi_index(tuple(codes[:, one] for one in columns), sizes)
    return np.bincount(flat, minlength=math.prod(sizes)) / len(codes)


@pytest.fixture(scope="module")
def model() -> Fitted:
    return fit(rows(8000), TABLE, Ask(3.0, components=32, steps=200, models=2), np.random.default_rng(1))


@pytest.mark.parametrize("columns", [(0, 1), (1, 2), (1, 3), (0, 2), (4,)])
def test_pairs_of_columns_are_kept_within_the_noise(model: Fitted, columns: tuple[int, ...]) -> None:
    drawn = model.sample(8000, np.random.default_rng(2))
    assert np.abs(table_of(drawn, columns) - table_of(rows(8000), columns)).sum() / 2 < 0.04


def test_the_plan_spends_what_was_asked_and_no_more() -> None:
    for epsilon, per_patient in ((1.0, 1), (3.0, 1), (1.0, 4)):
        made = plan(TABLE, Ask(epsilon, rows_per_patient=per_patient))
        assert spent(made.mechanisms, 1e-5).epsilon == pytest.approx(epsilon, rel=1e-3)
        assert spent(made.mechanisms, 1e-5).epsilon <= epsilon
    alone, four = plan(TABLE, Ask(1.0)), plan(TABLE, Ask(1.0, rows_per_patient=4))
    assert four.pair_noise == pytest.approx(4 * alone.pair_noise)
    assert four.first_noise == pytest.approx([4 * one for one in alone.first_noise])


@pytest.mark.parametrize("sizes", [SIZES, (2, 2, 2, 2, 2), (2, 90, 3, 50, 7)])
def test_pairs_cost_the_same_whatever_codes_were_put_together(sizes: tuple[int, ...]) -> None:
    made = plan(TABLE, Ask(1.0))
    assert sum(one**-2 for one in made.noise_of(sizes)) == pytest.approx(made.pair_noise**-2)


def test_the_account_lists_every_look_at_the_rows(model: Fitted) -> None:
    assert all(isinstance(one, Gaussian) and one.count == 1 for one in model.mechanisms)
    assert len(model.mechanisms) == 4 + 1  # each column with the target; all pairs as one


def test_the_same_noise_gives_the_same_model_and_the_same_rows() -> None:
    ask = Ask(1.0, components=16, steps=30)
    one, two = (fit(rows(500), TABLE, ask, np.random.default_rng(5)) for _ in range(2))
    assert (one.sample(99, np.random.default_rng(3)) == two.sample(99, np.random.default_rng(3))).all()


def test_a_model_is_kept_as_plain_arrays_and_read_again(model: Fitted) -> None:
    again = unpacked(packed(model))
    assert (again.sample(200, np.random.default_rng(3)) == model.sample(200, np.random.default_rng(3))).all()
    assert again.mechanisms == model.mechanisms
    for other in (b"", b"PK", packed(model)[:-30]):
        with pytest.raises(FormatError):
            unpacked(other)


def test_combinations_that_cannot_be_are_never_drawn(model: Fitted) -> None:
    table = Table(SIZES, 0, (((1, 2), np.array([[0, 1], [3, 2]])),))
    drawn = replace(model, table=table).sample(5000, np.random.default_rng(4))
    assert len(drawn) == 5000
    assert not impossible(table, drawn).any()


def test_without_a_target_rows_are_learnt_too() -> None:
    found = fit(rows(4000), Table(SIZES), Ask(5.0, components=16, steps=200), np.random.default_rng(1))
    drawn = found.sample(4000, np.random.default_rng(2))
    assert np.abs(table_of(drawn, (1, 3)) - table_of(rows(4000), (1, 3))).sum() / 2 < 0.08


def test_one_column_is_a_histogram() -> None:
    found = fit(rows(4000)[:, 1:2], Table((4,)), Ask(2.0), np.random.default_rng(1))
    share = np.bincount(found.sample(4000, np.random.default_rng(2))[:, 0], minlength=4) / 4000
    assert np.abs(share - [0.4, 0.3, 0.2, 0.1]).max() < 0.03


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    fit(rows(200), TABLE, Ask(1.0, steps=5), np.random.default_rng(1), lambda *one: told.append(one))
    assert told == [(at, 3) for at in range(1, 4)]


@pytest.mark.parametrize(
    "codes",
    [np.zeros((0, 5), np.int64), np.zeros((3, 4), np.int64), np.full((3, 5), 9), np.full((3, 5), -1), np.zeros((3, 5))],
)
def test_rows_that_are_not_of_the_table_are_refused(codes: Codes) -> None:
    with pytest.raises(QueryError):
        fit(codes, TABLE, Ask(1.0), np.random.default_rng(1))


def test_beliefs_are_the_marginals_of_the_whole_table() -> None:
    tree = Tree((2, 3, 2, 3), (Link((0, 1, 3), -1, ()), Link((1, 2, 3), 0, (1, 3))))
    random = np.random.default_rng(3)
    theta = [random.normal(size=[tree.sizes[c] for c in one.clique]) for one in tree.links]
    whole = np.zeros((2, 3, 2, 3))
    for one, table in zip(tree.links, theta, strict=True):
        whole = whole + table.reshape([tree.sizes[c] if c in one.clique else 1 for c in range(4)])
    whole = np.exp(whole) / np.exp(whole).sum()
    for one, table in zip(tree.links, beliefs(tree, theta), strict=True):
        np.testing.assert_allclose(table, whole.sum(axis=axes_apart((0, 1, 2, 3), one.clique)), atol=1e-12)


def test_exact_counts_of_all_pairs_are_met_and_drawn() -> None:
    codes = rows(5000)
    sets = list(combinations(range(5), 2))
    counts = [5000 * table_of(codes, one).reshape([SIZES[c] for c in one]) for one in sets]
    measured = [Measured(one, table, np.full(table.shape, 1.0)) for one, table in zip(sets, counts, strict=True)]
    assert total_of(measured) == pytest.approx(5000)
    evidence = evidence_of(measured, SIZES, 5000.0)
    np.testing.assert_allclose(evidence.single[2:6], table_of(codes, (1,)))
    tree, marginals = as_tree(evidence, *mixture(evidence, 0, components=32, steps=400, models=1))
    drawn = sampled(tree, marginals, 5000, np.random.default_rng(1))
    for one in sets:
        assert np.abs(table_of(drawn[:, :5], one) - table_of(codes, one)).sum() / 2 < 0.025


def test_shares_of_a_rare_code_lean_to_neither_side() -> None:
    random = np.random.default_rng(3)
    codes = np.stack([random.random(1500) < 0.3, *(random.integers(0, 9, 1500) for _ in range(5))], axis=1).astype(int)
    table, ask = Table((2, 9, 9, 9, 9, 9), target=0), Ask(1.0, components=16, steps=150, models=1)
    found = [fit(codes, table, ask, np.random.default_rng(seed)).one_way(0)[1] for seed in range(8)]
    assert abs(np.mean(found) - codes[:, 0].mean()) < 0.02
