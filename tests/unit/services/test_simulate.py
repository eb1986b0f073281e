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
    ask = SimulateAsk(tmp_path / "one", 6, 5, processes=1)
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


def test_a_site_sends_what_is_asked_of_it_byte_for_byte_as_among_all_feeds(tmp_path: Path) -> None:
    whole = SimulateAsk(tmp_path / "whole", 7, 5, dirt="much", processes=1)
    own = (("site-1", ("hl7v2", "ccda")), ("site-3", ("notes", "csv")))
    simulate(whole)
    simulate(replace(whole, out=tmp_path / "mixed", feeds=("bulk",), site_feeds=own))
    simulate(replace(whole, out=tmp_path / "again", feeds=("bulk",), site_feeds=own, processes=2))
    mixed, everything = contents(tmp_path / "mixed"), contents(tmp_path / "whole")
    assert {path.split("/")[1] + "/" + path.split("/")[2] for path in mixed if path.startswith("feeds/")} == {
        "site-1/hl7v2", "site-1/ccda", "site-2/bulk", "site-3/csv", "site-3/notes",
    }  # fmt: skip
    assert {path.split(".")[0] for path in mixed if path.startswith("mappings/")} == {"mappings/site-3"}
    told = {"manifest.json", "answers/dirt.ndjson"}
    assert {path: digest for path, digest in mixed.items() if path not in told}.items() <= everything.items()
    assert contents(tmp_path / "again") == mixed
    manifest = json.loads((tmp_path / "mixed/manifest.json").read_text())
    assert manifest["feeds"] == ["bulk"]
    assert manifest["site_feeds"] == {"site-1": ["hl7v2", "ccda"], "site-3": ["csv", "notes"]}


def test_no_dirt_by_share_is_no_dirt_by_level(tmp_path: Path) -> None:
    clean = SimulateAsk(tmp_path / "none", 5, 5, with_notes=False, processes=1)
    simulate(clean)
    simulate(replace(clean, out=tmp_path / "zero", dirt="0"))
    none, zero = contents(tmp_path / "none"), contents(tmp_path / "zero")
    del none["manifest.json"], zero["manifest.json"]
    assert none == zero
    assert json.loads((tmp_path / "zero/manifest.json").read_text())["dirt"] == 0.0


def test_a_share_of_dirt_and_what_it_means_by_kind_stand_in_the_manifest(tmp_path: Path) -> None:
    simulate(SimulateAsk(tmp_path, 2, 5, feeds=("csv",), with_notes=False, dirt="0.18", processes=1))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["dirt"] == 0.18
    assert manifest["dirt_rates"]["wrong-unit"] == pytest.approx(0.02)
    assert manifest["dirt_rates"]["duplicate-patient"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"patients": 0}, {"seed": 10**23}, {"seed": -(10**18) - 1},
        {"sites": 0}, {"sites": 200}, {"feeds": ("fax",)}, {"dirt": "filthy"}, {"dirt": "1.5"},
        {"dirt": "-0.1"}, {"dirt": "nan"}, {"site_feeds": (("site-4", ("csv",)),)},
        {"site_feeds": (("north", ("csv",)),)}, {"site_feeds": (("site-1", ("fax",)),)},
        {"site_feeds": (("site-1", ()),)}, {"site_feeds": (("site-1", ("csv",)), ("site-1", ("bulk",)))},
    ],
    ids=lambda change: f"{next(iter(change))} {next(iter(change.values()))}",
)  # fmt: skip
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
