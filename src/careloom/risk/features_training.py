"""A training set: a cohort, its features and folds as one declared table, with a manifest of what it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from careloom.errors import QueryError
from careloom.risk.cohorts import Cohort
from careloom.risk.cohorts_windows import WindowCohort
from careloom.risk.definition_texts import FORETOLD, foretold_json
from careloom.risk.features import Features
from careloom.risk.features_definition import Feature
from careloom.risk.leaks import Scene
from careloom.risk.leaks_guard import guard
from careloom.tables.schema import Column, TableSchema

VERSION = 1
_OWN = (
    Column("candidate", "Int64", "Number of the index among all candidates.", nullable=False),
    Column("patient_id", "String", "Id of the patient.", phi="quasi", nullable=False),
    Column("resource_key", "String", "Type/id of the index event.", phi="quasi"),
    Column("index_time", "Datetime[us, UTC]", "When the prediction is made.", phi="quasi", nullable=False),
    Column("horizon_end", "Datetime[us, UTC]", "Where the look ahead ends.", phi="quasi", nullable=False),
    Column("state", "String", "event, none, death or censored.", nullable=False),
    Column("label", "Boolean", "The outcome; null where nobody can tell."),
    Column("fold", "String", "train, validation, test or gap.", nullable=False),
)
OWN_COLUMNS = tuple(one.name for one in _OWN)
_TYPES = {pl.Boolean: "Boolean", pl.Int64: "Int64", pl.Float64: "Float64", pl.String: "String"}
_SAME_UNIT = ("last", "min", "max", "mean")
Json = dict[str, Any]


NO_ROW, NO_ROW_REMEDY = "the cohort has no row", "Its attrition says which rule took the last one away."


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a model learns from.

    frame     [n] the columns of `schema`
    manifest  cohort, features, snapshot, split, counts by fold, missing shares, what was left out, leaks
    """

    schema: TableSchema
    frame: pl.DataFrame
    manifest: Json

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that a model sees."""
        return tuple(name for name in self.frame.columns if name not in OWN_COLUMNS)


def training_set(
    cohort: Cohort, features: Features, fold: pl.Series, split: Mapping[str, Any], pin: str
) -> TrainingSet:
    """The set of a cohort; every leak that the guard finds stands in its manifest.

    fold    of each row of the cohort
    split   how the folds were made; ``is_temporal`` where they are apart in time
    pin     what the facts are read by: table, version and digest, or another name that stays
    raises  QueryError for a feature with the name of a column of ours, or a cohort without a row
    """
    if cohort.rows.is_empty():
        raise QueryError(NO_ROW, NO_ROW_REMEDY)
    taken = sorted(set(features.columns) & set(OWN_COLUMNS))
    if taken:
        raise QueryError(f"a feature is called {taken[0]}, as a column of every training set", "Call it otherwise.")
    rows = cohort.rows.with_columns(fold.alias("fold"))
    whole = rows.join(features.frame, on="candidate", how="left", maintain_order="left")
    found = guard(_scene(cohort, features, whole, is_temporal=bool(split.get("is_temporal", False))))
    frame = whole.select([*OWN_COLUMNS, *features.columns])
    schema = _schema(cohort, features, frame)
    manifest = {
        "version": VERSION,
        "cohort": {**cohort.as_json(), "source": cohort.definition.source},
        "features": {"name": features.features.name, "digest": features.features.digest, "columns": _told(features)},
        "facts": pin,
        "split": dict(split),
        "folds": _counts(frame),
        "missing": {name: round(float(frame[name].null_count()) / frame.height, 6) for name in features.columns},
        "left_out": features.left_out,
        "leaks": [one.as_json() for one in found],
    }
    if isinstance(cohort.definition, WindowCohort):  # what its predicates mean depends on the facts
        manifest[FORETOLD] = foretold_json(cohort.outcome)
    return TrainingSet(schema, schema.require(frame), manifest)


def _scene(cohort: Cohort, features: Features, whole: pl.DataFrame, *, is_temporal: bool) -> Scene:
    labels = whole["label"].drop_nulls().cast(pl.Float64)
    prevalence = labels.mean()
    return Scene(
        rows=whole,
        features=features.columns,
        facts=features.basis,
        outcome=cohort.outcome,
        known_at="discharge" if cohort.index_kind == "discharge" else "admission",
        is_temporal=is_temporal,
        prevalence=prevalence if isinstance(prevalence, float) else None,
    )


def _schema(cohort: Cohort, features: Features, frame: pl.DataFrame) -> TableSchema:
    by_name = {one.name: one for one in features.features.features}
    columns = list(_OWN)
    for name in features.columns:
        one = by_name.get(name) or by_name[name.removesuffix("_missing")]
        dtype = _TYPES[type(frame.schema[name])]
        columns.append(Column(name, dtype, _meaning(name, one), unit=_unit(name, one), phi=_phi(one)))
    name = f"training_{cohort.definition.name}"
    return TableSchema(name, "gold", f"Training set: {cohort.definition.title}.", ("candidate",), "patient_id",
                       tuple(columns))  # fmt: skip


def _meaning(name: str, one: Feature) -> str:
    return one.meaning if name == one.name else f"True where there is no fact for: {one.meaning}"


def _unit(name: str, one: Feature) -> str:
    if name != one.name:
        return ""
    if one.aggregation in ("days_since", "age"):
        return "d" if one.aggregation == "days_since" else "a"
    return one.unit if one.aggregation in _SAME_UNIT else ""


def _phi(one: Feature) -> Any:
    return "quasi" if one.aggregation in ("age", "sex") else "none"


def _told(features: Features) -> list[Json]:
    return [
        {
            "name": one.name, "concept": one.concept, "meaning": one.meaning, "aggregation": one.aggregation,
            "modifiable": one.modifiable, "unit": one.unit, "window_days": one.window_days,
        }
        for one in features.features.features
    ]  # fmt: skip


def _counts(frame: pl.DataFrame) -> Json:
    """Fold -> rows, patients, labelled, positive."""
    counted = frame.group_by("fold").agg(
        pl.len().alias("rows"), pl.col("patient_id").n_unique().alias("patients"),
        pl.col("label").count().alias("labelled"), pl.col("label").sum().alias("positive"),
    )  # fmt: skip
    return {row.pop("fold"): row for row in counted.sort("fold").to_dicts()}
