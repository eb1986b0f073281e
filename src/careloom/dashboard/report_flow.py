"""Paragraphs, headings, remarks and figures with names, as parts that flow down the pages of a report."""

from collections.abc import Sequence
from typing import Any

from reportlab.platypus import Flowable

from careloom.dashboard import theme
from careloom.dashboard.report_blocks import Facts, Heading, Note, Runs, Words, plain
from careloom.dashboard.report_text import TONES, Line, as_runs, colour, draw_line, lines_of, put, shortened

LIGHT = theme.LIGHT
TEXT, SMALL, LEADING = 9.0, 8.0, 1.42
SIZES = {1: 20.0, 2: 12.5, 3: 10.5, 4: 9.5}
BEFORE = {1: 0.0, 2: 15.0, 3: 9.0, 4: 7.0}
LONGEST_REMARK = 160
"""Letters in a tile."""
LONG = 300.0
"""Points; what is higher may have to part where it stays whole else."""
AFTER = {1: 5.0, 2: 5.0, 3: 3.0, 4: 3.0}


class Lines(Flowable):  # type: ignore[misc]
    """Lines of text that may part between pages, with an optional mark before the first."""

    def __init__(self, runs: Runs, *, size: float = TEXT, kind: str = "", mark: str = "", gap: float = 5.0) -> None:
        super().__init__()
        self.runs, self.size, self.kind, self.mark, self.spaceAfter = runs, size, kind, mark, gap
        self.lines: list[Line] | None = None

    @property
    def _indent(self) -> float:
        return 16.0 if self.mark or self.kind == "item" else 8.0 if self.kind == "code" else 0.0

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Breaks the lines for a width."""
        style = self.kind if self.kind in {"soft", "strong"} else ""
        if self.lines is None:
            room = width - self._indent - (8 if self.kind == "code" else 0)
            self.lines = lines_of(self.runs, self.size, room, style=style)
        self.width, self.height = width, len(self.lines) * self.size * LEADING + (6 if self.kind == "code" else 0)
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """Two parts at the end of a page, each with two lines at least."""
        self.wrap(width, height)
        lines = self.lines or []
        fit = int(height // (self.size * LEADING))
        if fit < 2 or len(lines) - fit < 1:
            return []
        first = Lines(self.runs, size=self.size, kind=self.kind, mark=self.mark, gap=0)
        kind = "item" if self.mark else self.kind
        rest = Lines(self.runs, size=self.size, kind=kind, gap=self.spaceAfter)
        first.lines, rest.lines = lines[:fit], lines[fit:]
        return [first, rest]

    def draw(self) -> None:
        """Draws the lines, from the top."""
        canvas, high = self.canv, self.size * LEADING
        y = self.height - self.size * 1.05
        if self.kind == "code":
            canvas.setFillColor(colour(LIGHT.sunken))
            canvas.roundRect(0, 0, self.width, self.height, 3, stroke=0, fill=1)
            y -= 3
        if self.mark:
            put(canvas, self.mark, 2, y, self.size, ink=LIGHT.ink_soft)
        for line in self.lines or []:
            draw_line(canvas, line, self._indent, y, self.size)
            y -= high


def parted(lines: Lines, width: float, height: float) -> list[Flowable]:
    """The lines, in two parts where they are higher than `height`; nothing where not even two of them fit."""
    return [lines] if lines.wrap(width, height)[1] <= height else lines.split(width, height)


class Title(Lines):
    """A heading, which stands in the document's outline."""

    def __init__(self, heading: Heading, number: int) -> None:
        super().__init__(heading.runs, size=SIZES[heading.level], kind="strong", gap=AFTER[heading.level])
        self.level, self.number = heading.level, number
        self.spaceBefore = BEFORE[heading.level]

    def split(self, width: float, height: float) -> list[Flowable]:
        """A heading stays whole, unless it is longer than any is."""
        return super().split(width, height) if self.height > LONG else []

    def draw(self) -> None:
        """Draws it, and adds it to the outline."""
        super().draw()
        if self.level < 3:
            self.canv.bookmarkPage(f"part-{self.number}")
            self.canv.addOutlineEntry(plain(self.runs), f"part-{self.number}", level=0, closed=False)


class Remark(Flowable):  # type: ignore[misc]
    """A remark on a wash of its tone."""

    spaceAfter = 8.0  # noqa: N815  as reportlab has it

    def __init__(self, note: Note) -> None:
        super().__init__()
        self.note = note
        self.lines: list[Line] = []

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Breaks the lines for a width."""
        self.lines = lines_of(self.note.runs, TEXT, width - 24)
        self.width, self.height = width, len(self.lines) * TEXT * LEADING + 10
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """A remark that no page holds goes on as a paragraph."""
        return parted(Lines(self.note.runs), width, height) if self.height > LONG else []

    def draw(self) -> None:
        """Draws the wash, the bar and the lines."""
        ink, wash = TONES.get(self.note.tone, TONES["quiet"])
        self.canv.setFillColor(colour(wash))
        self.canv.roundRect(0, 0, self.width, self.height, 3, stroke=0, fill=1)
        self.canv.setFillColor(colour(ink))
        self.canv.rect(0, 0, 2.5, self.height, stroke=0, fill=1)
        y = self.height - 5 - TEXT * 1.05
        for line in self.lines:
            draw_line(self.canv, line, 12, y, TEXT)
            y -= TEXT * LEADING


class Tiles(Flowable):  # type: ignore[misc]
    """Figures with their names, side by side."""

    spaceAfter = 8.0  # noqa: N815  as reportlab has it
    GAP = 8.0

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.rows = facts.rows

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """As many as fit with some room each, all of one height in a row."""
        most = max(2, int((width + self.GAP) // 118))
        rows = -(-len(self.rows) // most)
        self.across = max(1, -(-len(self.rows) // max(rows, 1)))
        self.each = (width - (self.across - 1) * self.GAP) / self.across
        self.told = [
            (plain(name), plain(value), lines_of(as_runs(plain(remark), "soft"), SMALL, self.each - 18))
            for name, value, remark in self.rows
        ]
        parts = [self.told[at : at + self.across] for at in range(0, len(self.told), self.across)]
        lines = [max(len(each) if _said(each) else 0 for *_, each in part) for part in parts]
        self.heights = [44 + most * SMALL * 1.3 for most in lines]
        self.width, self.height = width, sum(self.heights) + self.GAP * max(0, len(self.heights) - 1)
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """Row by row."""
        self.wrap(width, height)
        fit, used = 0, 0.0
        for high in self.heights:
            used += high + self.GAP
            if used - self.GAP > height:
                break
            fit += 1
        if not fit or fit == len(self.heights):
            return []
        cut = fit * self.across
        return [Tiles(Facts(self.rows[:cut], True)), Tiles(Facts(self.rows[cut:], True))]

    def draw(self) -> None:
        """Draws each tile."""
        top = self.height
        for number, high in enumerate(self.heights):
            for place, (name, value, lines) in enumerate(self.told[number * self.across : (number + 1) * self.across]):
                self._tile(place * (self.each + self.GAP), top - high, high, (name, value, lines))
            top -= high + self.GAP

    def _tile(self, x: float, y: float, high: float, told: tuple[str, str, Sequence[Line]]) -> None:
        name, value, lines = told
        canvas = self.canv
        canvas.setStrokeColor(colour(LIGHT.line))
        canvas.setLineWidth(0.8)
        canvas.roundRect(x, y, self.each, high, 4, stroke=1, fill=0)
        top, room = y + high, self.each - 18
        put(canvas, shortened(name, room, SMALL), x + 9, top - 14, SMALL, ink=LIGHT.ink_soft)
        sizes = (16.0, 13.0, 11.0, 9.0)
        size = next((each for each in sizes if shortened(value, room, each, style="strong") == value), sizes[-1])
        put(canvas, shortened(value, room, size, style="strong"), x + 9, top - 33, size, style="strong")
        below = top - 45
        for line in lines:
            draw_line(canvas, line, x + 9, below, SMALL)
            below -= SMALL * 1.3


def _said(lines: Sequence[Line]) -> bool:
    return any(line for line in lines)


class Named(Flowable):  # type: ignore[misc]
    """Names with values, one below the other."""

    spaceAfter = 8.0  # noqa: N815  as reportlab has it

    def __init__(self, rows: Sequence[tuple[Runs, Runs, Runs]]) -> None:
        super().__init__()
        self.rows = rows

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """Breaks names and values for a width."""
        self.names = min(125.0, width * 0.3)
        self.told = []
        for name, value, remark in self.rows:
            whole = (*value, *as_runs("\n"), *remark) if remark else value
            names = lines_of(name, TEXT, self.names - 10, style="soft")
            self.told.append((names, lines_of(whole, TEXT, width - self.names)))
        self.heights = [max(len(one), len(other)) * TEXT * LEADING + 4 for one, other in self.told]
        self.width, self.height = width, sum(self.heights)
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """Row by row."""
        self.wrap(width, height)
        fit, used = 0, 0.0
        for high in self.heights:
            if used + high > height:
                break
            used += high
            fit += 1
        if not fit and self.heights and self.heights[0] > LONG:
            name, value, remark = self.rows[0]
            rest: list[Any] = [Named(self.rows[1:])] if self.rows[1:] else []
            after = [*([Lines(value)] if value else []), *([Lines(remark)] if remark else []), *rest]
            begun = parted(Lines(name or value, kind="soft" if name else ""), width, height)
            return [*begun, *after] if begun else []
        return [Named(self.rows[:fit]), Named(self.rows[fit:])] if 0 < fit < len(self.rows) else []

    def draw(self) -> None:
        """Draws a line below each."""
        top = self.height
        for (names, values), high in zip(self.told, self.heights, strict=True):
            y = top - 2 - TEXT * 1.05
            for at, lines in ((0.0, names), (self.names, values)):
                for number, line in enumerate(lines):
                    draw_line(self.canv, line, at, y - number * TEXT * LEADING, TEXT)
            top -= high
            self.canv.setStrokeColor(colour(LIGHT.line))
            self.canv.setLineWidth(0.4)
            self.canv.line(0, top, self.width, top)


def facts_shown(facts: Facts) -> Flowable:
    """Tiles where they are figures with short remarks, else names with values."""
    longest = max((len(plain(runs)) for row in facts.rows for runs in row), default=0)
    return Tiles(facts) if facts.are_tiles and longest <= LONGEST_REMARK else Named(facts.rows)


def paragraph(words: Words) -> Flowable:
    """A paragraph, or an item of a list."""
    return Lines(words.runs, kind=words.kind, mark=words.mark, gap=2.5 if words.mark else 5.0)
