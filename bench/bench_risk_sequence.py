"""The sequence model against boosted trees on Diabetes 130: the same patients, the same facts, and the stays before.

``python bench/bench_risk_sequence.py [seeds] [--epochs 6]``    patient-grouped 60/20/20, judged once on the test part

Facts of a stay are what the definition of the table lets a model see at the discharge. The sequence adds, of the stays
before it, diagnoses, length, disposition, kind of admission, insulin and A1c; stays are ordered by ``encounter_id``,
for the set has no dates; that order tells of later stays (see bench_risk_diabetes130.py), so that what is measured with
stays before compares models and claims nothing. Trees are told the stay alone, and once more with counts of the stays
before.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl

from careloom.pipeline.registry import load
from careloom.risk.calibration import choose_calibration
from careloom.risk.cohorts_table import extract_table, shipped_table
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.evaluate_measures import Floats, sigmoid
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_sequence import codebook, histories, sequence_features
from careloom.risk.splits import folds, patient_grouped

KEY = b"bench of the sequence model"
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
BEFORE = (
    "diag_1", "diag_2", "diag_3", "time_in_hospital", "discharge_disposition_id", "admission_type_id", "insulin",
    "A1Cresult",
)  # fmt: skip
ABSENT = ("No", "None", "Norm")
LENGTH = 64


def suite() -> pl.DataFrame:
    """The table, in the order of the stays."""
    folder = Path(os.environ["CARELOOM_SUITES"]) / "diabetes130"
    return pl.read_parquet(folder / "diabetic_data.parquet").sort("encounter_id")


def stays(rows: pl.DataFrame, definition: Any) -> pl.DataFrame:
    """Facts of each stay in long form: candidate, patient, stay (place among the patient's), code, value."""
    numbers = [one.column for one in definition.features if one.kind == "number"]
    codes = [one.column for one in definition.features if one.kind == "code"]
    ids = ["candidate", "patient_id", "stay"]
    counted = rows.unpivot(numbers, index=ids, variable_name="code", value_name="value").drop_nulls("value")
    short = pl.when(pl.col("code").str.starts_with("diag_")).then(pl.col("text").str.slice(0, 3)).otherwise("text")
    named = rows.unpivot(codes, index=ids, variable_name="code", value_name="text").drop_nulls("text")
    named = named.filter(~pl.col("text").is_in(ABSENT)).select(
        *ids, pl.col("code").alias("column"), pl.concat_str("code", pl.lit("="), short).alias("code"),
        pl.lit(None, pl.Float64).alias("value"),
    )  # fmt: skip
    return pl.concat([counted.select(*ids, pl.col("code").alias("column"), "code", "value"), named])


def with_before(facts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Facts of each stay and of the stays before it, as a codebook takes them."""
    own = facts.select("candidate", "stay", "column", "code", "value", is_own=pl.lit(value=True))
    past = facts.filter(pl.col("column").is_in(BEFORE)).drop("candidate")
    pairs = rows.select("candidate", "patient_id", now="stay").join(past, on="patient_id")
    earlier = pairs.filter(pl.col("stay") < pl.col("now")).select(
        "candidate", "stay", "column", pl.concat_str(pl.lit("before:"), "code").alias("code"), "value",
        is_own=pl.lit(value=False),
    )  # fmt: skip
    whole = pl.concat([own, earlier])
    return whole.select(
        "candidate", pl.col("stay").alias("order"), pl.lit(None, pl.Float64).alias("days"), "code", "value"
    )


def first_half(owners: pl.Series) -> np.ndarray:
    """Which rows are of the half of the patients that a calibration is fitted on."""
    return np.asarray(folds(owners.to_frame("patient_id"), KEY + b" calibration", 2).to_numpy() == 0)


def judged(
    name: str, seed: int, told: dict[str, Floats], label: dict[str, Any], patients: np.ndarray, owners: pl.Series
) -> dict[str, Any]:
    """Measures on the test part after a calibration chosen on halves of the validation patients, `owners` of rows."""
    half = first_half(owners)
    fit = (label["validation"][half], told["validation"][half])
    choose = (label["validation"][~half], told["validation"][~half])
    found, _ = choose_calibration(fit, choose)
    measured = evaluate(label["test"], found.apply(told["test"]), patients, Resampling(seed=1, resamples=200))
    shown = {one: getattr(measured, one) for one in ("auroc", "auprc", "brier", "ece")}
    text = ", ".join(f"{key} {one.value:.4f} ({one.low:.4f} to {one.high:.4f})" for key, one in shown.items())
    print(f"{name:28s} seed {seed}: {text}", flush=True)
    return {key: one.value for key, one in shown.items()}


def trees(name: str, seed: int, frame: pl.DataFrame, about: dict[str, About], parts: dict[str, np.ndarray],
          label: dict[str, Any]) -> dict[str, Floats]:  # fmt: skip
    """Boosted trees on one row a stay."""
    features = described(frame[parts["train"]], about)
    told = {fold: encoded(features, frame[places]) for fold, places in parts.items()}
    grown = load("risk.fit.lightgbm")(
        features, (told["train"], label["train"]), (told["validation"], label["validation"]),
        load("risk.recipe.lightgbm")(seed=seed),
    )  # fmt: skip
    return {fold: sigmoid(grown.log_odds(one)) for fold, one in told.items()}


def main() -> None:
    """Prints a line a model and seed, and the mean over seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=3)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    definition = shipped_table("diabetes130")
    rows = extract_table(definition, suite()).rows.drop_nulls("label")
    rows = rows.with_columns(stay=pl.int_range(pl.len()).over("patient_id"))
    fold = patient_grouped(rows, KEY, SHARES)
    parts = {name: np.flatnonzero((fold == name).to_numpy()) for name in SHARES}
    label = {name: rows["label"].to_numpy().astype(bool)[places] for name, places in parts.items()}
    patients = rows["patient_id"].to_numpy()[parts["test"]]
    owners = rows["patient_id"][parts["validation"]]
    print({name: (places.size, int(label[name].sum())) for name, places in parts.items()}, flush=True)
    facts = with_before(stays(rows, definition), rows)
    book = codebook(facts.join(rows[parts["train"]].select("candidate"), on="candidate"), fewest=50, most=800)
    features = sequence_features(book, LENGTH)
    frame = histories(book.told(facts), rows["candidate"], LENGTH)
    told = {name: encoded(features, frame[places]) for name, places in parts.items()}
    print(f"{len(book.levels)} levels; {facts.height / rows.height:.1f} facts a stay", flush=True)
    about = {one.column: About(one.concept) for one in definition.features}
    past = rows.with_columns(
        stays_before=pl.col("stay").cast(pl.Float64),
        days_before=(pl.col("time_in_hospital").cum_sum().over("patient_id") - pl.col("time_in_hospital")),
    )
    more = about | {"stays_before": About("Stays before"), "days_before": About("Stays before")}
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in range(1, options.seeds + 1):
        for name, columns in (("trees, the stay", about), ("trees, with stays before", more)):
            found.setdefault(name, []).append(
                judged(name, seed, trees(name, seed, past, columns, parts, label), label, patients, owners)
            )
        begun = time.process_time()
        recipe = load("risk.recipe.sequence")(seed=seed, epochs=options.epochs)
        learnt, history = load("risk.fit.sequence")(
            features, (told["train"], label["train"]), (told["validation"], label["validation"]), recipe
        )
        spent = time.process_time() - begun
        best = min(history, key=lambda one: one["validation_loss"])
        print(f"trained in {spent:.0f} processor seconds, best epoch {best['epoch']} of {len(history)}", flush=True)
        begun = time.process_time()
        risk = {name: sigmoid(learnt.log_odds(one)) for name, one in told.items() if name != "train"}
        size = sum(one.shape[0] for name, one in told.items() if name != "train")
        print(f"scored {size / (time.process_time() - begun):.0f} rows a processor second", flush=True)
        found.setdefault("sequence", []).append(judged("sequence", seed, risk, label, patients, owners))
        both = trees("both", seed, past, more, parts, label)
        mixed = {name: (risk[name] + both[name]) / 2 for name in risk}
        found.setdefault("mean of both", []).append(judged("mean of both", seed, mixed, label, patients, owners))
    for name, several in found.items():
        means = {key: float(np.mean([one[key] for one in several])) for key in several[0]}
        print(
            f"{name:28s} mean of {len(several)} seeds: " + ", ".join(f"{key} {one:.4f}" for key, one in means.items())
        )


if __name__ == "__main__":
    main()
