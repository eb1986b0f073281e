"""Scoring patients of a simulated hospital from the sealed store: one at a time, and many at once on one core.

    python bench/bench_risk_scoring.py [PATIENTS]

The model is LightGBM, trained on the same simulated patients: what it says is not judged here, only how long it takes.
One patient: the record is read and its seals opened, facts and features are made, the model is asked, the answer is
logged with its audit record, durably. Many: facts at hand as a frame, as a table of the lake or one pass over the store
gives them; features and scores are made of them.
"""

import gc
import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from careloom.fhir.references import patients_of
from careloom.risk.cohorts import extract
from careloom.risk.cohorts_definition import shipped
from careloom.risk.features import built
from careloom.risk.features_definition import shipped_features
from careloom.risk.models import Model, Threshold
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_lightgbm import Recipe, fit_boosted
from careloom.risk.models_package import pack
from careloom.services.access import local_operator
from careloom.services.admission import event
from careloom.services.models import RegisterAsk, register
from careloom.services.models_kept import Change, resolve, write
from careloom.services.platform import Platform
from careloom.services.risk_facts import zone_facts
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import scored
from careloom.services.score_models import scorer, served
from careloom.settings import Data, Settings
from careloom.simulate import feed_fhir
from careloom.simulate.charts import Place, charts
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient
from careloom.store.rows import IndexRows, Tally, Write, canonical
from measure import cpu_seconds, report

PATIENTS = 300
SEED = 20261130
COHORT = "heart_failure_1_year"
"""Its index is a day: everybody of whom a year is known can be scored at any time."""
ZONE = "identified"


def fill(platform: Platform, count: int) -> int:
    """Writes the records of so many simulated patients; how many resources."""
    hospital, who, written = build_hospital(SEED), local_operator("bench"), 0
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})

    def told(tally: Tally) -> object:
        return event(platform, who, "ingest", ZONE, action="create", subjects=tally.pseudonyms)

    for number in range(1, count + 1):
        history = simulate_patient(number, SEED, hospital=hospital)
        made = [one for chart in charts(history, place, ()) for one in feed_fhir.resources(chart)]
        with platform.store(ZONE).transaction(told) as step:  # type: ignore[arg-type]
            step.write([
                Write(one["resourceType"], one["id"], canonical(one), tuple(sorted(patients_of(one))), None, "put", one,
                      IndexRows(()))
                for one in made
            ])  # fmt: skip
        written += len(made)
    return written


def train(platform: Platform, events: pl.DataFrame) -> str:
    """Registers a model of the facts at hand; what it is called."""
    definition, features = shipped(COHORT), shipped_features("general")
    cohort = extract(definition, events)
    frame = built(features, cohort.rows, events, "").frame
    rng = np.random.default_rng(SEED)
    happened = rng.random(frame.height) < 0.05 + 0.2 * (frame["age_years"].fill_null(50).to_numpy() > 65)
    by_name = {one.name: one for one in features.features}
    about = {name: About(by_name[name.removesuffix("_missing")].concept) for name in frame.columns[1:]}
    known = described(frame, about, fewest=5)
    grown = fit_boosted(known, (encoded(known, frame), happened), None, Recipe(SEED, rounds=300, least_rows=5))
    told = {"cohort": {"name": COHORT, "digest": definition.digest}, "features": {"name": "general"},
            "rows": frame.height, "events": int(happened.sum())}  # fmt: skip
    threshold = Threshold(0.2, 0.1, 10.0, 10.0, None, None, 0.0)
    model = Model("heart-failure-1y", "onset of heart failure within a year", 365, known, grown, threshold=threshold,
                  training=told)  # fmt: skip
    lineage = {
        "data": {"zone": "public", "snapshot": f"simulated, seed {SEED}"}, "seeds": {"trees": SEED},
        "evaluation": {"data": "none", "measures": {"auroc": {"value": 0.5, "low": None, "high": None}}},
    }  # fmt: skip
    ask = RegisterAsk(model.name, pack(model), lineage, reason="of a benchmark")
    who = local_operator("bench")
    version = str(register(platform, who, ask)["version"])
    body = resolve(platform, version).body  # approved past the gates: only what is approved answers
    write(platform, who, Change("bench", {}), lambda step: step.models.change("version", version, "approved", body))
    return version


def percentiles(name: str, seconds: list[float], must: float | None, aim: float | None) -> None:
    """p50 and p99 in milliseconds."""
    middle, late = np.quantile(np.array(seconds) * 1e3, [0.5, 0.99])
    report(f"{name}, p50", round(float(middle), 2), "ms", lower_is_better=True)
    report(f"{name}, p99", round(float(late), 2), "ms", must=must, aim=aim, lower_is_better=True)


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of the processor; the first count the disk and whoever else uses the machine."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def one_by_one(platform: Platform, version: str, names: list[str], as_of: datetime) -> None:
    """Each patient once, in an order that is not that of the store; then the parts that it takes."""
    who, order = local_operator("bench"), np.random.default_rng(SEED).permutation(names).tolist()
    for gaps, limits in ((False, (80.0, 30.0)), (True, (None, None))):
        what = "with factors and care gaps" if gaps else "with factors"
        taken = []
        for number, name in enumerate([*order[:20], *order]):
            if number == 20:  # as a server does before it takes requests: what stays is not looked at again
                gc.collect()
                gc.freeze()
            ask, said = ScoreAsk(version, name, as_of=as_of, gaps=gaps), []
            spent = timed(lambda ask=ask, said=said: said.append(score(platform, who, ask)))
            taken.append((*spent, said[0].state))
        known = [one for one in taken[20:] if one[2] == "scored"]
        percentiles(f"score one patient from the store, {what}, logged durably", [one[0] for one in known], *limits)
        percentiles("the same, CPU time", [one[1] for one in known], *limits)
        print(f"{len(known)} of {len(order)} were scored, the others told why not")


def many(platform: Platform, version: str, events: pl.DataFrame, as_of: datetime) -> None:
    """All patients, several times over under other names, on one core."""
    copies = 10
    wide = pl.concat([
        events.with_columns(pl.concat_str([pl.col(name), pl.lit(f"-{number}")]).alias(name) for name in
                            ("patient_id", "resource_key", "encounter_key", "event_id"))
        for number in range(copies)
    ])  # fmt: skip
    asked = scorer(served(platform, version))
    found, states = scored(asked, wide, as_of)
    people = sum(states.values())
    seconds = cpu_seconds(lambda: scored(asked, wide, as_of), repeat=3)
    report("batch scoring from facts, features included, one core", people / seconds, "patients/s", must=2_000, aim=1e4)
    print(f"{people:,} patients, {wide.height:,} facts, {found.height:,} scored: {states}")
    frame = built(asked.features, _rows(asked, wide, as_of), wide, "").frame
    model = asked.served.model
    seconds = cpu_seconds(lambda: model.score(frame), repeat=3)
    report("batch scoring from features, one core", frame.height / seconds, "rows/s")


def _rows(asked: object, events: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    people = events.select("patient_id").unique().sort("patient_id").with_row_index("candidate")
    return people.with_columns(
        pl.col("candidate").cast(pl.Int64), pl.lit(as_of).cast(pl.Datetime("us", "UTC")).alias("index_time"),
        pl.lit(None, pl.String).alias("encounter_key"), pl.lit("").alias("resource_key"),
    )  # fmt: skip


def main() -> None:
    """Fills a store, trains, and measures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS
    with (
        tempfile.TemporaryDirectory() as name,
        Platform(Settings(data=Data(directory=Path(name) / "data"))) as platform,
    ):
        written = fill(platform, count)
        events = zone_facts(platform, local_operator("bench"), ZONE)
        newest = events["available_time"].max()
        assert isinstance(newest, datetime)
        as_of = newest.astimezone(UTC) - timedelta(days=200)
        names = events["patient_id"].unique().sort().to_list()
        print(f"{len(names):,} patients, {written:,} resources, {events.height:,} facts")
        version = train(platform, events)
        one_by_one(platform, version, names, as_of)
        many(platform, version, events, as_of)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
