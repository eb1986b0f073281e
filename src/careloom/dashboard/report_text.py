"""Text on paper: the fonts of reports, runs broken into lines of a width, and lines drawn.

All measures are points of 1/72 inch.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from io import BytesIO
from typing import NamedTuple

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from careloom.dashboard import theme
from careloom.dashboard.report_blocks import Run, Runs
from careloom.runtime import packaged

REGULAR, STRONG = "CareloomReport", "CareloomReport-SemiBold"
FILES = {REGULAR: "fonts/inter-regular.ttf", STRONG: "fonts/inter-semibold.ttf"}
UNKNOWN = "□"
"""Stands for a letter that the font lacks."""
PADDING = 3.0
LIGHT = theme.LIGHT
TONES = {
    "good": (LIGHT.good, LIGHT.good_wash),
    "warn": (LIGHT.warn, LIGHT.warn_wash),
    "bad": (LIGHT.bad, LIGHT.bad_wash),
    "run": (LIGHT.accent, LIGHT.accent_wash),
    "quiet": (LIGHT.ink_soft, LIGHT.quiet_wash),
}
"""Tone -> (colour of its words, of what is behind them)."""


class Piece(NamedTuple):
    """Text of one style at a place of its line."""

    x: float
    text: str
    style: str
    width: float


Line = list[Piece]


@cache
def fonts() -> dict[str, frozenset[int]]:
    """Makes the fonts known, once per process; font -> the code points it has."""
    known = {}
    for name, file in FILES.items():
        font = TTFont(name, BytesIO(packaged("dashboard", file)))
        pdfmetrics.registerFont(font)
        known[name] = frozenset(font.face.charToGlyph)
    return known


def font_of(style: str) -> str:
    """The font of a style."""
    return STRONG if style == "strong" or style.startswith("badge") else REGULAR


@cache
def colour(value: str) -> Color:
    """A colour ``#rrggbb``."""
    return HexColor(value)


def printable(text: str) -> str:
    """`text` with a mark for each letter that the font lacks; what has no shape, as marks of direction, is left out."""
    known = fonts()[REGULAR]
    if all(ord(each) in known for each in text):
        return text
    return "".join(each if ord(each) in known else _stand_in(each) for each in text)


def _stand_in(letter: str) -> str:
    if letter.isspace():
        return " "
    code = ord(letter)
    is_shapeless = not letter.isprintable() or 0xFE00 <= code <= 0xFE0F or code == 0xFFFC
    return "" if is_shapeless else UNKNOWN


@cache
def _letters(font: str) -> dict[int, float]:
    fonts()
    return dict(pdfmetrics.getFont(font).face.charWidths)


def width_of(text: str, style: str, size: float) -> float:
    """How wide a text is that the font has all letters of."""
    widths = _letters(font_of(style))
    return sum(widths.get(ord(each), 0.0) for each in text) * size / 1000


def lines_of(runs: Runs, size: float, width: float, *, style: str = "") -> list[Line]:
    """The runs in lines no wider than `width`; a word that is wider alone is broken.

    style  of runs that have none
    """
    lines: list[Line] = [[]]
    x = 0.0
    for run in runs:
        own = run.style or style
        for word in _words(run.text, own):
            if word == "\n":
                lines.append([])
                x = 0.0
                continue
            for part in _fitting(word, own, size, width):
                long = width_of(part.rstrip(" "), own, size) + _room(own)
                if x and x + long > width + 0.01:
                    lines.append([])
                    x = 0.0
                    part = part.lstrip(" ")
                whole = width_of(part, own, size) + _room(own)
                if part:
                    lines[-1].append(Piece(x, part, own, whole))
                    x += whole
    return [_joined(line) for line in lines]


def _room(style: str) -> float:
    return 2 * PADDING if style.startswith("badge") else 0.0


def _words(text: str, style: str) -> Iterator[str]:
    """Words with the spaces after them, and ends of lines; what stands in a badge is one."""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "\n"
        shown = printable(line)
        if style.startswith("badge"):
            yield shown.strip()
            continue
        start = 0
        for place in range(1, len(shown)):
            if shown[place - 1] == " " and shown[place] != " ":
                yield shown[start:place]
                start = place
        if shown[start:]:
            yield shown[start:]


def _fitting(word: str, style: str, size: float, width: float) -> list[str]:
    """The word, or pieces of it that fit."""
    room = max(width - _room(style), size)
    if width_of(word.rstrip(" "), style, size) <= room:
        return [word]
    widths, parts, part, far = _letters(font_of(style)), [], "", 0.0
    for letter in word:
        step = widths.get(ord(letter), 0.0) * size / 1000
        if part and far + step > room:
            parts.append(part)
            part, far = "", 0.0
        part, far = part + letter, far + step
    return [*parts, part]


def _joined(line: Line) -> Line:
    """Neighbours of one style as one piece."""
    kept: Line = []
    for piece in line:
        before = kept[-1] if kept else None
        if before is not None and before.style == piece.style and not piece.style.startswith("badge"):
            kept[-1] = before._replace(text=before.text + piece.text, width=before.width + piece.width)
        else:
            kept.append(piece)
    return kept


def natural(runs: Runs, size: float, *, style: str = "") -> tuple[float, float]:
    """(width in one line each, width of the widest word): what a column wants, and what it needs."""
    whole, line, widest = 0.0, 0.0, 0.0
    for run in runs:
        own = run.style or style
        for word in _words(run.text, own):
            if word == "\n":
                whole, line = max(whole, line), 0.0
                continue
            line += width_of(word, own, size) + _room(own)
            widest = max(widest, width_of(word.rstrip(" "), own, size) + _room(own))
    return max(whole, line), widest


def draw_line(canvas: Canvas, line: Sequence[Piece], x: float, y: float, size: float, *, ink: str = LIGHT.ink) -> None:
    """Draws a line whose letters stand on `y`."""
    for piece in line:
        left = x + piece.x
        if piece.style.startswith("badge"):
            ink_, wash = TONES.get(piece.style.removeprefix("badge-"), TONES["quiet"])
            canvas.setFillColor(colour(wash))
            high = size * 1.32
            canvas.roundRect(left, y - size * 0.33, piece.width, high, 2.2, stroke=0, fill=1)
            _put(canvas, piece, left + PADDING, y, size, ink_)
        elif piece.style in {"code", "mark"}:
            canvas.setFillColor(colour(LIGHT.sunken if piece.style == "code" else LIGHT.accent_wash))
            wide = width_of(piece.text.rstrip(" "), piece.style, size)
            canvas.rect(left - 0.6, y - size * 0.27, wide + 1.2, size * 1.22, stroke=0, fill=1)
            _put(canvas, piece, left, y, size, LIGHT.ink)
        else:
            _put(canvas, piece, left, y, size, LIGHT.ink_soft if piece.style == "soft" else ink)


def _put(canvas: Canvas, piece: Piece, x: float, y: float, size: float, ink: str) -> None:
    canvas.setFillColor(colour(ink))
    canvas.setFont(font_of(piece.style), size)
    canvas.drawString(x, y, piece.text)


def put(  # noqa: PLR0913  a place, a size and a look
    canvas: Canvas,
    text: str,
    x: float,
    y: float,
    size: float,
    *,
    ink: str = LIGHT.ink,
    style: str = "",
    align: str = "l",
) -> float:
    """Draws one line of text that begins, is centred or ends (`align`: l, c, r) at `x`; how wide it is."""
    shown = printable(text.replace("\n", " "))
    width = width_of(shown, style, size)
    left = x - {"l": 0.0, "c": width / 2, "r": width}[align]
    _put(canvas, Piece(0, shown, style, width), left, y, size, ink)
    return width


def shortened(text: str, width: float, size: float, *, style: str = "") -> str:
    """`text`, cut with an ellipsis where it is wider than `width`."""
    shown = printable(text.replace("\n", " "))
    if width_of(shown, style, size) <= width:
        return shown
    widths, room = _letters(font_of(style)), width - width_of("…", style, size)
    for place, letter in enumerate(shown):
        room -= widths.get(ord(letter), 0.0) * size / 1000
        if room < 0:
            return f"{shown[:place].rstrip()}…"
    return shown


def lacks(texts: Iterable[str]) -> int:
    """How many letters of these texts the font lacks: they are printed as `UNKNOWN`."""
    known = fonts()[REGULAR]
    return sum(1 for text in texts for each in text if ord(each) not in known and _stand_in(each) == UNKNOWN)


def as_runs(text: str, style: str = "") -> Runs:
    """A text as runs of one style."""
    return (Run(text, style),)
