"""``careloom score``: a patient's risk and why, and whom to call first, on the screen and as JSON."""

import json

import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.services.platform import Platform
from careloom.settings import load
from tests.score_kit import COHORT, NAME, patient, registered
from tests.store_kit import event

MODEL = ("--model", f"{NAME}@1", "--as-of", "2024-02-25")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CliRunner:
    folder = tmp_path_factory.mktemp("score")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CARELOOM__DATA__DIRECTORY", str(folder / "data"))
        patched.chdir(folder)
        with Platform(load()) as platform:
            with platform.store("identified").transaction(event()) as step:
                step.write([*patient("sick"), *patient("well", sodium=140.0, failing=False),
                            *patient("young", born="2012-05-01")])  # fmt: skip
            registered(platform)
        yield CliRunner()


def told(run: CliRunner, *words: str, code: int = 0) -> str:
    done = run.invoke(app, ["score", *words])
    assert done.exit_code == code, done.output
    return " ".join(done.stdout.split())


def test_a_patient_is_told_with_factors_gaps_and_what_was_written(run: CliRunner) -> None:
    shown = told(run, "Patient/sick", *MODEL, "--write")
    assert "unplanned readmission within 30 days: " in shown
    assert "Newest serum sodium: 121 mmol/L. (can be changed)" in shown
    assert "gap: " in shown
    assert "written: RiskAssessment/" in shown
    report = json.loads(told(run, "sick", *MODEL, "--json"))
    assert report["assessment"]["alert"] is True
    assert "not for this patient: adult" in told(run, "young", *MODEL)


def test_a_cohort_is_told_with_whom_to_call(run: CliRunner) -> None:
    shown = told(run, "--cohort", COHORT, *MODEL, "--capacity", "1")
    assert "2 open, 0 over, 1 not-eligible" in shown
    assert "1 of 2 are called" in shown
    assert "sick" in shown
    costs = ("--cost-event", "1000", "--cost-call", "60", "--prevented", "0.2")
    assert json.loads(told(run, "--cohort", COHORT, *MODEL, *costs, "--json"))["saved"] > 0


@pytest.mark.parametrize(
    "words",
    [
        ("sick",), MODEL, ("sick", "--cohort", COHORT, *MODEL), ("sick", "--model", f"{NAME}@7"),
        ("nobody", *MODEL), ("--cohort", "no_show", *MODEL), ("--cohort", COHORT, *MODEL, "--cost-call", "3"),
    ],
)  # fmt: skip
def test_what_is_refused_exits_by_whose_fault_it_is(run: CliRunner, words: tuple[str, ...]) -> None:
    done = run.invoke(app, ["score", *words])
    assert done.exit_code != 0
    assert done.exception is not None
