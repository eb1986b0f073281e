"""The whole way on events of MIMIC-IV's demo: facts, cohort, features, leakage guard, learner, package, score.

``python bench/bench_risk_mimic.py --data FOLDER``

69 patients are far too few for a claim: what is printed says that the way can be walked, and how wide intervals are.
Risks are out of fold, five folds of patients; settings are those of the task, nothing is chosen.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl

from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import shipped
from careloom.risk.cohorts_events import meds_events
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.features import built
from careloom.risk.features_definition import COUNTS, shipped_features
from careloom.risk.features_training import OWN_COLUMNS, training_set
from careloom.risk.models import Model
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_package import pack, unpack
from careloom.risk.models_training import Rows, fit_learner, out_of_fold
from careloom.risk.splits import patient_grouped
from careloom.risk.tasks import shipped_task

KEY, SEED = b"mimic demo of careloom", 20261130
TASKS = ("readmission-30d", "length-of-stay-7d")
PARTS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def walked(name: str, events: pl.DataFrame) -> None:
    """Prints what one task comes to."""
    task = shipped_task(name)
    definition = shipped(task.cohort)
    found = extract(definition, events)
    features = built(
        shipped_features(task.features), found.rows, events, definition.events[definition.index.event].kind
    )
    fold = patient_grouped(found.rows, KEY, PARTS)
    made = training_set(found, features, fold, {"kind": "patient", "is_temporal": False}, "mimic-iv-demo")
    leaks = made.manifest["leaks"]
    told = made.frame.drop_nulls("label")
    about = {
        one["name"]: About(
            one["concept"], one["unit"], bool(one["modifiable"]), nullable=one["aggregation"] not in COUNTS
        )
        for one in made.manifest["features"]["columns"]
        if one["name"] not in task.left_out
    }
    rows = Rows(told.drop(OWN_COLUMNS), told["label"].to_numpy().astype(np.bool_), told["patient_id"])
    settings = task.candidates[-1]
    risk = out_of_fold(task.learner, settings, about, rows, KEY, SEED).risk
    whole = described(rows.frame, about)
    learnt = fit_learner(task.learner, settings, whole, (encoded(whole, rows.frame), rows.happened))
    model = unpack(pack(Model(task.name, task.outcome, task.horizon_days, whole, learnt)))
    area = evaluate(rows.happened, risk, rows.patients.to_numpy(), Resampling(SEED)).auroc
    counts = f"{found.rows.height} rows of {found.rows['patient_id'].n_unique()} patients, {rows.happened.sum()} events"
    print(f"{name}: {counts}, {len(whole)} features with news, {len(leaks)} leaks")
    print(f"  AUROC out of fold {area.value:.3f} ({area.low:.3f} to {area.high:.3f})")
    print(f"  the package scores {model.score(rows.frame).size} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    events = meds_events(pl.read_parquet(parser.parse_args().data / "events.parquet"))
    for name in TASKS:
        walked(name, events)


if __name__ == "__main__":
    main()
