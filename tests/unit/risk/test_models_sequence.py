"""A model of facts in their order: what it reads, what each fact adds, its package; torch is the oracle of numbers."""

from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import FormatError, InputError
from careloom.pipeline.registry import load
from careloom.risk.calibration import fit_platt
from careloom.risk.evaluate_measures import logit, ranking, sigmoid
from careloom.risk.models import Model
from careloom.risk.models_features import encoded
from careloom.risk.models_package import pack, unpack
from careloom.risk.models_sequence import (
    NAMES,
    Codebook,
    Sequence,
    by_fact,
    codebook,
    histories,
    sequence,
    sequence_features,
)
from careloom.tables.tensors import packed, unpacked

LENGTH = 6
BOOK = Codebook(("A", "B", "L|0", "L|1"), {"L": (5.0,)})
FEATURES = sequence_features(BOOK, LENGTH)


def facts(*rows: tuple[int, int, float | None, str, float | None]) -> pl.DataFrame:
    """Facts as rows of candidate, order, days, code, value."""
    schema = {"candidate": pl.Int64, "order": pl.Int64, "days": pl.Float64, "code": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def drawn(seed: int, states: int = 5, width: int = 4) -> Sequence:
    """A network of drawn weights."""
    draw = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (len(BOOK.levels) + 1, width), "gap": (2, width), "input": (3 * states, width),
        "input_bias": (3 * states,), "state": (3 * states, states), "state_bias": (3 * states,), "head": (2 * states,),
        "head_bias": (),
    }  # fmt: skip
    return Sequence(
        LENGTH, {name: np.asarray(draw.normal(0, 0.7, shape), np.float32) for name, shape in shapes.items()}
    )


def rows(seed: int, count: int) -> pl.DataFrame:
    """Histories of drawn lengths, codes and gaps, one candidate without any."""
    draw = np.random.default_rng(seed)
    made = []
    for one in range(1, count):
        for place in range(int(draw.integers(1, 9))):
            days = float(draw.integers(0, 900)) if draw.random() < 0.8 else None
            made.append((one, place, days, str(draw.choice(["A", "B", "L", "Z"])), float(draw.normal(5, 2))))
    return histories(BOOK.told(facts(*made)), pl.Series(range(count)), LENGTH)


def test_the_latest_fact_stands_first_and_what_is_not_there_is_null() -> None:
    told = BOOK.told(facts((7, 1, 30.0, "A", None), (7, 2, 2.0, "L", 9.0), (8, 1, None, "L", 1.0)))
    found = histories(told, pl.Series([8, 7, 9]), 2)
    assert found.rows() == [
        (8, "L|0", None, None, None), (7, "L|1", "A", 2.0, 30.0), (9, None, None, None, None),
    ]  # fmt: skip


def test_only_the_latest_facts_are_read() -> None:
    told = BOOK.told(facts(*((1, place, float(9 - place), "A", None) for place in range(9))))
    found = histories(told, pl.Series([1]), LENGTH)
    assert found.select(pl.col("^days_.*$")).row(0) == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def test_bins_hold_equally_many_values_of_training_rows() -> None:
    values = np.random.default_rng(0).permutation(100).astype(float)
    found = codebook(facts(*((1, 0, None, "L", value) for value in values)), bins=4, fewest=1)
    assert found.levels == ("L|0", "L|1", "L|2", "L|3")
    told = found.told(facts(*((1, 0, None, "L", value) for value in values)))
    assert set(told["token"].value_counts()["count"]) == {25}


def test_a_rare_code_is_no_level_and_a_value_of_one_kind_has_no_bins() -> None:
    many = [(1, 0, None, "A", 3.0)] * 5 + [(1, 0, None, "B", None)] * 2
    assert codebook(facts(*many), fewest=3) == Codebook(("A",), {})
    assert codebook(facts(*many), fewest=1, most=1).levels == ("A",)


def test_a_codebook_of_nothing_is_refused() -> None:
    with pytest.raises(InputError):
        codebook(facts())


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_what_facts_add_sums_to_the_log_odds(seed: int) -> None:
    told, model = encoded(FEATURES, rows(seed, 12)), drawn(seed)
    assert np.allclose(model.parts(told).sum(axis=1), model.log_odds(told), atol=1e-5)
    assert (model.parts(told)[:, LENGTH : 2 * LENGTH] == 0).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_what_happened_before_does_not_hang_on_what_came_after(seed: int) -> None:
    told, model = encoded(FEATURES, rows(seed, 12)), drawn(seed)
    without = told.copy()
    without[:, : LENGTH - 1] = told[:, 1:LENGTH]
    without[:, LENGTH : 2 * LENGTH - 1] = told[:, LENGTH + 1 :]
    without[:, LENGTH - 1], without[:, -1] = np.nan, np.nan
    full = ~np.isnan(told[:, LENGTH - 1])
    before = model.log_odds(told) - model.parts(told)[:, 0]
    assert np.allclose(before[~full], model.log_odds(without)[~full], atol=1e-5)


def test_a_row_scores_the_same_alone_and_beside_others() -> None:
    told, model = encoded(FEATURES, rows(3, 40)), drawn(3)
    alone = np.concatenate([model.log_odds(told[place : place + 1]) for place in range(40)])
    assert np.allclose(alone, model.log_odds(told), atol=1e-6)


def test_nothing_known_is_the_base() -> None:
    told, model = encoded(FEATURES, rows(3, 4)), drawn(3)
    assert model.log_odds(told)[0] == model.parts(told)[0, -1] == pytest.approx(float(model.weights["head_bias"]))


def test_each_fact_is_named_with_what_it_adds() -> None:
    told, model = encoded(FEATURES, rows(5, 10)), drawn(5)
    found = by_fact(model, FEATURES, told)
    sums = found.group_by("row").agg(pl.col("log_odds").sum()).sort("row")
    base = model.parts(told)[:, -1]
    assert np.allclose(
        sums["log_odds"].to_numpy() + base[sums["row"].to_numpy()], model.log_odds(told)[sums["row"]], atol=1e-5
    )
    assert set(found["token"]) <= {*BOOK.levels, "other"}
    assert "other" in set(found["token"])


def test_a_package_gives_the_same_numbers_and_bytes() -> None:
    frame, learnt = rows(9, 60), drawn(9)
    risk = sigmoid(learnt.log_odds(encoded(FEATURES, frame)))
    model = Model("test", "an outcome", 30, FEATURES, learnt, fit_platt(np.arange(60) % 3 == 0, risk))
    files = pack(model)
    read = unpack(files)
    assert sorted(files) == ["model.json", "model.safetensors"]
    assert np.array_equal(read.score(frame), model.score(frame))
    assert pack(read) == files
    told = read.contributions(frame)
    assert np.allclose(told.sum_horizontal().to_numpy(), logit(read.score(frame)), atol=1e-5)
    assert np.allclose(read.score_rows(frame.to_dicts()), read.score(frame), atol=1e-9)


def spoilt(how: str) -> tuple[dict[str, Any], bytes]:
    """A package's parts with one thing wrong."""
    told, files = drawn(1).files()
    content = files["model.safetensors"]
    arrays = unpacked(content)
    if how == "cut":
        return told, content[:-8]
    if how == "length":
        return told | {"length": LENGTH + 1}, content
    if how == "lacks":
        arrays.pop("gap")
    if how == "shape":
        arrays["head"] = arrays["head"][:-1]
    if how == "other-levels":
        arrays["embedding"] = arrays["embedding"][:-1]
    if how == "double":
        arrays["head"] = arrays["head"].astype(np.float64)
    if how == "not-finite":
        arrays["gap"][0, 0] = np.nan
    return told, packed(arrays)


@pytest.mark.parametrize("how", ["cut", "length", "lacks", "shape", "other-levels", "double", "not-finite"])
def test_files_that_do_not_fit_are_refused(how: str) -> None:
    with pytest.raises(FormatError):
        sequence(FEATURES, *spoilt(how))


@cache
def trained(seed: int) -> tuple[Sequence, list[dict[str, Any]], pl.DataFrame, np.ndarray]:
    """A network trained on histories whose outcome hangs on the order: B after the last A is a risk."""
    pytest.importorskip("torch")
    draw = np.random.default_rng(7)
    made, labels = [], []
    for one in range(1_500):
        codes = [str(code) for code in draw.choice(["A", "B"], int(draw.integers(2, 6)))]
        made += [(one, place, float(10 - place), code, None) for place, code in enumerate(codes)]
        labels.append(draw.random() < (0.95 if codes[-1] == "B" and "A" in codes else 0.05))
    frame, outcome = histories(BOOK.told(facts(*made)), pl.Series(range(1_500)), LENGTH), np.asarray(labels)
    told = encoded(FEATURES, frame)
    recipe = load("risk.recipe.sequence")(seed=seed, epochs=8, rate=1e-2, width=8, states=8, positions=300, hide=0.0)
    fit, held = (told[:1_000], outcome[:1_000]), (told[1_000:1_200], outcome[1_000:1_200])
    learnt, history = load("risk.fit.sequence")(FEATURES, fit, held, recipe)
    return learnt, history, frame[1_200:], outcome[1_200:]


def test_what_hangs_on_the_order_is_learnt() -> None:
    learnt, history, unseen, outcome = trained(1)
    risk = sigmoid(learnt.log_odds(encoded(FEATURES, unseen)))
    area, _ = ranking(outcome, risk, np.ones((1, outcome.size)))
    assert area[0] > 0.9
    best = min(history, key=lambda epoch: epoch["validation_loss"])
    assert best["validation_loss"] < history[0]["validation_loss"]


def test_numpy_scores_as_torch_does() -> None:
    torch = pytest.importorskip("torch")
    learnt, _, unseen, _ = trained(1)
    told, weights = encoded(FEATURES, unseen), learnt.weights
    unit = torch.nn.GRU(weights["gap"].shape[1], weights["state"].shape[1], batch_first=True)
    names = {"weight_ih_l0": "input", "weight_hh_l0": "state", "bias_ih_l0": "input_bias", "bias_hh_l0": "state_bias"}
    unit.load_state_dict({name: torch.from_numpy(weights[own]) for name, own in names.items()})
    wanted = []
    for row in told[:50]:
        there = np.flatnonzero(~np.isnan(row[:LENGTH]))[::-1]
        days = np.log1p(row[LENGTH + there]) / np.log1p(3650.0)
        gap = np.column_stack([days, np.zeros(there.size)]).astype(np.float32)
        read = weights["embedding"][row[there].astype(int)] + gap @ weights["gap"]
        with torch.no_grad():
            states = unit(torch.from_numpy(read)[None])[0][0].numpy()
        both = np.concatenate([states[-1], states.mean(axis=0)])
        wanted.append(float(both @ weights["head"] + weights["head_bias"]))
    assert np.allclose(learnt.log_odds(told[:50]), wanted, atol=1e-5)


def test_the_same_seed_gives_the_same_network() -> None:
    learnt = trained(1)[0]
    trained.cache_clear()
    again, other = trained(1)[0], trained(2)[0]
    assert all(np.array_equal(learnt.weights[name], again.weights[name]) for name in NAMES)
    assert not np.array_equal(learnt.weights["head"], other.weights["head"])


def test_one_outcome_trains_nothing() -> None:
    pytest.importorskip("torch")
    told = encoded(FEATURES, rows(1, 5))
    recipe = load("risk.recipe.sequence")(seed=1)
    with pytest.raises(InputError):
        load("risk.fit.sequence")(FEATURES, (told, np.zeros(5)), (told, np.zeros(5)), recipe)
