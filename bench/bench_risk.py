"""Residual disclosure risk: the time of a report, of generalizing to a target, of rehearsed attacks, and of a search.

``python bench/bench_risk.py``    100,000 drawn patients with six quasi-identifiers, 1,000,000 events, one core
"""

import os
from datetime import date

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import polars as pl

from careloom.deid.canaries import canaries, sightings
from careloom.deid.risk_hierarchies import ages, races, whole_or_none, zip_codes
from careloom.deid.risk_intervals import Clues, interval_attack
from careloom.deid.risk_linkage import Known, damaged, linkage_attack
from careloom.deid.risk_reduce import Means, reduce_risk
from careloom.deid.risk_report import assess
from careloom.deid.risk_targets import Targets
from careloom.deid.risk_unicity import unicity
from measure import cpu_seconds, report

SEED = 20261128
PATIENTS = 100_000
EVENTS = 1_000_000
QUASI = ["age", "sex", "race", "ethnicity", "marital_status", "zip"]
KNOWN = [
    Known("age", error=0.05, missing=0.05, near=1),
    Known("sex", error=0.01),
    Known("race", error=0.1, missing=0.3),
    Known("zip", error=0.1, missing=0.1),
]


def patients() -> pl.DataFrame:
    """One row a patient: skewed as in a register, nothing of anybody."""
    draw = np.random.default_rng(SEED)
    zips = np.sort(draw.choice(np.arange(1_000, 99_950), 900, replace=False))
    often = draw.dirichlet(np.full(900, 0.6))
    return pl.DataFrame(
        {
            "person": np.arange(PATIENTS),
            "age": np.minimum(105, draw.gamma(4.5, 10.5, PATIENTS).astype(np.int64)),
            "sex": draw.choice(["female", "male", "other"], PATIENTS, p=[0.53, 0.465, 0.005]),
            "race": draw.choice(
                ["2106-3", "2054-5", "2034-7", "2029-7", "1004-1", "2131-1"],
                PATIENTS,
                p=[0.68, 0.14, 0.03, 0.04, 0.01, 0.1],
            ),
            "ethnicity": draw.choice(["2135-2", "2186-5"], PATIENTS, p=[0.19, 0.81]),
            "marital_status": draw.choice(["M", "S", "D", "W", None], PATIENTS, p=[0.46, 0.33, 0.1, 0.06, 0.05]),
            "zip": [f"{each:05d}" for each in draw.choice(zips, PATIENTS, p=often)],
            "diagnosis": [f"D{each}" for each in np.minimum(400, draw.zipf(1.3, PATIENTS))],
            "stay_days": np.minimum(90, draw.gamma(1.2, 4.0, PATIENTS).astype(np.int64)),
        }
    )


def events() -> tuple[pl.DataFrame, pl.DataFrame]:
    """(true, shifted) events, ten a patient: code, time and month."""
    draw = np.random.default_rng(SEED + 1)
    who = draw.integers(0, PATIENTS, EVENTS)
    code = np.minimum(3_000, draw.zipf(1.25, EVENTS))
    day = draw.integers(0, 3_650, EVENTS)
    shift = draw.integers(-365, 366, PATIENTS)
    start = (date(2012, 1, 1) - date(1970, 1, 1)).days
    made = []
    for days in (day, day + shift[who]):
        frame = pl.DataFrame({"patient_id": who, "code": code, "time": (start + days).astype(np.int32)})
        frame = frame.with_columns(pl.col("time").cast(pl.Date))
        made.append(frame.with_columns(pl.col("time").dt.truncate("1mo").alias("month")))
    return made[0], made[1]


def main() -> None:
    """Measures and reports; rates and shares of the drawn table stand beside as text."""
    table = patients()
    group = cpu_seconds(lambda: table.group_by(QUASI).len())
    sensitive, targets = ["diagnosis", "stay_days"], Targets(k=11, distinct_l=2, t=0.4)
    whole = cpu_seconds(lambda: assess(table, QUASI, sensitive, targets, population=5_000_000))
    report("risk, report on 100,000 patients, 6 quasi-identifiers", whole, "s", must=10, aim=2, lower_is_better=True)
    report("risk, the same to a polars group_by of the columns", whole / group, "ratio", lower_is_better=True)

    hierarchies = {
        "age": ages(),
        "sex": whole_or_none(),
        "race": races(),
        "ethnicity": whole_or_none(),
        "marital_status": whole_or_none(),
        "zip": zip_codes(),
    }
    found = reduce_risk(table, hierarchies, Targets(k=11), means=Means(0.02))
    took = cpu_seconds(lambda: reduce_risk(table, hierarchies, Targets(k=11), means=Means(0.02)), repeat=3)
    report("risk, generalizing 100,000 patients to k = 11", took, "s", lower_is_better=True)
    report("risk, the same to a polars group_by of the columns", took / group, "ratio", lower_is_better=True)
    print(
        f"{dict(found.levels)}, suppressed {found.suppressed:,}, loss {found.loss.share:.3f}, "
        f"checked {found.checked} of {found.nodes}"
    )

    took = cpu_seconds(lambda: linkage_attack(table, damaged(table, KNOWN, 1), KNOWN, 2), repeat=1)
    report("risk, linkage of 1,000 people to 100,000", took, "s", lower_is_better=True)
    listed = damaged(table, KNOWN, 1)
    rough = [Known(each.column, each.error, each.missing) for each in KNOWN]
    for name, attack in (
        ("as it is", linkage_attack(table, listed, KNOWN, 2)),
        ("generalized", linkage_attack(found.frame, found.in_its_form(listed), rough, 2)),
    ):
        print(f"linkage, {name}: claimed {attack.claimed}, right {attack.right} of {attack.present}")

    true, shifted = events()
    took = cpu_seconds(lambda: unicity(true, ["code", "month"], [4], SEED), repeat=1)
    report("risk, unicity of 2,000 of 100,000 patients, 1,000,000 events", took, "s", lower_is_better=True)
    clues = Clues("time", ("code",), shift_days=365, patients_tried=200)
    took = cpu_seconds(lambda: interval_attack(shifted, true, clues, [3], SEED), repeat=1)
    report("risk, intervals of 200 of 100,000 patients, 1,000,000 events", took, "s", lower_is_better=True)

    planted, text = canaries(SEED, 1_000), " ".join(f"word{at}" for at in range(1_000_000)).encode()
    took = cpu_seconds(lambda: sightings(planted, text), repeat=3)
    report("canaries, search for 1,000 in text and all its base64", len(text) / took / 1e6, "MB/s")


if __name__ == "__main__":
    main()
