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

    assert "of 31 attributes are answered" in told()
    assert json.loads(told("--json"))["counts"]["asked"] == 31
    assert json.loads(told("--format", "json"))["name"] == MODEL
    assert told("--format", "html").startswith("<!doctype html>")
    told("--format", "xml", "--out", "card.xml")
    assert etree.parse(tmp_path / "card.xml").getroot().tag.endswith("AppliedModelCard")


def test_a_file_of_texts_is_written_filled_in_and_checked(run: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "no-show.toml"
    assert run.invoke(app, ["models", "card-texts", "no-show", "--out", str(out)]).exit_code == 0
    assert run.invoke(app, ["models", "card-texts", "no-show", "--out", str(out)]).exit_code != 0, "it is there"
    assert run.invoke(app, ["models", "card-texts", "no-show"]).stdout == out.read_text()
    own = out.read_text().replace("# [developer]", "[developer]")
    out.write_text(own)
    done = run.invoke(app, ["models", "card-check", str(out), "--json"])
    assert done.exit_code == 7
    assert json.loads(done.stdout)[0]["where"] == "no-show.toml: [developer]"
    out.write_text(own.replace("[developer]", '[developer]\ntext = "We, 1."').replace('by = ""', 'by = "Edda"'))
    done = run.invoke(app, ["models", "card-check", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [
        {"file": "no-show.toml", "what": "texts", "holds": ["developer"], "where": "", "remedy": ""}
    ]


def test_all_files_of_a_place_are_checked_against_the_versions_that_there_are(
    run: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setenv("CARELOOM__MODELS__CARDS", str(folder))
    name = f"{MODEL}@1.external.json"
    assert run.invoke(app, ["models", "card-evaluation", f"{MODEL}@1", "--out", str(folder / name)]).exit_code == 0
    told = json.loads((folder / name).read_text())
    filled = told | {
        "at": "2024-01-02T12:00:00+00:00", "data": "Another hospital", "party": "Its office", "subgroups": [],
        "measures": {"auroc": {"value": 0.7}}, "counts": {"n": 300},
    }  # fmt: skip
    (folder / f"{MODEL}@1.local.json").write_text(json.dumps(filled))
    (folder / f"{MODEL}@9.local.json").write_text(json.dumps(filled))
    (folder / "notes.json").write_text("{}")
    done = run.invoke(app, ["models", "card-check", "--json"])
    assert done.exit_code == 7
    assert {one["file"]: (one["what"], one["where"]) for one in json.loads(done.stdout)} == {
        name: ("external", f"{name}: at"),
        f"{MODEL}@1.local.json": ("local", ""),
        f"{MODEL}@9.local.json": ("local", f"{MODEL}@9.local.json"),
        "notes.json": ("", "notes.json"),
    }


def test_a_stale_card_exits_7_and_says_why(run: CliRunner) -> None:
    done = run.invoke(app, ["models", "card", f"{MODEL}@2"])
    assert done.exit_code == 7
    assert "Out of date" in done.stdout


def test_a_file_for_no_document_is_refused_with_what_to_do(run: CliRunner) -> None:
    done = run.invoke(app, ["models", "card", f"{MODEL}@1", "--out", "card"])
    assert done.exit_code != 0
    assert not Path("card").exists()
