"""What a model is worth on rows that nothing of it has seen: one page of numbers, beside what it must beat.

told = report(model, test, Judge(seed=1, attributes=("sex",)), baselines={"LACE": risk})
text(told)
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from careloom.risk.decision import at_ppv_floor, decision_curve, operating_point
from careloom.risk.evaluate import Evaluation, Interval, Resampling, calibration_curve, evaluate
from careloom.risk.evaluate_measures import Floats, error_by_chance, ranking
from careloom.risk.models import Model
from careloom.risk.models_days_report import lines as days_lines
from careloom.risk.models_directions import lines as direction_lines
from careloom.risk.models_elsewhere import lines as elsewhere_lines
from careloom.risk.models_stress import calibration_error, stressed
from careloom.risk.models_training import Rows
from careloom.risk.subgroups import by_subgroup
from careloom.risk.subgroups_gap import gaps

MEASURES = ("prevalence", "auroc", "auprc", "brier", "ece", "slope", "intercept", "in_the_large")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judge:
    """How a model is judged.

    attributes  columns of `groups` that subgroups are told by
    thresholds  risks of the decision curve
    ppv         floor of the alerts per 100 rows; the threshold for it is taken on the rows that are judged, so that
                what it comes to is rather too good
    """

    seed: int
    attributes: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    ppv: float = 0.3
    resamples: int = 1000


def report(
    model: Model,
    test: Rows,
    judge: Judge,
    *,
    baselines: Mapping[str, Floats] | None = None,
    groups: pl.DataFrame | None = None,
) -> Json:
    """All measures of a model on test rows.

    baselines  name -> [n] risk of the same rows by what the model must beat
    groups     [n] the attributes, where they are no features
    returns    plain JSON: model, rows, measures (value, low, high), ece_by_chance (what a calibrated model measures
               on these rows), calibration_curve, threshold, ppv_floor, decision_curve, baselines, subgroups with gaps,
               those of AUROC with their bounds (``apart``), and attributes of which there is no fact, stress
    """
    risk, how = model.score(test.frame), Resampling(judge.seed, judge.resamples)
    told = evaluate(test.happened, risk, test.patients.to_numpy(), how)
    at, at_risk = (0.5, 0.5) if model.threshold is None else (model.threshold.alert_from, model.threshold.at_risk)
    rivals = {name: _rival(test, risk, other, judge) for name, other in (baselines or {}).items()}
    return {
        "model": {"name": model.name, "kind": model.kind, "outcome": model.outcome, "horizon_days": model.horizon_days},
        "rows": {"rows": told.n, "patients": told.patients, "events": told.events},
        "measures": _measures(told),
        "ece_by_chance": error_by_chance(risk, told.bins, seed=judge.seed),
        "calibration": model.calibration.kind,
        "calibration_curve": calibration_curve(test.happened, risk, test.patients.to_numpy()),
        "threshold": _plain(operating_point(test.happened, risk, at, at_risk)),
        "ppv_floor": {"ppv": judge.ppv, **_plain(at_ppv_floor(test.happened, risk, ppv=judge.ppv))},
        "decision_curve": decision_curve(test.happened, risk, judge.thresholds).to_dicts(),
        "baselines": rivals,
        "subgroups": _subgroups(test, risk, at, judge, groups),
        "stress": stressed(model, test, judge.seed),
    }  # fmt: skip


def _measures(told: Evaluation) -> Json:
    return {name: _interval(getattr(told, name)) for name in MEASURES}


def _interval(one: Interval) -> Json:
    return {"value": one.value, "low": one.low, "high": one.high}


def _plain(one: Any) -> Json:
    return {name: getattr(one, name) for name in one.__slots__}


def _rival(test: Rows, risk: Floats, other: Floats, judge: Judge) -> Json:
    how = Resampling(judge.seed, judge.resamples)
    told = evaluate(test.happened, other, test.patients.to_numpy(), how)
    return {
        "measures": _measures(told),
        "decision_curve": decision_curve(test.happened, other, judge.thresholds).to_dicts(),
        "net_benefit_gained_per_1000": [
            {"threshold": at, **_interval(gained(test, risk, other, at, how))} for at in judge.thresholds
        ],
    }


def gained(test: Rows, risk: Floats, other: Floats, at_risk: float, how: Resampling) -> Interval:
    """Net benefit of one risk less that of another at a threshold, per 1,000 rows, resampled by patient."""
    odds = at_risk / (1 - at_risk)
    worth = np.where(test.happened, 1.0, -odds)
    each = worth * ((risk >= at_risk).astype(np.float64) - (other >= at_risk))
    _, owner = np.unique(test.patients.to_numpy(), return_inverse=True)
    sums, rows = np.bincount(owner, each), np.bincount(owner).astype(np.float64)
    draw = np.random.default_rng(how.seed)
    drawn = []
    for _ in range(how.resamples):
        counts = np.bincount(draw.integers(0, sums.size, sums.size), minlength=sums.size)
        drawn.append(1000 * float(counts @ sums) / float(counts @ rows))
    low, high = np.percentile(drawn, [50 * (1 - how.confidence), 50 * (1 + how.confidence)])
    return Interval(1000 * float(each.mean()), float(low), float(high), how.resamples)


def paired(test: Rows, risk: Floats, other: Floats, how: Resampling) -> dict[str, Interval]:
    """AUROC and calibration error of one risk less those of another on the same rows, resampled by patient."""
    _, owner = np.unique(test.patients.to_numpy(), return_inverse=True)
    patients = int(owner.max()) + 1
    draw = np.random.default_rng(how.seed)

    def differences(weights: Floats) -> tuple[float, float]:
        areas = [float(ranking(test.happened, one, weights[None, :])[0][0]) for one in (risk, other)]
        kept = np.repeat(np.arange(owner.size), weights.astype(np.int64))
        errors = [calibration_error(test.happened[kept], one[kept]) for one in (risk, other)]
        return areas[0] - areas[1], errors[0] - errors[1]

    value = differences(np.ones(owner.size))
    drawn = np.array(
        [
            differences(np.bincount(draw.integers(0, patients, patients), minlength=patients)[owner].astype(np.float64))
            for _ in range(how.resamples)
        ]
    )
    tail = 50 * (1 - how.confidence)
    low, high = np.nanpercentile(drawn, [tail, 100 - tail], axis=0)
    return {
        name: Interval(value[place], float(low[place]), float(high[place]), how.resamples)
        for place, name in enumerate(("auroc", "ece"))
    }


def _subgroups(test: Rows, risk: Floats, at: float, judge: Judge, groups: pl.DataFrame | None) -> Json:
    if not judge.attributes:
        return {"table": [], "gaps": [], "apart": [], "no_facts": []}
    source = test.frame if groups is None else groups
    rows = source.select(judge.attributes).with_columns(
        patient_id=test.patients, happened=pl.Series(test.happened), risk=pl.Series(risk)
    )
    known = [name for name in judge.attributes if rows[name].null_count() < rows.height]
    found = by_subgroup(rows, known, threshold=at, how=Resampling(judge.seed, min(200, judge.resamples)))
    unknown = [name for name in judge.attributes if name not in known]
    apart = [asdict(one) for one in gaps(rows, known, Resampling(judge.seed, judge.resamples))]
    return {"table": found.table.to_dicts(), "gaps": found.gaps.to_dicts(), "apart": apart, "no_facts": unknown}


def text(told: Json) -> str:
    """The report as lines that a person reads."""
    about, rows = told["model"], told["rows"]
    lines = [
        f"{about['name']} ({about['kind']}): {about['outcome']}",
        f"{rows['rows']:,} rows of {rows['patients']:,} patients, {rows['events']:,} events",
        "",
        *(f"{name:<14}{_said(one)}" for name, one in told["measures"].items()),
        f"{'calibration':<14}{told['calibration']}",
        f"{'ECE by chance':<14}{told['ece_by_chance']:.3f}",
        "",
        _alerts("threshold", told["threshold"]),
        _alerts(f"PPV {told['ppv_floor']['ppv']:.2f}", told["ppv_floor"]) + "; threshold taken on these rows",
    ]
    if told.get("days"):
        lines += ["", *days_lines(told["days"])]
    for name, rival in told["baselines"].items():
        measures = rival["measures"]
        lines += ["", f"beside {name}: AUROC {_said(measures['auroc'])}, ECE {_said(measures['ece'])}"]
        lines += [
            f"  net benefit gained per 1,000 at {one['threshold']:.2f}: {_said(one)}"
            for one in rival["net_benefit_gained_per_1000"]
        ]
    if told.get("beside"):
        lines += ["", *map(_beside, told["beside"])]
    if told["subgroups"]["table"]:
        lines += ["", "group                              patients  events  AUROC                   ECE    PPV"]
        lines += [_group(one) for one in told["subgroups"]["table"]]
    lines += [f"{name:<35}no facts" for name in told["subgroups"]["no_facts"]]
    lines += _apart(told["subgroups"].get("apart", []))
    if told.get("directions"):
        lines += ["", *direction_lines(told["directions"])]
    if told.get("elsewhere"):
        lines += ["", "made anew without what it is tested on; intervals of 95 %:", *elsewhere_lines(told["elsewhere"])]
    lines += ["", *(f"{one['what']}: AUROC {one['auroc']:.3f}, ECE {one['ece']:.3f}" for one in told["stress"])]
    return "\n".join(lines) + "\n"


def _beside(one: Json) -> str:
    if one["reason"]:
        return f"{one['title']}: not computable, {one['reason']}"
    lacking = [f"{name} lacks for {100 * share:.0f} %, no points then" for name, share in one["assumed"].items()]
    return f"{one['title']}: {'; '.join([*one['stands_for'], *lacking])}. {one['source']}"


def _said(one: Json) -> str:
    if one["value"] is None:
        return "not defined"
    bounds = "" if one["low"] is None else f" ({one['low']:.3f} to {one['high']:.3f})"
    return f"{one['value']:.3f}{bounds}"


def _alerts(name: str, one: Json) -> str:
    ppv = "no alert" if one.get("ppv") is None or not one["alerts_per_100"] else f"PPV {one['ppv']:.2f}"
    recall = 0.0 if one["recall"] is None else one["recall"]
    return f"{name:<14}{one['alerts_per_100']:.1f} alerts per 100, {ppv}, recall {recall:.2f}"


def _apart(told: list[Json]) -> list[str]:
    """How far the worst group lies below all, and what of it is certain."""
    if not told:
        return []
    worst, most = told[0], max(told, key=lambda one: float(one["gap"]))
    sure = "none is certain to lie below"
    if worst["low"] > 0:
        sure = f"{worst['attribute']} {worst['group']} lies at least {worst['low']:.3f} below, with 95 % certainty"
    ranks = f"ranking is worst within {most['attribute']} {most['group']}: AUROC {most['gap']:.3f} below that of all"
    return ["", f"{ranks}; of {len(told)} groups with enough events {sure}"]


def _group(one: Json) -> str:
    name = f"{one['attribute']} {one['group']}"[:34]
    if one["patients"] is None:
        return f"{name:<35}too few patients"
    area = {"value": one["auroc"], "low": one["auroc_low"], "high": one["auroc_high"]}
    ppv = "" if one["ppv"] is None else f"{one['ppv']:.2f}"
    return f"{name:<35}{one['patients']:>8,}{one['events']:>8,}  {_said(area):<24}{one['ece']:.3f}  {ppv}"
