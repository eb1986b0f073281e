"""Synthetic whole records, beside other real ones and two baselines: a simulated hospital, and Diabetes-130.

``python bench/bench_synth_records.py simulated FOLDER [CPU SECONDS]``   of ``careloom simulate FOLDER --patients 4000
                                                                        --seed 11 --feeds fhir --no-notes``
``python bench/bench_synth_records.py diabetes130 [CPU SECONDS]``        needs CARELOOM_SUITES; both need the extra ml

Split by patient, fixed before anything was tuned: permuted with seed 20260101, three fifths to learn from, a fifth as
control, a fifth to test on. Every measure is against the test patients. Of the hospital: the charts of site-1, with one
observation of a code a day of an encounter. Of Diabetes-130: 6,000 patients with at least two encounters; it has an
order but no dates, so encounters stand 30 days apart and gaps say nothing.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from careloom.fhir.validate import check
from careloom.pipeline.registry import load
from careloom.synth.engine import Step, Watch
from careloom.synth.records import Records, daily, records
from careloom.synth.records_baselines import independent, markov
from careloom.synth.records_fhir import bundles
from careloom.synth.records_fhir_read import read
from careloom.synth.records_fidelity import RecordsLikeness, judge_records
from careloom.synth.records_learn import learn
from careloom.synth.records_sample import sample
from careloom.synth.records_streams import encode
from measure import report

VALIDATED = 1_000
BEGIN = datetime(2004, 1, 1, 12, tzinfo=UTC)
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"
READ = ("Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Procedure")


def simulated(folder: Path) -> Records:
    """The charts of one site."""
    files = sorted((folder / "feeds" / "site-1" / "fhir").glob("*.json"))

    def some(chosen: list[Path]) -> Iterator[dict[str, Any]]:
        for each in chosen:
            entries = orjson.loads(each.read_bytes())["entry"]
            yield from (entry["resource"] for entry in entries if entry["resource"]["resourceType"] in READ)

    parts = [daily(read(some(files[at : at + 500]))) for at in range(0, len(files), 500)]
    return Records(*(pl.concat([getattr(part, name) for part in parts]) for name, _ in parts[0].tables()))


def diabetes130(suites: Path) -> Records:
    """Encounters in order, with diagnoses, drugs, and counts as observations."""
    rows = pl.read_parquet(suites / "diabetes130" / "diabetic_data.parquet").sort("encounter_id")
    many = rows.group_by("patient_nbr").len().filter(pl.col("len") > 1)["patient_nbr"].sort()
    chosen = many.gather(np.random.default_rng(20260101).permutation(len(many))[:6_000])
    rows = rows.filter(pl.col("patient_nbr").is_in(chosen.implode())).with_columns(
        patient_id=pl.format("p{}", "patient_nbr"), encounter_id=pl.format("e{}", "encounter_id"),
        age_years=pl.col("age").str.extract(r"(\d+)").cast(pl.Int64) + 5,
        start=pl.lit(BEGIN) + pl.int_range(pl.len()).over("patient_nbr") * timedelta(days=30),
    ).with_columns(stop=pl.col("start") + pl.duration(days="time_in_hospital"))  # fmt: skip
    first = rows.group_by("patient_id", maintain_order=True).first()
    birth = pl.date(2004 - pl.col("age_years"), 1, 1)
    people = first.select("patient_id", pl.col("gender").alias("sex"), "race", birth=birth)
    visits = rows.select("patient_id", "encounter_id", "start", "stop", kind=pl.lit("IMP"),
                         code=pl.format("admission-type-{}", "admission_type_id"))  # fmt: skip
    return records({"patients": people, "encounters": visits, **_diabetes_events(rows)})


def _diabetes_events(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    place = ("patient_id", "encounter_id", "start")
    drugs = rows.columns[rows.columns.index("metformin") : rows.columns.index("change")]
    numbers = ("num_lab_procedures", "num_procedures", "num_medications", "number_diagnoses")
    coded = rows.unpivot([f"diag_{at}" for at in (1, 2, 3)], index=place, value_name="code").drop_nulls("code")
    coded = coded.filter(pl.col("code") != "?").with_columns(system=pl.lit(ICD9))
    given = rows.unpivot(drugs, index=place, variable_name="code").filter(pl.col("value") != "No").drop("value")
    answers = ["A1Cresult", "max_glu_serum", "readmitted"]
    said = rows.unpivot(answers, index=place, variable_name="code", value_name="answer")
    counted = rows.unpivot(numbers, index=place, variable_name="code").with_columns(pl.col("value").cast(pl.Float64))
    told = [counted, said.filter(pl.col("answer").is_not_null() & (pl.col("answer") != "None"))]
    frames = {"conditions": coded, "medications": given, "observations": pl.concat(told, how="diagonal")}
    return {name: frame.with_row_index().with_columns(event_id=pl.format(name + "-{}", "index")) for name, frame
            in frames.items()}  # fmt: skip


def split(given: Records) -> dict[str, Records]:
    """Patients with an encounter: three fifths, a fifth, a fifth."""
    ids = given.encounters["patient_id"].unique().sort()
    order = np.random.default_rng(20260101).permutation(len(ids))
    ends = [int(len(ids) * share) for share in (0.6, 0.8)]
    parts = np.split(order, ends)
    return {name: given.of(ids.gather(part)) for name, part in zip(("train", "control", "test"), parts, strict=True)}


def generated(name: str, train: Records, budget_seconds: float) -> Records:
    """As many synthetic patients as there are to learn from, with how long that took."""
    recipe = load("synth.records.recipe")(autocast=True)
    begun = time.process_time()

    def told(step: Step) -> None:
        sys.stdout.write(f"  epoch {step.number}, {time.process_time() - begun:.0f} CPU s: {dict(step.losses)}\n")
        sys.stdout.flush()

    watch = Watch(told=told, share=lambda: (time.process_time() - begun) / budget_seconds)
    model = load("synth.records.fit")(learn(train), train, 1, recipe, watch)
    report(f"{name}, fit", time.process_time() - begun, "CPU s", lower_is_better=True)
    begun = time.process_time()
    made: Records = model.sample(train.patients.height, 1)
    taken = time.process_time() - begun
    report(f"{name}, sampling", made.patients.height / taken, "patients/CPU s")
    report(f"{name}, sampling", sum(frame.height for _, frame in made.tables()) / taken, "rows/CPU s")
    return made


def measured(name: str, given: Records, budget_seconds: float) -> None:
    """Measures one data set."""
    parts = split(given)
    train, test = parts["train"], parts["test"]
    sys.stdout.write(f"{name}: {[part.patients.height for part in parts.values()]} patients\n")
    streams, known = encode(learn(train), train, 1_023), learn(train)
    sys.stdout.write(f"  {known.size} words, {len(streams.words)} of all patients, left out {streams.left_out}\n")
    made = {"synthetic": generated(name, train, budget_seconds), "control": parts["control"]}
    for label, baseline in (("independent", independent), ("markov", markov)):
        made[label] = sample(known, baseline(known, streams), train.patients.height, 1)
    for label, each in made.items():
        likeness = judge_records(test, each)
        sys.stdout.write(f"  {label}: {asdict(likeness)}\n")
        if label == "synthetic":
            _report(name, likeness)
    bad = sum(bool(check(bundle)) for bundle, _ in zip(bundles(made["synthetic"]), range(VALIDATED), strict=False))
    report(
        f"{name}, bundles of {VALIDATED} patients that are not valid FHIR", bad, "bundles", must=0, lower_is_better=True
    )
    worth = load("synth.records.next_visit")({"real": train} | made, test, 1)
    for label, each in worth.items():
        relative = {field: round(value / getattr(worth["real"], field), 4) for field, value in asdict(each).items()}
        sys.stdout.write(f"  next encounter, {label}: {asdict(each)}, relative {relative}\n")
    report(f"{name}, next encounter, AUC by real AUC", worth["synthetic"].auc / worth["real"].auc, "", must=0.93)


def _report(name: str, likeness: RecordsLikeness) -> None:
    report(f"{name}, codes of encounters", likeness.codes.visits, "R2", must=0.95)
    report(f"{name}, codes together", likeness.codes.together, "R2", must=0.85)
    report(f"{name}, clinical codes of encounters", likeness.clinical.visits, "R2", must=0.95)
    report(f"{name}, clinical codes together", likeness.clinical.together, "R2", must=0.85)
    report(f"{name}, clinical codes following", likeness.clinical.following, "R2")
    report(f"{name}, gaps", likeness.gaps, "KS", lower_is_better=True)
    report(
        f"{name}, rows that do not hold together", sum(likeness.broken.values()), "rows", must=0, lower_is_better=True
    )


def _main(asked: list[str]) -> None:
    if find_spec("torch") is None:
        sys.exit("the extra ml is not installed: make ml")
    import torch  # noqa: PLC0415 - of the extra ml

    torch.set_num_threads(1)
    if asked[:1] == ["simulated"] and len(asked) > 1:
        measured("simulated", simulated(Path(asked[1])), float(asked[2]) if len(asked) > 2 else 480.0)
    elif os.environ.get("CARELOOM_SUITES"):
        budget = float(asked[1]) if len(asked) > 1 else 240.0
        measured("diabetes130", diabetes130(Path(os.environ["CARELOOM_SUITES"])), budget)
    else:
        sys.exit("name a simulated hospital, or let CARELOOM_SUITES name the data sets")


if __name__ == "__main__":
    _main(sys.argv[1:])
