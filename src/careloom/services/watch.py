"""Watch: folders that files are put into, ingested as soon as each file is whole."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from careloom.errors import Conflict, NotFound, SetupError
from careloom.pipeline.manifest import RunManifest
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.ingest import INGEST_ZONES, IngestAsk, ingest, refuse_format
from careloom.services.platform import InputFile, Platform

UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".crdownload")
"""Endings of names that programs give to files which they still write."""


@dataclass(slots=True)
class _Seen:
    """A file as it was last looked at: size and time of change, since when, and whether that was ingested."""

    state: tuple[int, int]
    since: datetime
    is_done: bool = False


@dataclass(slots=True)
class Watcher:
    """Looks into the folders of an ask, again and again. A file is taken once it has not changed for a while.

    settle  how long a file must have stayed the same
    done    where files go once their records are kept, under the same relative names; None leaves them where they are

    raises  AccessError; NotFound if a folder is not there; InputError if the format has no name;
            SetupError if `done` lies in a watched folder
    """

    platform: Platform
    who: Principal
    ask: IngestAsk
    settle: timedelta = timedelta(seconds=5)
    done: Path | None = None
    _seen: dict[Path, _Seen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for zone in INGEST_ZONES:
            admit(self.platform, self.who, "ingest", zone, operation="watch")
        refuse_format(self.ask.format)
        for number, folder in enumerate(self.ask.paths, 1):
            if not folder.is_dir():
                raise NotFound(f"path {number} of the command is no folder", "Name folders that are to be watched.")
            if self.done is not None and self.done.resolve().is_relative_to(folder.resolve()):
                raise SetupError("watch: what is done would go into a watched folder", "Name a folder elsewhere.")

    def look(self) -> RunManifest | None:
        """Ingests the files that are whole now, as one run; None if there is none, or the store is busy."""
        ready = list(self._ready(self.platform.runtime.now()))
        if not ready:
            return None
        files = tuple(_input_file(folder, path, state) for folder, path, state in ready)
        try:
            manifest = ingest(self.platform, self.who, replace(self.ask, paths=(), uploads=files))
        except Conflict:
            return None
        for folder, path, state in ready:
            self._seen[path].is_done = True
            if self.done is not None:
                self._put_away(folder, path, state)
        return manifest

    def _ready(self, now: datetime) -> Iterator[tuple[Path, Path, tuple[int, int]]]:
        found = dict(_files(self.ask.paths))
        for path in [path for path in self._seen if path not in found]:
            del self._seen[path]
        for path, (folder, state) in sorted(found.items()):
            seen = self._seen.get(path)
            if seen is None or seen.state != state:
                seen = self._seen[path] = _Seen(state, now)
            if not seen.is_done and now - seen.since >= self.settle:
                yield folder, path, state

    def _put_away(self, folder: Path, path: Path, state: tuple[int, int]) -> None:
        """Moves a file that is still as it was; one that changed meanwhile is read again."""
        if self.done is None or _state(path) != state:
            return
        target = self.done / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = 1
        while target.exists():
            number += 1
            target = target.with_name(f"{path.name}.{number}")
        path.rename(target)
        self._seen.pop(path, None)


def _input_file(folder: Path, path: Path, state: tuple[int, int]) -> InputFile:
    """A file that may be gone by now: the run then says that it could not be read."""

    def opened() -> BinaryIO:
        return path.open("rb")

    return InputFile(str(path.relative_to(folder)), state[0], opened)


def _files(folders: Iterable[Path]) -> Iterator[tuple[Path, tuple[Path, tuple[int, int]]]]:
    for folder in folders:
        for place, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in files:
                if name.startswith(".") or name.lower().endswith(UNFINISHED):
                    continue
                path = Path(place, name)
                state = _state(path)
                if state is not None:
                    yield path, (folder, state)


def _state(path: Path) -> tuple[int, int] | None:
    """Size and time of change in nanoseconds; None if it is gone, or no regular file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() else None
