"""Training sets that are clean, and the same with one leak each, seeded on purpose.

Clean is: patients with up to four rows, features of many kinds that tell something of the label and not all, gaps that
depend on the label a little, folds by patient, preprocessing by the training rows.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.leaks import Scene
from careloom.risk.splits import patient_grouped, temporal

KEY = b"of the seeded leaks only"
FEATURES = ("age", "sodium", "creatinine", "hemoglobin", "stays_before", "is_female", "ward")
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
OUTCOME = EventSet("heart_failure", "diagnosis", prefixes={ICD: ("I50",)})
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
_HORIZON = timedelta(days=30)


def rows_of(seed: int, rows: int = 600) -> pl.DataFrame:
    """Rows of a cohort, ordered by a draw."""
    chance = np.random.default_rng(seed)
    patient = np.sort(chance.integers(0, rows // 2, rows))
    age = np.round(chance.normal(66, 12, rows))
    stays = chance.poisson(0.8, rows)
    creatinine = np.exp(chance.normal(0.0, 0.4, rows))
    sodium = chance.normal(139, 4, rows)
    logit = -1.9 + 0.03 * (age - 66) + 0.5 * stays + 0.7 * (creatinine - 1) - 0.08 * (sodium - 139)
    label = chance.random(rows) < 1 / (1 + np.exp(-logit))
    hemoglobin = chance.normal(13 - 0.8 * label, 1.8, rows)
    gap = chance.random(rows) < np.where(label, 0.15, 0.35)
    index = [BEGIN + timedelta(days=float(day)) for day in chance.uniform(0, 700, rows)]
    return pl.DataFrame(
        {
            "patient_id": [f"p{one:04d}" for one in patient], "candidate": np.arange(rows), "index_time": index,
            "horizon_end": [one + _HORIZON for one in index],
            "encounter_key": [f"Encounter/{one}" for one in range(rows)],
            "age": age, "sodium": sodium, "creatinine": creatinine,
            "hemoglobin": [None if missing else value for missing, value in zip(gap, hemoglobin, strict=True)],
            "stays_before": stays, "is_female": chance.random(rows) < 0.5,
            "ward": [("medicine", "surgery", "cardiology")[one] for one in chance.integers(0, 3, rows)],
            "label": label,
        }
    )  # fmt: skip


def facts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """A sodium of each row, taken a day before the index and issued an hour later."""
    return rows.select(
        "candidate", pl.lit("sodium").alias("feature"), (pl.col("index_time") - timedelta(days=1)).alias("time"),
        (pl.col("index_time") - timedelta(hours=23)).alias("available_time"), pl.lit("observation").alias("kind"),
        pl.lit("http://loinc.org").alias("system"), pl.lit("2951-2").alias("code"),
        pl.lit(None, pl.String).alias("detail"), "encounter_key",
        pl.concat_str([pl.lit("Observation/"), pl.col("candidate").cast(pl.String)]).alias("resource_key"),
    )  # fmt: skip


def folded(rows: pl.DataFrame) -> pl.DataFrame:
    fold = patient_grouped(rows, KEY, {"train": 0.7, "test": 0.3})
    return rows.with_columns(fold.alias("fold"))


def clean(seed: int) -> Scene:
    """A set without a leak: scaled and imputed by the training rows."""
    rows = folded(rows_of(seed))
    facts, raw = facts_of(rows), rows.select("sodium", "hemoglobin")
    train = rows.filter(pl.col("fold") == "train")
    mean, std = train["sodium"].mean(), train["sodium"].std(ddof=0)
    filled = train["hemoglobin"].mean()
    made = rows.with_columns(
        (pl.col("sodium") - mean) / std, hemoglobin_missing=pl.col("hemoglobin").is_null(),
        hemoglobin=pl.col("hemoglobin").fill_null(filled),
    )  # fmt: skip
    fits = {"sodium": {"mean": mean, "std": std}, "hemoglobin": {"mean": filled}}
    return Scene(
        made, (*FEATURES, "hemoglobin_missing"), facts=facts, outcome=(OUTCOME,), fits=fits, raw=raw,
        prevalence=rows["label"].mean(),
    )  # fmt: skip


def clean_in_time(seed: int) -> Scene:
    """A set without a leak whose folds are apart in time; columns as they were measured, gaps and all."""
    rows = rows_of(seed)
    fold = temporal(rows, BEGIN + timedelta(days=500))
    made = rows.with_columns(fold.alias("fold"))
    return Scene(made, FEATURES, facts=facts_of(made), outcome=(OUTCOME,), is_temporal=True)


def clean_encoded(seed: int) -> Scene:
    """A set without a leak: a code of many values as its smoothed share of positives among the training rows."""
    chance = np.random.default_rng(seed + 1_000)
    scene = clean(seed)
    rows = scene.rows.with_columns(pl.Series("payer", chance.integers(0, 12, scene.rows.height)))
    train = rows.filter(pl.col("fold") == "train")
    prior = train["label"].mean()
    shares = train.group_by("payer").agg(((pl.col("label").sum() + 10 * prior) / (pl.len() + 10)).alias("payer_rate"))
    made = rows.join(shares, on="payer", how="left", maintain_order="left").drop("payer")
    return replace(scene, rows=made.with_columns(pl.col("payer_rate").fill_null(prior)),
                   features=(*scene.features, "payer_rate"))  # fmt: skip


def clean_codes_only(seed: int) -> Scene:
    """A set without a leak or a real number: rows are the same by chance, as small tables of codes have it."""
    rows = folded(rows_of(seed)).with_columns(age=(pl.col("age") // 20).cast(pl.Int64))
    return Scene(rows, ("age", "stays_before", "is_female", "ward"))


CLEAN = {"measured": clean, "in time": clean_in_time, "encoded": clean_encoded, "codes only": clean_codes_only}


def _with(scene: Scene, name: str, values: pl.Expr | pl.Series) -> Scene:
    return replace(scene, rows=scene.rows.with_columns(values.alias(name)), features=(*scene.features, name))


def _moved(scene: Scene, **times: timedelta) -> Scene:
    assert scene.facts is not None
    index = scene.rows.select("candidate", "index_time")
    facts = scene.facts.join(index, on="candidate")
    is_some = pl.col("candidate") % 25 == 0
    moved = [
        pl.when(is_some).then(pl.col("index_time") + by).otherwise(pl.col(name)).alias(name)
        for name, by in times.items()
    ]
    return replace(scene, facts=facts.with_columns(moved).drop("index_time"))


def after_index(seed: int) -> Scene:
    return _moved(clean(seed), time=timedelta(hours=2), available_time=timedelta(hours=3))


def recorded_after(seed: int) -> Scene:
    return _moved(clean(seed), available_time=timedelta(days=2))


def outcome_code(seed: int) -> Scene:
    scene = clean(seed)
    assert scene.facts is not None
    billed = scene.facts.filter(pl.col("candidate") % 40 == 0).with_columns(
        feature=pl.lit("diagnoses"), kind=pl.lit("diagnosis"), system=pl.lit(ICD), code=pl.lit("I50.9")
    )
    return replace(scene, facts=pl.concat([scene.facts, billed]))


def future_field(seed: int) -> Scene:
    stay = pl.col("candidate").hash(seed) % 9
    return replace(_with(clean(seed), "time_in_hospital", stay.cast(pl.Int64)), known_at="admission")


def target_renamed(seed: int) -> Scene:
    word = pl.when(pl.col("label")).then(pl.lit("<30")).when(pl.col("candidate") % 3 == 0).then(pl.lit(">30"))
    return _with(clean(seed), "came_back", word.otherwise(pl.lit("NO")))


def target_encoding(seed: int, smoothing: float = 0.0) -> Scene:
    chance = np.random.default_rng(seed + 1_000)
    scene = clean(seed)
    rows = scene.rows.with_columns(pl.Series("payer", chance.integers(0, 12, scene.rows.height)))
    prior = rows["label"].mean()
    share = (pl.col("label").sum() + smoothing * prior) / (pl.len() + smoothing)
    return replace(
        scene, rows=rows.with_columns(share.over("payer").alias("payer_rate")).drop("payer"),
        features=(*scene.features, "payer_rate"),
    )  # fmt: skip


def target_encoding_smoothed(seed: int) -> Scene:
    return target_encoding(seed, 10.0)


def near_perfect(seed: int) -> Scene:
    chance = np.random.default_rng(seed + 2_000)
    scene = clean(seed)
    noise = pl.Series(chance.normal(0, 0.3, scene.rows.height))
    return _with(scene, "severity", scene.rows["label"].cast(pl.Float64) + noise)


def duplicates(seed: int) -> Scene:
    rows = rows_of(seed)
    again = rows.head(60).with_columns(patient_id=pl.lit("q") + pl.col("patient_id"))
    return Scene(folded(pl.concat([rows, again])), FEATURES)


def duplicates_of_codes(seed: int) -> Scene:
    rows = folded(rows_of(seed)).with_columns(age=(pl.col("age") // 20).cast(pl.Int64))
    some = rows.filter(pl.col("fold") == "train").unique(["age", "stays_before", "is_female", "ward"], keep="any")
    others = rows.join(some, on=["age", "stays_before", "is_female", "ward"], how="anti", nulls_equal=True)
    again = some.with_columns(fold=pl.lit("test"), patient_id=pl.lit("q") + pl.col("patient_id"))
    return Scene(pl.concat([some, others, again]), ("age", "stays_before", "is_female", "ward"))


def patient_overlap(seed: int) -> Scene:
    scene = clean(seed)
    chance = np.random.default_rng(seed)
    fold = pl.Series("fold", np.where(chance.random(scene.rows.height) < 0.7, "train", "test"))
    return replace(scene, rows=scene.rows.with_columns(fold), fits={}, raw=None)


def _split_rows(rows: pl.DataFrame, seed: int) -> Scene:
    chance = np.random.default_rng(seed + 3_000)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    named = shuffled.with_columns(patient_id=pl.format("r{}", pl.int_range(pl.len())))
    fold = pl.Series("fold", np.where(chance.random(named.height) < 0.7, "train", "test"))
    return Scene(named.with_columns(fold), FEATURES)


def oversampled(seed: int) -> Scene:
    rows = rows_of(seed)
    more = rows.filter("label").sample(250, with_replacement=True, seed=seed)
    return _split_rows(pl.concat([rows, more]), seed)


def smote(seed: int) -> Scene:
    chance = np.random.default_rng(seed + 4_000)
    rows = rows_of(seed).with_columns(pl.col("hemoglobin").fill_null(12.5))
    real = ["sodium", "creatinine", "hemoglobin"]
    few = rows.filter("label")
    values = few.select(real).to_numpy()
    made = []
    for _ in range(250):
        place = int(chance.integers(len(values)))
        near = np.argsort(((values - values[place]) ** 2).sum(axis=1))[1:6]
        made.append(values[place] + chance.random() * (values[chance.choice(near)] - values[place]))
    drawn = few.sample(250, with_replacement=True, seed=seed)
    new = drawn.with_columns(pl.DataFrame(np.array(made), schema=real).get_columns())
    return _split_rows(pl.concat([rows, new]), seed)


def scaled_on_all(seed: int) -> Scene:
    scene = clean(seed)
    column = (pl.col("creatinine") - pl.col("creatinine").mean()) / pl.col("creatinine").std(ddof=0)
    return replace(scene, rows=scene.rows.with_columns(column))


def spanned_on_all(seed: int) -> Scene:
    rows = folded(rows_of(seed))
    ends = rows.with_columns(
        creatinine=pl.when((pl.col("fold") == "test") & (pl.int_range(pl.len()).over("fold") == 0))
        .then(pl.lit(9.0)).otherwise("creatinine")
    )  # fmt: skip
    low, high = pl.col("creatinine").min(), pl.col("creatinine").max()
    return Scene(ends.with_columns((pl.col("creatinine") - low) / (high - low)), FEATURES)


def imputed_on_all(seed: int) -> Scene:
    rows = folded(rows_of(seed))
    return Scene(rows.with_columns(pl.col("hemoglobin").fill_null(pl.col("hemoglobin").mean())), FEATURES)


def fit_says_all(seed: int) -> Scene:
    scene = clean(seed)
    assert scene.raw is not None
    fits = {"hemoglobin": {"median": float(scene.raw["hemoglobin"].median() or 0.0)}}
    return replace(scene, fits=fits)


def trained_on_later(seed: int) -> Scene:
    rows = folded(rows_of(seed))
    return Scene(rows, FEATURES, is_temporal=True)


def window_into_test(seed: int) -> Scene:
    rows = rows_of(seed).with_columns(patient_id=pl.format("r{}", "candidate"))
    cut = BEGIN + timedelta(days=500)
    fold = pl.when(pl.col("index_time") < pl.lit(cut)).then(pl.lit("train")).otherwise(pl.lit("test"))
    return Scene(rows.with_columns(fold.alias("fold")), FEATURES, is_temporal=True)


def identifier(seed: int) -> Scene:
    chance = np.random.default_rng(seed + 5_000)
    scene = clean(seed)
    number = pl.Series(np.where(scene.rows["label"], 0, 300_000) + chance.permutation(scene.rows.height) * 500)
    return _with(scene, "record_number", number)


def row_order(seed: int) -> Scene:
    scene = clean(seed)
    return replace(scene, rows=scene.rows.sort("label", maintain_order=True), fits={}, raw=None)


def missing_by_outcome(seed: int) -> Scene:
    chance = np.random.default_rng(seed + 6_000)
    scene = clean(seed)
    gone = pl.Series(chance.random(scene.rows.height) < np.where(scene.rows["label"], 0.92, 0.06))
    return _with(scene, "follow_up_weight", pl.select(pl.when(gone).then(None).otherwise(80.0)).to_series())


SEEDED: dict[str, tuple[Callable[[int], Scene], str, str]] = {
    "feature after the index": (after_index, "feature-after-index", "sodium"),
    "recorded after the index": (recorded_after, "recorded-after-index", "sodium"),
    "bill of the outcome": (outcome_code, "outcome-code-in-window", "diagnoses"),
    "field filled later": (future_field, "future-coded-field", "time_in_hospital"),
    "target renamed": (target_renamed, "target-copied", "came_back"),
    "target encoding": (target_encoding, "target-encoding-all-rows", "payer_rate"),
    "target encoding, smoothed": (target_encoding_smoothed, "target-encoding-all-rows", "payer_rate"),
    "near-perfect feature": (near_perfect, "near-perfect-feature", "severity"),
    "rows twice": (duplicates, "duplicate-rows", "fold"),
    "rows of codes twice": (duplicates_of_codes, "duplicate-rows", "fold"),
    "patients in two folds": (patient_overlap, "patient-overlap", "fold"),
    "oversampled before the split": (oversampled, "resampled-before-split", "fold"),
    "SMOTE before the split": (smote, "resampled-before-split", "fold"),
    "scaled on all rows": (scaled_on_all, "fitted-before-split", "creatinine"),
    "spanned on all rows": (spanned_on_all, "fitted-before-split", "creatinine"),
    "imputed on all rows": (imputed_on_all, "fitted-before-split", "hemoglobin"),
    "statistics of all rows": (fit_says_all, "fitted-before-split", "hemoglobin"),
    "trained on later rows": (trained_on_later, "temporal-overlap", "train"),
    "label window into the test": (window_into_test, "temporal-overlap", "train"),
    "identifier tells": (identifier, "identifier-tells-label", "record_number"),
    "row order tells": (row_order, "row-order-tells-label", "rows"),
    "gap tells": (missing_by_outcome, "missingness-tells-label", "follow_up_weight"),
}
"""What was done -> how, and which finding has to come of it, at which place."""
