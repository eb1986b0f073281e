"""Heart disease of two hospitals: what a model of one is worth at the other, and what a naive split would have said.

``python bench/bench_risk_heart.py --data FOLDER``

Four numbers for each site: trained at the other site and tested here; the same with patients of this site (five folds,
no row twice); the naive split (five folds over all rows of both sites, duplicates kept); and the drop from the last to
the first. Features that are missing in more than half of the rows of a site are left out of all: whether they are there
tells the site. That choice sees the gaps of both sites, and no outcome; nothing else is chosen on the tested site.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import orjson
import polars as pl

from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models import Model
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_training import Rows, fit_learner, out_of_fold

KEY, SEED = b"heart disease of careloom", 20261130
MOST_MISSING = 0.5
PENALTIES = (1.0, 3.0, 10.0, 30.0)
CODES = ("cp", "restecg", "slope", "thal")
FLAGS = ("sex", "fbs", "exang")
CONCEPTS = {
    "age": "Age", "sex": "Sex", "cp": "Chest pain", "trestbps": "Blood pressure", "chol": "Cholesterol",
    "fbs": "Glucose",
    "restecg": "Electrocardiogram", "thalach": "Exercise test", "exang": "Exercise test", "oldpeak": "Exercise test",
    "slope": "Exercise test", "ca": "Vessels", "thal": "Perfusion",
}  # fmt: skip


def read(folder: Path) -> pl.DataFrame:
    """Rows of the table, without a second header that stands among them."""
    told = pl.read_csv(folder / "data.csv.gz", infer_schema=False)
    told = told.filter(pl.col("num").str.strip_chars() != "num")
    numbers = [name for name in told.columns if name != "site" and name not in CODES]
    return told.with_columns(
        *(pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in numbers),
        *(pl.col(name).str.strip_chars().replace("", None) for name in CODES),
    ).with_columns(*((pl.col(name) == 1.0).alias(name) for name in FLAGS), happened=pl.col("num") > 0)


def rows_of(frame: pl.DataFrame) -> Rows:
    """The set has no patient numbers: a row is a patient."""
    names = pl.Series([f"row {number}" for number in range(frame.height)])
    return Rows(frame, frame["happened"].to_numpy().astype(np.bool_), names)


def best(about: dict[str, About], rows: Rows) -> tuple[dict[str, float], Floats]:
    """The penalty that folds of these rows choose, and their risks out of fold."""
    tried = [out_of_fold("logistic", {"penalty": one, "knots": 0}, about, rows, KEY, SEED) for one in PENALTIES]
    found = min(tried, key=lambda one: one.log_loss)
    return found.settings, found.risk


def measured(rows: Rows, risk: Floats) -> dict[str, Any]:
    told = evaluate(rows.happened, risk, rows.patients.to_numpy(), Resampling(SEED, 2000), bins=5)
    return {
        name: {bound: getattr(getattr(told, name), bound) for bound in ("value", "low", "high")}
        for name in ("auroc", "brier", "ece", "slope", "in_the_large")
    }


def said(one: dict[str, Any]) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    whole = read(asked.data)
    single = whole.unique(maintain_order=True)
    sites = single["site"].unique().sort().to_list()
    shares = single.group_by("site").agg(pl.col(list(CONCEPTS)).is_null().mean())
    kept = [name for name in CONCEPTS if (shares[name].max() or 0.0) <= MOST_MISSING]  # type: ignore[operator]
    about = {name: About(CONCEPTS[name], nullable=True) for name in kept}
    print(f"{whole.height} rows, {single.height} without duplicates; left out: {sorted(set(CONCEPTS) - set(kept))}")
    everything = rows_of(whole)
    naive = best(about, everything)[1]
    told: dict[str, Any] = {}
    for site in sites:
        here, others = (rows_of(single.filter(same)) for same in (pl.col("site") == site, pl.col("site") != site))
        settings, _ = best(about, others)
        features = described(others.frame, about, fewest=5)
        learnt = fit_learner("logistic", settings, features, (encoded(features, others.frame), others.happened))
        across = measured(here, Model("heart", "heart disease", 0, features, learnt).score(here.frame))
        is_here = (whole["site"] == site).to_numpy()
        told[site] = {
            "rows": here.frame.height, "events": int(here.happened.sum()), "trained elsewhere": across,
            "trained here": measured(here, best(about, here)[1]),
            "naive split": measured(everything.only(is_here), naive[is_here]),
        }  # fmt: skip
        for name in ("naive split", "trained here", "trained elsewhere"):
            print(f"{site}, {name}: AUROC {said(told[site][name]['auroc'])}, ECE {said(told[site][name]['ece'])}, "
                  f"in the large {said(told[site][name]['in_the_large'])}")  # fmt: skip
        drop = told[site]["naive split"]["auroc"]["value"] - across["auroc"]["value"]
        print(f"{site}: the naive split says {drop:+.3f} AUROC more than the other site's model reaches")
    if asked.json:
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
