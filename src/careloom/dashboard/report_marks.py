"""What figures on paper are drawn of: colours of any spelling, dashes, marks of any shape."""

import math
from collections.abc import Sequence
from typing import Any

from reportlab.lib.colors import Color, HexColor, toColor
from reportlab.pdfgen.canvas import Canvas

from careloom.dashboard import theme

DASHES = {
    "dash": (4.0, 2.5), "dot": (1.0, 2.0), "dashdot": (4.0, 2.0, 1.0, 2.0), "longdash": (7.0, 3.0),
    "longdashdot": (7.0, 2.0, 1.0, 2.0),
}  # fmt: skip
PIXEL = 0.72
"""Points for a pixel of the screen."""
CORNERS = {
    "square": (4, 45.0, 1.0), "diamond": (4, 0.0, 1.2), "triangle-up": (3, 90.0, 1.25),
    "triangle-down": (3, 270.0, 1.25),
    "triangle-left": (3, 180.0, 1.25), "triangle-right": (3, 0.0, 1.25), "pentagon": (5, 90.0, 1.1),
    "hexagon": (6, 90.0, 1.1), "octagon": (8, 22.5, 1.05),
}  # fmt: skip
"""Shape -> (corners, turned by degrees, size beside a circle's)."""


def ink(value: Any, fallback: str = theme.SERIES["blue"]) -> Color:
    """A colour as plotly takes it: ``#rrggbb``, ``rgba(…)`` or a name."""
    try:
        return toColor(str(value).replace("gray", "grey")) if value is not None else HexColor(fallback)
    except (ValueError, KeyError, TypeError):
        return HexColor(fallback)


def fill(canvas: Canvas, value: Color, opacity: float = 1.0) -> None:
    """Sets the colour and opacity of what is filled."""
    canvas.setFillColor(value)
    canvas.setFillAlpha(value.alpha * opacity)


def stroke(canvas: Canvas, value: Color, width: float, *, dash: Any = None, opacity: float = 1.0) -> None:
    """Sets colour, opacity, width in points and dash of lines."""
    canvas.setStrokeColor(value)
    canvas.setStrokeAlpha(value.alpha * opacity)
    canvas.setLineWidth(width)
    parts = DASHES.get(str(dash))
    if parts:
        canvas.setDash(*[[each * max(width, 0.8) for each in parts]])
    else:
        canvas.setDash()


def scaled(value: float, colours: Sequence[tuple[float, str]]) -> Color:
    """The colour of a share 0 to 1 of a scale of colours."""
    share = min(1.0, max(0.0, value))
    before = colours[0]
    for after in colours:
        if share <= after[0]:
            span = after[0] - before[0]
            part = (share - before[0]) / span if span else 0.0
            one, other = ink(before[1]), ink(after[1])
            return Color(*(a + (b - a) * part for a, b in zip(one.rgb(), other.rgb(), strict=True)))
        before = after
    return ink(colours[-1][1])


def mark(canvas: Canvas, symbol: Any, x: float, y: float, radius: float) -> None:
    """A mark around a place, filled, or as a line where its name says open."""
    name = str(symbol or "circle")
    base, is_open = name.removesuffix("-open"), name.endswith("-open")
    solid, drawn = int(not is_open), int(is_open)
    if base in CORNERS:
        corners, turn, more = CORNERS[base]
        points = [(x + radius * more * math.cos(math.radians(turn + 360 * each / corners)),
                   y + radius * more * math.sin(math.radians(turn + 360 * each / corners)))
                  for each in range(corners)]  # fmt: skip
        polygon(canvas, points, solid=solid, drawn=drawn)
    elif base == "star":
        points = [(x + radius * (1.25, 0.55)[each % 2] * math.cos(math.radians(90 + 36 * each)),
                   y + radius * (1.25, 0.55)[each % 2] * math.sin(math.radians(90 + 36 * each)))
                  for each in range(10)]  # fmt: skip
        polygon(canvas, points, solid=solid, drawn=drawn)
    elif base in {"cross", "x"}:
        canvas.saveState()
        canvas.translate(x, y)
        if base == "x":
            canvas.rotate(45)
        arm = radius * 0.4
        canvas.rect(-radius, -arm, 2 * radius, 2 * arm, stroke=drawn, fill=solid)
        canvas.rect(-arm, -radius, 2 * arm, 2 * radius, stroke=drawn, fill=solid)
        canvas.restoreState()
    elif base.startswith("line-"):
        dx, dy = {"line-ew": (radius, 0.0), "line-ns": (0.0, radius)}.get(base, (radius, radius))
        canvas.line(x - dx, y - dy, x + dx, y + dy)
    else:
        canvas.circle(x, y, radius, stroke=drawn, fill=solid)


def polygon(canvas: Canvas, points: Sequence[tuple[float, float]], *, solid: int, drawn: int) -> None:
    """A closed shape of corners."""
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    path.close()
    canvas.drawPath(path, stroke=drawn, fill=solid)
