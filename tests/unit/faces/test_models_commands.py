"""``careloom models``: from registered to champion and back, with exit codes by whose fault it is."""

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from careloom.cli.main import app
from careloom.errors import AccessError, CareloomError, FormatError, QueryError, Withheld
from careloom.pipeline.registry import REGISTRY
from tests.models_kit import GATES, LOGISTIC, MODEL, PIPELINE, trained


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs ``careloom models ...`` as somebody; a refusal is raised."""
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates/small.toml").write_text(GATES)
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "data"))
    monkeypatch.setenv("CARELOOM__MODELS__GATES", str(tmp_path / "gates"))
    monkeypatch.setitem(REGISTRY, "models.trainer.logistic", "tests.models_kit:LOGISTIC")
    monkeypatch.setattr(LOGISTIC, "broken", set())
    monkeypatch.setattr(LOGISTIC, "people", frozenset())

    def run(*words: str, who: str = "edda") -> Result:
        monkeypatch.setattr(getpass, "getuser", lambda: who)
        done = CliRunner().invoke(app, ["models", *words])
        if isinstance(done.exception, CareloomError):
            raise done.exception
        return done

    return run


def brought(place: Path, lineage: dict[str, Any], name: str = "model.json") -> tuple[str, ...]:
    """The words that register files of a folder."""
    (place / "files").mkdir(exist_ok=True)
    (place / "files" / name).write_bytes(trained().files["model.json"])
    (place / "lineage.json").write_bytes(orjson.dumps(lineage))
    return ("register", MODEL, str(place / "files"), "--lineage", str(place / "lineage.json"), "--gates", "small")


def test_a_version_is_brought_in_and_answers_only_where_its_numbers_were_measured_here(
    models: Callable[..., Result], tmp_path: Path
) -> None:
    assert "is registered" in models(*brought(tmp_path, trained().lineage)).stdout
    with pytest.raises(AccessError):
        models("approve", f"{MODEL}@1", "--reason", "mine")
    with pytest.raises(Withheld):
        models("promote", f"{MODEL}@1", "--reason", "fine", who="sten")
    (tmp_path / "tumours.toml").write_text(PIPELINE)
    models("run", str(tmp_path / "tumours.toml"))
    assert models("promote", f"{MODEL}@2", "--reason", "fine", who="sten").stdout == f"{MODEL}@2 is champion.\n"
    told = orjson.loads(models("list", "--json").stdout)
    assert [(one["version"], one["aliases"]) for one in told] == [(f"{MODEL}@2", ["champion"]), (f"{MODEL}@1", [])]
    assert "AUROC" in models("list").stdout
    assert "Approved by sten" in models("show", MODEL).stdout
    assert models("verify", MODEL).exit_code == 0
    assert "errors" in models("watch", MODEL).stdout


def test_a_pipeline_by_the_command_line(models: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "tumours.toml"
    file.write_text(PIPELINE)
    told = orjson.loads(models("run", str(file), "--json").stdout)
    assert told["state"] == "waiting"
    models("approve", told["version"], who="sten")
    assert "is done" in models("resume", told["run"]).stdout
    file.write_text(PIPELINE.replace("columns = 10", "columns = 30"))
    second = orjson.loads(models("run", str(file), "--json").stdout)
    models("shadow", second["version"])
    models("shadow", second["version"], "--end")
    models("approve", second["version"], "--hold", who="sten")
    models("canary", second["version"], "--share", "0.2")
    assert f"{MODEL}@1 answers" in models("rollback", MODEL).stdout
    models("retire", second["version"], "--reason", "not needed")
    assert [one["state"] for one in orjson.loads(models("runs", "--json").stdout)].count("done") == 1
    assert "monitor" in models("runs", told["run"]).stdout
    assert "entities" in models("pipelines").stdout


def test_a_changed_file_exits_6(models: Callable[..., Result], tmp_path: Path) -> None:
    models(*brought(tmp_path, trained().lineage))
    file = next((tmp_path / "data/models/artefacts").rglob("model.json.sealed"))
    file.write_bytes(file.read_bytes()[:-1])
    done = models("verify", f"{MODEL}@1")
    assert (done.exit_code, "cannot be opened" in done.stdout) == (6, True)


def test_what_may_not_be_brought_in_is_refused(models: Callable[..., Result], tmp_path: Path) -> None:
    here = trained().lineage | {"data": {"zone": "research", "snapshot": "silver/stays@1"}}
    with pytest.raises(QueryError):
        models(*brought(tmp_path, here))
    with pytest.raises(FormatError):
        models(*brought(tmp_path, trained().lineage, "model.pkl"))
    (tmp_path / "lineage.json").write_text("{")
    with pytest.raises(FormatError):
        models("register", MODEL, str(tmp_path / "files"), "--lineage", str(tmp_path / "lineage.json"))
