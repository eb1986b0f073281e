"""``careloom models card``: the card of a version on the screen, as JSON, a page and XML; exit 7 where it is stale."""

import json
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.services.access import local_operator
from careloom.services.models import RegisterAsk, register
from careloom.services.platform import Platform
from careloom.settings import load
from tests.models_kit import MODEL, trained
from tests.unit.services.test_model_card import GROUPS


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    whole, bare = trained().lineage, trained().lineage
    whole["evaluation"]["subgroups"], bare["evaluation"]["subgroups"] = GROUPS, []
    with Platform(load()) as platform:
        for lineage in (whole, bare):
            register(platform, local_operator("edda"), RegisterAsk(MODEL, trained().files, lineage))
    return CliRunner()


def test_a_card_is_shown_written_and_told_as_json(run: CliRunner, tmp_path: Path) -> None:
    def told(*words: str) -> str:
        done = run.invoke(app, ["models", "card", f"{MODEL}@1", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "of 31 are filled" in told()
    assert json.loads(told("--json"))["counts"]["asked"] == 31
    assert json.loads(told("--format", "json"))["name"] == MODEL
    assert told("--format", "html").startswith("<!doctype html>")
    told("--format", "xml", "--out", "card.xml")
    assert etree.parse(tmp_path / "card.xml").getroot().tag.endswith("AppliedModelCard")


def test_a_stale_card_exits_7_and_says_why(run: CliRunner) -> None:
    done = run.invoke(app, ["models", "card", f"{MODEL}@2"])
    assert done.exit_code == 7
    assert "Out of date" in done.stdout


def test_a_file_for_no_document_is_refused_with_what_to_do(run: CliRunner) -> None:
    done = run.invoke(app, ["models", "card", f"{MODEL}@1", "--out", "card"])
    assert done.exit_code != 0
    assert not Path("card").exists()
