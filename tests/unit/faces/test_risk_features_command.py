"""``careloom risk features``: all in short, one in full, as JSON, and a name that is none."""

import json

import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.errors import NotFound


def told(*words: str) -> str:
    done = CliRunner().invoke(app, ["risk", "features", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_features_are_listed_and_one_is_told_in_full() -> None:
    listed = json.loads(told("--json"))
    assert {"age_years", "sodium_last"} <= {one["name"] for one in listed}
    assert "sodium_last" in told()
    one = told("sodium_last")
    assert "loinc 2951-2" in one
    assert "readmission-30d" in one
    assert len(json.loads(told("sodium_last", "--json"))) == 1


@pytest.mark.parametrize("words", [("no_feature",), ("--set", "no-set")])
def test_what_there_is_not_is_refused(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["risk", "features", *words])
    assert isinstance(done.exception, NotFound)
