"""Writes tests/golden/aces/events.csv and expected.json: made events of nobody, and what ACES makes of the tasks.

Runs in an environment of its own, for es-aces pins what we do not:

    python3 -m venv /tmp/aces && /tmp/aces/bin/pip install es-aces==0.7.3
    /tmp/aces/bin/python tools/make_aces_golden.py
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
from aces import config, predicates, query
from omegaconf import DictConfig

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden" / "aces"
BEGIN = datetime(2024, 1, 1)  # noqa: DTZ001 - MEDS has no zone
SODIUM = "LAB//http://loinc.org//2951-2"
DIAGNOSES = ("E11.9", "E110", "I50.9")
ICD = "DIAGNOSIS//http://hl7.org/fhir/sid/icd-10-cm//"


def made(patients: int, seed: int) -> pl.DataFrame:
    """Stays, sodium, diagnoses, deaths; to the minute, so that hardly anything meets a bound of a window by chance."""
    draw = Random(seed)
    rows: list[tuple[int, datetime | None, str, float | None]] = []
    for subject in range(patients):
        rows.append((subject, None, f"GENDER//{draw.choice(['female', 'male'])}", None))
        rows.append((subject, BEGIN - timedelta(days=365 * draw.randint(20, 90)), "MEDS_BIRTH", None))
        day = draw.uniform(0, 200)
        for _ in range(draw.randint(0, 5)):
            length = draw.choice([0.5, 1.5, 3, 7, 20]) * draw.uniform(0.7, 1.3)
            begin, end = at(day), at(day + length)
            rows.append((subject, begin, f"HOSPITAL_ADMISSION//{draw.choice(['EM', 'UR', 'EL'])}", None))
            if draw.random() < 0.5:
                rows.append((subject, begin, SODIUM, round(draw.gauss(140, 6), 1)))  # at the very moment
            rows += [
                (subject, at(day + draw.uniform(-25, length + 12)), SODIUM, round(draw.gauss(140, 6), 1))
                for _ in range(draw.randint(0, 4))
            ]
            if draw.random() < 0.3:
                rows.append((subject, end, ICD + draw.choice(DIAGNOSES), None))
            if draw.random() < 0.12:
                rows.append((subject, end, "MEDS_DEATH", None))
                rows.append((subject, end, "HOSPITAL_DISCHARGE//exp", None))
                break
            if draw.random() < 0.95:
                rows.append((subject, end, f"HOSPITAL_DISCHARGE//{draw.choice(['home', 'snf'])}", None))
            day += length + draw.choice([5, 20, 45, 200]) * draw.uniform(0.5, 1.5)
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("subject_id", "time", "code", "numeric_value")


def at(day: float) -> datetime:
    """So many days after the begin, to the minute."""
    return BEGIN + timedelta(minutes=round(day * 1440))


def main() -> None:
    """Writes both files."""
    table = made(120, 7)
    table.write_csv(FOLDER / "events.csv", datetime_format="%Y-%m-%dT%H:%M:%S")
    expected = {}
    with TemporaryDirectory() as where:
        path = Path(where) / "events.parquet"
        table.write_parquet(path)
        for task in sorted(FOLDER.glob("*.yaml")):
            cfg = config.TaskExtractorConfig.load(task)
            counts = predicates.get_predicates_df(cfg, DictConfig({"path": str(path), "standard": "meds"}))
            found = query.query(cfg, counts).sort("subject_id", "trigger")
            told = found.select(
                "subject_id",
                pl.col("trigger").dt.to_string("%Y-%m-%dT%H:%M:%S"),
                pl.col("index_timestamp").dt.to_string("%Y-%m-%dT%H:%M:%S"),
                "label",
            )
            expected[task.stem] = [list(row) for row in told.iter_rows()]
            print(task.stem, found.height, int((found["label"] > 0).sum()))
    lines = [
        f"  {json.dumps(name)}: [\n" + ",\n".join(f"    {json.dumps(row)}" for row in rows) + "\n  ]"
        for name, rows in expected.items()
    ]
    (FOLDER / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
