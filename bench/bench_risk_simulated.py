"""Readmission in the simulated hospital: how near a model comes to the probability that the simulator drew from.

``python bench/bench_risk_simulated.py facts --out FOLDER [--patients 20000] [--seed 1]``   minutes a thousand patients
``python bench/bench_risk_simulated.py train --out FOLDER [--learner logistic] [--task in-hospital-death]``

The probability stands in the answers of the simulator (``answers/outcomes.ndjson`` of a feed) and in a file of its own
here; features are made of facts alone, as of the discharge. The oracle is the AUROC of that probability on the test
patients: nobody who sees only whether they came back can do better but by chance. The expected AUROC is over all draws
that the probabilities allow, so that the ratio does not hang on the one that happened.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import orjson
import polars as pl

from careloom.mlops.gates import OF_PLATFORM, Shown
from careloom.mlops.gates import judge as judged
from careloom.mlops.gates import shipped as shipped_gates
from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import shipped
from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.evaluate_measures import Floats, ranking
from careloom.risk.features import built
from careloom.risk.features_definition import shipped_features
from careloom.risk.features_training import training_set
from careloom.risk.groups import ATTRIBUTES
from careloom.risk.models import Model
from careloom.risk.models_days_report import judged_days
from careloom.risk.models_elsewhere import KINDS, Elsewhere, judged_elsewhere
from careloom.risk.models_package import pack, unpack
from careloom.risk.models_report import Judge, paired, report, text
from careloom.risk.models_training import Plan, Rows, trained
from careloom.risk.splits import patient_grouped
from careloom.risk.tasks import Task, ready_tasks, shipped_task
from careloom.risk.tasks_baselines import baselines
from careloom.risk.tasks_material import Material, days_beside, material
from careloom.services.risk_simulated import facts_of, histories, wanted
from careloom.services.train_risk import evaluation

KEY = b"simulated hospital of careloom"
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
SEED = 20261130
TREES = {"learning_rate": 0.03, "rounds": 1500, "leaves": 12, "least_rows": 60, "column_share": 0.4, "ridge": 10.0}
CHUNK = 500
TRUTH = {"resource_key": pl.String, "probability": pl.Float64, "drawn": pl.Float64}
Row = dict[str, Any]


def make_facts(out: Path, patients: int, seed: int) -> None:
    """Writes facts and, apart from them, the truth, in files of `CHUNK` patients; what is there is not made again."""
    codes = wanted(shipped_features("general"))
    out.mkdir(parents=True, exist_ok=True)
    schema = {name: dtype for name, dtype in EVENTS.dtypes.items() if name != "event_id"}
    for first in range(1, patients + 1, CHUNK):
        facts, truth = out / f"facts-{first:06d}.parquet", out / f"truth-{first:06d}.parquet"
        if truth.exists():
            continue
        rows: list[Row] = []
        told: list[Row] = []
        for history in histories(first, min(first + CHUNK - 1, patients), seed):
            rows += facts_of(history, codes)
            who = history.person.patient_id
            told += [
                {
                    "resource_key": f"Encounter/{who}-{each.about}",
                    "probability": each.probability,
                    "drawn": each.happened,
                }
                for each in history.outcomes
                if each.name == "readmission_30_days"
            ]
        pl.DataFrame(rows, schema=schema).write_parquet(facts)
        pl.DataFrame(told, schema=TRUTH).write_parquet(truth)
        print(f"{first + CHUNK - 1:,} patients, {time.process_time():.0f} s", flush=True)


def expected(risk: Floats, chance: Floats) -> float:
    """AUROC over all draws that the probabilities allow: each row is an event with its probability, and none with the
    rest. Nothing is left to the one draw that happened."""
    both, happened = np.concatenate([risk, risk]), np.repeat([True, False], risk.size)
    return float(ranking(happened, both, np.concatenate([chance, 1 - chance])[None, :])[0][0])


def taught(out: Path, learner: str, name: str) -> tuple[Model, Material, Task, Plan, pl.DataFrame]:
    """A model of a task on facts alone."""
    events = as_events(pl.read_parquet(out / "facts-*.parquet"))
    task = shipped_task(name)
    definition = shipped(task.cohort)
    found = extract(definition, events)
    kind = definition.events[definition.index.event].kind
    features = built(shipped_features(task.features), found.rows, events, kind)
    fold = patient_grouped(found.rows, KEY, SHARES)
    made = training_set(found, features, fold, {"kind": "patient", "is_temporal": False}, "simulated")
    if made.manifest["leaks"]:
        raise SystemExit(f"the training set leaks: {made.manifest['leaks']}")
    told = material(task, made.frame, made.manifest, events)
    settings: Row = TREES if learner == "lightgbm" else {"penalty": 20.0, "knots": 3}
    plan = replace(task.plan(KEY, SEED), learner=learner, settings=settings, candidates=())  # type: ignore[arg-type]
    begun = time.process_time()
    made_of = {"cohort": definition.name}
    model = unpack(pack(trained(told.about, told.rows["train"], told.rows["validation"], plan, made_of).model))
    print(f"trained in {time.process_time() - begun:.0f} s of processor time")
    return model, told, task, plan, events


def train(out: Path, learner: str, name: str) -> None:
    """Trains on facts; judges a readmission by the truth, too."""
    model, told, task, plan, events = taught(out, learner, name)
    if name == "readmission-30d":
        beside_the_truth(model, told.rows["test"], pl.read_parquet(out / "truth-*.parquet"))
    judge = Judge(SEED, ATTRIBUTES, ppv=task.ppv, resamples=300)
    beside = baselines(task.baselines, told, events, plan)
    page = report(model, told.rows["test"], judge, baselines=beside.risks, groups=told.groups["test"])
    page["beside"] = list(beside.told)
    if (days := days_beside(task, told, model, plan)) is not None:
        page["days"] = judged_days(days, model.features, told.with_days("test"), Resampling(SEED, 1000))
    page["elsewhere"] = judged_elsewhere(told.about, told.rows, plan, Elsewhere(KINDS, Resampling(SEED, 200), page))
    print(text(page))
    for one in judged(shipped_gates(task.gates), Shown(evaluation(page, "facts")["measures"])):
        if not one["rule"].startswith(OF_PLATFORM):
            print(f"gate {one['rule']}: {'passed' if one['passed'] else 'refused'}, found {one['found']}")


def beside_the_truth(model: Model, test: Rows, truth: pl.DataFrame) -> None:
    """Prints AUROC, expected AUROC and ratios of the model and of the probability that the simulator drew from."""
    whole = test.frame.select("resource_key").join(truth, on="resource_key", how="left", maintain_order="left")
    known = whole["probability"].is_not_null().to_numpy()
    agrees = (whole["drawn"].to_numpy()[known] == test.happened[known]).mean()
    print(f"{known.mean():.4f} of the test rows have a truth; the label is the draw in {agrees:.4f} of them")
    rows, chance = test.only(known), whole["probability"].to_numpy()[known]
    risk, how = model.score(rows.frame), Resampling(SEED, 500)
    ours, best = (evaluate(rows.happened, one, rows.patients.to_numpy(), how).auroc for one in (risk, chance))
    apart = paired(rows, risk, chance, Resampling(SEED, 200))["auroc"]
    ideal = [expected(one, chance) for one in (risk, chance)]
    summary = {
        "expected_model": ideal[0], "expected_oracle": ideal[1], "expected_ratio": ideal[0] / ideal[1],
        "rows": rows.frame.height, "events": int(rows.happened.sum()), "model": ours.value, "oracle": best.value,
        "ratio": (ours.value or 0) / (best.value or 1), "oracle_low": best.low, "oracle_high": best.high,
        "difference_low": apart.low, "difference_high": apart.high,
        "correlation_with_the_probability": float(np.corrcoef(risk, chance)[0, 1]),
    }  # fmt: skip
    print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("facts", "train"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learner", choices=("lightgbm", "logistic"), default="lightgbm")
    parser.add_argument("--task", choices=ready_tasks(), default="readmission-30d")
    asked = parser.parse_args()
    if asked.step == "facts":
        make_facts(asked.out, asked.patients, asked.seed)
    else:
        train(asked.out, asked.learner, asked.task)


if __name__ == "__main__":
    main()
