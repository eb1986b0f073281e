"""A folder that is watched: files are taken once they are whole, once, and put away."""

import json
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from careloom.errors import InputError, NotFound, SetupError
from careloom.runtime import Runtime
from careloom.services.ingest import IngestAsk
from careloom.services.watch import Watcher
from tests.api.kit import Clock, Installation
from tests.journeys.hospital import CommandLine

LINE = '{{"resourceType":"Patient","id":"{name}","gender":"female"}}\n'


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def stored(manifest: object) -> int:
    return sum(file.stored for file in manifest.files) if manifest is not None else 0  # type: ignore[attr-defined]


def test_a_file_is_taken_once_it_has_stayed_the_same_and_again_when_it_changed(tmp_path: Path, inbox: Path) -> None:
    clock = Clock()
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        watcher = Watcher(made.platform, made.operator, IngestAsk((inbox,)), timedelta(seconds=5))
        file = inbox / "a.ndjson"
        file.write_text(LINE.format(name="p1"))
        assert watcher.look() is None
        clock.move(seconds=4)
        file.write_text(LINE.format(name="p1") + LINE.format(name="p2"))
        assert watcher.look() is None, "it was still being written"
        clock.move(seconds=5)
        assert stored(watcher.look()) == 2
        clock.move(seconds=60)
        assert watcher.look() is None
        file.write_text(LINE.format(name="p3"))
        watcher.look()
        clock.move(seconds=5)
        assert stored(watcher.look()) == 1


def test_hidden_and_unfinished_files_are_left_alone_and_folders_below_are_read(tmp_path: Path, inbox: Path) -> None:
    (inbox / "day").mkdir()
    for name in (".a.ndjson", "b.ndjson.part", "c.TMP", "day/d.ndjson"):
        (inbox / name).write_text(LINE.format(name=Path(name).stem))
    with Installation(tmp_path) as made:
        manifest = Watcher(made.platform, made.operator, IngestAsk((inbox,)), timedelta(0)).look()
    assert stored(manifest) == 1


def test_what_is_kept_is_put_away_under_its_name_and_nothing_is_overwritten(tmp_path: Path, inbox: Path) -> None:
    done = tmp_path / "done"
    with Installation(tmp_path) as made:
        watcher = Watcher(made.platform, made.operator, IngestAsk((inbox,)), timedelta(0), done)
        for name in ("p1", "p2"):
            (inbox / "a.ndjson").write_text(LINE.format(name=name))
            assert stored(watcher.look()) == 1
    assert not (inbox / "a.ndjson").exists()
    assert sorted(path.name for path in done.iterdir()) == ["a.ndjson", "a.ndjson.2"]


def test_a_watch_that_cannot_work_is_refused_at_once(tmp_path: Path, inbox: Path) -> None:
    with Installation(tmp_path) as made:
        for ask, done, error in (
            (IngestAsk((tmp_path / "nowhere",)), None, NotFound),
            (IngestAsk((inbox,)), inbox / "done", SetupError),
            (IngestAsk((inbox,), "xls"), None, InputError),
        ):
            with pytest.raises(error):
                Watcher(made.platform, made.operator, ask, done=done)


def test_the_command_goes_on_until_it_is_stopped(tmp_path: Path, inbox: Path) -> None:
    line = CommandLine(tmp_path)
    (inbox / "a.ndjson").write_text(LINE.format(name="p1"))
    command = line.arguments("ingest", inbox, "--watch", "--settle", "0", "--json")
    with subprocess.Popen(command, env=line.environment, cwd=tmp_path, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["files"][0]["stored"] == 1
        (inbox / "b.part").write_text(LINE.format(name="p2"))
        (inbox / "b.part").rename(inbox / "b.ndjson")
        assert json.loads(running.stdout.readline())["files"][0]["stored"] == 1
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert line.json("search", "Patient?_summary=count")["total"] == 2


def test_options_of_watching_without_it_are_refused_and_not_passed_over(tmp_path: Path, inbox: Path) -> None:
    line = CommandLine(tmp_path)
    for words in (("--done", tmp_path / "done"), ("--watch", "--queue")):
        refused = line.run("ingest", inbox, *words, expect=2)
        assert "--watch" in refused.stderr
