"""Readmission within 30 days on diabetes130: a model of what is known at the discharge, beside a score in LACE's style.

``python bench/bench_risk_diabetes130.py --data FOLDER [--trials 0] [--out FOLDER]``

Patients are in one part only (70 % training, 10 % validation, 20 % test, by a keyed hash). `SETTINGS` are a constant of
an earlier exploration by folds within the training patients. With ``--trials`` Optuna looks for others by such folds,
too, and the best of them is what is trained. The order of a patient's stays is not used: 1.7 % of the encounter numbers
stand in another order than the readmissions that the set tells of, so that a count of earlier stays would tell of later
ones. One core.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import orjson
import polars as pl

from careloom.pipeline.registry import load
from careloom.risk.cohorts_table import TableDefinition, extract_table, shipped_table
from careloom.risk.leaks import Scene
from careloom.risk.leaks_guard import require_clean
from careloom.risk.models import Model
from careloom.risk.models_features import About, encoded
from careloom.risk.models_package import pack, unpack
from careloom.risk.models_report import Judge, report, text
from careloom.risk.models_score import fit_points, score_features
from careloom.risk.models_training import Plan, Rows, calibrated, out_of_fold, trained
from careloom.risk.scores import score
from careloom.risk.scores_comorbidity import comorbidities, comorbidity_points, index
from careloom.risk.splits import patient_grouped

KEY = b"diabetes130 of careloom"
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
SEED = 20261130
DIAGNOSES = ("diag_1", "diag_2", "diag_3")
SETTINGS = {
    "rounds": 3000, "learning_rate": 0.02, "leaves": 32, "least_rows": 267, "column_share": 0.45, "ridge": 10.0,
    "category_smoothing": 300.0, "row_share": 0.95,
}  # fmt: skip


def with_conditions(rows: pl.DataFrame) -> pl.DataFrame:
    """Charlson's conditions among the three diagnoses of a stay, and their points under LACE's weights."""
    coded = rows.select("row_key", *DIAGNOSES).unpivot(index="row_key", value_name="code").drop("variable")
    held = comorbidities(coded, key="row_key", coding="icd9cm")
    points = comorbidity_points(held, "lace").alias("comorbidity_points")
    names = {one.name: f"has_{one.name}" for one in index("charlson").categories}
    return rows.join(held.with_columns(points).rename(names), on="row_key", how="left", maintain_order="left")


def about(definition: TableDefinition) -> dict[str, About]:
    """What is known of each feature."""
    told = {one.column: About(one.concept, modifiable=one.modifiable) for one in definition.features}
    for name in ("number_inpatient", "number_emergency"):
        told[name] = About(told[name].concept, monotone=1)
    return told | {f"has_{one.name}": About(one.title) for one in index("charlson").categories}


def lace_inputs(rows: pl.DataFrame) -> pl.DataFrame:
    """LACE's inputs as far as the set tells them: visits of a year instead of six months, three diagnoses, and an
    admission is acute where its type says emergency, urgent or trauma (IDs_mapping.csv: 1, 2, 7)."""
    return rows.select(
        pl.col("time_in_hospital").alias("length_of_stay_days"),
        pl.col("admission_type_id").is_in(["1", "2", "7"]).alias("acute_admission"),
        "comorbidity_points",
        pl.col("number_emergency").alias("emergency_visits_6_months"),
    )


def part(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.filter(pl.col("fold") == name)


def labelled(rows: pl.DataFrame, frame: pl.DataFrame | None = None) -> Rows:
    return Rows(rows if frame is None else frame, rows["label"].to_numpy().astype(np.bool_), rows["patient_id"])


def lace_style(rows: pl.DataFrame, plan: Plan) -> Model:
    """The score as a model: a line from its points to log odds on training rows, calibrated as the other is."""
    train, validation = part(rows, "train"), part(rows, "validation")
    features = score_features(score("lace"), {})
    told = encoded(features, lace_inputs(train))
    learnt = fit_points(score("lace"), features, told, train["label"].to_numpy())
    bare = Model("lace-style", plan.outcome, plan.horizon_days, features, learnt)
    return calibrated(bare, labelled(validation, lace_inputs(validation)), plan)


def searched(plan: Plan, known: dict[str, About], train: Rows, trials: int) -> dict[str, object]:
    ask = load("risk.search.ask")("lightgbm", SETTINGS, trials, 1e9, KEY, SEED)
    found = load("risk.search")(ask, known, train, time.process_time)
    for settings, loss in sorted(found.trials, key=lambda one: one[1])[:5]:
        print(f"{loss:.5f} {settings}")
    return dict(found.best.settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=0)
    parser.add_argument("--no-test", action="store_true", help="leave the test part alone")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    definition = shipped_table("diabetes130")
    rows = extract_table(definition, pl.read_parquet(asked.data / "diabetic_data.parquet")).rows
    rows = with_conditions(rows.with_columns(fold=patient_grouped(rows, KEY, SHARES)))
    known = about(definition)
    require_clean(Scene(rows=rows, features=tuple(known), known_at="discharge"))
    plan = Plan(
        "readmission-30d-diabetes130", definition.title, 30, "lightgbm", KEY, SEED, SETTINGS, at_risk=0.15,
        alerts_per_100=10.0,
    )  # fmt: skip
    train, validation = labelled(part(rows, "train")), labelled(part(rows, "validation"))
    if asked.trials:
        plan = replace(plan, settings=searched(plan, known, train, asked.trials))
    if asked.no_test:
        inner = out_of_fold("lightgbm", plan.settings, known, train, KEY, SEED)
        print(f"log loss out of fold {inner.log_loss:.5f}")
        return
    begun = time.process_time()
    made = trained(known, train, validation, plan, {"cohort": definition.name, "digest": definition.digest})
    model = unpack(pack(made.model))
    print(f"trained in {time.process_time() - begun:.0f} s of processor time: {dict(made.model.training)}")
    rival, test = lace_style(rows, plan), part(rows, "test")
    judge = Judge(SEED, ("gender", "age", "race", "payer_code"))
    told = report(model, labelled(test), judge, baselines={"LACE-style": rival.score(lace_inputs(test))})
    print(text(told))
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "report.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        for name, data in pack(model).items():
            (asked.out / name).write_bytes(data)


if __name__ == "__main__":
    main()
