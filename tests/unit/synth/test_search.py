"""Spaces of settings, who proposes them, and the number by which they are compared."""

import numpy as np
import polars as pl
import pytest

from careloom.errors import InputError
from careloom.pipeline.registry import REGISTRY, load
from careloom.services.synthesize import engines, maker_of
from careloom.synth.engine import Ask, Privacy
from careloom.synth.metadata_toml import from_toml
from careloom.synth.search_score import score
from careloom.synth.search_space import Choice, Span, space_of
from tests.synthesis_kit import METADATA, stays

TABLE = from_toml(METADATA).table()


@pytest.mark.parametrize("engine", engines())
def test_every_engine_has_a_space_around_its_usual_settings(engine: str) -> None:
    pytest.importorskip("torch")
    maker = maker_of(engine)
    asks = [Ask(), Ask(privacy=Privacy(1.0))] if maker.costs is not None and not maker.needs_privacy else [Ask()]
    for ask in asks:
        for one in space_of(maker, ask):
            usual = maker.options[one.name]
            if isinstance(one, Choice):
                assert usual in one.values
            else:
                assert one.low <= usual <= one.high


def test_what_an_ask_fixes_is_not_tried() -> None:
    maker = maker_of("marginals")
    names = [one.name for one in space_of(maker, Ask(options={"bins": 8}))]
    assert "bins" not in names
    assert names


@pytest.mark.parametrize(
    "text",
    [
        "[marginals", "", "[marginals]", "[other]\nbins = [1]", "[marginals]\nbins = 3", "[marginals]\nbins = []",
        "[marginals]\nbins = { low = 3 }", "[marginals]\nbins = { low = 9, high = 3 }", "[marginals]\nmagic = [3]",
        "[marginals]\nbins = { low = 0, high = 3, log = true }", '[marginals]\nbins = ["many"]',
        "[marginals]\nbins = { low = 3, high = 9, step = 2 }", "[marginals]\nbins = { low = 1.5, high = 9.5 }",
    ],
)  # fmt: skip
def test_a_space_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        space_of(maker_of("marginals"), Ask(), text or "x = 1")


def test_settings_by_lot_do_not_depend_on_what_was_told() -> None:
    pytest.importorskip("optuna")
    space = (Choice("bins", (4, 8, 16)), Span("steps", 10, 500), Span("rate", 1e-4, 1e-1, True))
    found = []
    for told in (None, 0.0, 1.0):
        proposer = load("synth.search")(space, {"bins": 8}, 3, is_adaptive=False)
        made = []
        for _ in range(12):
            made.append(proposer.propose())
            proposer.told(told)
        found.append(made)
    assert found[0] == found[1] == found[2]
    assert found[0][0] == {"bins": 8}
    assert len({str(one) for one in found[0]}) > 6
    assert all(isinstance(one["steps"], int) and 1e-4 <= one["rate"] <= 1e-1 for one in found[0][1:])


def test_settings_in_view_of_the_last_ones_come_closer_than_those_by_lot() -> None:
    pytest.importorskip("optuna")
    found: dict[bool, list[float]] = {True: [], False: []}
    for is_adaptive, seed in ((True, 1), (True, 2), (False, 1), (False, 2)):
        proposer = load("synth.search")((Span("rate", 0.0, 1.0),), {"rate": 0.5}, seed, is_adaptive=is_adaptive)
        for number in range(40):
            distance = abs(float(proposer.propose()["rate"]) - 0.2)
            proposer.told(distance)
            found[is_adaptive] += [distance] if number >= 20 else []
    assert np.mean(found[True]) < np.mean(found[False]) / 2
    assert "synth.search" in REGISTRY


def test_the_distance_is_nought_for_the_same_rows_and_one_for_nothing_in_common() -> None:
    held = stays(400)
    made = score(TABLE, held, None)
    assert made.distance(held) == 0.0
    other = held.with_columns(sex=pl.lit("M"), ward=pl.lit("c"), days=pl.lit(29))
    assert 0.3 < made.distance(other) < 1.0
    assert made.distance(stays(400, seed=9)) < 0.1


@pytest.mark.parametrize("rows_per_patient", [1, 2, 3])
def test_no_patient_changes_a_distance_by_more_than_the_sensitivity(rows_per_patient: int) -> None:
    draw = np.random.default_rng(5)
    held = stays(60).with_columns(patient=pl.Series([f"p{one // rows_per_patient}" for one in range(60)]))
    rows = stays(200, seed=2)
    whole = score(TABLE, held, None, rows_per_patient)
    for patient in draw.choice(held["patient"].unique().to_list(), 12, replace=False):
        less = score(TABLE, held.filter(pl.col("patient") != patient), None, rows_per_patient)
        assert abs(whole.distance(rows) - less.distance(rows)) <= less.sensitivity + 1e-12
