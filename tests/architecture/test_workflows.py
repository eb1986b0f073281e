"""Workflows call commands that are there with options that they have; people stand between training and patients."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from careloom.cli.main import app
from tests.architecture.source import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALL = re.compile(r"(?m)(?:\.venv/bin/)careloom ([^\n|;>]*)")
RELEASES = ("train.yml", "promote.yml", "rollback.yml", "drift.yml")


def jobs_of(name: str) -> dict[str, Any]:
    """The jobs of a workflow."""
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))["jobs"]
    return found


def calls(workflow: Path) -> list[list[str]]:
    """The words of every call of careloom in the steps of a workflow, variables as they stand."""
    steps = [step for job in yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values() for step in job["steps"]]
    return [shlex.split(found) for step in steps for found in CALL.findall(step.get("run", ""))]


CALLS = [pytest.param(words, id=f"{file.stem}-{' '.join(words[:2])}") for file in WORKFLOWS for words in calls(file)]


@pytest.mark.parametrize("words", CALLS)
def test_a_workflow_calls_a_command_that_is_there_with_options_that_it_has(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, words
        command = command.commands[rest.pop(0)]
    assert command.make_context("careloom", rest).command is command


def test_a_call_that_is_none_is_noticed() -> None:
    for words in (["models", "polish", "x"], ["models", "card", "x", "--colour", "red"], ["models", "card"]):
        with pytest.raises((AssertionError, SystemExit, Exception), match=r".") as caught:
            test_a_workflow_calls_a_command_that_is_there_with_options_that_it_has(words)
        assert caught.type.__name__ in ("AssertionError", "NoSuchOption", "MissingParameter")


def test_releases_call_the_command_line() -> None:
    assert len(CALLS) >= 10


def test_nobody_trains_and_approves_on_the_same_runner() -> None:
    jobs = jobs_of("promote.yml")
    trains = jobs_of("train.yml")["train-and-evaluate"]["runs-on"]
    for name in ("approve", "deploy"):
        assert "careloom-approve" in jobs[name]["runs-on"]
        assert "careloom-approve" not in trains


def test_an_approval_and_production_wait_for_people_of_their_environment() -> None:
    jobs = jobs_of("promote.yml")
    assert (jobs["approve"]["environment"], jobs["deploy"]["environment"]) == ("model-approval", "production")
    assert (jobs["approve"]["needs"], jobs["deploy"]["needs"]) == ("look", ["look", "approve"])
    assert jobs["approve"]["if"] == "${{ needs.look.outputs.approval == 'yes' }}"
    assert "needs.approve.result == 'success' || needs.look.outputs.approval == 'no'" in jobs["deploy"]["if"]


def test_an_approval_lets_no_waiting_run_deploy_otherwise_than_the_workflow_was_asked() -> None:
    assert [words for words in calls(ROOT / ".github/workflows/promote.yml") if words[:2] == ["models", "approve"]] == [
        ["models", "approve", "$VERSION", "--hold", "--reason", "$REASON (run by $APPROVER)"]
    ]


@pytest.mark.parametrize("name", RELEASES)
def test_identities_of_azure_are_given_to_jobs_with_an_environment_alone(name: str) -> None:
    for job in jobs_of(name).values():
        wants = job["permissions"].get("id-token") == "write"
        assert wants == ("environment" in job)
        assert set(job["permissions"]) <= {"contents", "id-token"}
        assert job["permissions"]["contents"] == "read"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_what_a_person_typed_is_never_pasted_into_a_script(workflow: Path) -> None:
    steps = [step for job in yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []
