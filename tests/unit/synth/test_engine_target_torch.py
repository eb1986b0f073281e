"""The target of a small table, drawn last: what it follows, how often its codes come, when there is none."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from careloom.synth.engine import Ask, Privacy
from tests.later import Later, has

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch, target = Later("torch"), Later("careloom.synth.engine_target_torch")
blocks = Later("careloom.synth.engine_blocks_torch")
SIZES, PART = (4, 3, 2), 1
OPTIONS = {"heads": 8, "sure": 1.0}
Codes = npt.NDArray[np.int32]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(count: int, seed: int = 0, follows: float = 0.9) -> Codes:
    """The second code is the first one (of 3 it is 2 too), nine times of ten; the third says nothing."""
    draw = np.random.default_rng(seed)
    first, last = draw.integers(0, 4, count), draw.integers(0, 2, count)
    second = np.where(draw.random(count) < follows, np.minimum(first, 2), draw.integers(0, 3, count))
    return np.stack([first, second, last], 1).astype(np.int32)


def learnt(codes: Codes, **options: float) -> "target.Last":  # type: ignore[name-defined]
    kept = blocks.blocks_of(SIZES)
    flat = kept.flat(codes)
    return target.last_of(kept, PART, flat, kept.hot(flat), {**OPTIONS, **options}, 1)


def drawn(last: "target.Last", codes: Codes, seed: int = 0) -> Codes:  # type: ignore[name-defined]
    kept = blocks.blocks_of(SIZES)
    made: Codes = last.drawn(kept.hot(kept.flat(codes)), np.random.default_rng(seed))
    return made


def follows(codes: Codes, second: Codes) -> float:
    return float((second == np.minimum(codes[:, 0], 2)).mean())


def test_the_target_follows_the_other_columns_as_in_rows_that_were_not_learnt() -> None:
    last, others = learnt(rows(300)), rows(2_000, seed=1)
    found = drawn(last, others)
    assert abs(follows(others, found) - follows(others, others[:, PART])) < 0.06
    hidden = others.copy()
    hidden[:, PART] = 0  # what stood there before does not matter
    assert np.array_equal(drawn(last, hidden), found)


def test_a_target_of_chance_is_said_with_the_shares_that_it_has_and_no_more() -> None:
    last, others = learnt(rows(200, follows=0.0)), rows(2_000, seed=1)
    assert abs(follows(others, drawn(last, others)) - 1 / 3) < 0.07


def test_the_surer_the_more_the_target_follows_the_others() -> None:
    others = rows(2_000, seed=1)
    found = [follows(others, drawn(learnt(rows(300), sure=sure), others)) for sure in (0.5, 1.0, 3.0)]
    assert found[0] < found[1] < found[2]


def test_codes_come_as_often_as_they_were_learnt_where_made_rows_would_shift_them() -> None:
    codes, kept = rows(300), blocks.blocks_of(SIZES)
    made = rows(3_000, seed=2)
    made = made[(made[:, 0] > 0) | (made[:, 2] > 0)]  # the first code comes half as often
    wanted = torch.tensor(np.bincount(codes[:, PART], minlength=3) / len(codes), dtype=torch.float32)
    last = learnt(codes).levelled(kept.hot(kept.flat(made)), wanted, 0)
    found = np.bincount(drawn(last, made), minlength=3) / len(made)
    assert found == pytest.approx(wanted.numpy(), abs=0.01)


def test_a_target_survives_being_saved_as_arrays() -> None:
    last, others = learnt(rows(300)), rows(100, seed=1)
    again = target.last_from(blocks.blocks_of(SIZES), PART, sum(SIZES), last.tensors())
    assert np.array_equal(drawn(again, others), drawn(last, others))
    with pytest.raises((KeyError, ValueError)):
        target.last_from(blocks.blocks_of(SIZES), PART, sum(SIZES) + 1, last.tensors())


@pytest.mark.parametrize(
    ("ask", "heads", "part", "is_last"),
    [
        (Ask(target="t"), 16, 1, True),
        (Ask(target="t"), 0, 1, False),
        (Ask(), 16, None, False),
        (Ask(target="t", privacy=Privacy(1.0)), 16, 1, False),
    ],
    ids=["few rows", "many rows", "no target", "private"],
)
def test_a_target_is_drawn_last_of_fits_that_are_not_private_and_have_one(
    ask: Ask, heads: int, part: int | None, is_last: bool
) -> None:
    assert target.is_last(ask, {"heads": heads}, part) is is_last
