"""Columns of model space as tokens: what is coded comes back, values that recur are codes, the others stay numbers."""

import json

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from careloom.synth import transforms
from careloom.synth.diffusion_tokens import Tokens, tokens_from, tokens_of
from careloom.synth.metadata import Column, Table
from careloom.synth.transforms import TableTransform
from careloom.synth.transforms_space import ModelRows

TABLE = Table(
    "stays",
    (
        Column("ward", "categorical"),
        Column("age", "integer"),
        Column("cost", "continuous", decimals=2, atoms=(0,)),
        Column("fee", "integer", atoms=(0,)),
    ),
)


@pytest.fixture(scope="module")
def made() -> tuple[TableTransform, ModelRows, Tokens]:
    draw = np.random.default_rng(0)
    rows = 3_000
    cost = draw.gamma(2, 60, rows).round(2)
    frame = pl.DataFrame(
        {
            "ward": pl.Series([f"w{each}" for each in draw.zipf(1.8, rows).clip(1, 60)]),
            "age": pl.Series(draw.integers(20, 60, rows)).set(pl.Series(draw.random(rows) < 0.1), None),
            "cost": pl.Series(np.where(draw.random(rows) < 0.4, 0, cost)),
            "fee": np.where(draw.random(rows) < 0.5, 0, draw.choice([10, 25, 400, 401, 402], rows)),
        }
    )
    transform = transforms.fit(TABLE, frame)
    encoded = transform.encode(frame)
    return transform, encoded, tokens_of(transform.parts, encoded)


def test_a_token_stands_for_all_parts_of_a_column_that_are_codes(
    made: tuple[TableTransform, ModelRows, Tokens],
) -> None:
    transform, _, tokens = made
    assert len(transform.discrete) == 5  # the ward, which of the rare ones, and three states
    assert len(tokens.tokens) == 4
    ward, age, _, fee = tokens.tokens
    assert ward.size > 10
    assert age.size == 40 + 1  # and missing
    assert fee.size == 5 + 1  # and zero
    assert [transform.continuous[each].column for each in tokens.numbers] == ["cost"]
    assert tokens.states == (2,)


def test_rows_come_back_from_codes_and_numbers(made: tuple[TableTransform, ModelRows, Tokens]) -> None:
    transform, rows, tokens = made
    codes, numbers = tokens.encode(rows)
    again = tokens.decode(codes, numbers, np.random.default_rng(1))
    assert_frame_equal(transform.decode(again), transform.decode(rows))
    shares = tokens.present(codes).mean()
    assert 0.55 < shares < 0.65


def test_rare_neighbours_share_a_code_and_give_values_that_were_seen() -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate([np.full(900, 0.5), draw.normal(size=100)])
    rows = ModelRows(values[:, None], np.zeros((1_000, 0), np.int32))
    transform = transforms.fit(Table("t", (Column("x", "continuous"),)), pl.DataFrame({"x": values}))
    tokens = tokens_of(transform.parts, rows)
    codes, numbers = tokens.encode(rows)
    assert numbers.shape == (1_000, 0)
    assert tokens.sizes[0] < 15
    assert np.bincount(codes[:, 0]).min() >= 1
    back = tokens.decode(codes, numbers, draw).continuous[:, 0]
    assert set(back) <= set(values)
    assert (back == 0.5).sum() == 900


def test_given_codes_allow_what_agrees_with_them_and_all_where_none_does(
    made: tuple[TableTransform, ModelRows, Tokens],
) -> None:
    transform, rows, tokens = made
    state = [part.name for part in transform.discrete].index("age:state")
    allowed = tokens.allowed({state: np.array([0, 1], np.int32)}, 2)
    assert list(allowed) == [1]
    assert allowed[1].sum(1).tolist() == [40, 1]
    never = {0: np.array([99], np.int32)}
    assert tokens.allowed(never, 1)[0].all()
    with pytest.raises(ValueError, match="not made of"):
        tokens.encode(ModelRows(rows.continuous[:1], rows.discrete[:1] + 99))


def test_tokens_survive_as_arrays_and_json(made: tuple[TableTransform, ModelRows, Tokens]) -> None:
    transform, rows, tokens = made
    arrays, told = tokens.state()
    again = tokens_from(transform.parts, arrays, json.loads(json.dumps(told)))
    assert np.array_equal(again.encode(rows)[0], tokens.encode(rows)[0])
