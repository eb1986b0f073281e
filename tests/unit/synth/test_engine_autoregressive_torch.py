"""The autoregressive engine on a small table: links, conditions, budgets, state, privacy. Needs the extra ml."""

from itertools import count

import numpy as np
import polars as pl
import pytest

from careloom.errors import FormatError, InputError
from careloom.pipeline.registry import load as registered
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Gaussian
from careloom.synth.dpsgd import Course
from careloom.synth.engine import Ask, Maker, Privacy, State, Step, Watch
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import check
from careloom.synth.tabular import Synthesizer, Wish, fit, load, planned
from tests.later import Later, has

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch = Later("torch")
fits, private = Later("careloom.synth.autoregressive_fit_torch"), Later("careloom.synth.autoregressive_private_torch")
nets = Later("careloom.synth.autoregressive_net_torch")
last, models = Later("careloom.synth.autoregressive_last_torch"), Later("careloom.synth.autoregressive_model_torch")
draws, places = Later("careloom.synth.autoregressive_draws_torch"), Later("careloom.synth.autoregressive_places")

TABLE = Table(
    "stays",
    (
        Column("stay_id", "id"),
        Column("sex", "categorical", values=("F", "M"), nullable=False, public=True),
        Column("ward", "categorical", values=("a", "b", "c"), public=True),
        Column("begin", "integer", low=0, high=100, nullable=False, public=True),
        Column("cost", "continuous", decimals=2, low=0, high=1000, atoms=(0,), cuts=(10, 100, 400), public=True),
    ),
    primary_key=("stay_id",),
)
SMALL = {
    "dropout": 0.1,
    "width": 32,
    "place": 6,
    "epochs": 14,
    "batch": 128,
    "rate": 5e-3,
    "bins": 16,
    "average": 0.9,
    "ordered": 0.5,
}
PRIVATE = {"private_width": 16, "private_steps": 30, "private_sampling": 0.2}


def stays(rows: int = 1_500, seed: int = 0) -> pl.DataFrame:
    """Men have no cost, and are never in ward a; who begins late is in ward c, or in none that is known."""
    draw = np.random.default_rng(seed)
    begin, male = draw.integers(0, 101, rows), draw.random(rows) < 0.3
    ward = np.where(begin > 80, "c", np.where(male, "b", draw.choice(["a", "b"], rows)))
    return pl.DataFrame(
        {
            "stay_id": [f"s{each}" for each in range(rows)],
            "sex": np.where(male, "M", "F"),
            "ward": pl.Series(ward).set(pl.Series((begin > 80) & (draw.random(rows) < 0.5)), None),
            "begin": begin,
            "cost": np.where(male, 0.0, draw.gamma(2, 60, rows).clip(0.01, 1000)).round(2),
        }
    )


def maker() -> Maker:
    found: Maker = registered("synth.engine.autoregressive")
    return found


def fitted(watch: Watch | None = None, **options: float | bool) -> Synthesizer:
    return fit(TABLE, stays(), maker(), Ask(seed=3, target="sex", options=SMALL | options), watch or Watch())


@pytest.fixture(scope="module")
def made() -> Synthesizer:
    return fitted()


def share(rows: pl.DataFrame, which: pl.Expr) -> float:
    return rows.filter(which).height / rows.height


def test_rows_have_the_shares_and_the_links_that_were_learnt(made: Synthesizer) -> None:
    rows, real = made.sample(3_000, np.random.default_rng(1)), stays()
    assert check(TABLE, rows) == []
    assert abs(share(rows, pl.col("sex") == "M") - share(real, pl.col("sex") == "M")) < 0.02
    assert abs(share(rows, pl.col("ward").is_null()) - share(real, pl.col("ward").is_null())) < 0.02
    men = rows.filter(pl.col("sex") == "M")
    assert share(men, pl.col("cost") == 0) > 0.9
    assert share(men, pl.col("ward") == "a") < 0.1
    assert share(rows.filter(pl.col("ward").is_null()), pl.col("begin") > 75) > 0.9
    assert abs(rows.filter(pl.col("cost") > 0)["cost"].mean() - 120) < 12  # type: ignore[operator]


@pytest.mark.parametrize("given", [{"sex": "M"}, {"ward": "c"}, {"sex": "M", "ward": "b"}])
def test_any_columns_may_be_given_and_the_others_follow(made: Synthesizer, given: dict[str, str]) -> None:
    rows = made.sample(1_000, np.random.default_rng(1), Wish(values=given))
    for column, value in given.items():
        assert rows[column].unique().to_list() == [value]
    if given.get("ward") == "c":
        assert share(rows, pl.col("begin") > 75) > 0.9  # of all rows 0.25
    else:
        assert share(rows, pl.col("cost") == 0) > 0.9  # of all rows 0.3


def test_the_same_seed_makes_the_same_rows(made: Synthesizer) -> None:
    again = fitted()
    one, other = (each.sample(200, np.random.default_rng(4)) for each in (made, again))
    assert one.equals(other)


def test_what_is_saved_is_read_again_and_makes_the_same_rows(made: Synthesizer) -> None:
    again = load(made.state(), {"autoregressive": maker()})
    one, other = (each.sample(200, np.random.default_rng(4)) for each in (made, again))
    assert one.equals(other)
    state = made.state()
    with pytest.raises(FormatError):
        load(State({name: one[:1] for name, one in state.tensors.items()}, state.told), {"autoregressive": maker()})


def test_a_fit_that_was_interrupted_ends_as_one_that_was_not(made: Synthesizer) -> None:
    kept: list[State] = []
    fitted(Watch(save=kept.append))
    assert kept
    again = fitted(Watch(resume=kept[0]))
    one, other = (each.sample(200, np.random.default_rng(4)) for each in (made, again))
    assert one.equals(other)


def test_a_fit_ends_with_the_budget_of_its_caller() -> None:
    ticks, steps = count(), list[Step]()
    fitted(Watch(share=lambda: next(ticks) / 60, told=steps.append))
    assert steps[-1].share == 1.0
    assert len(steps) < 8
    assert steps[-1].losses["validation"] < steps[0].losses["validation"]


def test_a_private_fit_keeps_to_its_bound_and_tells_no_loss() -> None:
    ask = Ask(seed=3, privacy=Privacy(5.0), options=PRIVATE)
    steps: list[Step] = []
    watch = Watch(noise=np.random.default_rng(5), told=steps.append)
    model = fit(TABLE, stays(), maker(), ask, watch)
    assert model.mechanisms == planned(TABLE, maker(), ask, 1_500)
    assert 4.9 < spent(model.mechanisms, 1e-5).epsilon <= 5.0
    assert all(not step.losses for step in steps)
    rows = model.sample(1_000, np.random.default_rng(1))
    assert check(TABLE, rows) == []
    assert abs(share(rows, pl.col("sex") == "M") - 0.3) < 0.05


def test_a_private_fit_needs_noise_and_what_is_public() -> None:
    with pytest.raises(InputError):
        fit(TABLE, stays(), maker(), Ask(privacy=Privacy(5.0)), Watch())
    seen = Table("stays", (Column("sex", "categorical"),))
    with pytest.raises(InputError):
        planned(seen, maker(), Ask(privacy=Privacy(5.0)), 100)


def test_draws_come_as_often_as_they_should_with_less_noise_than_independent_ones() -> None:
    chances = torch.tensor([[0.5, 0.3, 0.2]]).repeat(3_200, 1)
    counts = torch.bincount(draws.drawn(chances, np.random.default_rng(1)))
    assert (counts - torch.tensor([1600, 960, 640])).abs().max() < 20  # of independent draws the deviation is 28
    rare = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(50, 1)
    assert draws.drawn(rare, np.random.default_rng(1)).tolist() == [0, 1] * 50


def test_places_in_a_bin_keep_their_shape_where_there_are_rows_enough() -> None:
    draw = np.random.default_rng(1)
    codes = np.repeat(np.array([0, 1], np.int32), [1_000, 5])
    table = places.learnt(codes, draw.random(1_005) ** 4, 2)
    assert np.median(places.drawn(np.zeros(1_000, np.int32), table, draw)) == pytest.approx(0.5**4, abs=0.05)
    assert table[1].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_the_order_of_a_row_hangs_on_no_other_row_where_it_is_private() -> None:
    ordered = np.tril(np.ones((4, 4)), -1)

    def is_ordered(rows: int) -> list[bool]:
        seen = fits.orders(4, rows, (0, 1, 2, 3), 0.5, np.random.default_rng(1), by_coin=True)
        return [np.array_equal(seen[:, row], ordered) for row in range(rows)]

    many = is_ordered(400)
    assert 60 < sum(many[:200]) < 150
    assert 60 < sum(many[200:]) < 150


def test_what_is_drawn_beside_the_rows_of_a_private_fit_nobody_can_guess() -> None:
    hardly = private.PrivatePlan(Gaussian(1e-9), Course(1.0, 3, 1.0, 1e-9), 1)
    how = private.PrivateTraining(0.01, 0.5, 0.5)
    made = []
    for seed in (1, 2):
        torch.manual_seed(0)
        net = nets.ColumnNet([3, 3, 3], width=8, depth=0, place=4, dropout=0.0)
        private.learn(net, np.arange(60).reshape(20, 3) % 3, (0, 1, 2), hardly, how,
                      Watch(noise=np.random.default_rng(seed)))  # fmt: skip
        made.append(torch.cat([each.detach().flatten() for each in net.parameters()]))
    assert (made[0] - made[1]).abs().max() > 1e-4


def test_the_target_goes_on_by_itself_and_leaves_the_other_blocks_as_they_are() -> None:
    draw = np.random.default_rng(1)
    codes = draw.integers(0, 3, (900, 3))
    codes[:, 1] = (codes[:, 0] + codes[:, 2]) % 3  # only both others together tell it
    rows = torch.from_numpy(codes)
    torch.manual_seed(0)
    net = nets.ColumnNet([3, 3, 3], width=16, depth=1, place=4, dropout=0.1)
    before = {name: one.clone() for name, one in net.state_dict().items()}
    how = fits.Training(epochs=30, batch=100, rate=0.01, decay=0.01, ordered=1.0, average=0.9, patience=2, aside=0.1,
                        gain=0.0)  # fmt: skip
    seen = fits.orders(3, 200, (0, 2, 1), 1.0, np.random.default_rng(0))

    def told() -> list[float]:
        net.eval()
        found: list[float] = net.losses(rows[:200], seen).mean(0).tolist()
        return found

    first = told()
    last.learn(net, rows[200:], rows[:200], 1, how, 3)
    after = told()
    assert first[1] > 1.0
    assert after[1] < 0.1
    assert (after[0], after[2]) == (first[0], first[2])
    assert all(torch.equal(net.state_dict()[f"first.{name}"][2], before[f"first.{name}"][2])
               for name in ("weight", "bias"))  # fmt: skip


def test_shares_are_leant_to_as_far_as_rows_know_them() -> None:
    net = nets.ColumnNet([3], width=4, depth=0, place=2)
    net.heads[0].weight.data.zero_()
    net.heads[0].bias.data.copy_(torch.tensor([0.50, 0.30, 0.20]).log())
    engine = models.AutoregressiveEngine(net, (0,), (torch.zeros(3),), ())
    wanted = torch.tensor([0.505, 0.40, 0.095])

    def met(rows: int) -> list[float]:
        lean = engine.leaning(models.Wanted([wanted], rows), 100, np.random.default_rng(1))[0]
        found: list[float] = (net.heads[0].bias.detach() + lean).softmax(0).tolist()
        return found

    assert met(0) == pytest.approx(wanted.tolist(), abs=1e-3)
    assert met(5) == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)  # five rows do not say that these are wrong
    assert met(100) == pytest.approx([0.513, 0.360, 0.127], abs=2e-3)  # 0.500, 0.351 and 0.124, to add up to 1
