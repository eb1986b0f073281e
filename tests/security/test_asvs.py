"""Every requirement of OWASP ASVS 5.0.0 of level 1 and 2 has its row, and each proof that a row names is there."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.every import every
from tools.list_asvs import CHAPTERS, PAGE, STATES, Row, page, rows

ROWS = rows()
PROVEN = {"test", "configuration"}
SECTIONS = {"test": r"tests/.+\.py::test_\w+", "absent": r"tests/.+\.py::test_\w+", "configuration": r"[^:]+:.+"}


def is_there(proof: str) -> bool:
    """True when a proof is there: a test of that name, a text in a file, or a page."""
    file, _, rest = proof.partition(":")
    path = ROOT / file
    if not path.is_file():
        return False
    text = path.read_text("utf-8")
    if rest.startswith(":"):
        return re.search(rf"(?m)^def {re.escape(rest[1:])}\(", text) is not None
    return rest in text


def test_there_are_as_many_as_the_standard_has_and_none_twice() -> None:
    assert len(ROWS) == len({row.number for row in ROWS}) == 253
    assert Counter(row.level for row in ROWS) == {1: 70, 2: 183}
    assert {row.chapter for row in ROWS} == set(CHAPTERS)


def test_they_are_those_of_the_standard_with_their_levels(suites: Path) -> None:
    told = json.loads((suites / "asvs_5" / "asvs_5.0.0.flat.json").read_text("utf-8"))
    listed = told if isinstance(told, list) else told["requirements"]
    standard = {one["req_id"].removeprefix("V"): int(one["L"]) for one in listed if int(one["L"]) <= 2}
    assert {row.number: row.level for row in ROWS} == standard


def test_every_state_is_known_and_has_what_it_needs() -> None:
    def check(row: Row) -> None:
        assert row.state in STATES
        assert row.words
        assert bool(row.proofs) == (row.state not in {"none", "open"})
        wanted = SECTIONS.get(row.state, "")
        assert not wanted or any(re.fullmatch(wanted, proof) for proof in row.proofs)

    every(ROWS, check, lambda row: row.number)


def test_every_proof_is_there() -> None:
    every(ROWS, _proven, lambda row: row.number)


def _proven(row: Row) -> None:
    assert [proof for proof in row.proofs if not is_there(proof)] == []


def test_at_least_150_are_proven_by_a_test_or_by_configuration() -> None:
    assert sum(row.state in PROVEN for row in ROWS) >= 150


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(ROWS), "python tools/list_asvs.py"


@pytest.mark.parametrize(
    "lost", ["tests/security/test_asvs.py::test_gone", "careloom.toml:no such line", "docs/gone.md"]
)
def test_a_proof_that_is_gone_would_be_noticed(lost: str) -> None:
    assert not is_there(lost)


def test_a_proof_that_is_there_is_found() -> None:
    assert is_there("tests/security/test_asvs.py::test_a_proof_that_is_there_is_found")
    assert is_there("careloom.toml:session_seconds")


def test_every_test_that_the_page_of_the_top_ten_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py::\w+)`", (ROOT / "docs" / "security" / "api-top-10.md").read_text("utf-8"))
    assert len(named) > 15
    assert [proof for proof in named if not is_there(proof)] == []
