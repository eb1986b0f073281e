"""Models made anew for the past, or without a site: what they lose is told, and what cannot be judged is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from careloom.mlops.card_facts import Judged
from careloom.mlops.card_measures import validity
from careloom.risk.evaluate import Resampling
from careloom.risk.models_elsewhere import KINDS, Elsewhere, Json, difference, judged_elsewhere, lines
from careloom.risk.models_features import About
from careloom.risk.models_training import Plan, Rows

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
ABOUT = {"sodium": About("Sodium", "mmol/L")}
PLAN = Plan("mine", "an outcome", 30, "logistic", key=b"a key of a test", seed=1, settings={"penalty": 1.0, "knots": 0})
OWN = {"measures": {name: {"value": at, "low": at - 0.02, "high": at + 0.02} for name, at in
                    (("auroc", 0.8), ("ece", 0.03))}}  # fmt: skip


def drawn(count: int = 2400, *, sites: bool = True, turns: float = 2.0) -> dict[str, Rows]:
    """Rows of four years; the risk falls with sodium, and from `turns` (share of the time) on it rises with it."""
    draw = np.random.default_rng(3)
    place = draw.uniform(0, 1, count)
    sodium = draw.normal(0, 1, count)
    sign = np.where(place < turns, -1.0, 1.0)
    happened = draw.random(count) < 1 / (1 + np.exp(1.0 - 1.5 * sign * sodium))
    times = [BEGIN + timedelta(days=1460 * float(one)) for one in place]
    frame = pl.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(count)], "sodium": sodium, "index_time": times,
            "horizon_end": [one + timedelta(days=30) for one in times],
            "site": [("north", "south", "small")[min(2, int(one))] for one in draw.uniform(0, 2.01, count)],
        }
    )  # fmt: skip
    if not sites:
        frame = frame.drop("site")
    whole = Rows(frame, happened, frame["patient_id"])
    part = np.arange(count) % 5
    return {"train": whole.only(part < 3), "validation": whole.only(part == 3), "test": whole.only(part == 4)}


def judged(parts: dict[str, Rows], *kinds: str, shift: float = 0.0, searched: bool = False) -> list[Json]:
    ask = Elsewhere(kinds or KINDS, Resampling(1, 50), OWN, shift, searched)
    return judged_elsewhere(ABOUT, parts, PLAN, ask)


def test_where_nothing_changes_a_model_of_the_past_loses_nothing_that_intervals_would_show() -> None:
    (one,) = judged(drawn(), "temporal")
    assert one["of"].startswith("later than 202")
    assert 500 < one["rows"]["rows"] < 700
    assert one["measures"]["auroc"]["low"] < 0.82 < one["measures"]["auroc"]["high"] + 0.05
    assert one["auroc_drop"]["low"] < 0 < one["auroc_drop"]["high"] + 0.05


def test_a_rule_that_turns_with_time_is_a_loss_that_the_division_by_patient_hides() -> None:
    (one,) = judged(drawn(turns=0.75), "temporal")
    assert one["measures"]["auroc"]["value"] < 0.4
    assert one["auroc_drop"]["low"] > 0.3
    assert "lower" in lines([one])[0]


@pytest.mark.parametrize("searched", [True, False])
def test_settings_that_a_search_found_are_said_on_the_page_and_the_card(searched: bool) -> None:
    (one,) = judged(drawn(), "temporal", searched=searched)
    assert ("settings were searched" in lines([one])[0]) is searched
    found = validity(Judged("digest", datetime(2024, 1, 1, tzinfo=UTC), "patients", {}, {}, elsewhere=(one,)))
    assert ("settings were searched" in str(found)) is searched


def test_shifted_dates_leave_a_gap_of_twice_the_shift_before_the_test() -> None:
    (plain,) = judged(drawn(), "temporal")
    (moved,) = judged(drawn(), "temporal", shift=180)
    assert moved["rows"] == plain["rows"]
    assert moved["train"]["rows"] < plain["train"]["rows"] * 0.75
    (none,) = judged(drawn(), "temporal", shift=900)
    assert none["reason"] == "fewer than 20 rows of one outcome in its training part"


def test_each_site_is_judged_by_a_model_of_the_others_and_one_that_is_too_small_is_said() -> None:
    found = {one["of"]: one for one in judged(drawn(), "leave-site-out")}
    assert set(found) == {"without north", "without south", "without small"}
    assert found["without small"]["reason"] == "fewer than 20 rows of one outcome in its test part"
    north, south = found["without north"], found["without south"]
    assert abs(north["rows"]["rows"] - south["train"]["rows"]) < 30
    assert north["measures"]["auroc"]["value"] > 0.75


@pytest.mark.parametrize(("sites", "reason"), [(False, "the facts name no site"), (True, "one site only")])
def test_without_two_sites_it_is_said_that_there_are_none(sites: bool, reason: str) -> None:
    parts = drawn(sites=sites)
    if sites:
        parts = {name: replace(one, frame=one.frame.with_columns(site=pl.lit("north"))) for name, one in parts.items()}
    (one,) = judged(parts, "leave-site-out")
    assert reason in one["reason"]
    assert "not judged" in lines([one])[0]


def test_a_difference_has_the_interval_that_those_of_both_leave() -> None:
    told = difference({"value": 0.8, "low": 0.77, "high": 0.83}, {"value": 0.7, "low": 0.66, "high": 0.74})
    assert told["value"] == pytest.approx(0.1)
    assert (told["low"], told["high"]) == (pytest.approx(0.05), pytest.approx(0.15))
    assert difference({"value": 0.8}, {"value": 0.7})["value"] is None
