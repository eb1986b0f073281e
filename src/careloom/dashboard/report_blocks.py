"""What a report consists of: headings, paragraphs, remarks, facts, tables and figures, as words and data alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style: "", strong, soft, code, mark, or badge and badge-<tone>. "\\n" ends a line."""

    text: str
    style: str = ""


Runs = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` 1 is the page's own."""

    level: int
    runs: Runs


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph, or an item of a list with its `mark`, e.g. ``1.``; `kind`: "", soft, code."""

    runs: Runs
    kind: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark set apart; `tone`: quiet, warn, bad or good."""

    runs: Runs
    tone: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values, and a remark to each: tiles where they are figures, else one below the other."""

    rows: tuple[tuple[Runs, Runs, Runs], ...]
    are_tiles: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its name, columns (title, is a number), and rows of cells."""

    caption: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Runs, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of plotly, and what it shows in words."""

    figure: Any = field(compare=False)
    label: str


Block = Heading | Words | Note | Facts | Grid | Picture


def plain(runs: Iterable[Run]) -> str:
    """The words alone."""
    return "".join(run.text for run in runs)


def told(each: Block) -> list[str]:
    """A block as lines of text, as its hash takes it; a figure by its data."""
    match each:
        case Heading(level, runs):
            return [f"{'#' * level} {plain(runs)}"]
        case Words(runs, _, mark):
            return [f"{mark} {plain(runs)}".strip()]
        case Note(runs, tone):
            return [f"{tone}: {plain(runs)}"]
        case Facts(rows, _):
            return ["\t".join(plain(cell) for cell in row) for row in rows]
        case Grid(caption, columns, rows):
            heads = "\t".join(title for title, _ in columns)
            return [caption, heads, *("\t".join(plain(cell) for cell in row) for row in rows)]
        case Picture(figure, label):
            return [label, str(figure.to_json() if hasattr(figure, "to_json") else figure)]
