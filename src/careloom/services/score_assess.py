"""From a patient's record to an assessment: the moment, the features, the model's answer, why, and what can be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from careloom.risk.assessment import Assessment, Interval
from careloom.risk.care_gaps import Finding, care_gaps
from careloom.risk.care_gaps_facts import facts_of
from careloom.risk.cohorts_one import IndexMoment, Standing
from careloom.risk.explain import Explanation, Told, explained
from careloom.risk.facts_one import Fact, seconds_of
from careloom.risk.features_one import OneRow
from careloom.risk.models import Model
from careloom.risk.models_features import ModelFeature
from careloom.services.score_facts import Record
from careloom.services.score_models import Scorer

_YEAR_SECONDS = 365.2425 * 86_400
_BANDS = ((18, "0-17"), (45, "18-44"), (65, "45-64"), (80, "65-79"))
_OLDEST = "80+"
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
    encounter  ``Encounter/<id>`` of that stay; empty for the newest that runs
    """
    if now:
        index = scorer.judge.now(record.facts, as_of, encounter)
        state = "no-index" if index is None else "not-eligible" if index.failed else "open"
        standing = Standing(state, index)  # type: ignore[arg-type]
    else:
        standing = scorer.judge.standing(record.facts, as_of)
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
    frame, moment = frame_of(model.features, [told]), found.index.moment
    interval = None
    if model.conformal is not None:
        said = model.interval(frame).row(0, named=True)
        interval = Interval(said["low"], said["high"], said["event_possible"], said["no_event_possible"])
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
        explanation=_explained(scorer, frame, row, record.versions),
        interval=interval,
        prevalence=prevalence(model),
        gaps=tuple(gaps),
        left_out=record.withheld,
        basis=basis_of(row, record.versions),
    )


def _explained(scorer: Scorer, frame: pl.DataFrame, row: OneRow, versions: Mapping[str, int]) -> Explanation:
    model = scorer.served.model
    told = Told(
        model.contributions(frame).row(0, named=True),
        model.by_feature(frame).row(0, named=True),
        {one.name: one.concept for one in model.features},
        frozenset(one.name for one in model.features if one.modifiable),
    )
    return explained(told, scorer.features.features, row, versions)


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


def groups_of(facts: tuple[Fact, ...], at: datetime) -> dict[str, str]:
    """What a patient belongs to, for subgroups that are watched: sex, race as recorded, band of age."""
    found = {fact.kind: fact.code for fact in facts if fact.kind in ("sex", "race") and fact.code}
    born = min((fact.time for fact in facts if fact.kind == "birth" and fact.time is not None), default=None)
    if born is not None:
        years = seconds_of(at - born) / _YEAR_SECONDS
        found["age_band"] = next((band for below, band in _BANDS if years < below), _OLDEST)
    return {name: code for name, code in found.items() if code is not None}
