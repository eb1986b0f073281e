"""A table over any number of pages: its head on each, long cells broken, columns as wide as what they hold asks for."""

from collections.abc import Sequence

from reportlab.platypus import Flowable

from careloom.dashboard import theme
from careloom.dashboard.report_blocks import Grid, Runs
from careloom.dashboard.report_text import Line, as_runs, colour, draw_line, lines_of, natural

LIGHT = theme.LIGHT
SIZE, LEADING = 8.0, 1.38
PAD_X, PAD_Y = 5.0, 3.2
LOOKED_AT = 400
"""Rows from which the widths of columns are taken."""
MOST_HEAD = 5
"""Lines of a column's title."""
LONG_ROW = 300.0
"""A row this high may be parted itself."""
Row = list[list[Line]]


def wanted(grid: Grid) -> tuple[list[float], list[float]]:
    """(what each column needs, what it would like): points."""
    least, most = [], []
    rows = grid.rows[:LOOKED_AT]
    for place, (title, _) in enumerate(grid.columns):
        sizes = [natural(row[place], SIZE) for row in rows]
        sizes.append(natural(as_runs(title), SIZE, style="strong"))
        most.append(max(size[0] for size in sizes) + 2 * PAD_X + 1)
        least.append(max(size[1] for size in sizes) + 2 * PAD_X + 1)
    return least, most


def widths(grid: Grid, width: float) -> list[float]:
    """The widths of the columns, which together fill `width`."""
    least, most = wanted(grid)
    if not most:
        return []
    if sum(most) <= width:
        spare = width - sum(most)
        return [each + spare * each / sum(most) for each in most]
    cap = width / len(least) * 1.6
    least = [min(each, max(cap, 24.0)) for each in least]
    if sum(least) >= width:
        return [each * width / sum(least) for each in least]
    return _shared(least, most, width - sum(least))


def _shared(least: Sequence[float], most: Sequence[float], spare: float) -> list[float]:
    """`spare` given to the columns in equal parts, to none more than it would like."""
    given = list(least)
    while spare > 0.5:
        asking = [place for place, want in enumerate(most) if want - given[place] > 0.1]
        if not asking:
            return [each + spare / len(given) for each in given]
        part = spare / len(asking)
        for place in asking:
            more = min(part, most[place] - given[place])
            given[place] += more
            spare -= more
    return given


def is_wide(grid: Grid, width: float) -> bool:
    """True where a page of this width would break many of its cells."""
    least, most = wanted(grid)
    return sum(least) > width or (len(most) >= 6 and sum(min(each, width / 2) for each in most) > 1.35 * width)


class Sheet(Flowable):  # type: ignore[misc]
    """Rows of a table below its head; a page's end may part it between rows, and a row that no page holds."""

    def __init__(self, grid: Grid, columns: Sequence[float], head: Row, rows: Sequence[Row]) -> None:
        super().__init__()
        self.grid, self.columns, self.head, self.rows = grid, columns, head, rows
        self.heads = _high(head) if any(title for title, _ in grid.columns) else 0.0
        self.heights = [_high(row) for row in rows]
        self.spaceAfter = 9.0

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """Its size; the width of its columns is given."""
        self.width, self.height = sum(self.columns), self.heads + sum(self.heights)
        return self.width, self.height

    def split(self, _width: float, height: float) -> list[Flowable]:
        """The rows that fit, and the others."""
        left, fit = height - self.heads, 0
        while fit < len(self.rows) and self.heights[fit] <= left:
            left -= self.heights[fit]
            fit += 1
        if fit:
            return [self._part(self.rows[:fit]), self._part(self.rows[fit:])] if fit < len(self.rows) else []
        lines = int((left - 2 * PAD_Y) // (SIZE * LEADING))
        if not self.rows or self.heights[0] < LONG_ROW or lines < 3:
            return []
        top, rest = [cell[:lines] for cell in self.rows[0]], [cell[lines:] for cell in self.rows[0]]
        return [self._part([top]), self._part([rest, *self.rows[1:]])]

    def _part(self, rows: Sequence[Row]) -> "Sheet":
        return Sheet(self.grid, self.columns, self.head, rows)

    def draw(self) -> None:
        """Draws head and rows, from the top."""
        canvas, top = self.canv, self.height
        if self.heads:
            canvas.setFillColor(colour(LIGHT.sunken))
            canvas.rect(0, top - self.heads, self.width, self.heads, stroke=0, fill=1)
            self._row(self.head, top)
            top -= self.heads
        canvas.setLineWidth(0.4)
        for row, high in zip(self.rows, self.heights, strict=True):
            self._row(row, top)
            top -= high
            canvas.setStrokeColor(colour(LIGHT.line))
            canvas.line(0, top, self.width, top)

    def _row(self, row: Row, top: float) -> None:
        x = 0.0
        for cell, width, (_, is_number) in zip(row, self.columns, self.grid.columns, strict=True):
            y = top - PAD_Y - SIZE * 1.02
            for line in cell:
                wide = line[-1].x + line[-1].width if line else 0.0
                left = x + width - PAD_X - wide if is_number else x + PAD_X
                draw_line(self.canv, line, left, y, SIZE)
                y -= SIZE * LEADING
            x += width


def _high(row: Row) -> float:
    return max((len(cell) for cell in row), default=1) * SIZE * LEADING + 2 * PAD_Y


def sheet(grid: Grid, width: float) -> Sheet:
    """A table that fills a width."""
    columns = widths(grid, width)

    def broken(cells: Sequence[Runs], style: str = "") -> Row:
        return [lines_of(cell, SIZE, room - 2 * PAD_X, style=style) for cell, room in zip(cells, columns, strict=True)]

    head = broken([as_runs(title) for title, _ in grid.columns], "strong")
    head = [cell[:MOST_HEAD] for cell in head]
    return Sheet(grid, columns, head, [broken(row) for row in grid.rows])
