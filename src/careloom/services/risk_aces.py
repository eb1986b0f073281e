"""Task files of ACES over a zone, or over a table of MEDS in a file that nobody else's keys are needed for; and what a
cohort that is made of one says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts_aces import Task, read_task
from careloom.risk.cohorts_aces_extract import AcesCohort, extract_task
from careloom.risk.cohorts_events import as_meds
from careloom.risk.cohorts_windows import imported
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.risk_facts import newest_facts, read_facts, zone_facts
from careloom.services.search import zone_of
from careloom.services.view import Watch

OPERATION = "risk-cohort"
ROWS_SHOWN = 1_000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskAsk:
    """Which task of which facts.

    facts  a version of the table of facts, or ``newest``; the zone as it is, in memory, where empty
    limit  rows in the report
    """

    file: Path
    facts: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The cohort of a task.

    steps      attrition: name, rows, patients, removed
    labels     true, false -> rows; empty for a task without a label
    shown      the first rows
    """

    task: str
    rows: int
    patients: int
    steps: list[Json]
    labels: dict[str, int]
    shown: list[Json]

    def as_json(self) -> Json:
        """The report as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def task_of_zone(
    platform: Platform, who: Principal, zone_name: str, ask: TaskAsk, watch: Watch | None = None
) -> TaskReport:
    """The cohort of a task in the facts of a zone, written as `careloom.risk.cohorts_events.as_meds` says.

    raises  AccessError; NotFound for the file; FormatError for the task; as `careloom.services.risk_facts.read_facts`
    """
    zone, task = zone_of(zone_name), _task(ask.file)
    if ask.facts:
        pin = newest_facts(platform, zone) if ask.facts == "newest" else ask.facts
        events = read_facts(platform, who, zone_name, pin)
    else:
        events = zone_facts(platform, who, zone_name, watch)
    found = extract_task(task, as_meds(events))
    report = _told(ask.file, found, ask.limit)
    subjects = sorted({platform.store(zone).pseudonym(str(row["subject_id"])) for row in report.shown})
    note(platform, who, OPERATION, zone, subjects=subjects, detail={"task": "aces", "count": report.rows})
    return report


def task_of_table(file: Path, table: Path, limit: int = 0) -> TaskReport:
    """The cohort of a task in a Parquet table of MEDS. raises NotFound; FormatError"""
    task = _task(file)
    try:
        meds = pl.read_parquet(table)
    except FileNotFoundError:
        raise NotFound("the table is not there", "Name a Parquet file in MEDS.") from None
    except (OSError, PolarsError):
        raise FormatError("the table is no Parquet", "Name a Parquet file in MEDS.") from None
    return _told(file, extract_task(task, meds), limit)


def import_task(file: Path, name: str = "", predicates: Path | None = None) -> str:
    """The TOML of a cohort that is what a task file says; as `careloom.risk.cohorts_windows.imported`.

    name        of the cohort; that of the file without one
    predicates  a second task file, whose predicates come before those of the first
    raises      NotFound for a file; FormatError, which names the place
    """
    return imported(_read(file), name or file.stem, "" if predicates is None else _read(predicates))


def _task(file: Path) -> Task:
    return read_task(_read(file))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFound("there is no such task file", "Name a YAML file as ACES reads it.") from None


def _told(file: Path, found: AcesCohort, limit: int) -> TaskReport:
    steps = [
        {"name": one.name, "rows": one.rows, "patients": one.patients, "removed": one.removed} for one in found.steps
    ]
    labels = {}
    if "label" in found.rows.columns:
        positive = int(found.rows["label"].sum())
        labels = {"true": positive, "false": found.rows.height - positive}
    shown = found.rows.head(min(max(limit, 0), ROWS_SHOWN)).to_dicts()
    patients = found.rows["subject_id"].n_unique()
    return TaskReport(file.stem, found.rows.height, patients, steps, labels, shown)
