"""Synthetic rows from noisy marginals: Adult and Diabetes-130 at epsilon 1 and 3, delta 1e-5, one row a patient.

``python bench/bench_synth_marginals.py [adult|diabetes130] [SEEDS]``    needs CARELOOM_SUITES and the extra ml

Taken as public: the bins below, after what the columns mean and what is generally known of these data sets (years,
hours, dollars, counts of visits), and the categories of the whole suite, as for the peers.

Split, fixed before anything was tuned: rows of the suite (of Diabetes-130 the first encounter of each patient) permuted
with seed 20260101. Of Adult two thirds to learn from, the rest to test; of Diabetes-130 20,000 and 20,000. Errors are
against the rows that were learnt from, as sdmetrics counts them.
"""

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.marginals import fit
from careloom.synth.marginals_plan import Ask, Table
from measure import report

Array = npt.NDArray[Any]
BINS: dict[str, dict[str, list[int]]] = {
    "adult": {
        "age": [*range(15, 95, 5)], "education_num": [*range(1, 18)],
        "fnlwgt": [*range(0, 500_001, 25_000), 1_500_000],
        "capital_gain": [
            0, 1, *range(2000, 6000, 1000), 6500, 7000, 8000, 10_000, 15_000, 20_000, 50_000, 10**5 - 1, 10**5,
        ],
        "capital_loss": [0, 1, 1000, 1400, 1600, 1700, 1800, 1900, 2000, 2200, 2500, 4500],
        "hours_per_week": [1, 10, 20, 25, 30, 35, 36, 40, 41, 45, 46, 50, 51, 55, 60, 61, 70, 80, 100],
    },
    "diabetes130": {
        "time_in_hospital": [*range(1, 16)], "num_procedures": [*range(8)],
        "num_lab_procedures": [1, 2, 5, *range(10, 80, 5), 80, 90, 100, 140],
        "num_medications": [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 24, 27, 30, 35, 40, 50, 90],
        "number_outpatient": [0, 1, 2, 3, 4, 6, 10, 50], "number_emergency": [0, 1, 2, 3, 4, 6, 10, 80],
        "number_inpatient": [0, 1, 2, 3, 4, 6, 10, 25], "number_diagnoses": [*range(1, 11), 13, 17],
    },
}  # fmt: skip
CHAPTERS = [1, 140, 240, 250, 251, 280, 290, 320, 390, 460, 520, 580, 630, 680, 710, 740, 780, 800, 1000]
"""First three digits of ICD-9-CM at which a chapter begins, and diabetes by itself."""
KEPT = (
    "race gender age admission_type_id discharge_disposition_id admission_source_id time_in_hospital payer_code "
    "medical_specialty num_lab_procedures num_procedures num_medications number_outpatient number_emergency "
    "number_inpatient diag_1 diag_2 diag_3 number_diagnoses max_glu_serum A1Cresult metformin glipizide insulin change "
    "diabetesMed readmitted"
).split()


def adult(suites: Path) -> tuple[pl.DataFrame, str, int, int]:
    """(rows, target, how many to learn from, how many to test)."""
    rows = pl.read_csv(suites / "adult" / "data.csv.gz")
    return rows, "income", rows.height * 2 // 3, rows.height - rows.height * 2 // 3


def diabetes130(suites: Path) -> tuple[pl.DataFrame, str, int, int]:
    """The same of Diabetes-130: 27 columns, diagnoses by chapter, target any readmission."""
    rows = pl.read_parquet(suites / "diabetes130" / "diabetic_data.parquet").sort("encounter_id")
    rows = rows.unique("patient_nbr", keep="first", maintain_order=True).select(KEPT)
    chapter = [pl.col(one).map_elements(_chapter, return_dtype=pl.String) for one in ("diag_1", "diag_2", "diag_3")]
    target = pl.when(pl.col("readmitted") == "NO").then(pl.lit("NO")).otherwise(pl.lit("YES")).alias("readmitted")
    return rows.with_columns(*chapter, target), "readmitted", 20_000, 20_000


def _chapter(code: str) -> str:
    if not code[:1].isdigit():
        return code[:1]
    return str(int(np.searchsorted(CHAPTERS, float(code), side="right")))


def coded(rows: pl.DataFrame, name: str) -> tuple[Array, list[list[Any]]]:
    """Codes, and for each column the values (or bin edges) that they mean."""
    columns: list[Array] = []
    meanings: list[list[Any]] = []
    for column in rows.columns:
        edges = BINS[name].get(column, [])
        values = rows[column].cast(pl.String).fill_null("none")
        meaning: list[Any] = edges or sorted(values.unique())
        at = {one: code for code, one in enumerate(meaning)}
        columns.append(
            np.clip(np.searchsorted(edges, rows[column], side="right") - 1, 0, len(edges) - 2)
            if edges
            else np.array([at[one] for one in values])
        )
        meanings.append(meaning)
    return np.stack(columns, axis=1).astype(np.int64), meanings


def numbers(codes: Array, rows: pl.DataFrame, name: str, meanings: list[list[object]], random: object) -> Array:
    """Rows as floats: numbers drawn evenly within their bin, codes elsewhere."""
    out = codes.astype(float)
    for column, label in enumerate(rows.columns):
        if label in BINS[name]:
            edges = np.array(meanings[column])
            low, high = edges[codes[:, column]], edges[codes[:, column] + 1]
            out[:, column] = np.floor(low + random.random(len(codes)) * (high - low))
    return out


def errors(real: Array, made: Array, continuous: list[bool]) -> tuple[float, float]:
    """Shape and trend error in %, as sdmetrics has them: KS or total variation; correlation or 10 by 10 bins."""
    shape = [_ks(real[:, c], made[:, c]) if n else _variation(real[:, c], made[:, c]) for c, n in enumerate(continuous)]
    binned = [_binned(real[:, c], made[:, c]) if n else (real[:, c], made[:, c]) for c, n in enumerate(continuous)]
    trend = []
    for a in range(len(continuous)):
        for b in range(a):
            if continuous[a] and continuous[b]:
                one, two = (np.corrcoef(each[:, a], each[:, b])[0, 1] for each in (real, made))
                trend.append(abs(one - two) / 2)
            else:
                joint = [binned[a][side] * 10_000 + binned[b][side] for side in (0, 1)]
                trend.append(_variation(*joint))
    return 100 * float(np.nanmean(shape)), 100 * float(np.nanmean(trend))


def _ks(real: Array, made: Array) -> float:
    at = np.union1d(real, made)
    below = [np.searchsorted(np.sort(one), at, side="right") / len(one) for one in (real, made)]
    return float(np.abs(below[0] - below[1]).max())


def _variation(real: Array, made: Array) -> float:
    _, codes = np.unique(np.concatenate([real, made]), return_inverse=True)
    shares = [
        np.bincount(one, minlength=codes.max() + 1) / len(one) for one in (codes[: len(real)], codes[len(real) :])
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _binned(real: Array, made: Array) -> tuple[Array, Array]:
    edges = np.linspace(real.min(), real.max(), 11)[1:-1]
    return np.digitize(real, edges), np.digitize(made, edges)


def auc(learnt: Array, test: Array, target: int, continuous: list[bool], seed: int) -> float:
    """Gradient boosting learnt on one table and tested on another."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - of the extra ml
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - the same

    others = [c for c in range(learnt.shape[1]) if c != target]
    model = HistGradientBoostingClassifier(categorical_features=[not continuous[c] for c in others], random_state=seed)
    model.fit(learnt[:, others], learnt[:, target])
    return float(roc_auc_score(test[:, target], model.predict_proba(test[:, others])[:, 1]))


def measured(name: str, suites: Path, seeds: int) -> None:
    """Measures one data set at epsilon 1 and 3."""
    rows, target, learn, test = {"adult": adult, "diabetes130": diabetes130}[name](suites)
    codes, meanings = coded(rows, name)
    order = np.random.default_rng(20260101).permutation(rows.height)
    train, rest = order[:learn], order[learn : learn + test]
    at, continuous = rows.columns.index(target), [one in BINS[name] for one in rows.columns]
    real = codes.astype(float)
    for column, label in enumerate(rows.columns):
        if continuous[column]:
            real[:, column] = rows[label]
    sizes = tuple(len(one) - 1 if n else len(one) for one, n in zip(meanings, continuous, strict=True))
    ceiling = auc(real[train], real[rest], at, continuous, 0)
    sys.stdout.write(
        f"{name}: real rows {ceiling:.3f}, errors of test rows {errors(real[train], real[rest], continuous)}\n"
    )
    for epsilon in (1.0, 3.0):
        found = []
        for seed in range(seeds):
            start = time.process_time()
            model = fit(codes[train], Table(sizes, at), Ask(epsilon), np.random.default_rng(1000 + seed))
            middle = time.process_time()
            drawn = model.sample(learn, np.random.default_rng(seed))
            end = time.process_time()
            made = numbers(drawn, rows, name, meanings, np.random.default_rng(seed))
            score = auc(made, real[rest], at, continuous, seed)
            found.append((score, *errors(real[train], made, continuous), middle - start, learn / (end - middle)))
            sys.stdout.write(f"  {name}, epsilon {epsilon:g}, seed {seed}: {np.round(found[-1], 4).tolist()}\n")
            sys.stdout.flush()
        musts = {"adult": {1.0: 0.86, 3.0: 0.88}, "diabetes130": {1.0: 0.58, 3.0: 0.60}}[name]
        means = np.mean(found, axis=0)
        report(f"{name}, marginals at epsilon {epsilon:g}, TSTR", means[0], "AUC", must=musts[epsilon])
        for label, value, unit in zip(
            ("shape", "trend", "fit"), means[1:], ("% error", "% error", "CPU s"), strict=False
        ):
            report(f"{name}, marginals at epsilon {epsilon:g}, {label}", value, unit, lower_is_better=True)
        report(f"{name}, marginals at epsilon {epsilon:g}, sampling", means[4], "rows/CPU s")


if __name__ == "__main__":
    if not os.environ.get("CARELOOM_SUITES"):
        sys.exit("CARELOOM_SUITES names no folder with the data sets")
    if find_spec("sklearn") is None:
        sys.exit("the extra ml is not installed: make ml")
    for each in [sys.argv[1]] if len(sys.argv) > 1 else ["adult", "diabetes130"]:
        measured(each, Path(os.environ["CARELOOM_SUITES"]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
