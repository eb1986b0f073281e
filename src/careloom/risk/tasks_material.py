"""A training set as models are told it: features with what is known of them, parts, groups, and scores beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from careloom.errors import QueryError
from careloom.risk.cohorts_hints import Hint, said
from careloom.risk.cohorts_match import facts_of, observed
from careloom.risk.definition_texts import foretold, observed_days
from careloom.risk.evaluate_measures import Floats
from careloom.risk.features_definition import COUNTS, shipped_features
from careloom.risk.groups import ATTRIBUTES
from careloom.risk.groups import groups as groups_at
from careloom.risk.models import Model
from careloom.risk.models_days import DaysMade, DaysRows, days_of, fit_days
from careloom.risk.models_features import About
from careloom.risk.models_sequence_facts import facts_before
from careloom.risk.models_sequence_told import told_to
from careloom.risk.models_training import LEAST_EVENTS, Plan, Rows
from careloom.risk.scores_comorbidity import comorbidities, comorbidity_points
from careloom.risk.tasks import Task
from careloom.terminology.systems import ICD_10_CM

_DAY_SECONDS = 86_400
_EMERGENCY_DAYS = 180
PARTS = ("train", "validation", "test")
_ELECTIVE = ("EL", "ELECTIVE", "SURGICAL SAME DAY ADMISSION")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Material:
    """What a task is trained on.

    about   feature -> what is known of it
    rows    part -> its labelled rows
    groups  part -> `careloom.risk.groups.ATTRIBUTES` of the same rows; null where nobody knows
    days    part -> [n] days of the same rows, nan where nobody knows; empty for a task that foretells none
    observed_days  of the window that bounds its features; 0: each looks as far as it says
    """

    about: Mapping[str, About]
    rows: Mapping[str, Rows]
    groups: Mapping[str, pl.DataFrame]
    days: Mapping[str, Floats] = field(default_factory=dict)
    observed_days: float = 0.0

    def with_days(self, part: str) -> DaysRows:
        """The rows of a part with their days. raises KeyError for a task that foretells none"""
        one = self.rows[part]
        return DaysRows(one.frame, self.days[part], one.patients)

    def seen_by(self, model: Model) -> "Material":
        """The same with rows that have the columns of a model that reads facts."""
        return replace(
            self,
            rows={part: replace(one, frame=told_to(model, one.frame, one.timeline)) for part, one in self.rows.items()},
        )


def material(
    task: Task,
    frame: pl.DataFrame,
    manifest: Mapping[str, Any],
    events: pl.DataFrame,
    kinds: Collection[str] = (),
    lacks: Sequence[Hint] = (),
) -> Material:
    """The material of a training set (`careloom.risk.features_training.TrainingSet`) and the facts that it is made of.

    kinds   of models that the rows are told to, beside the task's learners
    lacks   what the cohort lacks because of its zone, which an error says
    raises  QueryError where a part has too few rows of either outcome to train, calibrate and judge on
    """
    unknown = sorted((set(task.left_out) | set(task.directions)) - set(frame.columns))
    if unknown:
        raise QueryError(f"the task names a feature that there is not: {unknown[0]}", "See the features of its set.")
    about = {
        one["name"]: About(
            one["concept"],
            one["unit"],
            bool(one["modifiable"]),
            task.directions.get(one["name"], 0),
            nullable=one["aggregation"] not in COUNTS,
        )
        for one in manifest["features"]["columns"]
        if one["name"] not in task.left_out
    }
    told = frame.filter(pl.col("label").is_not_null() & pl.col("fold").is_in(PARTS)).join(
        groups_at(frame, events), on="candidate", how="left", maintain_order="left"
    )
    sees_facts = "sequence" in (*kinds, *task.learners)
    timeline = timeline_of(told, manifest, events) if sees_facts else None
    rows, groups, days = {}, {}, {}
    for name in PARTS:
        part = told.filter(pl.col("fold") == name)
        happened = part["label"].to_numpy().astype(np.bool_)
        if min(int(happened.sum()), int((~happened).sum())) < LEAST_EVENTS:
            cause = f"the {name} part has fewer than {LEAST_EVENTS} rows of one outcome"
            raise QueryError(*said(lacks, cause, "Train on more patients."))
        rows[name] = Rows(part, happened, part["patient_id"], timeline)
        groups[name] = part.select(ATTRIBUTES)
        if task.days is not None:
            days[name] = days_of(task.days, part, events)
    return Material(about, rows, groups, days, observed_days(manifest))


def days_beside(task: Task, told: Material, model: Model, plan: Plan) -> DaysMade | None:
    """What foretells the days of a task beside the risk of a model; None for a task without.

    raises  as `careloom.risk.models_days.fit_days`
    """
    if task.days is None:
        return None
    parts = told.with_days("train"), told.with_days("validation")
    return fit_days(model.features, task.days, *parts, plan.key, plan.seed)


def timeline_of(told: pl.DataFrame, manifest: Mapping[str, Any], events: pl.DataFrame) -> pl.DataFrame:
    """The facts that a sequence reads of rows of a training set, as `careloom.risk.models_sequence_facts.facts_before`.

    raises  QueryError where windows bound what is seen, each row by another span
    """
    days = observed_days(manifest)
    if manifest.get("observation") == "bounded" and not days:
        remedy = "Train with another learner, or let the window of the index begin with the record (start: NULL)."
        raise QueryError("a sequence reads facts beyond the observation window of this cohort", remedy)
    return facts_before(told, events, outcome=foretold(manifest), observed_days=days)


def lace_inputs(rows: pl.DataFrame, events: pl.DataFrame, window_days: float = 0.0) -> pl.DataFrame:
    """LACE's inputs of discharges, as far as facts tell them: [n] columns of the score.

    Comorbidity rests on ICD-10-CM diagnoses that were known before the index time; an admission is acute unless the
    encounter says that it was elective; emergency visits are those of 180 days before the admission, without the last
    one where it began within a day of it: that one is taken for the one that led to the stay.

    window_days  of observation, which bounds diagnoses and visits; 0: none does. The stay that ends is known whole
    """
    index = rows.select("candidate", "patient_id", "index_time", "resource_key")
    coded = events.filter((pl.col("kind") == "diagnosis") & (pl.col("system") == ICD_10_CM))
    known = index.join(coded.select("patient_id", "code", "time", "available_time"), on="patient_id").filter(
        (pl.col("available_time") < pl.col("index_time")) & observed(window_days)
    )
    held = comorbidities(known.select("candidate", "code"), key="candidate")
    points = held.select("candidate", comorbidity_points(held, "lace").alias("comorbidity_points"))
    came = events.filter(pl.col("kind") == "admission").unique("resource_key", keep="first", maintain_order=True)
    told = index.join(points, on="candidate", how="left", maintain_order="left").join(
        came.select("resource_key", "detail"), on="resource_key", how="left", maintain_order="left"
    )
    return told.select(
        rows["index_value"].floor().fill_null(0.0).alias("length_of_stay_days"),
        (~pl.col("detail").is_in(_ELECTIVE)).fill_null(value=True).alias("acute_admission"),
        pl.col("comorbidity_points").fill_null(0),
        _emergency_visits(rows, events, window_days).alias("emergency_visits_6_months"),
    )


def _emergency_visits(rows: pl.DataFrame, events: pl.DataFrame, window_days: float) -> pl.Series:
    """[n] emergency visits in the half year before the admissions of stays, without those that led to them."""
    [feature] = shipped_features("general").only(("emergency_visits_180d",)).features
    days = pl.col("index_value").fill_null(0.0)
    begun = pl.col("index_time") - pl.duration(seconds=(days * _DAY_SECONDS).round().cast(pl.Int64))
    stays = rows.select("candidate", "patient_id", "index_time", begun.alias("begun"))
    visits = facts_of(events, feature.event).select("patient_id", "time", "resource_key") if feature.event else None
    if visits is None:
        raise AssertionError("the feature counts no event")
    before = pl.col("begun") - pl.duration(days=_EMERGENCY_DAYS)
    found = (
        stays.join(visits, on="patient_id", how="inner")
        .filter((pl.col("time") >= before) & (pl.col("time") < pl.col("begun")) & observed(window_days))
        .group_by("candidate")
        .agg(
            pl.col("resource_key").n_unique().cast(pl.Int64).alias("visits"),
            (pl.col("time").max() >= pl.col("begun").first() - pl.duration(days=1)).cast(pl.Int64).alias("led"),
        )
    )
    told = stays.join(found, on="candidate", how="left", maintain_order="left")
    return told.select((pl.col("visits") - pl.col("led")).fill_null(0)).to_series()
