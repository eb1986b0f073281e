"""The demo in full: every task of risk is trained, or it says why not."""

from pathlib import Path

import pytest

from careloom.demo import train_all
from careloom.services.train_risk import tasks
from tests.api.kit import Installation


def test_every_task_is_trained_or_told_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Installation(tmp_path) as one:
        train_all(one.platform, one.operator, 40)
    said = " ".join(capsys.readouterr().out.split())
    names = [task["name"] for task in tasks()]
    assert len(names) == 6
    for name in names:
        [rest] = said.split(f"careloom train risk {name} --zone synthetic")[1:]
        told = rest.partition("careloom train risk")[0]
        assert ("Not with these patients" in told) is ("Its gates:" not in told)
    assert "rows of one outcome. Train on more patients." in said
