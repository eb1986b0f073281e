"""A packed table of concepts: a few bytes a code in memory, found by bisection.

The file is zstandard-compressed UTF-8. Its first line is the release as JSON; each following line is one concept,
sorted by code: ``code flags name names parents properties``, separated by tabs. Flags: ``h`` a grouping, ``i``
inactive. A name that begins with ``+`` continues the first parent's name after a comma. Names are separated by ``|``,
parents by blanks, properties (``key=value``) by ``;``.
"""

import json
import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

import zstandard

from careloom.terminology.concepts import Concept, Match, Release
from careloom.terminology.name_index import NameIndex

_LINE = re.compile(rb"\n")
_PARENTS = re.compile(rb"^([^\t\n]+)\t(?:[^\t\n]*\t){3}([^\t\n]+)", re.MULTILINE)


def pack(release: Release, lines: list[str]) -> bytes:
    """The file of a table; `lines` as the module says, in any order."""
    head = json.dumps(
        {
            "system": release.system,
            "version": release.version,
            "title": release.title,
            "effective": release.effective and release.effective.isoformat(),
            "expires": release.expires and release.expires.isoformat(),
            "is_whole": release.is_whole,
            "licence": release.licence,
        }
    )
    text = "\n".join([head, *sorted(lines, key=lambda line: line.partition("\t")[0].encode())]) + "\n"
    return zstandard.ZstdCompressor(level=22).compress(text.encode())


def packed_line(
    code: str,
    name: str,
    *,
    flags: str = "",
    names: Sequence[str] = (),
    parents: Sequence[str] = (),
    properties: Sequence[tuple[str, str]] = (),
) -> str:
    """One line of a table."""
    cells = [
        code,
        flags,
        name,
        "|".join(names),
        " ".join(parents),
        ";".join(f"{key}={value}" for key, value in properties),
    ]
    assert not any("\t" in cell or "\n" in cell for cell in cells)  # noqa: S101 - of our own tools
    return "\t".join(cells).rstrip("\t")


def _release(head: dict[str, Any], concepts: int) -> Release:
    dates = {key: date.fromisoformat(head[key]) if head[key] else None for key in ("effective", "expires")}
    return Release(
        head["system"],
        head["version"],
        head["title"],
        dates["effective"],
        dates["expires"],
        concepts,
        head["is_whole"],
        head["licence"],
    )


class ConceptTable:
    """One release in memory: its text and where each line starts. The text never changes."""

    def __init__(self, packed: bytes) -> None:
        text = zstandard.ZstdDecompressor().decompress(packed)
        head, _, self._text = text.partition(b"\n")
        self._starts = array("L", [0, *(found.end() for found in _LINE.finditer(self._text))])
        self._starts.pop()
        self.release = _release(json.loads(head), len(self._starts))

    def _code_at(self, start: int) -> bytes:
        return self._text[start : self._text.index(b"\t", start)]

    def _cells(self, start: int) -> list[str]:
        end = self._text.index(b"\n", start)
        cells = self._text[start:end].decode().split("\t")
        return cells + [""] * (6 - len(cells))

    def _start_of(self, code: str) -> int | None:
        wanted = code.encode()
        place = bisect_left(self._starts, wanted, key=self._code_at)
        if place < len(self._starts) and self._code_at(self._starts[place]) == wanted:
            return self._starts[place]
        return None

    def _name(self, cells: list[str]) -> str:
        if not cells[2].startswith("+"):
            return cells[2]
        parent = self._start_of(cells[4].split(" ")[0])
        assert parent is not None  # noqa: S101 - the tool that packs a table checks it
        return f"{self._name(self._cells(parent))}, {cells[2][1:]}"

    def _concept(self, start: int) -> Concept:
        cells = self._cells(start)
        properties: dict[str, tuple[str, ...]] = {}
        for pair in filter(None, cells[5].split(";")):
            key, _, value = pair.partition("=")
            properties[key] = (*properties.get(key, ()), value)
        return Concept(
            system=self.release.system,
            code=cells[0],
            name=self._name(cells),
            version=self.release.version,
            is_active="i" not in cells[1],
            is_abstract="h" in cells[1],
            names=tuple(filter(None, cells[3].split("|"))),
            parents=tuple(cells[4].split()),
            properties=MappingProxyType(properties),
        )

    def find(self, code: str) -> Concept | None:
        """The concept with that code."""
        start = self._start_of(code)
        return None if start is None else self._concept(start)

    def codes(self) -> Iterator[str]:
        """Every code, in the order of the table."""
        return (self._code_at(start).decode() for start in self._starts)

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for code, parents in _PARENTS.findall(self._text):
            for parent in parents.decode().split():
                found[parent].append(code.decode())
        return dict(found)

    def children(self, code: str) -> tuple[str, ...]:
        """The codes directly below a code, in the order of the table."""
        return tuple(self._children.get(code, ()))

    @cached_property
    def _index(self) -> NameIndex:
        """Names to search; those of codes that only continue their parent's name are found through the parent."""
        index = NameIndex()
        for row, start in enumerate(self._starts):
            _, _, name, names, *_ = self._cells(start)
            if not name.startswith("+"):
                index.add(row, name)
                for other in filter(None, names.split("|")):
                    index.add(row, other)
        index.close()
        return index

    def search(self, text: str, limit: int) -> list[Match]:
        """The concepts whose names fit a text, best first; equal ones the shorter name first, then by code."""
        exact = self.find(text.strip()) or self.find(text.strip().upper())
        matches = {exact.code: Match(exact, exact.code, 100.0)} if exact else {}
        for row, name, score in self._index.nearest(text, limit):
            concept = self._concept(self._starts[row])
            matches.setdefault(concept.code, Match(concept, name, score))
        return sorted(matches.values(), key=lambda match: (-match.score, len(match.matched), match.concept.code))[
            :limit
        ]
