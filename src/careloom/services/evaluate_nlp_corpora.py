"""What tasks of `careloom evaluate nlp` are measured on: corpora of a folder, without what anything was made with.

What shipped models and rules were made with is known by the names of its files, or by a list that ships. It is left out
unless asked for: a held-out part lies beside it under another name, or in a folder ``holdout``.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import QueryError
from careloom.nlp.corpora import CASE_REPORT, DETAIL, Document
from careloom.nlp.corpora_notes import GoldNote, gold_notes
from careloom.nlp.entities import TokenTagger
from careloom.runtime import packaged
from careloom.services.train_ner import brat_folder

Rows = list[dict[str, Any]]
HOLDOUT = "holdout"


@dataclass(frozen=True)
class Material:
    """What is at hand for every task.

    data            a folder with one folder a corpus
    tagger          finds entities; `version` is its own, `learnt` fingerprints of the texts that it has learnt from
    families        of simulated notes, those that count; all where empty
    adverse_events  an archive of `careloom.nlp.adverse_events`; None where none was given
    seen            documents count that models and rules were made with
    rerank          codes are ranked anew by the encoder
    """

    data: Path
    tagger: TokenTagger
    version: str
    learnt: frozenset[str] = frozenset()
    families: tuple[str, ...] = ()
    adverse_events: bytes | None = None
    seen: bool = False
    rerank: bool = False
    _folders: tuple[str, ...] = field(default=("", HOLDOUT), init=False, repr=False)

    def rows(self, folder: str, known: frozenset[str], members: tuple[str, ...]) -> Rows:
        """The rows of a corpus of JSON lines without the files `known`.

        raises  QueryError with the line that is no JSON object, or lacks one of `members`
        """
        paths = [path for path in sorted((self.data / folder).glob("*.jsonl")) if self.seen or path.name not in known]
        paths += sorted((self.data / folder / HOLDOUT).glob("*.jsonl"))
        return [row for path in paths for row in _lines(path, members)]

    def files(self, folder: str, pattern: str) -> list[tuple[bytes, bool]]:
        """Content of the files of a corpus by name, and whether they are of a held-out part."""
        return [
            (path.read_bytes(), bool(part))
            for part in self._folders
            for path in sorted((self.data / folder / part).glob(pattern))
        ]

    @cached_property
    def case_reports(self) -> list[tuple[Document, str]]:
        """MACCROBAT2020 with the content of each .ann file."""
        found: list[tuple[Document, str]] = []
        for part in self._folders:
            place = self.data / "maccrobat2020" / part
            if any(place.glob("*.ann")):
                found += [
                    (one, (place / f"{one.id}.ann").read_text(encoding="utf-8"))
                    for one in brat_folder(place, {**CASE_REPORT, **DETAIL})
                ]
        return found

    @cached_property
    def notes(self) -> list[GoldNote]:
        """Simulated notes of the families that count. raises QueryError where there are notes, but none of these"""
        path = self.data / "simulated/answers/notes.ndjson"
        found = gold_notes(path.read_bytes()) if path.exists() else []
        known = sorted({one.family for one in found})
        if found and not set(self.families) <= set(known):
            raise QueryError("there are no simulated notes of one of the families", f"Choose of {', '.join(known)}.")
        return [one for one in found if not self.families or one.family in self.families]


def seen_by_rules(task: str) -> frozenset[str]:
    """Names of the documents that the rules of a task were written on."""
    return frozenset(str(tomllib.loads(packaged("nlp", "seen.toml").decode())[task]).split())


def _lines(path: Path, members: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict) or not row.keys() >= set(members):
            raise QueryError(f"{path}: line {number} is no row", f"A line is a JSON object with {', '.join(members)}.")
        yield row
