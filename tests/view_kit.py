"""The rows of a view over lines of NDJSON, by its function alone and by columns as far as they go."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from careloom.fhir.views import View
from careloom.fhir.views_expressions import expressions
from careloom.services.view_columns import take
from careloom.services.view_ndjson import Lines
from careloom.services.view_scan import Piece, piece_of


class Told(NamedTuple):
    """What came of some lines."""

    table: pl.DataFrame
    resources: int
    reasons: dict[str, int]
    unread: int


def by_function(view: View, file: Path) -> Told:
    """By the view's function, or step by step where it asks for that."""
    with file.open("rb") as held:
        lines = Lines(held, view.resource)
        return _told(view, [piece_of(view, lines.resources())], lines)


def by_columns(view: View, file: Path, behind: int = 0) -> tuple[Told, int]:
    """By expressions where they are sure, and how many resources those were; so many lines by the function before."""
    written = expressions(view.definition)
    assert written is not None
    count = 0
    with file.open("rb") as held:
        lines = Lines(held, view.resource)
        pieces = [piece_of(view, lines.next(behind))]
        taken = take(lines, file, view, written)
        while True:
            try:
                piece, answered = next(taken)
            except StopIteration as end:
                is_done = end.value
                break
            pieces.append(piece)
            count += answered
        if not is_done:
            pieces.append(piece_of(view, islice(lines.resources(), None)))
        return _told(view, pieces, lines), count


def _told(view: View, pieces: list[Piece], lines: Lines) -> Told:
    reasons: dict[str, int] = {}
    for piece in pieces:
        for where, number in piece.reasons.items():
            reasons[where] = reasons.get(where, 0) + number
    table = pl.concat([pl.DataFrame(schema=view.schema()), *(piece.opened() for piece in pieces)])
    return Told(table, sum(piece.resources for piece in pieces), reasons, lines.unread)


def same(one: Told, other: Told) -> bool:
    """Whether two ways came to the same, the order of rows included."""
    return one.table.equals(other.table) and one[1:] == other[1:]
