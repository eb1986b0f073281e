"""The protocol of synthetic tables on Adult, with the sequential CART baseline and the row of real against real.

``python bench/bench_synth_adult.py``    needs the suites (CARELOOM_SUITES) and the extra ml; three generator seeds

Split, fixed before anything was tuned: the rows of the suite (the 32,561 of UCI's training part) permuted by numpy's
default generator with seed 20261129; the first 40 % train, the next 40 % are the control that no generator sees, the
last 20 % test. ``?`` stays a category, as in the published tables.
"""

import os
import statistics
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import polars as pl

from careloom.pipeline.registry import load
from careloom.synth.fidelity import FidelityReport, judge_fidelity
from careloom.synth.metadata import Table
from careloom.synth.metadata_check import conform
from careloom.synth.metadata_infer import infer
from measure import report

SPLIT_SEED = 20261129
SEEDS = (1, 2, 3)


def adult(suites: Path) -> tuple[Table, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(metadata, train, control, test)."""
    frame = pl.read_csv(suites / "adult" / "data.csv.gz", infer_schema_length=0).filter(pl.col("age") != "age")
    table = infer({"adult": frame}).metadata.table()
    written = [replace(column, missing={}, values=(), nullable=False) for column in table.columns]
    table = replace(table, columns=tuple(written))
    frame = conform(table, frame)
    order = np.random.default_rng(SPLIT_SEED).permutation(frame.height)
    first, second = int(0.4 * frame.height), int(0.8 * frame.height)
    return table, frame[order[:first]], frame[order[first:second]], frame[order[second:]]


def exact_copies(frame: pl.DataFrame, among: pl.DataFrame) -> float:
    """The share of rows that stand in another frame, all columns alike."""
    return frame.join(among.unique(), on=frame.columns, how="semi").height / frame.height


def say(name: str, found: FidelityReport) -> None:
    """Prints what has no limit."""
    for who, each in (("synthetic", found.synthetic), ("real against real", found.control)):
        if each is not None:
            shown = {key: value for key in each.__slots__ if isinstance(value := getattr(each, key), float)}
            line = " ".join(f"{key} {value:.4f}" for key, value in (shown | each.detection).items())
            sys.stdout.write(f"{name}, {who}: {line}\n")


def main() -> None:
    """Measures the baseline on Adult."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        sys.stdout.write("skipped: CARELOOM_SUITES names no folder with the data sets\n")
        return
    if find_spec("sklearn") is None:
        sys.stdout.write("skipped: the extra ml is not installed: make ml\n")
        return
    table, train, control, test = adult(Path(suites))
    detectors = {name: load(f"synth.detect.{name}") for name in ("boosting", "regression")}
    fit_cart, judge_utility = load("synth.cart"), load("synth.utility")
    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        start = time.process_time()
        model = fit_cart(table, train, seed)
        fitted = time.process_time()
        made = model.sample(train.height, np.random.default_rng(seed))
        done = time.process_time()
        other = control if seed == SEEDS[0] else None  # the row of real against real once: no generator's seed is in it
        found = judge_fidelity(table, train, made, other, seed=seed, detectors=detectors)
        say(f"adult, CART, seed {seed}", found)
        use = judge_utility(table, (train, made, other), test, "income", seed=seed, groups=("sex", "race"))
        scores = {"real": use.real.scores, "synthetic": use.synthetic.scores}
        if use.control is not None:
            scores["real against real"] = use.control.scores
        copies, own = exact_copies(made, train), exact_copies(control, train)
        sys.stdout.write(
            f"  scores {scores}\n"
            f"  coefficients agree {use.coefficients_agree:.3f}, importances {use.importances_agree:.3f}, "
            f"ranks of models {use.ranks_agree:.2f}, "
            f"widest gap of a group {max(map(abs, use.group_gaps.values())):.3f}, "
            f"exact copies {copies:.4f}, of the control {own:.4f}\n"
        )
        for name, value in (
            ("shape", 100 * found.synthetic.shape),
            ("trend", 100 * found.synthetic.trend),
            ("trend of strong pairs", 100 * found.synthetic.strong_trend),
            ("TSTR", use.synthetic.scores["boosting"]),
            ("TRTR", use.real.scores["boosting"]),
            ("detection", found.synthetic.detection["boosting"]),
            ("fit", fitted - start),
            ("sampling", train.height / (done - fitted)),
        ):
            rows.setdefault(name, []).append(value)
    units = {"fit": "CPU s", "sampling": "rows/CPU s", "TSTR": "AUC", "TRTR": "AUC", "detection": "AUC"}
    for name, values in rows.items():
        lower = name not in ("TSTR", "TRTR", "sampling")
        measure = f"Adult, sequential CART (not private), {name}"
        report(measure, statistics.mean(values), units.get(name, "% error"), lower_is_better=lower)


if __name__ == "__main__":
    main()
