"""``careloom risk cohort``: from the resources of a zone to a pinned training set, on the screen and as JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.services.platform import Platform
from careloom.settings import load
from tests.store_kit import event
from tests.unit.services.test_risk_cohorts import PATIENTS, READMISSION, _of


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    with Platform(load()) as platform, platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
        transaction.write([write for number in range(PATIENTS) for write in _of(number)])
    return CliRunner()


def told(run: CliRunner, *words: str, code: int = 0) -> str:
    """What a command prints."""
    done = run.invoke(app, ["risk", "cohort", *words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_facts_attrition_reasons_and_a_training_set(run: CliRunner) -> None:
    zone = ("--zone", "synthetic")
    assert "Hospital-Wide" in told(run, "list")
    assert "24 patients: gold/risk_events@" in told(run, "facts", *zone).replace("\n", " ")
    shown = told(run, "show", READMISSION, *zone, "--facts", "newest", "--rows", "1")
    assert "adult" in shown
    assert "8 event, 24 none, 0 death, 16 censored" in shown
    assert json.loads(told(run, "show", READMISSION, *zone, "--json"))["patients"] == PATIENTS
    why = told(run, "why", READMISSION, "Patient/p0", *zone)
    assert "Encounter/p0e0  in: event" in why
    made = json.loads(told(run, "train-set", READMISSION, *zone, "--json"))
    assert made["manifest"]["facts"].startswith("gold/risk_events@")
    assert made["name"].startswith("gold/training_readmission_30_days@")
    assert "patients" in told(run, "train-set", READMISSION, *zone, "--split", "temporal", "--cut", "2024-06-01")


def test_what_a_zone_lacks_is_said_beside_the_counts_and_where_nothing_can_be_learnt(run: CliRunner) -> None:
    zone = ("--zone", "synthetic")
    (hint,) = json.loads(told(run, "show", "no_show", *zone, "--json"))["hints"]
    assert hint["code"] == "no-index-event"
    assert hint["remedy"] in " ".join(told(run, "show", "no_show", *zone).split())
    told(run, "facts", *zone)
    refused = run.invoke(app, ["risk", "cohort", "train-set", "no_show", *zone])
    assert refused.exit_code != 0
    assert hint["message"] in str(refused.exception)


def test_what_is_refused_exits_by_whose_fault_it_is(run: CliRunner) -> None:
    assert run.invoke(app, ["risk", "cohort", "show", "nothing", "--zone", "synthetic"]).exit_code != 0
    assert run.invoke(app, ["risk", "cohort", "train-set", READMISSION, "--zone", "synthetic"]).exit_code != 0
    assert run.invoke(app, ["risk", "cohort", "facts", "--zone", "identified"]).exit_code != 0
