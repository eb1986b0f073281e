"""How a task's model does away from where it learnt: later than its training, and at a site that it has not seen.

The model is made anew for each division, by the same plan, of the rows that are left: nothing of the rows that judge it
is in its learner, its calibration or the choice among the plan's candidates. Candidates that a search found saw every
training patient before, which each row says. What it loses is told against the division by patient.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import hypot
from typing import Any

import numpy as np
import polars as pl

from careloom.errors import CareloomError
from careloom.risk.evaluate import Interval, Resampling, evaluate
from careloom.risk.models_features import About
from careloom.risk.models_sequence_told import told_to
from careloom.risk.models_training import LEAST_EVENTS, Plan, Rows, trained
from careloom.risk.splits import GAP, leave_site_out, patient_grouped, temporal

KINDS = ("temporal", "leave-site-out")
LATER_SHARE = 0.25
"""Share of the events, the last by index time, that judge a model of what was known before."""
SITES_AT_MOST = 10
"""Sites that are left out one after the other: those with the most rows."""
MEASURES = ("auroc", "auprc", "brier", "ece", "slope")
_VALIDATION = {"train": 0.75, "validation": 0.25}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is asked.

    kinds       some of `KINDS`
    shift_days  the most by which a patient's dates were moved: a gap of twice that keeps earlier earlier
    page        the report on the division by patient: what a loss is told against
    searched    the plan's settings were searched on the training patients of that division
    """

    kinds: Sequence[str]
    how: Resampling
    page: Mapping[str, Any]
    shift_days: float = 0.0
    searched: bool = False


@dataclass(frozen=True, slots=True)
class _Division:
    kind: str
    of: str
    fold: pl.Series


def judged_elsewhere(about: Mapping[str, About], parts: Mapping[str, Rows], plan: Plan, ask: Elsewhere) -> list[Json]:
    """A row a division: kind, of (what was left out), train and rows (rows, patients, events), measures, auroc_drop and
    ece_rise (value, low, high); or kind, of and reason where it cannot be judged.

    parts  train, validation and test of the division by patient; their frames hold index_time, horizon_end, patient_id
           and, where sites are known, site
    """
    rows = pooled(parts.values())
    return [
        _judged(about, rows, plan, ask, one) if isinstance(one, _Division) else one
        for kind in KINDS
        if kind in ask.kinds
        for one in (_later(rows, ask) if kind == "temporal" else _sites(rows))
    ]


def pooled(parts: Iterable[Rows]) -> Rows:
    """The rows of all parts."""
    told = list(parts)
    return replace(
        told[0],
        frame=pl.concat([one.frame for one in told], how="vertical_relaxed"),
        happened=np.concatenate([one.happened for one in told]),
        patients=pl.concat([one.patients for one in told]),
    )


def _later(rows: Rows, ask: Elsewhere) -> Iterator[_Division | Json]:
    times = rows.frame["index_time"].filter(pl.Series(rows.happened)).sort()
    day = times[int(times.len() * (1 - LATER_SHARE))]
    fold = temporal(rows.frame, day)
    known = rows.frame["horizon_end"] <= day - timedelta(days=2 * ask.shift_days)
    fold = fold.zip_with((fold == "test") | known, pl.Series([GAP] * fold.len()))
    yield _Division("temporal", f"later than {day:%Y-%m-%d}", fold)


def _sites(rows: Rows) -> Iterator[_Division | Json]:
    counts = (
        rows.frame["site"].drop_nulls().value_counts(sort=True).sort("count", "site", descending=[True, False])
        if "site" in rows.frame.columns
        else pl.DataFrame({"site": []})
    )
    if counts.height < 2:
        found = "the facts name no site" if counts.is_empty() else "the facts name one site only"
        yield _not_judged("leave-site-out", "another site", found)
        return
    folds = leave_site_out(rows.frame, "site")
    for name in counts["site"].head(SITES_AT_MOST).to_list():
        yield _Division("leave-site-out", f"without {name}", folds[str(name)])


def _judged(about: Mapping[str, About], rows: Rows, plan: Plan, ask: Elsewhere, one: _Division) -> Json:
    fold = one.fold.to_numpy()
    learns, test = rows.only(fold == "train"), rows.only(fold == "test")
    part = patient_grouped(
        pl.DataFrame({"patient_id": learns.patients}), b"elsewhere" + plan.key[:32], _VALIDATION
    ).to_numpy()
    train, validation = learns.only(part == "train"), learns.only(part == "validation")
    for name, few in (("training", train), ("validation", validation), ("test", test)):
        if min(int(few.happened.sum()), int((~few.happened).sum())) < LEAST_EVENTS:
            return _not_judged(one.kind, one.of, f"fewer than {LEAST_EVENTS} rows of one outcome in its {name} part")
    try:
        model = trained(about, train, validation, plan, {}).model
        told = evaluate(
            test.happened, model.score(told_to(model, test.frame, test.timeline)), test.patients.to_numpy(), ask.how
        )
    except CareloomError:
        return _not_judged(one.kind, one.of, "what is left is too little to make a model of")
    own = ask.page["measures"]
    return {
        "kind": one.kind, "of": one.of, "reason": "", "train": _counts(learns), "rows": _counts(test),
        "measures": {name: _interval(getattr(told, name)) for name in MEASURES},
        "auroc_drop": difference(own["auroc"], _interval(told.auroc)),
        "ece_rise": difference(_interval(told.ece), own["ece"]), "searched": ask.searched,
    }  # fmt: skip


def _not_judged(kind: str, of: str, reason: str) -> Json:
    return {"kind": kind, "of": of, "reason": reason}


def _counts(rows: Rows) -> Json:
    return {
        "rows": rows.frame.height, "patients": rows.patients.n_unique(), "events": int(rows.happened.sum()),
    }  # fmt: skip


def _interval(one: Interval) -> Json:
    return {"value": one.value, "low": one.low, "high": one.high}


def difference(one: Mapping[str, float | None], other: Mapping[str, float | None]) -> Json:
    """One measure less another of other rows, with an interval recovered from those of both.

    source  Zou and Donner, Stat Med 2008;27:1693-1702: right for independent samples, too wide for those that go along
    """
    names = ("value", "low", "high")
    told = [each for side in (one, other) for name in names if (each := side.get(name)) is not None]
    if len(told) < 2 * len(names):
        return dict.fromkeys(names)
    at, low, high, base, below, above = told
    value = at - base
    spread = hypot(at - low, above - base), hypot(high - at, base - below)
    return {"value": value, "low": value - spread[0], "high": value + spread[1]}


def lines(told: Sequence[Json]) -> list[str]:
    """The rows as a person reads them."""
    return [f"{one['of']}: {said(one)}" for one in told]


def said(one: Json) -> str:
    """A row in words."""
    if one["reason"]:
        return f"not judged, {one['reason']}"
    measures = one["measures"]
    return (
        f"AUROC {_said(measures['auroc'])}, {_said(one['auroc_drop'])} lower; "
        f"ECE {_said(measures['ece'])}, {_said(one['ece_rise'])} higher; "
        f"{one['rows']['rows']:,} rows, {one['rows']['events']:,} events"
    ) + ("; its settings were searched on all training patients" if one.get("searched") else "")


def _said(one: Mapping[str, float | None]) -> str:
    if one["value"] is None:
        return "not defined"
    if one["low"] is None or one["high"] is None:
        return f"{one['value']:.3f}"
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
