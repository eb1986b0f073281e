"""A simulated hospital as files: the same bytes by any number of processes, whole, refused where it cannot be."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from careloom.errors import QueryError, SetupError, StateError
from careloom.services import simulate as service
from careloom.services.simulate import SimulateAsk, simulate


def contents(root: Path) -> dict[str, str]:
    return {
        place.relative_to(root).as_posix(): hashlib.sha256(place.read_bytes()).hexdigest()
        for place in root.rglob("*")
        if place.is_file()
    }


def test_any_number_of_processes_gives_the_same_bytes(tmp_path: Path) -> None:
    ask = SimulateAsk(tmp_path / "one", 30, 5, processes=1)
    report = simulate(ask)
    simulate(replace(ask, out=tmp_path / "two", processes=2))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert {one["path"]: one["sha256"] for one in manifest["files"]} | {"manifest.json": ""} == {
        path: "" if path == "manifest.json" else digest for path, digest in contents(tmp_path / "one").items()
    }
    assert report.files == len(manifest["files"])
    assert manifest["counts"]["answers.outcomes"] == len(
        (tmp_path / "one/answers/outcomes.ndjson").read_bytes().splitlines()
    )


def test_only_the_feeds_that_are_asked_for(tmp_path: Path) -> None:
    simulate(SimulateAsk(tmp_path, 3, 5, feeds=("fhir",), with_notes=False, processes=1))
    assert {path.split("/")[2] for path in contents(tmp_path) if path.startswith("feeds/")} == {"fhir"}
    assert not (tmp_path / "answers/notes.ndjson").exists()


@pytest.mark.parametrize(
    "change",
    [{"patients": 0}, {"sites": 0}, {"sites": 200}, {"feeds": ("fax",)}, {"dirt": "filthy"}],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_be_simulated_is_refused_before_anything_is_written(
    tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(QueryError):
        simulate(replace(SimulateAsk(tmp_path / "out", 3, 5), **change))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(StateError):
        simulate(SimulateAsk(tmp_path, 3, 5))


def test_a_disk_that_is_too_small_stops_it_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "free_bytes", lambda _: 1000)
    with pytest.raises(SetupError):
        simulate(SimulateAsk(tmp_path, 60, 5, feeds=("csv",), with_notes=False, processes=1))
    assert not (tmp_path / "manifest.json").exists()


def test_progress_counts_patients(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    ask = SimulateAsk(tmp_path, 30, 5, feeds=("csv",), with_notes=False, processes=1)
    simulate(ask, lambda done, total: seen.append((done, total)))
    assert seen == [(25, 30), (30, 30)]
