"""What makes drawing from a diffusion quick: groups of codes, rows looked at once, products of eight bits."""

import numpy as np
import pytest

from careloom.synth.diffusion_groups import grouped, information
from tests.later import Later, has

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch, masked = Later("torch"), Later("careloom.synth.diffusion_masked_torch")
quick = Later("careloom.synth.diffusion_quick_torch")
SIZES = (3, 4, 3, 2)


def codes(rows: int = 4_000) -> "np.typing.NDArray[np.int64]":
    """The third says the first, the last hangs on the second."""
    draw = np.random.default_rng(0)
    first, second = draw.integers(0, 3, rows), draw.integers(0, 4, rows)
    return np.stack([first, second, first, (second > 1) ^ (draw.random(rows) < 0.1)], 1).astype(np.int64)


def net() -> "masked.MaskedNet":  # type: ignore[name-defined]
    torch.manual_seed(3)
    made = masked.MaskedNet(SIZES, [np.zeros(0)] * 4, 32, 2, 0.0).eval()
    torch.nn.init.normal_(made.exit.free, std=0.1)
    return made


def test_what_codes_tell_of_each_other_is_counted_in_nats_less_what_chance_tells() -> None:
    rows = codes()
    assert information(rows[:, [0, 2]], (3, 3)) == pytest.approx(np.log(3), abs=0.01)
    assert information(rows[:, [0, 1]], (3, 4)) < 0.001
    draw = np.random.default_rng(1)
    few = [information(draw.integers(0, 8, (300, 2)), (8, 8)) for _ in range(40)]  # plainly counted: 0.08
    assert np.mean(few) < 0.02


ALONE = tuple((each,) for each in range(4, 24))
"""Of a wide table: twenty more tokens, each the same as the first."""


@pytest.mark.parametrize(
    ("alone", "most", "groups"),
    [
        (-1, 0.02, ((0, 1), (2, 3), *ALONE)),
        (3, 0.02, ((0, 1), (2,), (3,), *ALONE)),
        (-1, -1.0, ((0,), (1,), (2,), (3,), *ALONE)),
        (-1, 1e9, (tuple(range(24)),)),
    ],
    ids=["by what they tell", "the target alone", "none", "all"],
)
def test_codes_of_a_wide_table_come_to_light_together_that_tell_next_to_nothing_of_each_other(
    alone: int, most: float, groups: tuple[tuple[int, ...], ...]
) -> None:
    rows = codes()
    wide = np.concatenate([rows, np.tile(rows[:, :1], 20)], 1)
    assert grouped(wide, (*SIZES, *[3] * 20), tuple(range(24)), alone, most) == groups
    assert grouped(rows, SIZES, (0, 1, 2, 3), alone, most) == ((0,), (1,), (2,), (3,))


def test_rows_that_are_alike_so_far_are_looked_at_once() -> None:
    model, seen = net(), list[int]()
    model.trunk.last.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    made = masked.unmask(
        model, [(0,), (1,), (2, 3)], 5_000, {}, np.random.default_rng(0), masked.Levels(torch.zeros(12))
    )
    assert seen == [1, 3, 12]
    assert [len(np.unique(each)) for each in made.T] == list(SIZES)


def test_chances_of_a_group_are_those_of_its_codes_given_what_was_seen() -> None:
    model = net()
    made = masked.unmask(
        model, [(0, 2), (1,), (3,)], 60_000, {}, np.random.default_rng(0), masked.Levels(torch.zeros(12))
    )
    fixed = np.array([1, 0, 2, 0])
    mine = made[(made[:, 0] == 1) & (made[:, 2] == 2)]
    hidden = torch.tensor([[False, True, False, True]])
    with torch.no_grad():
        said = [float((-model.losses(torch.tensor([[1, each, 2, 0]]), hidden)).exp()[0, 1]) for each in range(4)]
        whole = [
            float((-model.losses(torch.tensor(fixed)[None], torch.ones(1, 4).bool())).exp()[0, at]) for at in (0, 2)
        ]
    assert np.bincount(mine[:, 1], minlength=4) / len(mine) == pytest.approx(said, abs=0.02)
    assert len(mine) / len(made) == pytest.approx(whole[0] * whole[1], abs=0.02)


def test_products_of_eight_bits_are_nearly_those_of_whole_numbers_with_a_point() -> None:
    if not quick.has_int8():
        pytest.skip("this processor has none")
    torch.manual_seed(1)
    blocks = masked.Blocks(64, 3, 0.5).eval()
    rows = torch.randn(200, 64) * torch.rand(200, 1) * 30
    with torch.no_grad():
        plain, rounded = blocks(rows), quick.quick(blocks.layers, blocks.last)(rows)
    assert float((plain - rounded).abs().mean() / plain.abs().mean()) < 0.02
    assert not torch.equal(plain, rounded)
