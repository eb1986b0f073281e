"""One patient of a simulated hospital is erased, killed again and again on the way: the certificate, the bytes, the
answers of all others, a backup from before."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.hospital import CommandLine

QUERIES = (
    "Patient?_sort=_id&_count=1000", "Observation?date=ge2025-09&_sort=date&_count=1000", "Condition?_count=1000",
    "Encounter?date=ge2025&_count=1000", "MedicationRequest?_count=1000", "Patient?gender=female&_count=1000",
    "DocumentReference?_count=1000", "Patient?birthdate=lt1960&_count=1000", "Practitioner?_count=1000",
)  # fmt: skip
Json = dict[str, Any]


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    people = ("--patients", "4", "--seed", "11", "--sites", "1", "--processes", "1", "--no-notes")
    made.run("simulate", tmp_path / "hospital", *people)
    made.run("ingest", tmp_path / "hospital" / "feeds")
    made.run("deidentify")
    return made


def found(line: CommandLine, query: str) -> list[Json]:
    return [entry["resource"] for entry in line.json("search", query).get("entry", [])]


def answers(line: CommandLine, without: str = "") -> dict[str, list[str]]:
    """What searches answer, each whole on one page, but for resources that name one patient."""
    told = {query: found(line, query) for query in QUERIES}
    assert max(map(len, told.values())) < 1000
    return {
        query: [json.dumps(one, sort_keys=True) for one in resources if not without or without not in str(one)]
        for query, resources in told.items()
    }


def killed(line: CommandLine, seconds: float, *words: str | Path) -> bool:
    """Runs a command and kills it; true if it was still running."""
    run = subprocess.Popen(
        line.arguments(*words), env=line.environment, cwd=line.folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    run.send_signal(signal.SIGKILL)
    return run.wait() == -signal.SIGKILL


def whom(line: CommandLine) -> str:
    """The patient of whom most is known."""
    names = [one["id"] for one in found(line, QUERIES[0])]
    observations = [str(one) for one in found(line, "Observation?_count=1000")]
    return max(names, key=lambda name: sum(name in one for one in observations))


@pytest.mark.long
def test_an_erasure_that_is_killed_again_and_again_ends_with_its_proof(line: CommandLine) -> None:
    patient = whom(line)
    others = answers(line, patient)
    backup = line.json("store", "backup")["place"]
    moments, kills = random.Random(5), 0
    for _ in range(6):
        kills += killed(line, moments.uniform(0.8, 4.0), "erase", f"Patient/{patient}", "--yes", "--json")
    report = line.json("erase", f"Patient/{patient}", "--yes")
    certificate = max((line.data / "erasures").glob("*.json"))
    assert line.json("verify", certificate)["sums"] is True
    assert line.json("erase", "--check", certificate)["hits"] == 0
    assert report["hits"] in (0, None)
    assert not list((line.data / "erasures").glob("*.pending"))
    assert answers(line) == others
    assert line.json("audit", "verify")["verified"] is True
    for _ in range(3):
        kills += killed(line, moments.uniform(0.8, 3.0), "store", "restore", backup, "--over")
    line.run("store", "restore", backup, "--over")
    assert kills > 0
    assert answers(line) == others
    assert line.json("audit", "verify")["verified"] is True
    assert line.json("erase", "--check", certificate)["hits"] == 0
    for zone in ("identified", "research"):
        assert line.json("store", "check", "--zone", zone)["consistent"] is True


@pytest.mark.long
def test_one_of_a_hospital_is_erased_with_proof_and_nobody_else_notices(line: CommandLine, tmp_path: Path) -> None:
    patient = whom(line)
    others = answers(line, patient)
    backup = line.json("store", "backup")
    report = line.json("erase", f"Patient/{patient}", "--yes")
    assert report["hits"] == 0
    assert report["removed"]["resources"] > 10
    assert report["removed"]["rows of backups"] > 10
    assert answers(line) == others
    told = json.loads(Path(report["place"]).read_bytes())
    away = tmp_path / "elsewhere"
    away.mkdir()
    (away / "certificate.json").write_text(json.dumps(told))
    elsewhere = CommandLine(away)
    key = told["signature"]["public_key"]
    assert elsewhere.json("verify", away / "certificate.json", "--key", key)["signed"] is True
    assert not elsewhere.data.exists()
    told["report"]["search"]["hits"] = 1
    (away / "certificate.json").write_text(json.dumps(told))
    elsewhere.run("verify", away / "certificate.json", "--key", key, expect=6)
    assert line.json("erase", "--check", report["place"])["hits"] == 0
    assert line.json("store", "restore", backup["place"], "--check")["zones"]["identified"]["missing"] == 0
    line.run("retain", "plan")
    assert line.json("retain", "plan", "--rule", "landing")[0]["due"] == 0
