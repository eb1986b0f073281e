"""A fault campaign finds what is wrong, and nothing is: a few rounds every day, hundreds when asked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from careloom.services.changes import Change
from careloom.services.write import write
from tests.faults.children import in_child
from tests.faults.doors import WHO
from tests.faults.judge import goes_on
from tests.faults.storm import SCENARIOS, Place, Round, observation, patient_of
from tests.store_kit import postgresql_binaries

ROUNDS = int(os.environ.get("CARELOOM_FAULT_ROUNDS", "250"))


def campaign(*options: str) -> str:
    """What a campaign without a finding tells, run in a fresh process: Delta's runtime does not live through a fork."""
    command = [sys.executable, "-m", "tests.faults.campaign", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_round_of_each_scenario_loses_nothing() -> None:
    told = campaign("--rounds", str(len({*SCENARIOS})), "--seed", "7", "--most", "0.15")
    assert [scenario for scenario in SCENARIOS if not re.search(rf"\d {scenario}\b", told)] == []
    assert re.search(r"[1-9]\d* acknowledged operations", told)


def _planted(folder: Path) -> dict[str, object]:
    """What the judge says of a store that lost a version and a transaction, and deleted nothing."""
    place = Place(folder)
    with place.platform() as platform:
        write(platform, WHO, "identified", Change("update", "Patient", "p0", resource=patient_of(0)))
        done = write(platform, WHO, "identified", Change("create", "Observation", resource=observation("p0")))
        mark = [{"system": "urn:bundle", "value": "m1"}]
        half = observation("p0", identifier=mark)
        write(platform, WHO, "identified", Change("create", "Observation", resource=half))
    said = [
        {"kind": "put", "id": done.id, "version": 2, "value": "lost"},
        {"kind": "bundle", "bundle": "m2"},
        {"kind": "deleted", "id": done.id},
        {"kind": "erased", "patient": "p0"},
    ]
    return goes_on(place, Round("writes", 0, said))


def test_the_judge_sees_what_is_lost_half_there_or_left_over(tmp_path: Path) -> None:
    wrong = in_child(lambda: _planted(tmp_path))["wrong"]
    assert sorted(wrong) == [
        "a transaction is half there",
        "an acknowledged deletion did not happen",
        "an acknowledged erasure left something",
        "an acknowledged transaction is not there",
        "an acknowledged version is not there",
    ]


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_hundreds_of_faults_lose_nothing(database: str) -> None:
    if database == "postgresql" and postgresql_binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    print(campaign("--database", database, "--rounds", str(ROUNDS), "--seed", "11"))


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kills_of_a_served_careloom_lose_nothing(database: str) -> None:
    if database == "postgresql" and postgresql_binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    print(campaign("--http", "--database", database, "--rounds", str(ROUNDS // 4), "--seed", "12"))
