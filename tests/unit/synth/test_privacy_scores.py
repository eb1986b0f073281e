"""Areas, hits and risks with their intervals: answers known beforehand, and how often intervals hold."""

import numpy as np
import pytest

from careloom.metrics import wilson_interval
from careloom.synth.privacy_scores import FALSE_ALARMS, area, by_patient, hits_at, risk, told

DRAW = np.random.default_rng(0)


def test_the_area_is_the_share_of_pairs_in_order_ties_by_half() -> None:
    one, other = DRAW.integers(0, 6, 40).astype(float), DRAW.integers(0, 5, 50).astype(float)
    pairs = (one[:, None] > other).mean() + 0.5 * (one[:, None] == other).mean()
    assert area(one, other).value == pytest.approx(pairs)
    assert area(one + 10, other).value == 1
    assert area(np.zeros(30), np.zeros(30)).value == 0.5


def test_the_interval_of_the_area_is_delongs() -> None:
    """Numbers by the definition: placements of each score among the others, and their variances."""
    one, other = DRAW.normal(0.5, 1, 30), DRAW.normal(0, 1, 45)
    of_one, of_other = (one[:, None] > other).mean(1), (one[:, None] > other).mean(0)
    error = (of_one.var(ddof=1) / 30 + of_other.var(ddof=1) / 45) ** 0.5
    found = area(one, other)
    assert found.low == pytest.approx(found.value - 1.959964 * error, abs=1e-6)
    assert found.high == pytest.approx(min(1, found.value + 1.959964 * error), abs=1e-6)


def test_intervals_of_areas_hold_as_often_as_they_say() -> None:
    held = sum(area(DRAW.normal(size=80), DRAW.normal(size=120)).has(0.5) for _ in range(400))
    assert 0.91 <= held / 400 <= 0.985


def test_chance_sees_nothing_where_there_is_nothing() -> None:
    low = sum(told(DRAW.normal(size=300), DRAW.normal(size=300), DRAW).chance < 0.05 for _ in range(60))
    assert low <= 9


def test_hits_count_members_above_almost_all_controls() -> None:
    controls = np.arange(1000.0)
    members = np.concatenate([np.full(30, 5000.0), np.arange(970.0)])
    found = hits_at(members, controls, DRAW)
    assert (controls > 989).mean() == FALSE_ALARMS
    assert found.value == pytest.approx(0.03)
    assert found.low < 0.03 < found.high


def test_scores_of_a_patient_are_the_mean_or_the_highest_of_its_rows() -> None:
    scores, patients = np.array([1.0, 5.0, 3.0, 2.0]), np.array([1, 0, 1, 0])
    assert by_patient(scores, patients, "mean").tolist() == [3.5, 2.0]
    assert by_patient(scores, patients, "highest").tolist() == [5.0, 3.0]


def test_a_risk_is_what_is_beyond_the_control() -> None:
    found = risk(wilson_interval(60, 100), wilson_interval(20, 100))
    assert found.beyond.value == pytest.approx(0.5)
    assert 0.3 < found.beyond.low < 0.5 < found.beyond.high < 0.65
    assert found.chance < 1e-6
    assert risk(wilson_interval(20, 100), wilson_interval(20, 100)).beyond.has(0)
    assert risk(wilson_interval(0, 0), wilson_interval(1, 2)).beyond.low == -1
    assert risk(wilson_interval(99, 100), wilson_interval(100, 100)).beyond.value == -1
