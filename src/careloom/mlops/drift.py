"""What has drifted in a window of predictions, held against the profile of the model.

    findings = judge(profile, recent, ripe, thresholds)

Inputs (values, missingness, quality), scores, the mix of groups, calibration on outcomes that are known, by group too,
and what clinicians made of the alerts. Labels come late: inputs, scores and answers are those of the predictions made
in a window, outcomes those of the predictions whose horizon ended in it. Every test of the window is of one family
(`careloom.mlops.drift_findings`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from careloom.errors import InputError
from careloom.metrics import wilson_interval
from careloom.mlops.drift_findings import Finding, settled, share_above, share_below, two_sided
from careloom.mlops.drift_inputs import input_quality
from careloom.mlops.drift_measures import Apart, apart, bounded, smirnov
from careloom.mlops.drift_profile import Bins, Profile, fillings
from careloom.mlops.drift_scores import Tally, recalibrated, shift_of, tally
from careloom.mlops.drift_thresholds import Thresholds

_Z95 = 1.6448536269514722
_NO_OUTCOME = -1


@dataclass(frozen=True, slots=True)
class PredictionWindow:
    """Predictions of one version; n of them.

    bins      [n, F] as `Profile.bins` makes them
    scores    [n] calibrated probabilities
    alerts    [n] whether somebody was told
    outcomes  [n] 1 where the event came, 0 where it did not, -1 where nobody knows yet: only predictions whose
              horizon has passed have one
    groups    kind of group -> [n] group of each, empty where nobody knows
    answers   [n] accepted, overridden or empty
    reasons   [n] code of an override, or empty
    people    [n] keyed id of whose it is: rows of one hang together; None where each is of its own
    """

    bins: Bins
    scores: NDArray[np.float64]
    alerts: NDArray[np.bool_]
    outcomes: NDArray[np.int8]
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    answers: NDArray[np.str_] | None = None
    reasons: NDArray[np.str_] | None = None
    people: NDArray[np.str_] | None = None

    @property
    def rows(self) -> int:
        """How many predictions."""
        return int(self.scores.size)


def judge(profile: Profile, recent: PredictionWindow, ripe: PredictionWindow, thresholds: Thresholds) -> list[Finding]:
    """What was found, alarms first.

    recent  the newest predictions: inputs, scores and answers; not judged where they are fewer than `least_rows`
    ripe    those whose horizon has passed: outcomes and the live PPV; may be the same window
    raises  InputError for bins that are not of this profile
    """
    if recent.bins.shape != (recent.rows, len(profile.columns)):
        raise InputError("window: bins", "hand in one column a feature of the profile, made by it")
    found: list[Finding] = []
    if recent.rows >= thresholds.least_rows:
        found += [*drifted_inputs(profile, recent, thresholds), *input_quality(profile, recent.bins, thresholds)]
        found += [*drifted_scores(profile, recent, thresholds), *overridden(recent, thresholds)]
    found += [*drifted_outcomes(profile, ripe, thresholds), *followed(profile, ripe, thresholds)]
    return settled(found, thresholds)


def drifted_inputs(profile: Profile, window: PredictionWindow, thresholds: Thresholds) -> Iterator[Finding]:
    """Values of each feature, and how much of it is missing, against the profile.

    Of counts that the profile suppresses each measure is taken at what they may be: `bounded`.
    """
    for number, column in enumerate(profile.columns):
        now = column.tallied(window.bins[:, number]).astype(np.float64)
        may_be = fillings(profile.rows, column.counts, now, column.holds)
        plain, rows = slice(0, column.size), int(now[:-1].sum())
        values = bounded([apart(one[:-1], now[:-1], ordered=False) for one in may_be])
        steps = apart(may_be[0][plain], now[plain], ordered=column.kind == "number").ks
        sizes = (int(may_be[0][plain].sum()), max(int(now[plain].sum()), 1))
        ks_p = None if steps is None else smirnov(steps, *sizes)
        detail = {"js": values.js, "ks": steps, "ks_p": ks_p, "counts": now.astype(int).tolist()}
        yield _psi("values", column.name, rows, values, thresholds, detail)
        gaps = bounded([apart([one[:-1].sum(), one[-1]], [rows, now[-1]], ordered=False) for one in may_be])
        before = may_be[0]
        shares = {"share": float(now[-1] / window.rows), "before": float(before[-1] / max(before.sum(), 1))}
        yield _psi("missing", column.name, window.rows, gaps, thresholds, {"js": gaps.js, **shares})


def drifted_scores(profile: Profile, window: PredictionWindow, thresholds: Thresholds) -> Iterator[Finding]:
    """The scores, and the mix of the groups that they were made for, against the profile."""
    now = profile.scores.tallied(window.scores)
    may_be = fillings(profile.rows, profile.scores.counts, now)
    whole = bounded([apart(one, now, ordered=True) for one in may_be])
    detail = {"js": whole.js, "ks": whole.ks, "mean": float(window.scores.mean()), "alerts": int(window.alerts.sum())}
    yield _psi("scores", "", window.rows, whole, thresholds, detail)
    for kind, sizes in profile.scores.groups.items():
        of_each = window.groups.get(kind, np.array([], dtype=str))
        mine = [int(np.count_nonzero(of_each == one)) for one in sizes]
        if sizes and not sum(mine):
            yield Finding("unjudged", kind, window.rows, 0.0, 0.0, 1.0, 1.0, 1.0)
        elif len(sizes) > 1:
            mix = apart(list(sizes.values()), mine, ordered=False)
            yield _psi("mix", kind, sum(mine), mix, thresholds, {"js": mix.js})


def drifted_outcomes(profile: Profile, window: PredictionWindow, thresholds: Thresholds) -> Iterator[Finding]:
    """Calibration on the outcomes that are known, as a whole and by group, against the profile."""
    known = window.outcomes != _NO_OUTCOME
    scores, came = window.scores[known], window.outcomes[known] == 1
    before = profile.scores.recalibration
    if before is None or not _is_enough(came, thresholds.least_events):
        return
    now = recalibrated(scores, came, None if window.people is None else window.people[known])
    if now is None:
        return
    detail = {
        "events": int(came.sum()),
        "promised": float(scores.sum()),
        "calibration_error": _off(profile, scores, came),
    }
    limits = (thresholds.shift_medium, thresholds.shift_large)
    both = sqrt(now.shift_error**2 + before.shift_error**2)
    yield _shift("calibration", "", int(came.size), (now.shift - before.shift, both), limits, detail)
    both = sqrt(now.slope_error**2 + before.slope_error**2)
    limits = (thresholds.slope_medium, thresholds.slope_large)
    yield _shift("slope", "", int(came.size), (now.slope - before.slope, both), limits, {"slope": now.slope})
    yield from _groups(profile, window, thresholds)


def _groups(profile: Profile, window: PredictionWindow, thresholds: Thresholds) -> Iterator[Finding]:
    known = window.outcomes != _NO_OUTCOME
    for kind, groups in profile.scores.judged.items():
        if kind not in window.groups:
            continue
        for one, before in groups.items():
            mine = known & (window.groups[kind] == one)
            came = window.outcomes[mine] == 1
            if not _is_enough(came, thresholds.least_group_events):
                continue
            now = tally(window.scores[mine], came)
            yield _group(f"{kind}={one}", before, now, thresholds)


def _group(place: str, before: Tally, now: Tally, thresholds: Thresholds) -> Finding:
    shift, error = shift_of(now)
    was, was_error = shift_of(before)
    detail = {"events": now.events, "promised": now.promised}
    limits = (thresholds.shift_medium, thresholds.shift_large)
    return _shift("group", place, now.rows, (shift - was, sqrt(error**2 + was_error**2)), limits, detail)


def followed(profile: Profile, window: PredictionWindow, thresholds: Thresholds) -> Iterator[Finding]:
    """The live PPV: the share of the alerts that an event followed, against that of the profile."""
    ripe = window.alerts & (window.outcomes != _NO_OUTCOME)
    alerts, hits = int(ripe.sum()), int((window.outcomes[ripe] == 1).sum())
    before = profile.scores.ppv
    if alerts < thresholds.least_answers or not before:
        return
    live, limit = wilson_interval(hits, alerts), before * thresholds.ppv_share
    detail = {"live": hits / alerts, "low": live.low, "high": live.high, "before": before}
    fall, most, lost = max(before - hits / alerts, 0.0), max(before - live.low, 0.0), before - limit
    yield Finding("ppv", "", alerts, fall, most, lost, 2 * lost, share_below(hits, alerts, limit), detail)


def overridden(window: PredictionWindow, thresholds: Thresholds) -> Iterator[Finding]:
    """The share of the answered alerts that clinicians overrode, with the codes of their reasons."""
    if window.answers is None or window.reasons is None:
        return
    told, count = int((window.answers != "").sum()), int((window.answers == "overridden").sum())
    if told < thresholds.least_answers:
        return
    names, counts = np.unique(window.reasons[window.reasons != ""], return_counts=True)
    reasons = {str(name): int(times) for name, times in zip(names, counts, strict=True)}
    high, limit = wilson_interval(count, told).high, thresholds.override_share
    chance = share_above(count, told, limit)
    yield Finding("overrides", "", told, count / told, high, limit, 1.0, chance, {"reasons": reasons})


def _psi(
    kind: str, place: str, rows: int, told: Apart, thresholds: Thresholds, detail: Mapping[str, object]
) -> Finding:  # fmt: skip
    limits = (thresholds.psi_medium, thresholds.psi_large)
    return Finding(kind, place, rows, told.psi, told.most, *limits, told.p, detail)


def _shift(
    kind: str, place: str, rows: int, told: tuple[float, float], limits: tuple[float, float],
    detail: Mapping[str, object],
) -> Finding:  # fmt: skip
    off, error = told
    effect = abs(off)
    return Finding(
        kind, place, rows, effect, effect + _Z95 * error, *limits, two_sided(off, error), {"off": off, **detail}
    )


def _off(profile: Profile, scores: NDArray[np.float64], came: NDArray[np.bool_]) -> float:
    """Expected calibration error over the bins of the profile, 0..1."""
    at = np.searchsorted(profile.scores.edges, scores, side="right")
    size = len(profile.scores.counts)
    gaps = np.bincount(at, weights=scores, minlength=size) - np.bincount(at, weights=came, minlength=size)
    return float(np.abs(gaps).sum() / scores.size)


def _is_enough(came: NDArray[np.bool_], least: int) -> bool:
    return bool(came.sum() >= least and (~came).sum() >= least)
