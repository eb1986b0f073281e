"""The command that makes a hospital: its summary for machines, its refusals."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.errors import QueryError, StateError

ASK = ["--patients", "2", "--seed", "4", "--feeds", "fhir", "--no-notes", "--processes", "1"]


def test_the_summary_for_machines_tells_what_was_made(tmp_path: Path) -> None:
    out = tmp_path / "hospital"
    result = CliRunner().invoke(app, ["simulate", str(out), *ASK, "--json"])
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["patients"] == 2
    assert summary["files"] + 1 == sum(place.is_file() for place in out.rglob("*"))
    assert summary["counts"]["encounters"] > 0


def test_people_read_how_much_was_made(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["simulate", str(tmp_path / "hospital"), *ASK, "--present", "2024-05-01"])
    assert result.exit_code == 0
    assert "2 patients of seed 4" in result.stdout
    assert json.loads((tmp_path / "hospital/manifest.json").read_text())["present"] == "2024-05-01"


def test_sites_may_send_feeds_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "hospital"
    own = ["--site-feeds", "site-2=bulk, csv", "--site-feeds", "site-3=csv"]
    assert CliRunner().invoke(app, ["simulate", str(out), *ASK, *own]).exit_code == 0
    assert {site.name: {feed.name for feed in site.iterdir()} for site in (out / "feeds").iterdir()} == {
        "site-1": {"fhir"}, "site-2": {"bulk", "csv"}, "site-3": {"csv"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (["--present", "yesterday"], QueryError),
        (["--feeds", "fax"], QueryError),
        (["--feeds", ""], QueryError),
        (["--feeds", ","], QueryError),
        (["--site-feeds", "site-2"], QueryError),
        (["--site-feeds", "site-2="], QueryError),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, more: list[str], error: type[Exception]) -> None:
    result = CliRunner().invoke(app, ["simulate", str(tmp_path / "hospital"), *ASK, *more])
    assert isinstance(result.exception, error)
    assert not (tmp_path / "hospital").exists()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    result = CliRunner().invoke(app, ["simulate", str(tmp_path), *ASK])
    assert isinstance(result.exception, StateError)
