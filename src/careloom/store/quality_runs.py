"""Finished looks at the quality of a zone, one folder for all zones: reports without a patient, and row numbers.

``<run>.json`` is the report, ``<run>.brief.json`` what a list and a trend show of it, ``<run>.rows`` the row numbers of
what broke each rule. Row numbers mean nothing outside of the store; those of erased patients lead nowhere.
"""

import os
import re
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import NotFound
from careloom.store.engine import private_folder

FOLDER_NAME = "quality"
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}")
_ENDINGS = (".rows", ".json", ".brief.json")
Json = dict[str, Any]
Rows = Mapping[str, list[tuple[str, str, str, list[int]]]]
"""Rule -> (source, type, path, row numbers) of each place."""


class QualityRuns:
    """The finished looks of one installation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, report: Json, brief: Json, rows: Rows, *, most: int) -> None:
        """Keeps one finished look, durable when this returns, and the newest `most` of its zone."""
        private_folder(self._folder)
        run_id = report["run_id"]
        self._write(f"{run_id}.rows", zlib.compress(orjson.dumps(rows), 6))
        self._write(f"{run_id}.json", orjson.dumps(report))
        self._write(f"{run_id}.brief.json", orjson.dumps(brief))
        for old in list(self.briefs({report["zone"]}))[most:]:
            for ending in _ENDINGS:
                (self._folder / f"{old['run_id']}{ending}").unlink(missing_ok=True)

    def briefs(self, zones: Iterable[str]) -> Iterable[Json]:
        """What is known at a glance of each look at these zones, newest first."""
        wanted = set(zones)
        for run_id in sorted(self._ids(), reverse=True):
            brief = self._read(f"{run_id}.brief.json")
            if brief is not None and brief["zone"] in wanted:
                yield brief

    def report(self, run_id: str) -> Json:
        """One report. raises NotFound."""
        found = self._read(f"{run_id}.json") if _RUN_ID.fullmatch(run_id) else None
        if found is None:
            raise NotFound("there is no look at the data of this id", "careloom quality runs lists them.")
        return found

    def rows(self, run_id: str) -> Rows:
        """The row numbers of one look; empty if they are no longer there."""
        with suppress(FileNotFoundError):
            found: Rows = orjson.loads(zlib.decompress((self._folder / f"{run_id}.rows").read_bytes()))
            return found
        return {}

    def _ids(self) -> list[str]:
        with suppress(FileNotFoundError):
            names = [file.name.removesuffix(".brief.json") for file in self._folder.iterdir()]
            return [name for name in names if _RUN_ID.fullmatch(name)]
        return []

    def _read(self, name: str) -> Json | None:
        try:
            found: Json = orjson.loads((self._folder / name).read_bytes())
        except FileNotFoundError:
            return None
        return found

    def _write(self, name: str, content: bytes) -> None:
        """All of the file or none of it."""
        draft = self._folder / f"{name}.part"
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._folder / name)
