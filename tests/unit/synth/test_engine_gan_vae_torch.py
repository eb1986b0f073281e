"""The autoencoder and the adversarial engine behind the port: what they learn, budgets, privacy, saving."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from careloom.errors import InputError
from careloom.synth.accounting import spent
from careloom.synth.dpsgd import Course
from careloom.synth.engine import Ask, Maker, Privacy, State, Step, Watch
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import check
from careloom.synth.tabular import Synthesizer, Wish, fit, load, planned
from careloom.synth.transforms_numbers import Floats
from tests.later import Later, has

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch = Later("torch")
vae, gan = Later("careloom.synth.engine_vae_torch"), Later("careloom.synth.engine_gan_torch")
models, blocks = Later("careloom.synth.engine_vae_model_torch"), Later("careloom.synth.engine_blocks_torch")
ENGINES = ("vae", "gan")
TABLE = Table(
    "stays",
    (
        Column("sex", "categorical", values=("F", "M"), nullable=False, public=True),
        Column("unit", "categorical", values=("a", "b", "c"), public=True),
        Column("points", "integer", low=0, high=9, nullable=False, public=True),
        Column("cost", "continuous", decimals=1, low=0, high=100, atoms=(0,), nullable=True, public=True),
    ),
)
SMALL: dict[str, dict[str, float]] = {
    "vae": {
        "hidden": 48,
        "latent": 4,
        "components": 4,
        "layers": 1,
        "flow": 16,
        "batch": 64,
        "epochs": 30,
        "rising": 50,
        "unseen": 0.2,
        "heads": 3,
        "dropout": 0.1,
    },
    "gan": {
        "noise": 8,
        "hidden": 32,
        "layers": 1,
        "row": 24,
        "critic": 32,
        "together": 2,
        "batch": 100,
        "steps": 300,
        "rate": 3e-3,
        "heads": 3,
    },
}
SHORT: dict[str, dict[str, float]] = {"vae": {"epochs": 14}, "gan": {"steps": 150}}
TINY: dict[str, dict[str, float]] = {"vae": {"epochs": 2}, "gan": {"steps": 10}}
PRIVATE = {"private_steps": 40, "private_rate": 0.1}


def stays(rows: int = 600, seed: int = 0) -> pl.DataFrame:
    """Men have many points and cost nothing; one unit in ten is unknown."""
    draw = np.random.default_rng(seed)
    male = draw.random(rows) < 0.3
    unit = np.asarray(["a", "b", "c"])[draw.integers(0, 3, rows)]
    return pl.DataFrame(
        {
            "sex": np.where(male, "M", "F"),
            "unit": pl.Series(unit).set(pl.Series(draw.random(rows) < 0.1), None),
            "points": np.where(male, draw.integers(5, 10, rows), draw.integers(0, 5, rows)),
            "cost": np.where(male, 0.0, draw.normal(50, 10, rows).clip(0, 100)).round(1),
        }
    )


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small layers are the slower for each further thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def halves(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Two modes: the values below the median, and those above."""
    below, above = np.array_split(np.sort(values), 2)
    return np.full(2, 0.5), np.array([below.mean(), above.mean()]), np.array([below.std(), above.std()]) + 0.1


def maker(name: str) -> Maker:
    found: Maker = {"vae": vae, "gan": gan}[name].maker
    return found


def fitted(name: str, watch: Watch | None = None, **options: float) -> Synthesizer:
    ask = Ask(seed=3, target="sex", options=SMALL[name] | options)
    return fit(TABLE, stays(), maker(name), ask, watch or Watch(), halves)


made = cache(fitted)


def share(rows: pl.DataFrame, which: pl.Expr) -> float:
    return rows.filter(which).height / rows.height


@pytest.mark.parametrize("name", ENGINES)
def test_rows_look_like_those_learnt_and_break_no_rule(name: str) -> None:
    rows = made(name).sample(3_000, np.random.default_rng(1))
    men = pl.col("sex") == "M"
    assert check(TABLE, rows) == []
    assert abs(share(rows, men) - 0.3) < 0.06
    assert abs(share(rows, pl.col("unit").is_null()) - 0.1) < 0.04
    assert share(rows.filter(men), pl.col("points") >= 5) > 0.8
    assert share(rows.filter(~men), pl.col("points") >= 5) < 0.2
    assert share(rows.filter(men), pl.col("cost") == 0) > 0.8
    assert abs(rows.filter(~men)["cost"].median() - 50) < 6  # type: ignore[operator]


@pytest.mark.parametrize("name", ENGINES)
def test_a_given_value_stands_in_every_row_and_the_others_follow_it(name: str) -> None:
    rows = made(name).sample(400, np.random.default_rng(1), Wish(values={"sex": "M", "unit": "b"}))
    assert set(rows["sex"]) == {"M"}
    assert set(rows["unit"]) == {"b"}
    assert share(rows, pl.col("points") >= 5) > 0.8


@pytest.mark.parametrize("name", ENGINES)
def test_a_saved_generator_makes_the_same_rows_and_no_row_of_another_seed(name: str) -> None:
    again = load(made(name).state(), {name: maker(name)})
    rows = made(name).sample(50, np.random.default_rng(1))
    assert_frame_equal(again.sample(50, np.random.default_rng(1)), rows)
    assert not again.sample(50, np.random.default_rng(2)).equals(rows)


@pytest.mark.parametrize("name", ENGINES)
def test_a_fit_that_was_interrupted_goes_on_to_the_same_model(name: str) -> None:
    saved: list[State] = []
    whole = fitted(name, Watch(save=saved.append), **SHORT[name])
    assert saved
    assert all(isinstance(each, np.ndarray) for state in saved for each in state.tensors.values())
    resumed = fitted(name, Watch(resume=saved[0]), **SHORT[name])
    draws = [each.sample(50, np.random.default_rng(1)) for each in (whole, resumed)]
    assert_frame_equal(*draws)


@pytest.mark.parametrize("name", ENGINES)
def test_a_fit_ends_when_its_budget_is_used_up(name: str) -> None:
    steps: list[Step] = []
    looks = iter(np.linspace(0, 1, 40))
    fitted(name, Watch(told=steps.append, share=lambda: float(next(looks, 1.0))))
    assert steps[-1].share == 1
    assert [step.number for step in steps] == [*range(1, len(steps) + 1)]


@pytest.mark.parametrize("name", ENGINES)
def test_a_private_fit_keeps_to_its_epsilon_and_heeds_no_budget(name: str) -> None:
    steps: list[Step] = []
    ask = Ask(seed=3, privacy=Privacy(3.0, 1e-5), options=SMALL[name] | PRIVATE)
    watch = Watch(told=steps.append, share=lambda: 1.0, noise=np.random.default_rng(5))
    private = fit(TABLE, stays(), maker(name), ask, watch, halves)
    assert private.mechanisms == planned(TABLE, maker(name), ask, patients=600)
    assert 2.5 < spent(private.mechanisms, 1e-5).epsilon <= 3.0
    assert steps[-1].share == 1
    assert all(not step.losses for step in steps)
    rows = load(private.state(), {name: maker(name)}).sample(2_000, np.random.default_rng(1))
    assert check(TABLE, rows) == []
    assert abs(share(rows, pl.col("sex") == "M") - 0.3) < 0.1


@pytest.mark.parametrize("name", ENGINES)
def test_what_a_private_fit_makes_hangs_on_its_noise_alone(name: str) -> None:
    ask = Ask(seed=3, privacy=Privacy(3.0, 1e-5), options=SMALL[name] | PRIVATE | {"private_steps": 5})
    draws = [
        fit(TABLE, stays(), maker(name), ask, Watch(noise=np.random.default_rng(noise)), halves).engine.state()
        for noise in (5, 5, 6)
    ]
    same, other = (
        [np.array_equal(each, draws[at].tensors[key]) for key, each in draws[0].tensors.items()] for at in (1, 2)
    )
    assert all(same)
    assert not all(other)


@pytest.mark.parametrize("name", ENGINES)
def test_a_private_fit_without_noise_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="source of noise"):
        fit(TABLE, stays(), maker(name), Ask(privacy=Privacy(3.0)), Watch(), halves)


@pytest.mark.parametrize("name", ENGINES)
def test_few_rows_of_one_kind_are_learnt_too(name: str) -> None:
    ask = Ask(options=SMALL[name] | TINY[name])
    rows = fit(TABLE, stays(7).with_columns(sex=pl.lit("F")), maker(name), ask, Watch(), halves)
    assert rows.sample(0, np.random.default_rng(1)).height == 0
    assert set(rows.sample(20, np.random.default_rng(1))["sex"]) <= {"F", "M"}


def test_what_the_private_autoencoder_draws_beside_rows_nobody_can_guess() -> None:
    flat = torch.tensor([[0, 2], [1, 3]]).repeat(30, 1)
    made = []
    for seed in (1, 2):
        model = models.Autoencoder(
            blocks.blocks_of([2, 2]), {**vae.maker.options, **SMALL["vae"]}, torch.Generator().manual_seed(1),
            is_private=True,
        )  # fmt: skip
        training = vae.Training(model, {**vae.maker.options, **SMALL["vae"]}, 1, None)
        learnt = training.learn_privately(flat, Course(1.0, 3, 1.0, 1e-9), np.random.default_rng(seed), Watch())
        made.append(torch.cat([each.detach().flatten() for each in learnt.parameters()]))
    assert (made[0] - made[1]).abs().max() > 1e-5


def test_a_table_of_categories_alone_is_learnt_by_adversaries_and_one_of_plain_numbers_is_refused() -> None:
    codes = Table("t", tuple(each for each in TABLE.columns if each.kind == "categorical"))
    ask = Ask(seed=3, options=SMALL["gan"] | TINY["gan"])
    rows = fit(codes, stays(), maker("gan"), ask, Watch(), halves).sample(50, np.random.default_rng(1))
    assert check(codes, rows) == []
    number = Table("t", (Column("x", "continuous", low=0, high=1, nullable=False, public=True),))
    with pytest.raises(InputError, match="no column has codes"):
        planned(number, maker("gan"), Ask(privacy=Privacy(3.0)), 100)


def test_more_codes_than_pairs_can_be_counted_of_are_refused_at_once() -> None:
    names = [f"name {each}" for each in range(10)]
    many = Table("t", tuple(Column(each, "categorical") for each in names))
    frame = pl.DataFrame({each: [f"v{at % 700}" for at in range(7_000)] for each in names})
    with pytest.raises(InputError, match="more than 6,000 codes"):
        fit(many, frame, maker("gan"), Ask(), Watch(), halves)


@pytest.mark.parametrize("name", ["vae", pytest.param("gan", marks=pytest.mark.long)])
def test_a_column_of_ten_thousand_values_is_learnt_as_groups_and_rare_ones_inside(name: str) -> None:
    draw = np.random.default_rng(0)
    sex = draw.integers(0, 2, 4_000)
    often = draw.random(4_000) < 0.5
    code = np.where(often, sex, 2 + draw.integers(0, 9_998, 4_000))
    frame = pl.DataFrame({"sex": np.where(sex, "M", "F"), "code": [f"c{each}" for each in code]})
    values = tuple(f"c{each}" for each in range(10_000))
    table = Table("t", (Column("sex", "categorical"), Column("code", "categorical", values=values)))
    ask = Ask(
        seed=3, target="sex", options=SMALL[name] | {"vae": {"epochs": 5, "heads": 1}, "gan": {"steps": 100}}[name]
    )
    model = fit(table, frame, maker(name), ask, Watch(), halves)
    rows = load(model.state(), {name: maker(name)}).sample(2_000, np.random.default_rng(1))
    assert check(table, rows) == []
    rare = rows.filter(~pl.col("code").is_in(["c0", "c1"]))["code"]
    assert abs(len(rare) / rows.height - 0.5) < 0.06
    assert rare.n_unique() > 400
    if name == "vae":  # the adversaries are asked for the first part alone, and hardly any row has the second
        assert set(model.sample(50, np.random.default_rng(1), Wish(values={"code": "c7777"}))["code"]) == {"c7777"}
