"""Reports of finished work of one kind, newest kept: what was counted, and beside it row numbers of the store.

``<id>.json`` is a report without a patient, ``<id>.rows`` what leads to resources. Row numbers mean nothing outside of
the store; those of erased patients lead nowhere.
"""

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from careloom.store.engine import private_folder

_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}")
Json = dict[str, Any]


class KeptReports:
    """The reports in one folder; ids sort by the time at which they were made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, report: Json, rows: object = None, *, most: int) -> None:
        """Keeps one report under its ``id``, durable when this returns, and only the newest `most`."""
        private_folder(self._folder)
        name = report["id"]
        self._write(f"{name}.rows", zlib.compress(orjson.dumps(rows), 6))
        self._write(f"{name}.json", orjson.dumps(report))
        for old in self.ids()[most:]:
            (self._folder / f"{old}.json").unlink(missing_ok=True)
            (self._folder / f"{old}.rows").unlink(missing_ok=True)

    def remove(self, name: str) -> bool:
        """Destroys one report; False where there is none."""
        is_there = self.find(name) is not None
        for ending in ("json", "rows"):
            (self._folder / f"{name}.{ending}").unlink(missing_ok=True)
        return is_there

    def all(self) -> list[Json]:
        """Every report, newest first."""
        return list(self._found())

    def ids(self, before: str = "") -> list[str]:
        """Ids of the reports, newest first; only those that are older than `before`."""
        with suppress(FileNotFoundError):
            names = [file.name.removesuffix(".json") for file in self._folder.iterdir()]
            kept = [name for name in names if _RUN_ID.fullmatch(name) and (not before or name < before)]
            return sorted(kept, reverse=True)
        return []

    def newest(self) -> Json | None:
        """The newest report; None where there is none."""
        return next(self._found(), None)

    def find(self, name: str) -> Json | None:
        """One report; None where there is none of this id."""
        if not _RUN_ID.fullmatch(name):
            return None
        try:
            found: Json = orjson.loads((self._folder / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    def rows(self, name: str) -> Any:
        """What was kept beside a report; None where it is no longer there."""
        with suppress(FileNotFoundError):
            return orjson.loads(zlib.decompress((self._folder / f"{name}.rows").read_bytes()))
        return None

    def _found(self) -> Iterator[Json]:
        for name in self.ids():
            report = self.find(name)
            if report is not None:
                yield report

    def _write(self, name: str, content: bytes) -> None:
        """All of the file or none of it."""
        draft = self._folder / f"{name}.part"
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._folder / name)
