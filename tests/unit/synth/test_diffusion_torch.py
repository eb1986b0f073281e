"""The diffusion of codes and numbers behind the port of engines. Needs the extra ml."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from careloom.errors import FormatError
from careloom.pipeline.registry import load as registered
from careloom.synth.engine import Ask, State, Step, Watch
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import check
from careloom.synth.tabular import Synthesizer, Wish, fit, load
from tests.later import Later, has

if TYPE_CHECKING:
    from careloom.synth.engine import Maker

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch, masked = Later("torch"), Later("careloom.synth.diffusion_masked_torch")

TABLE = Table(
    "stays",
    (
        Column("stay_id", "id"),
        Column("sex", "categorical", values=("F", "M", "X")),
        Column("grade", "integer"),
        Column("glucose", "continuous", decimals=1),
        Column("insulin", "continuous", decimals=1),
        Column("cost", "continuous", decimals=2, atoms=(0,)),
        Column("ill", "boolean", nullable=False),
    ),
    primary_key=("stay_id",),
)
SMALL = {"width": 48, "layers": 1, "epochs": 25, "batch": 100, "rate": 0.01, "average": 0.97}


def stays(rows: int = 1_200, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    male, glucose = draw.random(rows) < 0.3, draw.normal(100, 20, rows)
    ill = glucose + 15 * male + draw.normal(0, 8, rows) > 115
    return pl.DataFrame(
        {
            "stay_id": [f"s{each}" for each in range(rows)],
            "sex": np.where(male, "M", "F"),
            "grade": np.where(male, 3, draw.integers(1, 4, rows)),
            "glucose": glucose.round(1),
            "insulin": pl.Series((glucose / 5 + draw.normal(0, 2, rows)).round(1)).set(
                pl.Series(draw.random(rows) < 0.2), None
            ),
            "cost": np.where(ill, draw.gamma(2, 60, rows), 0.0).round(2),
            "ill": ill,
        }
    )


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def maker() -> "Maker":
    made: Maker = registered("synth.engine.diffusion")
    return made


@pytest.fixture(scope="module")
def made(maker: "Maker") -> Synthesizer:
    torch.set_num_threads(1)
    return fit(TABLE, stays(), maker, Ask(1, target="ill", options=SMALL), Watch())


def share(rows: pl.DataFrame, which: pl.Expr) -> float:
    return rows.filter(which).height / rows.height


def numbers(rows: pl.DataFrame, name: str) -> "np.typing.NDArray[np.float64]":
    return rows[name].to_numpy()


def test_rows_are_those_of_the_table_and_depend_on_each_other_as_learnt(made: Synthesizer) -> None:
    real, rows = stays(), made.sample(2_000, np.random.default_rng(1))
    assert check(TABLE, rows) == []
    assert abs(share(rows, pl.col("sex") == "M") - 0.3) < 0.04
    assert share(rows.filter(pl.col("sex") == "M"), pl.col("grade") == 3) > 0.9
    assert abs(share(rows, pl.col("insulin").is_null()) - 0.2) < 0.04
    assert abs(share(rows, pl.col("cost") == 0) - share(real, pl.col("cost") == 0)) < 0.05
    both = rows.drop_nulls("insulin")
    assert np.corrcoef(both["glucose"], both["insulin"])[0, 1] > 0.8
    assert abs(numbers(rows, "glucose").mean() - 100) < 3
    assert abs(numbers(rows, "glucose").std() - 20) < 4
    ill, well = rows.filter("ill"), rows.filter(~pl.col("ill"))
    assert numbers(ill, "glucose").mean() > numbers(well, "glucose").mean() + 15


def test_a_given_value_stands_in_every_row_and_the_others_follow_it(made: Synthesizer) -> None:
    rows = made.sample(500, np.random.default_rng(1), Wish(values={"ill": True}))
    assert rows["ill"].all()
    assert share(rows, pl.col("cost") > 0) > 0.9
    assert numbers(rows, "glucose").mean() > 105
    balanced = made.sample(300, np.random.default_rng(1), Wish(balance="ill"))
    assert balanced["ill"].sum() == 150


def test_a_declared_value_that_no_row_had_can_be_given(made: Synthesizer) -> None:
    assert made.sample(20, np.random.default_rng(1), Wish(values={"sex": "X"}))["sex"].unique().to_list() == ["X"]


def test_batches_are_the_same_for_a_seed(made: Synthesizer) -> None:
    one = pl.concat(made.batches(250, 9, size=100))
    assert_frame_equal(one, pl.concat(made.batches(250, 9, size=100)))
    assert not one.equals(pl.concat(made.batches(250, 10, size=100)))
    assert made.sample(0, np.random.default_rng(0)).height == 0


def test_a_generator_survives_being_saved_as_arrays_and_json(made: Synthesizer, maker: "Maker") -> None:
    state = made.state()
    assert all(isinstance(each, np.ndarray) for each in state.tensors.values())
    again = load(State(state.tensors, json.loads(json.dumps(state.told))), {"diffusion": maker})
    assert_frame_equal(again.sample(50, np.random.default_rng(2)), made.sample(50, np.random.default_rng(2)))
    with pytest.raises(FormatError):
        load(State({}, state.told), {"diffusion": maker})
    lacking = {name: each for name, each in state.tensors.items() if name != "net.codes.bias"}
    with pytest.raises(FormatError):
        load(State(lacking, state.told), {"diffusion": maker})


def test_a_fit_that_was_broken_off_goes_on_to_the_same_model(maker: "Maker") -> None:
    ask, frame = Ask(4, options={**SMALL, "epochs": 4}), stays(300)
    whole = fit(TABLE, frame, maker, ask, Watch())
    saved: list[State] = []

    def save(state: State) -> None:
        saved.append(state)
        if len(saved) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(TABLE, frame, maker, ask, Watch(save=save))
    steps: list[Step] = []
    rest = fit(TABLE, frame, maker, ask, Watch(resume=saved[-1], told=steps.append))
    assert [step.number for step in steps] == [3, 4]
    for name, each in whole.state().tensors.items():
        assert np.array_equal(each, rest.state().tensors[name]), name


def test_a_fit_ends_when_the_budget_is_used_up(maker: "Maker") -> None:
    asked: list[float] = []
    steps: list[Step] = []

    def used() -> float:
        asked.append(min(1.0, len(asked) / 12))
        return asked[-1]

    fit(TABLE, stays(300), maker, Ask(1, options=SMALL), Watch(told=steps.append, share=used))
    assert len(asked) == 13
    assert steps[-1].share == 1
    assert {"codes", "numbers", "codes aside", "numbers aside"} <= set(steps[-1].losses)


def test_a_small_table_is_not_learnt_by_heart(maker: "Maker") -> None:
    """Of pure chance there is nothing to learn: rows set aside say so soon."""
    draw = np.random.default_rng(1)
    table = Table("chance", tuple(Column(f"c{each}", "categorical") for each in range(6)))
    frame = pl.DataFrame({f"c{each}": draw.choice(list("abcdef"), 150) for each in range(6)})
    steps: list[Step] = []
    options = {**SMALL, "width": 64, "epochs": 400}
    fit(table, frame, maker, Ask(1, options=options), Watch(told=steps.append))
    assert steps[-1].share < 0.8


def test_codes_are_drawn_by_their_chances_and_evenly() -> None:
    chances = torch.tensor([[0.5, 0.3, 0.2]]).repeat(1_000, 1)
    counts = np.bincount(masked.spread(chances, np.random.default_rng(0)).numpy())
    assert np.abs(counts - [500, 300, 200]).max() <= 3  # by chance some 15
    one = [int(masked.spread(chances[:3], np.random.default_rng(each))[1]) for each in range(1_000)]
    assert np.abs(np.bincount(one) - [500, 300, 200]).max() < 60


def test_shares_are_evened_out_as_far_as_the_rows_that_were_learnt_know_them() -> None:
    logits, wanted = torch.tensor([[0.50, 0.30, 0.20]]).log().repeat(100, 1), torch.tensor([0.505, 0.40, 0.095])

    def met(learnt: int) -> list[float]:
        shift = masked.levelled(logits, wanted, learnt)
        return [float(each) for each in torch.softmax(logits + shift, 1).mean(0)]

    assert met(0) == pytest.approx(wanted.tolist(), abs=1e-3)
    assert met(5) == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)  # five rows do not say that these are wrong
    assert met(100) == pytest.approx([0.513, 0.360, 0.127], abs=2e-3)  # 0.500, 0.351 and 0.124, to add up to 1


def test_tables_of_codes_alone_or_numbers_alone_are_learnt_too(maker: "Maker") -> None:
    quick = {**SMALL, "epochs": 2}
    for name in ("sex", "glucose"):
        table, frame = Table("t", (next(each for each in TABLE.columns if each.name == name),)), stays(60).select(name)
        rows = fit(table, frame, maker, Ask(options=quick), Watch()).sample(9, np.random.default_rng(0))
        assert check(table, rows) == []
        assert rows[name].is_between(frame[name].min(), frame[name].max()).all()
