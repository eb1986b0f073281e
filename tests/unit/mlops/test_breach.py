"""A limit is broken only with certainty: by counts that chance does not explain; too few judge nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import FormatError, QueryError
from careloom.mlops.breach import judge, moved_from, read, shipped, stability_index, surely_above
from careloom.mlops.counting import SCORES, TIMES, Counts, class_end_ms, from_json, p99_ms, time_class, together
from careloom.mlops.drift_scores import ScoreProfile, score_profile
from careloom.runtime import packaged
from tests.models_kit import counted

LIMITS = shipped()


def risks(n: int, seed: int, at: float = 0.0) -> Any:
    draw = np.random.default_rng(seed)
    return 1 / (1 + np.exp(-(draw.normal(-1 + at, 1, n))))


def fair(n: int = 1000, seed: int = 1) -> Counts:
    """Calibrated scores, quick, without an error, and alerts that come true as promised; six in ten are closed."""
    told, draw = risks(n, seed), np.random.default_rng(seed + 99)
    made = counted(told, draw.random(n) < told)
    made.batch(n, 0.4)
    for each in told[told > 0.3]:
        made.came_true(float(each), happened=bool(draw.random() < each), is_alert=True)
        made.reacted(is_overridden=bool(draw.random() < 0.6))
    return made


def alerts(n: int, promised: float, hits: int) -> Counts:
    made = Counts()
    for number in range(n):
        made.came_true(promised, happened=number < hits, is_alert=True)
    return made


def mistaken(n: int) -> Counts:
    """One half gets 0.9, the other 0.1, and it happens to the other half."""
    return counted([0.9, 0.1] * (n // 2), [number % 20 in {0, *range(1, 18, 2)} for number in range(n)])


def answers(n: int, overridden: int) -> Counts:
    made = Counts()
    for number in range(n):
        made.reacted(is_overridden=number < overridden)
    return made


def batches(rows: int, lost: int) -> Counts:
    made = Counts()
    made.batch(rows - lost, 0.4)
    for _ in range(lost):
        made.batch_failed()
    return made


def test_a_version_without_fault_breaks_nothing() -> None:
    verdict = judge(LIMITS, fair(), fair(), fair(seed=2))
    assert verdict.breaches == ()
    assert verdict.is_enough
    judged = {name for name, one in verdict.seen.items() if one["value"] is not None}
    assert judged == set(verdict.seen) == {
        "errors", "p99_ms", "score_shift", "calibration", "brier", "ppv", "overrides", "batches", "refused", "dropped",
    }  # fmt: skip


def test_two_hundred_versions_without_fault_are_left_alone() -> None:
    """At z = 3 a look errs about once in 740; four limits over 200 looks would see one false alarm in expectation."""
    alarms = 0
    for seed in range(200):
        own, other = fair(400, seed * 3), fair(400, seed * 3 + 1)
        alarms += bool(judge(LIMITS, own, own, other).breaches)
    assert alarms <= 2


FAULTS: dict[str, tuple[Counts, str]] = {
    "errors": (counted(risks(300, 1), errors=20), "errors"),
    "slow": (counted(risks(400, 1), slow=20), "p99_ms"),
    "scores moved": (counted(risks(400, 1, at=1.5)), "score_shift"),
    "scores of one value": (counted([0.5] * 400), "score_shift"),
    "too sure": (counted(np.full(400, 0.3), np.arange(400) % 2 == 0), "calibration"),
    "outcomes turned over": (
        counted(risks(400, 1), np.random.default_rng(4).random(400) > risks(400, 1)),
        "calibration",
    ),
    "patients mistaken for each other, right on average": (mistaken(400), "brier"),
    "alerts that do not come true": (alerts(200, 0.4, 40), "ppv"),
    "alerts that nearly all close": (answers(200, 199), "overrides"),
    "alerts that more close than beside": (answers(60, 58), "beside"),
    "batches that fail": (batches(10_000, 400), "batches"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_regression_of_each_kind_is_found_and_named(name: str) -> None:
    counts, expected = FAULTS[name]
    verdict = judge(LIMITS, counts, counts, fair())
    told = {
        "errors": "requests got no score", "p99_ms": "took longer", "score_shift": "moved",
        "calibration": "outcomes lie", "ppv": "were promised", "overrides": "are allowed", "beside": "the arm beside",
        "batches": "batches failed", "brier": "Brier score",
    }[expected]  # fmt: skip
    assert [why for why in verdict.breaches if told in why]


def of_rows(rows: Any) -> ScoreProfile:
    return score_profile(rows, None, threshold=1.1, groups=None, smallest=11)


def left(counts: Counts, rows: Any) -> bool | None:
    told = of_rows(rows)
    return moved_from(LIMITS, counts, told.edges, told.counts, len(rows))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (risks(400, 1), False),
        ([0.2] * 400, True),
        ([0.9] * 400, True),
        (risks(400, 1, at=1.5), True),
        (1 - risks(400, 1), True),
        (risks(60, 1), None),
    ],
    ids=["as judged", "all the same", "all high", "shifted", "turned over", "too few"],
)
def test_scores_that_left_the_profile_of_their_version_are_told_from_those_that_did_not(
    scores: Any, expected: bool | None
) -> None:
    assert left(counted(scores), risks(1_000, 7)) is expected


def test_of_four_hundred_versions_whose_scores_lie_as_judged_none_left_its_profile() -> None:
    assert not any(left(counted(risks(300, seed)), risks(300, 5_000 + seed)) for seed in range(400))


def test_rows_that_a_profile_does_not_count_say_nothing_against_a_version() -> None:
    told = of_rows(risks(1_000, 7))
    few = [count if place % 3 else 0 for place, count in enumerate(told.counts)]
    assert moved_from(LIMITS, counted(risks(400, 1)), told.edges, few, 1_000) is False


def test_a_version_that_is_not_at_fault_is_not_taken_out_for_its_scores() -> None:
    stuck = counted([0.5] * 400)
    own = fair()
    assert [why for why in judge(LIMITS, own, own, stuck, lambda: True).breaches if "moved" in why]
    assert judge(LIMITS, own, own, stuck, lambda: False).breaches == ()


def test_too_few_judge_nothing() -> None:
    counts = counted([0.99] * 60, [False] * 60, slow=60, errors=39)
    verdict = judge(LIMITS, counts, counts, fair())
    assert (verdict.breaches, verdict.is_enough) == ((), False)


def test_a_large_batch_hides_no_failing_requests_and_a_small_one_fails_none() -> None:
    night = together([counted(risks(300, 1), errors=20), batches(100_000, 0)])
    (why,) = judge(LIMITS, night, night, None).breaches
    assert "requests got no score" in why
    few = together([counted(risks(300, 1)), batches(2, 2)])
    assert judge(LIMITS, few, few, None).breaches == ()


def test_patients_whom_the_traffic_led_are_compared_with_such_patients_alone() -> None:
    """Rows that somebody asks of a service lie as they like: they say nothing of a canary's patients."""
    own, beside = Counts(), counted(np.full(5_000, 0.97))
    for seed, each in ((1, own), (2, beside)):
        for risk in risks(400, seed):
            each.answered(5.0, float(risk), is_routed=True)
    assert judge(LIMITS, own, own, beside).breaches == ()
    moved = Counts()
    for risk in risks(400, 1, at=1.5):
        moved.answered(5.0, float(risk), is_routed=True)
    assert "moved" in judge(LIMITS, moved, moved, beside).breaches[0]


def test_whoever_asks_wrongly_is_counted_and_takes_no_version_out() -> None:
    counts = fair()
    counts.refused = 900
    verdict = judge(LIMITS, counts, counts, fair(seed=2))
    assert (verdict.breaches, verdict.seen["refused"]["value"]) == ((), 900 / 1900)


def test_what_came_of_predictions_is_kept_apart_from_what_was_asked() -> None:
    counts = fair()
    soon, late = counts.apart()
    assert (soon.requests, soon.known, late.requests) == (1000, 0, 0)
    assert together([soon, late]) == counts


def test_without_an_arm_beside_scores_are_not_compared() -> None:
    counts = counted([0.5] * 400)
    assert judge(LIMITS, counts, counts, None).breaches == ()


@given(st.integers(0, 400), st.floats(0.001, 0.5))
def test_certainty_never_contradicts_the_share(hits: int, limit: float) -> None:
    assert not surely_above(hits, 400, limit, 3.0) or hits / 400 > limit
    assert surely_above(hits, 400, limit, 3.0) <= surely_above(min(hits + 1, 400), 400, limit, 3.0)


def test_the_stability_index_is_that_of_two_known_shares() -> None:
    """Half and half against a quarter and three quarters: (0.25 ln 2) + (0.25 ln 1.5), Siddiqi's formula by hand."""
    exact = 0.25 * np.log(2) + 0.25 * np.log(1.5)
    assert stability_index([500_000, 500_000], [250_000, 750_000]) == pytest.approx(exact, rel=1e-4)
    assert stability_index([7, 9], [7, 9]) == 0


@given(st.floats(0.001, 1e7))
def test_a_time_lies_in_its_class(milliseconds: float) -> None:
    number = time_class(milliseconds)
    assert number == TIMES - 1 or milliseconds <= class_end_ms(number) * (1 + 1e-6)
    assert number == 0 or milliseconds > class_end_ms(number - 1) * (1 - 1e-6)


def test_the_99th_percentile_is_within_a_class_of_the_slow_truth() -> None:
    times = np.random.default_rng(3).lognormal(2, 1, 5000)
    made = Counts()
    for each in times:
        made.answered(float(each), 0.5)
    found, truth = p99_ms(made), float(np.percentile(times, 99))
    assert found is not None
    assert truth / 1.2 <= found <= truth * 1.2 * 1.01
    assert p99_ms(Counts()) is None


def test_counts_of_processes_add_up() -> None:
    one, other = fair(120, 1), fair(80, 2)
    both = together([one, other])
    assert both.requests == sum(both.scores) == 200
    assert both.known == one.known + other.known
    assert both.expected == pytest.approx(one.expected + other.expected)
    assert from_json(both.as_json()) == both


GOOD = fair(10).as_json()
SPOILT: list[dict[str, Any]] = [
    {"requests": -1}, {"errors": 11}, {"times": [1]}, {"scores": [9] * SCORES}, {"happened": 99},
    {"lost": 11}, {"hits": 99}, {"alerts": 999}, {"overridden": 999}, {"refused": -1}, {"routed": [9] * SCORES},
    {"promised": float("nan")}, {"expected": float("nan")}, {"more": 1}, {"requests": True}, {"variance": float("inf")},
]  # fmt: skip


@pytest.mark.parametrize("more", SPOILT)
def test_counts_that_cannot_be_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        from_json(GOOD | more)


def test_limits_that_lack_something_are_refused_with_its_name() -> None:
    content = packaged("mlops", "limits/default.toml")
    assert read(content) == replace(LIMITS)
    for spoilt in (content.replace(b"errors = 0.01", b""), content.replace(b"z = 3.0", b"z = 0"), b"oops = ["):
        with pytest.raises(FormatError):
            read(spoilt)
