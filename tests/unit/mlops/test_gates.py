"""Gates as data: deny by default, by the bound that is asked for, against the champion on the same rows."""

from typing import Any

import pytest

from careloom.errors import FormatError, QueryError
from careloom.mlops.gates import SHIPPED, Shown, judge, read, shipped

GOOD = {"value": 0.70, "low": 0.68, "high": 0.72}


def gates(text: str) -> Any:
    return read(f'version = 1\nname = "one"\n[[gate]]\n{text}'.encode())


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ('measure = "auroc"\nat_least = 0.7', {"auroc": GOOD}, True),
    ('measure = "auroc"\nat_least = 0.7001', {"auroc": GOOD}, False),
    ('measure = "auroc"\nat_least = 0.68\nof = "low"', {"auroc": GOOD}, True),
    ('measure = "auroc"\nat_least = 0.69\nof = "low"', {"auroc": GOOD}, False),
    ('measure = "ece"\nat_most = 0.02\nof = "high"', {"ece": {"value": 0.01, "low": 0.0, "high": 0.03}}, False),
    ('measure = "ece"\nat_most = 0.02', {"ece": {"value": 0.01, "low": None, "high": None}}, True),
    ('measure = "ece"\nat_most = 0.02\nof = "high"', {"ece": {"value": 0.01, "low": None, "high": None}}, False),
    ('measure = "ece"\nat_most = 0.02', {}, False),
    ('measure = "ece"\nat_most = 0.02', {"ece": {"value": float("nan")}}, False),
    ('measure = "ece"\nat_most = 2', {"ece": {"value": True}}, False),
]


@pytest.mark.parametrize(("text", "measures", "passed"), CASES)
def test_a_gate_holds_only_for_a_number_that_keeps_it(text: str, measures: dict[str, Any], passed: bool) -> None:
    (found,) = judge(gates(text), Shown(measures))
    assert found["passed"] is passed


WORSE = 'measure = "auroc"\nnot_worse_by = 0.02\nwhy = "The old one was better."'
PAIRED: list[tuple[str, str, dict[str, Any] | None, bool]] = [
    ("", "", None, True),
    ("m@1", "m@1", {"auroc": {"value": 0.0, "low": -0.02, "high": 0.03}}, True),
    ("m@1", "m@1", {"auroc": {"value": 0.01, "low": -0.021, "high": 0.03}}, False),
    ("m@2", "m@1", {"auroc": {"value": 0.1, "low": 0.1, "high": 0.1}}, False),
    ("m@1", "", None, False),
    ("m@1", "m@1", {"brier": {"value": 0.1, "low": 0.1, "high": 0.1}}, False),
]


@pytest.mark.parametrize(("champion", "against", "paired", "passed"), PAIRED)
def test_not_worse_means_compared_with_the_champion_of_now(
    champion: str, against: str, paired: dict[str, Any] | None, passed: bool
) -> None:
    (found,) = judge(gates(WORSE), Shown({}, champion, against, paired))
    assert found["passed"] is passed
    assert passed or found["why"]


@pytest.mark.parametrize("name", SHIPPED)
def test_gates_that_ship_can_be_met_and_fail_for_who_shows_nothing(name: str) -> None:
    found = judge(shipped(name), Shown({}))
    limits = [one for one in found if "champion" not in one["rule"]]
    assert limits
    assert not any(one["passed"] for one in limits)


BROKEN = [
    "measure = 1\nat_least = 1", 'measure = "a"', 'measure = "a"\nat_least = 1\nat_most = 2',
    'measure = "a"\nat_least = "x"', 'measure = "a"\nat_least = inf', 'measure = "a"\nat_least = 1\nof = "middle"',
    'measure = "a"\nat_least = 1\nelse = 2', "oops",
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_a_gate_that_means_nothing_is_refused_with_its_number(text: str) -> None:
    with pytest.raises(FormatError) as refused:
        gates(text)
    assert "gate" in refused.value.where


def test_gates_of_another_name_are_not_guessed() -> None:
    with pytest.raises(QueryError):
        shipped("../gates/clinical-risk")
