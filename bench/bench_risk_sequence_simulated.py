"""The sequence model in the simulated hospital: timed facts against features that people thought of, and the oracle.

``python bench/bench_risk_sequence_simulated.py FOLDER [--seeds 2]``    FOLDER of ``bench_risk_simulated.py facts``

Readmission within 30 days; patients parted 60/20/20; judged once on test patients. The oracle is the AUROC of the
probability that the simulator drew from.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl

from bench_risk_simulated import KEY, SHARES, TREES
from careloom.pipeline.registry import load
from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import shipped
from careloom.risk.cohorts_events import as_events
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.evaluate_measures import Floats, sigmoid
from careloom.risk.features import built
from careloom.risk.features_definition import shipped_features
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_sequence import codebook, histories, sequence_features
from careloom.risk.models_sequence_facts import facts_before
from careloom.risk.splits import patient_grouped


def main() -> None:
    """Prints AUROC of trees, of the sequence, of their mean and of the oracle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--length", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--days", type=float, default=365.0)
    options = parser.parse_args()
    events = as_events(pl.read_parquet(options.folder / "facts-*.parquet"))
    truth = pl.read_parquet(options.folder / "truth-*.parquet")
    found = extract(shipped("readmission_30_days"), events)
    rows = found.rows.drop_nulls("label").join(truth, on="resource_key", how="left", maintain_order="left")
    fold = patient_grouped(rows, KEY, SHARES)
    parts = {name: np.flatnonzero((fold == name).to_numpy()) for name in SHARES}
    label = {name: rows["label"].to_numpy().astype(bool)[places] for name, places in parts.items()}
    print({name: (places.size, int(label[name].sum())) for name, places in parts.items()}, flush=True)
    tested = rows[parts["test"]]
    known = tested["probability"].is_not_null().to_numpy()

    def judged(name: str, risk: Floats) -> None:
        told = evaluate(label["test"][known], risk[known], tested["patient_id"].to_numpy()[known], Resampling(1, 200))
        area, best = told.auroc, told.auprc
        print(f"{name}: auroc {area.value:.4f} ({area.low:.4f} to {area.high:.4f}), auprc {best.value:.4f}", flush=True)

    judged("oracle", tested["probability"].fill_null(0.0).to_numpy())
    features = built(shipped_features("general"), rows, events, "discharge")
    frame = rows.select("candidate").join(features.frame, on="candidate", how="left", maintain_order="left")
    about = {one.name: About(one.concept) for one in shipped_features("general").features if one.name in frame.columns}
    columns = described(frame[parts["train"]], about)
    tree = {name: encoded(columns, frame[places]) for name, places in parts.items()}
    facts = facts_before(rows, events, days=options.days)
    book = codebook(facts.join(rows[parts["train"]].select("candidate"), on="candidate"), fewest=50, most=800)
    wide = histories(book.told(facts), rows["candidate"], options.length)
    sequence = sequence_features(book, options.length)
    told = {name: encoded(sequence, wide[places]) for name, places in parts.items()}
    print(f"{len(book.levels)} levels, {facts.height / rows.height:.0f} facts an index", flush=True)
    for seed in range(1, options.seeds + 1):
        grown = load("risk.fit.lightgbm")(
            columns, (tree["train"], label["train"]), (tree["validation"], label["validation"]),
            load("risk.recipe.lightgbm")(seed=seed, **TREES),
        )  # fmt: skip
        trees = sigmoid(grown.log_odds(tree["test"]))
        judged(f"trees, seed {seed}", trees)
        begun = time.process_time()
        learnt, history = load("risk.fit.sequence")(
            sequence, (told["train"], label["train"]), (told["validation"], label["validation"]),
            load("risk.recipe.sequence")(seed=seed, epochs=options.epochs),
        )  # fmt: skip
        best = min(history, key=lambda one: one["validation_loss"])
        print(f"{time.process_time() - begun:.0f} CPU s, best epoch {best['epoch']} of {len(history)}", flush=True)
        risk = sigmoid(learnt.log_odds(told["test"]))
        judged(f"sequence, seed {seed}", risk)
        judged(f"mean of both, seed {seed}", (risk + trees) / 2)


if __name__ == "__main__":
    main()
