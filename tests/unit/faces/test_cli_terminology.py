"""``careloom terminology``: what people and machines are told."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from tests.unit.store.test_terminology import zipped
from tests.unit.terminology.releases import RF2

ICD = "ICD-10-CM"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def told(run: CliRunner, *words: str, code: int = 0) -> str:
    """What a command prints."""
    done = run.invoke(app, ["terminology", *words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_load_list_lookup_translate_and_remove(run: CliRunner, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "rf2.zip", RF2)
    assert "version 20260301" in told(run, "load", str(archive), "--expires", "2027-03-01")
    listed = {each["version"]: each for each in json.loads(told(run, "list", "--json"))}
    assert listed["20260301"]["expires"] == "2027-03-01"
    assert listed["2026-04"]["concepts"] == 98466
    assert "20260301" in told(run, "list")
    shown = told(run, "lookup", "SNOMED", "190388001")
    assert "inactive" in shown
    assert "replaced-by: 44054006" in shown
    concept = json.loads(told(run, "lookup", "SNOMED", "73211009", "--json"))
    assert (concept["name"], concept["children"]) == ("Diabetes mellitus", ["44054006", "46635009"])
    mapped = json.loads(told(run, "translate", "SNOMED", "44054006", "--to", ICD, "--json"))
    assert [(each["code"], each["equivalence"]) for each in mapped] == [
        ("E11", "equivalent"), ("E11.9", "wider"), ("E11.65", "inexact"),
    ]  # fmt: skip
    assert told(run, "subsumes", "SNOMED", "73211009", "44054006").strip() == "subsumes"
    told(run, "remove", "SNOMED", "20260301")
    assert "20260301" not in told(run, "list")


def test_validate_says_why_and_exits_7(run: CliRunner) -> None:
    assert told(run, "validate", ICD, "E11.9").startswith("Valid: Type 2 diabetes")
    report = json.loads(told(run, "validate", ICD, "E11.99", "--json", code=7))
    assert (report["outcome"], report["concept"]) == ("invalid", None)
    assert [issue["code"] for issue in report["issues"]] == ["terminology.code-unknown"]
    assert "terminology.display-differs" in told(run, "validate", ICD, "E11.9", "--display", "Asthma", code=7)
    assert "Unverifiable" in told(run, "validate", "urn:nobodys", "1", code=7)
    told(run, "validate", ICD, code=2)


def test_search_finds_misspelt_words(run: CliRunner) -> None:
    found = json.loads(told(run, "search", "chronic kidny disease", "--system", ICD, "--limit", "3", "--json"))
    assert found[0]["code"] == "N18"
    assert "N18" in told(run, "search", "chronic kidney disease", "--system", ICD)


def test_without_a_map_the_answer_says_so(run: CliRunner) -> None:
    assert "no map" in told(run, "translate", ICD, "W52.XXXD")


def test_backup_check_and_restore(run: CliRunner, tmp_path: Path) -> None:
    assert "nothing was loaded" in told(run, "check")
    told(run, "load", str(zipped(tmp_path / "rf2.zip", RF2)))
    report = json.loads(told(run, "backup", "copy.db", "--json"))
    assert (report["consistent"], [each["version"] for each in report["releases"]]) == (True, ["20260301"])
    told(run, "remove", "SNOMED", "20260301")
    assert "20260301" in told(run, "check", "copy.db")
    assert "20260301" in told(run, "restore", "copy.db")
    assert "Type 2 diabetes mellitus" in told(run, "lookup", "SNOMED", "44054006")
    with (tmp_path / "copy.db").open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * 8192)
    assert "Damaged" in told(run, "check", "copy.db", code=6)
