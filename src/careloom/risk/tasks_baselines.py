"""Published scores beside a model, of the same facts: each with its source, what stood in for an input, what lacked.

A score has no risk of its own here: a line from its points to the log odds is fitted on the training rows, and the risk
is calibrated as that of the model is. An input that nothing tells of anybody makes a score not computable, and it is
said which; one that lacks for some gives no points, and it is said for how many.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import polars as pl

from careloom.errors import CareloomError
from careloom.risk.cohorts_match import observed
from careloom.risk.evaluate_measures import Floats
from careloom.risk.features import Features, built
from careloom.risk.features_definition import FeatureSet, shipped_features
from careloom.risk.models import Learnt, Model
from careloom.risk.models_features import ModelFeature, encoded
from careloom.risk.models_logistic import fit_logistic
from careloom.risk.models_score import fit_points, score_features
from careloom.risk.models_training import Plan, Rows, calibrated
from careloom.risk.scores import score
from careloom.risk.scores_comorbidity import Coding, comorbidities, comorbidity_points, index
from careloom.risk.tasks_material import PARTS, Material, lace_inputs
from careloom.terminology.systems import ICD_9_CM, ICD_10_CM, LOINC

TITLES = {"lace": "LACE", "hospital": "HOSPITAL", "news2": "NEWS2", "charlson": "Charlson", "elixhauser": "Elixhauser"}
INDEXES = {"charlson": "updated", "elixhauser": "van_walraven"}
"""Index of comorbidity -> its weights for death in hospital: Quan 2011, van Walraven 2009."""
STANDS_FOR = {
    "lace": ("an admission that nobody called elective is acute", "diagnoses known before the discharge"),
    "hospital": (
        "a cancer diagnosed at any time before stands for the discharge from an oncology service",
        "an admission that nobody called elective is urgent",
        "haemoglobin and sodium are the newest of the stay",
    ),
    "news2": ("vital signs are the newest of the 24 hours before", "SpO2 by scale 1"),
    "charlson": ("diagnoses in ICD-10-CM or ICD-9-CM known before the index",),
    "elixhauser": ("diagnoses in ICD-10-CM known before the index",),
}
ACVPU = {
    "248234008": "A", "130987000": "C", "300202002": "V", "450847001": "P", "422768004": "U",
}  # fmt: skip
"""SNOMED CT findings of a level of consciousness, as the value set CareConnect-ACVPU-1 of HL7 UK has them."""
OXYGEN_FLOW, OXYGEN_SHARE, SHARE_OF_AIR = "3151-8", "3150-6", 21.0
"""LOINC: flow of inhaled oxygen (L/min) and its concentration (%), as US Core Pulse Oximetry has them; air has 21 %."""
_VITALS = {
    "respiratory_rate_last": "respiratory_rate_per_min", "oxygen_saturation_last": "spo2_percent",
    "systolic_last": "systolic_mm_hg", "heart_rate_last": "heart_rate_per_min", "temperature_last": "temperature_cel",
}  # fmt: skip
_POINTS, _DAY, _YEAR_DAYS = "points", timedelta(days=1), 365
_Maker = Callable[[pl.DataFrame, pl.DataFrame, float], pl.DataFrame]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a model.

    risks  title -> [n] risk of the test rows
    told   a row a score that the task names: name, title, predicts, source, stands_for, assumed (input -> share of the
           test rows that lack it and give no points), reason (why it is not computable; empty where it is)
    """

    risks: Mapping[str, Floats] = field(default_factory=dict)
    told: tuple[Json, ...] = ()


def baselines(names: tuple[str, ...], found: Material, events: pl.DataFrame, plan: Plan) -> Beside:
    """The scores that a task names, on the rows of its material."""
    risks, told = {}, []
    for name in names:
        days = found.observed_days
        inputs = {part: score_inputs(name, found.rows[part].frame, events, days) for part in PARTS}
        unknown = [one for one, column in inputs["train"].to_dict().items() if column.null_count() == column.len()]
        about = _about(name) | {"assumed": {}, "reason": ""}
        told.append(about)
        if unknown:
            about["reason"] = f"nothing tells {', '.join(unknown)}"
            continue
        try:
            risks[TITLES[name]] = _risk(name, found, inputs, plan)
        except CareloomError:
            about["reason"] = "its points tell nobody from another here"
            continue
        shares = {one: column.null_count() / column.len() for one, column in inputs["test"].to_dict().items()}
        about["assumed"] = {one: round(share, 4) for one, share in shares.items() if share}
    return Beside(risks, tuple(told))


def _about(name: str) -> Json:
    stands_for = list(STANDS_FOR[name])
    if name in INDEXES:
        one, weights = index(name), INDEXES[name]
        said = {"predicts": "death in hospital", "source": f"{one.citation}; weights: {one.sources[weights]}"}
    else:
        found = score(name)
        said = {"predicts": found.predicts, "source": f"{found.citation}; {found.table}"}
    return {"name": name, "title": TITLES[name], **said, "stands_for": stands_for}


def _risk(name: str, found: Material, inputs: Mapping[str, pl.DataFrame], plan: Plan) -> Floats:
    happened = found.rows["train"].happened
    if name in INDEXES:
        low, high = index(name).ranges[INDEXES[name]]
        features: tuple[ModelFeature, ...] = (
            ModelFeature(_POINTS, "number", TITLES[name], "1", nullable=False, minimum=float(low), maximum=float(high)),
        )
        told = encoded(features, inputs["train"])
        learnt: Learnt = fit_logistic(features, told, happened, penalty=1e-6, knots=0)
    else:
        lacking = [one for one in score(name).inputs if any(frame[one].null_count() for frame in inputs.values())]
        features = score_features(score(name), {}, tuple(lacking))
        learnt = fit_points(score(name), features, encoded(features, inputs["train"]), happened)
    bare = Model(name, plan.outcome, plan.horizon_days, features, learnt)
    validation = found.rows["validation"]
    whole = calibrated(bare, Rows(inputs["validation"], validation.happened, validation.patients), plan)
    return whole.score(inputs["test"])


def score_inputs(name: str, rows: pl.DataFrame, events: pl.DataFrame, window_days: float = 0.0) -> pl.DataFrame:
    """[n] the inputs of a score, null where nothing tells; of an index of comorbidity its points.

    rows    candidate, patient_id, resource_key (of the index event), index_time
    events  facts, as `careloom.risk.cohorts_events.EVENTS`
    window_days  of observation: no older fact is seen, but for length and urgency of the stay that ends; 0: the whole
                 record is
    """
    made = _MAKERS[name](_with_days(rows, events), events, window_days)
    return made if name in INDEXES else made.select(list(score(name).inputs))


def _with_days(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """With index_value, where the features of the set have none: days of the stay that the index ends."""
    if "index_value" in rows.columns:
        return rows
    ended = events.filter(pl.col("kind") == "discharge").unique("resource_key", keep="first", maintain_order=True)
    days = ended.select("resource_key", pl.col("value").alias("index_value"))
    return rows.join(days, on="resource_key", how="left", maintain_order="left")


def _hospital(rows: pl.DataFrame, events: pl.DataFrame, window_days: float) -> pl.DataFrame:
    shared = lace_inputs(rows, events, window_days)
    begun = pl.col("index_time") - pl.duration(
        seconds=(pl.col("index_value").fill_null(0.0) * _DAY.total_seconds()).round().cast(pl.Int64)
    )
    stays = rows.select("candidate", "patient_id", "index_time", begun.alias("begun"))
    newest = _features(("hemoglobin_last", "sodium_last", "has_cancer"), rows, events, window_days)
    own = newest.basis.join(stays.select("candidate", "begun"), on="candidate").filter(
        pl.col("time") >= pl.col("begun")
    )
    told = newest.frame.with_columns(
        pl.when(pl.col("candidate").is_in(own.filter(pl.col("feature") == name)["candidate"].implode()))
        .then(pl.col(name)).alias(name)
        for name in ("hemoglobin_last", "sodium_last")
    )  # fmt: skip
    acts, begin = events.filter(pl.col("kind") == "procedure"), pl.col("begun")
    seen = observed(window_days)
    within = (pl.col("time") >= begin) & (pl.col("available_time") < pl.col("index_time")) & seen
    before = (pl.col("time") < begin) & (pl.col("time") >= begin - pl.duration(days=_YEAR_DAYS)) & seen
    return pl.DataFrame(
        {
            "hemoglobin_g_per_dl": told["hemoglobin_last"], "oncology_discharge": told["has_cancer"],
            "sodium_mmol_per_l": told["sodium_last"],
            "had_procedure": _counted(stays, acts, within) > 0,
            "urgent_admission": shared["acute_admission"],
            "admissions_12_months": _counted(stays, events.filter(pl.col("kind") == "admission"), before),
            "length_of_stay_days": shared["length_of_stay_days"],
        }
    )  # fmt: skip


def _counted(stays: pl.DataFrame, facts: pl.DataFrame, which: pl.Expr) -> pl.Series:
    """[n] resources of the patient that lie where `which` says."""
    told = facts.select("patient_id", "time", "available_time", "resource_key").drop_nulls("time")
    found = stays.join(told, on="patient_id").filter(which).group_by("candidate").agg(
        pl.col("resource_key").n_unique().cast(pl.Int64).alias("count")
    )  # fmt: skip
    return stays.join(found, on="candidate", how="left", maintain_order="left")["count"].fill_null(0)


def _features(
    names: tuple[str, ...], rows: pl.DataFrame, events: pl.DataFrame, window_days: float, days: float | None = None
) -> Features:
    """Features of the general set, of so many days where that is said, and within the window in any case."""
    own = shipped_features("general").only(names)
    if days is not None:
        own = FeatureSet(own.name, own.title, tuple(replace(one, window_days=days) for one in own.features))
    return built(own.within(window_days), rows.with_columns(encounter_key=pl.lit(None, pl.String)), events)


def _news2(rows: pl.DataFrame, events: pl.DataFrame, window_days: float) -> pl.DataFrame:
    vitals = _features(tuple(_VITALS), rows, events, window_days, 1.0).frame
    seen = events.filter((pl.col("kind") == "observation") & pl.col("time").is_not_null())
    mind = _newest(rows, seen.filter(pl.col("detail").is_in(list(ACVPU))), "detail", window_days)
    gas = seen.filter((pl.col("system") == LOINC) & pl.col("code").is_in([OXYGEN_FLOW, OXYGEN_SHARE]))
    more = pl.when(pl.col("code") == OXYGEN_FLOW).then(pl.col("value") > 0).otherwise(pl.col("value") > SHARE_OF_AIR)
    return vitals.select(
        *(pl.col(name).alias(of) for name, of in _VITALS.items()),
        pl.lit("1").alias("spo2_scale"),
        mind.replace_strict(ACVPU, default=None, return_dtype=pl.String).alias("consciousness"),
        _newest(rows, gas.with_columns(more.alias("is_more")).drop_nulls("is_more"), "is_more", window_days).alias(
            "on_oxygen"
        ),
    )


def _newest(rows: pl.DataFrame, facts: pl.DataFrame, column: str, window_days: float) -> pl.Series:
    """[n] the newest of some facts that were known before the index and are of the day before it."""
    asked = rows.select("candidate", "patient_id", "index_time")
    pairs = asked.join(facts.select("patient_id", "time", "available_time", column), on="patient_id").filter(
        (pl.col("available_time") < pl.col("index_time"))
        & (pl.col("time") >= pl.col("index_time") - _DAY)
        & observed(window_days)
    )
    last = pairs.sort("candidate", "time", "available_time", maintain_order=True).unique(
        "candidate", keep="last", maintain_order=True
    )
    return asked.join(last.select("candidate", column), on="candidate", how="left", maintain_order="left")[column]


def _comorbidity(of: str) -> _Maker:
    def made(rows: pl.DataFrame, events: pl.DataFrame, window_days: float) -> pl.DataFrame:
        codings: dict[str, Coding] = {ICD_10_CM: "icd10"}
        if of == "charlson":
            codings[ICD_9_CM] = "icd9cm"
        coded = events.filter((pl.col("kind") == "diagnosis") & pl.col("system").is_in(list(codings)))
        if coded.is_empty():
            return pl.DataFrame({_POINTS: pl.Series([None] * rows.height, dtype=pl.Float64)})
        asked = rows.select("candidate", "patient_id", "index_time")
        told = coded.select("patient_id", "system", "code", "time", "available_time")
        is_known = (pl.col("available_time") < pl.col("index_time")) & observed(window_days)
        known = asked.join(told, on="patient_id").filter(is_known)
        held = [
            comorbidities(known.filter(pl.col("system") == system).select("candidate", "code"), of, key="candidate",
                          coding=coding)
            for system, coding in codings.items()
        ]  # fmt: skip
        either = pl.concat(held).group_by("candidate", maintain_order=True).agg(pl.all().any())
        for one in index(of).categories:  # the milder is not counted beside the severer of the other coding either
            if one.replaces:
                either = either.with_columns((pl.col(one.replaces) & ~pl.col(one.name)).alias(one.replaces))
        total = either.select("candidate", comorbidity_points(either, INDEXES[of], of).cast(pl.Float64).alias(_POINTS))
        return asked.join(total, on="candidate", how="left", maintain_order="left").select(
            pl.col(_POINTS).fill_null(0.0)
        )

    return made


_MAKERS: dict[str, _Maker] = {
    "lace": lace_inputs, "hospital": _hospital, "news2": _news2, "charlson": _comorbidity("charlson"),
    "elixhauser": _comorbidity("elixhauser"),
}  # fmt: skip
