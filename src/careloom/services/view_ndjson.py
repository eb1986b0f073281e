"""The rows of a view over files of NDJSON, part after part.

The view's function looks at each resource. In a large file of short resources that mostly make rows, under a view
whose every path is plain, expressions over columns take over: the same rows for less of the processor's time. What they
are not sure of goes to the function, and so does the rest of a file that they cannot read.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from careloom.fhir.views import View
from careloom.fhir.views_expressions import Expressions, expressions
from careloom.pipeline.registry import load
from careloom.services.view_scan import BATCH, Piece, piece_of

LARGE_BYTES = 32_000_000
"""In smaller files nothing is gained: DuckDB takes longer to start."""
LINE_BYTES = 2_000
"""Where lines are longer in the middle, DuckDB takes as long to read them as the function gains."""
_DENSE = 0.5
"""Rows for each resource of the first part, below which the function is as fast: it leaves a resource early."""


@dataclass(slots=True)
class Lines:
    """The lines of a file that are not blank, read one after another.

    kind    resource type that is wanted
    read    bytes so far, of `number` lines
    ahead   lines to pass over before the next
    unread  lines that are no JSON object
    """

    held: BinaryIO
    kind: str
    read: int = 0
    number: int = 0
    ahead: int = 0
    unread: int = 0

    @property
    def position(self) -> int:
        """Bytes behind it; lines that were passed over count as long as the others."""
        return self.read + self.ahead * self.read // max(self.number, 1)

    def resources(self) -> Iterator[dict[str, Any]]:
        """What is left of the file as resources of the type."""
        for line in self.held:
            self.read += len(line)
            if not line.strip():
                continue
            self.number += 1
            if self.ahead:
                self.ahead -= 1
            elif (found := self._resource(line)) is not None:
                yield found

    def next(self, count: int) -> Iterator[dict[str, Any]]:
        """Those of the type among the next lines, so many."""
        stop = self.number + self.ahead + count
        while self.number < stop and (line := self.held.readline()):
            self.read += len(line)
            if line.strip():
                self.number += 1
                if self.ahead:
                    self.ahead -= 1
                elif (found := self._resource(line)) is not None:
                    yield found

    def _resource(self, line: bytes) -> dict[str, Any] | None:
        try:
            held = orjson.loads(line)
        except orjson.JSONDecodeError:
            held = None
        if not isinstance(held, dict):
            self.unread += 1
            return None
        return held if held.get("resourceType") == self.kind else None


Take = Callable[[Lines, Path, View, Expressions], Generator[tuple[Piece, int], None, bool]]


class Files:
    """NDJSON files under a view.

    position        bytes of them that were looked at
    unread          lines that are no JSON object
    by_expressions  resources whose rows were found by expressions
    """

    def __init__(self, view: View, files: Iterable[Path], *, is_whole: bool) -> None:
        """is_whole: all rows are wanted, so that it pays to read by columns."""
        self.view = view
        self.files = list(files)
        self.position = self.unread = self.by_expressions = 0
        self._written = expressions(view.definition) if is_whole else None

    def pieces(self, size: int) -> Iterator[Piece]:
        """The rows of all resources of the view's type, in their order; so many resources a piece by the function."""
        for is_large, files in groupby(self.files, self._is_large):
            if is_large:
                for file in files:
                    yield from self._large(file)
            else:
                yield from self._parts(self._resources(files), size)

    def _is_large(self, file: Path) -> bool:
        return self._written is not None and file.stat().st_size >= LARGE_BYTES

    def _parts(self, resources: Iterator[Any], size: int) -> Iterator[Piece]:
        while (piece := piece_of(self.view, islice(resources, size))).resources:
            yield piece

    def _resources(self, files: Iterable[Path]) -> Iterator[Any]:
        for file in files:
            with file.open("rb") as held:
                yield from self._seen(Lines(held, self.view.resource))

    def _seen(self, lines: Lines) -> Iterator[Any]:
        start, unread = self.position - lines.position, self.unread - lines.unread
        for one in lines.resources():
            self.position = start + lines.position
            yield one
        self.position, self.unread = start + lines.position, unread + lines.unread

    def _large(self, file: Path) -> Iterator[Piece]:
        """The first part by the function; where it makes rows enough, what can be by expressions."""
        start, is_done = self.position, False
        with file.open("rb") as held:
            lines = Lines(held, self.view.resource)
            first = piece_of(self.view, islice(lines.resources(), BATCH))
            self.position = start + lines.position
            if first.resources:
                yield first
            is_dense = first.opened().height >= _DENSE * first.resources > 0
            if self._written is not None and is_dense and lines.read <= LINE_BYTES * lines.number:
                take: Take = load("view.expressions")
                taken = take(lines, file, self.view, self._written)
                is_done = yield from self._counted(taken, lines, start)
            self.unread += lines.unread
            if not is_done:
                yield from self._parts(self._seen(lines), BATCH)
        self.position = start + file.stat().st_size

    def _counted(
        self, taken: Generator[tuple[Piece, int], None, bool], lines: Lines, start: int
    ) -> Generator[Piece, None, bool]:
        while True:
            try:
                piece, by_expressions = next(taken)
            except StopIteration as end:
                return bool(end.value)
            self.by_expressions += by_expressions
            self.position = start + lines.position
            if piece.resources:
                yield piece
