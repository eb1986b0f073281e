"""What all engines of tables share, shown with the one that needs no library: wishes, constraints, batches, state."""

import json
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from careloom.errors import FormatError, InputError, QueryError
from careloom.synth.constraints import Fixed, Order
from careloom.synth.engine import Ask, Privacy, State, Step, Watch
from careloom.synth.engine_marginals import MarginalEngine, maker
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import check
from careloom.synth.tabular import Synthesizer, Wish, fit, load, planned
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part

TABLE = Table(
    "stays",
    (
        Column("stay_id", "id"),
        Column("patient", "id"),
        Column("sex", "categorical", values=("F", "M"), nullable=False, public=True),
        Column("grade", "categorical", values=("low", "high"), nullable=False, public=True),
        Column("points", "integer", low=1, high=3, nullable=False, public=True),
        Column("begin", "integer", low=0, high=100, nullable=False, public=True),
        Column("end", "integer", low=0, high=130, public=True),
        Column("cost", "continuous", decimals=2, low=0, high=1000, atoms=(0,), cuts=(10, 100, 400), public=True),
    ),
    primary_key=("stay_id",),
    subject="patient",
    constraints=(Order("begin", "end"), Fixed(("grade", "points"), (("low", 1), ("low", 2), ("high", 3)))),
)
QUICK = {"components": 32, "models": 1, "steps": 250}
ASK = Ask(seed=3, privacy=Privacy(3.0, 1e-5, 2), target="sex", options=QUICK)


def stays(rows: int = 3_000, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    begin, male = draw.integers(0, 101, rows), draw.random(rows) < 0.3
    points = np.where(male, 3, draw.integers(1, 4, rows))
    return pl.DataFrame(
        {
            "stay_id": [f"s{each}" for each in range(rows)],
            "patient": [f"p{each // 3}" for each in range(rows)],
            "sex": np.where(male, "M", "F"),
            "grade": np.where(points == 3, "high", "low"),
            "points": points,
            "begin": begin,
            "end": pl.Series(begin + draw.integers(0, 30, rows)).set(pl.Series(draw.random(rows) < 0.1), None),
            "cost": np.where(male, 0.0, draw.gamma(2, 60, rows).clip(0, 1000)).round(2),
        }
    )


@pytest.fixture(scope="module")
def made() -> Synthesizer:
    return fit(TABLE, stays(), maker, ASK, Watch(noise=np.random.default_rng(5)))


def share(rows: pl.DataFrame, which: pl.Expr) -> float:
    return rows.filter(which).height / rows.height


def test_rows_are_those_of_the_table_and_break_nothing(made: Synthesizer) -> None:
    rows = made.sample(2_000, np.random.default_rng(1))
    assert rows.columns == list(TABLE.names)
    assert check(TABLE, rows) == []
    assert rows["stay_id"].n_unique() == rows.height
    assert abs(share(rows, pl.col("sex") == "M") - 0.3) < 0.03
    assert share(rows.filter(pl.col("sex") == "M"), pl.col("grade") == "high") > 0.6  # of women 0.33


def test_a_given_value_stands_in_every_row_and_the_others_follow_it(made: Synthesizer) -> None:
    rows = made.sample(500, np.random.default_rng(1), Wish(values={"sex": "M"}))
    assert rows["sex"].unique().to_list() == ["M"]
    assert share(rows, pl.col("cost") == 0) > 0.6  # of women none


def test_a_value_that_the_reduction_hides_is_met_by_drawing_again(made: Synthesizer) -> None:
    rows = made.sample(200, np.random.default_rng(1), Wish(values={"grade": "high"}, ranges={"end": (50, 60)}))
    assert rows["grade"].unique().to_list() == ["high"]
    assert rows["end"].is_between(50, 60).all()
    assert rows.height == 200


def test_balance_gives_every_category_as_many_rows(made: Synthesizer) -> None:
    rows = made.sample(401, np.random.default_rng(1), Wish(balance="sex"))
    assert sorted(rows["sex"].value_counts()["count"]) == [200, 201]


def test_batches_are_the_same_for_a_seed_and_number_their_rows_through(made: Synthesizer) -> None:
    one = pl.concat(made.batches(250, 9, size=100))
    assert_frame_equal(one, pl.concat(made.batches(250, 9, size=100)))
    assert one["stay_id"].to_list() == [f"synthetic-{each}" for each in range(250)]
    assert not one.equals(pl.concat(made.batches(250, 10, size=100)))


def test_a_generator_survives_being_saved_as_arrays_and_json(made: Synthesizer) -> None:
    state = made.state()
    again = load(State(state.tensors, json.loads(json.dumps(state.told))), {"marginals": maker})
    assert_frame_equal(again.sample(50, np.random.default_rng(2)), made.sample(50, np.random.default_rng(2)))
    assert again.epsilon == made.epsilon
    with pytest.raises(FormatError):
        load(State(state.tensors, {**state.told, "version": 99}), {"marginals": maker})
    with pytest.raises(FormatError):
        load(State({}, state.told), {"marginals": maker})


def test_what_a_fit_spends_is_known_before_a_row_is_read(made: Synthesizer) -> None:
    assert planned(TABLE, maker, ASK, 1_000) == made.mechanisms
    assert made.epsilon is not None
    assert 2.9 < made.epsilon <= 3.0


def test_a_private_fit_is_the_same_whatever_lies_beyond_the_declared_bounds() -> None:
    frame = stays(300)
    wild = frame.with_columns(cost=pl.when(pl.col("cost") == pl.col("cost").max()).then(1e12).otherwise("cost"))
    one, other = (
        fit(TABLE, each, maker, ASK, Watch(noise=np.random.default_rng(5))).sample(50, np.random.default_rng(0))
        for each in (frame, wild)
    )
    assert one.filter(pl.col("cost") > 1000).is_empty()
    assert_frame_equal(one, other)


@pytest.mark.parametrize("numbers", ["bins", "quantile"])
def test_what_is_not_declared_is_read_as_something_that_is(numbers: Literal["bins", "quantile"]) -> None:
    table = replace(TABLE, columns=(*TABLE.columns, Column("ward", "categorical", values=("A", "other"), public=True),
                                    Column("smokes", "boolean", nullable=False, public=True)))  # fmt: skip
    frame = stays(6).with_columns(ward=pl.lit("A"), smokes=pl.lit(value=True))
    odd = frame.with_columns(
        sex=pl.Series(["X", None, "F", "M", "M", "F"]), ward=pl.Series(["Z", None, "A", "A", "A", "A"]),
        smokes=pl.Series([None, True, True, True, True, True]),
    )  # fmt: skip
    like = frame.with_columns(
        sex=pl.Series(["M", "M", "F", "M", "M", "F"]), ward=pl.Series([None, None, "A", "A", "A", "A"]),
        smokes=pl.Series([False, True, True, True, True, True]),
    )  # fmt: skip
    learnt = []

    def keep(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> MarginalEngine:
        learnt.append(rows)
        raise InputError("enough", "It has seen the rows.")

    kept = replace(maker, fit=keep, plan=lambda _: Plan(numbers=numbers), costs=lambda *_: ())
    ask = replace(ASK, privacy=Privacy(3.0, 1e-5, 9))
    for each in (odd, like, odd.with_columns(grade=pl.lit("low"), points=pl.lit(3))):
        with pytest.raises(InputError, match="enough"):
            fit(table, each, kept, ask, Watch(noise=np.random.default_rng(1)))
    np.testing.assert_array_equal(learnt[0].discrete, learnt[1].discrete)
    np.testing.assert_array_equal(learnt[0].continuous, learnt[1].continuous)


def test_which_rows_of_a_patient_are_learnt_nobody_can_guess() -> None:
    frame = stays(40).with_columns(patient=pl.lit("p"))
    learnt = []

    def keep(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> MarginalEngine:
        learnt.append(rows.discrete)
        raise InputError("enough", "It has seen the rows.")

    for seed in (1, 2):
        with pytest.raises(InputError, match="enough"):
            fit(TABLE, frame, replace(maker, fit=keep), ASK, Watch(noise=np.random.default_rng(seed)))
    assert [len(each) for each in learnt] == [2, 2]
    assert not np.array_equal(learnt[0], learnt[1])


def test_the_watch_hears_how_far_it_is() -> None:
    heard: list[Step] = []
    fit(TABLE, stays(200), maker, ASK, Watch(told=heard.append, noise=np.random.default_rng(1)))
    assert heard[-1].share == 1.0
    assert [each.share for each in heard] == sorted(each.share for each in heard)


REFUSED = [
    (Ask(), "epsilon"),
    (replace(ASK, target="cost"), "target"),
    (replace(ASK, options={"depth": 3}), "depth"),
    (replace(ASK, options={"bins": "many"}), "bins"),
]


@pytest.mark.parametrize(("ask", "named"), REFUSED, ids=[row[1] for row in REFUSED])
def test_an_ask_that_cannot_be_met_is_refused_by_name(ask: Ask, named: str) -> None:
    with pytest.raises(InputError) as refused:
        fit(TABLE, stays(100), maker, ask, Watch(noise=np.random.default_rng(1)))
    assert named in f"{refused.value}"


WISHES = [
    Wish(values={"cost": 3}),
    Wish(ranges={"sex": (0, 1)}),
    Wish(values={"sex": "F"}, balance="sex"),
    Wish(ranges={"end": (500, None)}),
]


@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_that_cannot_be_met_is_refused(made: Synthesizer, wish: Wish) -> None:
    with pytest.raises(QueryError):
        made.sample(20, np.random.default_rng(1), wish)


def test_a_table_without_public_bounds_is_refused_before_anything_is_read() -> None:
    shy = replace(TABLE, columns=tuple(replace(each, public=False) for each in TABLE.columns), constraints=())
    with pytest.raises(InputError, match="without looking at the data"):
        planned(shy, maker, replace(ASK, target=""), 100)


def test_a_table_of_identifiers_alone_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to learn"):
        planned(Table("t", (Column("a", "id"),)), maker, ASK, 100)
