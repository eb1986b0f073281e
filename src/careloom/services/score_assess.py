"""From a patient's record to an assessment: the moment, the features, the model's answer, why, and what can be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from careloom.risk.assessment import Assessment, Days, Interval
from careloom.risk.care_gaps import Finding, care_gaps
from careloom.risk.care_gaps_facts import facts_of
from careloom.risk.cohorts_one import IndexMoment, Standing
from careloom.risk.evaluate_measures import Floats, logit, sigmoid
from careloom.risk.explain import Told, explained
from careloom.risk.explain_days import explained_days
from careloom.risk.features_one import OneRow
from careloom.risk.models import Model
from careloom.risk.models_features import ModelFeature, encoded_rows
from careloom.services.score_facts import Record
from careloom.services.score_models import Scorer

_DTYPES = {"number": pl.Float64(), "flag": pl.Boolean(), "code": pl.String()}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a patient stands, and what was asked of the model.

    row    None where nothing is predicted
    told   what the model was told, by feature
    """

    standing: Standing
    running: bool = False
    row: OneRow | None = None
    told: Json | None = None

    @property
    def index(self) -> IndexMoment:
        """The index that is predicted for."""
        if self.standing.index is None:
            raise AssertionError("asked where nothing is predicted")
        return self.standing.index


def looked_up(scorer: Scorer, record: Record, as_of: datetime, *, now: bool = False, encounter: str = "") -> Found:
    """Where a patient stands as of a time, with features where something is predicted.

    now        the moment itself is the index, as if the stay ended then
    encounter  ``Encounter/<id>`` of that stay; empty for the newest that runs. Without `now`, of the stay that the
               newest index has to be: nothing is predicted where it is another
    """
    if now:
        index = scorer.judge.now(record.facts, as_of, encounter)
        state = "no-index" if index is None else "not-eligible" if index.failed else "open"
        standing = Standing(state, index)  # type: ignore[arg-type]
    else:
        standing = scorer.judge.standing(record.facts, as_of)
        if encounter and (standing.index is None or standing.index.moment.resource_key != encounter):
            standing = Standing("no-index")
    if standing.state != "open" or standing.index is None:
        return Found(standing, now)
    row = scorer.reader.row(record.facts, standing.index.moment)
    return Found(standing, now, row, scorer.row(row))


def frame_of(features: tuple[ModelFeature, ...], rows: list[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame that a model takes."""
    schema = {one.name: _DTYPES[one.type] for one in features}
    return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)


def assessment(scorer: Scorer, record: Record, found: Found, probability: float, gaps: list[Finding]) -> Assessment:
    """The whole assessment of one patient."""
    model, row, told = scorer.served.model, found.row, found.told
    if row is None or told is None:
        raise AssertionError("asked where nothing is predicted")
    parts = model.learnt.parts(encoded_rows(model.features, [told]))[0]
    said = _told(model, parts, _moved(parts, probability))
    moment = found.index.moment
    since = scorer.judge.begun(moment)
    return Assessment(
        patient_id=record.patient_id,
        model=scorer.served.label,
        outcome=model.outcome,
        index_time=moment.time,
        until=scorer.judge.horizon_end(moment),
        index_key=moment.resource_key,
        running=found.running,
        probability=probability,
        alert_from=None if model.threshold is None else model.threshold.alert_from,
        explanation=explained(said, scorer.features.features, row, record.versions),
        interval=_interval(model, float(parts.sum()), probability),
        prevalence=prevalence(model),
        gaps=tuple(gaps),
        left_out=record.withheld,
        basis=basis_of(row, record.versions),
        days=None if found.running else _days(scorer, record, row, told, since),
    )


def _interval(model: Model, log_odds: float, probability: float) -> Interval | None:
    """As `Model.interval`, of one row."""
    if model.conformal is None:
        return None
    said = model.conformal.around(sigmoid(np.array([log_odds])), [probability]).row(0)
    return Interval(*said)


def _days(scorer: Scorer, record: Record, row: OneRow, told: Json, since: datetime) -> Days | None:
    """As `Model.foretold`, of one row, and why."""
    model = scorer.served.model
    if model.days is None:
        return None
    encoded = encoded_rows(model.features, [told])
    expected, low, high = model.days.foretold(encoded).row(0)
    *parts, floor = model.days.parts(encoded)[0]
    said = _told(model, parts, {"floor": floor})
    why = explained_days(said, scorer.features.features, row, record.versions)
    share = 1 - model.days.interval.miss
    return Days(model.days.outcome, since, expected, low, high if isfinite(high) else None, share, why)


def _moved(parts: Floats, probability: float) -> dict[str, float]:
    """What the calibration moves."""
    return {"calibration": float(logit(np.array([probability]))[0]) - float(parts.sum())}


def _told(model: Model, parts: Sequence[float] | Floats, more: Mapping[str, float]) -> Told:
    """As `Model.contributions` and `Model.by_feature`, of one row: both of them of one look, and without a frame.

    parts  [p + 1] of each feature, and where they start from
    more   what is told beside concepts
    """
    by_concept = {"base": float(parts[-1])} | dict.fromkeys(model.concepts, 0.0)
    by_feature = {one.name: float(part) for one, part in zip(model.features, parts, strict=False)}
    for one in model.features:
        by_concept[one.concept] += by_feature[one.name]
    by_concept |= {name: float(value) for name, value in more.items()}
    modifiable = frozenset(one.name for one in model.features if one.modifiable)
    return Told(by_concept, by_feature, {one.name: one.concept for one in model.features}, modifiable)


def basis_of(row: OneRow, versions: Mapping[str, int]) -> tuple[str, ...]:
    """Every resource that a feature rests on, with the version that was read; sorted."""
    keys = {fact.resource_key for facts in row.basis.values() for fact in facts}
    return tuple(sorted(f"{key}/_history/{versions[key]}" if key in versions else key for key in keys))


def gaps_of(record: Record, at: datetime) -> list[Finding]:
    """What guidelines ask for, as of a moment."""
    return care_gaps(facts_of(record.resources), at)


def prevalence(model: Model) -> float | None:
    """Share of events among the rows that a model was trained on; None where it does not say."""
    rows, events = model.training.get("rows"), model.training.get("events")
    return events / rows if isinstance(rows, int) and isinstance(events, int) and 0 < events <= rows else None
