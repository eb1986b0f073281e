"""Facts of a version for tests of cards: a small logistic fit on people made by a seed, really evaluated."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from careloom.mlops.card_attributes import attributes, further
from careloom.mlops.card_declared import Declarations, declarations
from careloom.mlops.card_facts import CardFacts, Judged, Monitoring, Watched, judged
from careloom.risk.decision import operating_point
from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.subgroups import by_subgroup

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DIGEST = "sha256:6f0b6c0a4f1d2b"
HOW = Resampling(seed=1, resamples=50)
FEATURES = [
    {"name": "age_years", "type": "number", "unit": "a", "concept": "Age"},
    {"name": "is_female", "type": "boolean", "unit": "", "concept": "Sex"},
    {"name": "admissions_365d", "type": "number", "unit": "", "concept": "Use of hospital care"},
]
MODEL: dict[str, Any] = {
    "format": 1,
    "name": "readmission-30d",
    "kind": "logistic",
    "outcome": "unplanned readmission",
    "horizon_days": 30,
    "features": FEATURES,
    "calibration": {"kind": "platt"},
    "conformal": {"coverage": 0.9},
    "threshold": {"alert_from": 0.25},
    "training": {"seed": 7, "split": "patient"},
}
TRAINING: dict[str, Any] = {
    "cohort": {
        "name": "readmission_30_days",
        "source": "CMS hospital-wide readmission",
        "steps": [
            {"name": "index", "why": "a discharge", "rows": 900, "patients": 700, "removed": 0},
            {"name": "adult", "why": "the measure is of adults", "rows": 800, "patients": 640, "removed": 100},
        ],
        "states": {"event": 200, "none": 600},
    },
    "features": {"name": "general", "digest": "aa" * 32},
    "facts": "facts version 3",
    "split": {"kind": "patient-grouped"},
    "folds": {
        "train": {"rows": 500, "patients": 400, "labelled": 500, "positive": 120},
        "test": {"rows": 300, "patients": 240, "labelled": 300, "positive": 80},
    },
    "missing": {"age_years": 0.0, "admissions_365d": 0.02},
    "left_out": {},
    "leaks": [],
}
LINEAGE = {"git_revision": "a" * 40, "snapshot": "facts version 3", "seed": 7}


def people(count: int, seed: int, shift: float = 0.0) -> pl.DataFrame:
    """People with features, an outcome by a known risk, and two attributes; two rows of each."""
    random = np.random.default_rng(seed)
    age, female, visits = random.uniform(20, 95, count), random.random(count) < 0.5, random.poisson(1.0, count)
    log_odds = -3.0 + shift + 0.03 * (age - 50) + 0.7 * visits
    bands = ["18-64", "65+"]
    return pl.DataFrame(
        {
            "patient_id": [f"p{row // 2}" for row in range(count)],
            "age_years": age,
            "is_female": female,
            "admissions_365d": visits,
            "happened": random.random(count) < 1 / (1 + np.exp(-log_odds)),
            "sex": ["female" if one else "male" for one in female],
            "age_band": [bands[int(one >= 65)] for one in age],
        }
    )


def fitted(rows: pl.DataFrame) -> NDArray[np.float64]:
    """Coefficients of a logistic regression by Newton's method."""
    told, happened = design(rows), rows["happened"].to_numpy().astype(float)
    found = np.zeros(told.shape[1])
    for _ in range(25):
        risk = 1 / (1 + np.exp(-told @ found))
        found += np.linalg.solve((told * (risk * (1 - risk))[:, None]).T @ told, told.T @ (happened - risk))
    return found


def design(rows: pl.DataFrame) -> NDArray[np.float64]:
    """The matrix of the features with a column of ones."""
    columns = [rows[one["name"]].to_numpy().astype(float) for one in FEATURES]
    return np.column_stack([np.ones(rows.height), *columns])


def report(rows: pl.DataFrame, weights: NDArray[np.float64], data: str, **more: Any) -> dict[str, Any]:
    """A report as an evaluation keeps it."""
    risk = 1 / (1 + np.exp(-design(rows) @ weights))
    happened = rows["happened"].to_numpy()
    found = evaluate(happened, risk, rows["patient_id"].to_numpy(), HOW)
    groups = by_subgroup(rows.with_columns(risk=pl.Series(risk)), ["sex", "age_band"], threshold=0.25, how=HOW)
    return {
        "of": DIGEST,
        "at": (NOW - timedelta(days=3)).isoformat(),
        "data": data,
        "evaluation": asdict(found),
        "subgroups": groups.table.to_dicts(),
        "operating": asdict(operating_point(happened, risk, 0.25)),
        **more,
    }


WEIGHTS = fitted(people(2_000, 0))
SAME_SOURCE = judged(report(people(600, 1), WEIGHTS, "Held-out patients of the simulated hospital"))
EXTERNAL = judged(report(people(400, 2, 0.4), WEIGHTS, "Another simulated hospital", party="Its own quality office"))
LOCAL = replace(SAME_SOURCE, data="Patients since it went live", at=NOW - timedelta(days=1))
WATCHED = (
    Watched("PSI of age_years", "data", 0.2, 0.04, "ok"),
    Watched("AUROC", "validity", 0.65, 0.71, "ok"),
    Watched("AUROC of the worst group", "fairness", 0.6, 0.66, "ok"),
)
MONITORING = Monitoring(DIGEST, NOW - timedelta(days=2), 7, WATCHED)


def declared(*without: str) -> Declarations:
    """A text for all that a person has to declare, but for some."""
    asked = [one.id for one in attributes() if not one.is_computable] + [one.id for one in further()]
    sections = "".join(f'[{name}]\ntext = "What is said of {name}."\n' for name in asked if name not in without)
    return declarations(f'by = "Dr Ada Example"\non = 2026-11-01\n{sections}'.encode())


def facts(**changed: Any) -> CardFacts:
    """All that a card can be made of, with some of it changed."""
    whole = CardFacts(
        name="readmission-30d",
        version=3,
        digest=DIGEST,
        registered_at=NOW - timedelta(days=4),
        model=MODEL,
        declared=declared(),
        training=TRAINING,
        lineage=LINEAGE,
        trained_here=True,
        same_source=SAME_SOURCE,
        external=EXTERNAL,
        local=LOCAL,
        monitoring=MONITORING,
    )
    return replace(whole, **changed)


def aged(one: Judged, days: int) -> Judged:
    """The same judgement, so many days before now."""
    return replace(one, at=NOW - timedelta(days=days))
