"""Lines, marks, texts and intervals of a figure, drawn onto the area between its axes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from careloom.dashboard import theme
from careloom.dashboard.report_marks import PIXEL, fill, ink, mark, polygon, scaled, stroke
from careloom.dashboard.report_scale import Scale, position
from careloom.dashboard.report_text import put

SMALL = 7.0
MOST_LABELS = 400
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Area:
    """The rectangle between two axes, in points from the lower left corner of the figure."""

    x: float
    y: float
    width: float
    height: float
    across: Scale
    up: Scale

    def point(self, x: Any, y: Any) -> Point | None:
        """Where a pair of values lies; None where one of them has no place."""
        first, second = self.across.position(x), self.up.position(y)
        if first is None or second is None:
            return None
        return self.at(first, second)

    def at(self, x: float, y: float) -> Point:
        """Where a pair of positions lies."""
        return self.x + self.across.share(x) * self.width, self.y + self.up.share(y) * self.height


def listed(values: Any) -> list[Any]:
    """The values of a trace as a list, whatever holds them."""
    if values is None:
        return []
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)


def of_each(value: Any, index: int) -> Any:
    """A property that is one for all points, or a list with one for each."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return value
    return value[index] if index < len(value) else None


def pairs(trace: Any) -> list[tuple[Any, Any]]:
    """The (x, y) of a trace; one that has only one of them counts the other."""
    x, y = listed(trace.x), listed(trace.y)
    if not x:
        x = list(range(len(y)))
    if not y:
        y = list(range(len(x)))
    return list(zip(x, y, strict=False))


def main_colour(trace: Any, number: int) -> Color:
    """The colour by which a legend knows a trace."""
    series = list(theme.SERIES.values())
    fallback = series[number % len(series)]
    told = getattr(trace, "marker", None)
    for value in (getattr(told, "color", None), getattr(getattr(trace, "line", None), "color", None)):
        if isinstance(value, str):
            return ink(value, fallback)
    return ink(fallback)


def scatter(canvas: Canvas, area: Area, trace: Any, number: int, before: list[Point]) -> list[Point]:
    """Draws lines, marks, texts and intervals; the points, which the next trace may be filled to."""
    mode = trace.mode or ("lines+markers" if len(pairs(trace)) < 20 else "lines")
    opacity = 1.0 if trace.opacity is None else float(trace.opacity)
    colour = main_colour(trace, number)
    parts = list(_parts(area, trace))
    flat = [point for part in parts for point in part]
    if trace.fill and trace.fill != "none" and flat:
        _filled(canvas, area, trace, (flat, before), colour)
    if "lines" in mode:
        line = trace.line
        width = (2.0 if line.width is None else float(line.width)) * PIXEL
        stroke(canvas, ink(line.color) if line.color else colour, width, dash=line.dash, opacity=opacity)
        for part in parts:
            if width and len(part) > 1:
                _polyline(canvas, part, str(line.shape or "linear"))
    spread(canvas, area, trace, colour)
    if "markers" in mode:
        _marks(canvas, area, trace, (colour, opacity))
    if "text" in mode:
        _texts(canvas, area, trace)
    return flat


def _parts(area: Area, trace: Any) -> Iterator[list[Point]]:
    """Points in a row; a gap begins another row."""
    part: list[Point] = []
    for x, y in pairs(trace):
        point = area.point(x, y)
        if point is not None:
            part.append(point)
        elif part and not trace.connectgaps:
            yield part
            part = []
    if part:
        yield part


def _polyline(canvas: Canvas, points: Sequence[Point], shape: str) -> None:
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for (x, y), (last_x, last_y) in zip(points[1:], points, strict=False):
        if shape == "hv":
            path.lineTo(x, last_y)
        elif shape == "vh":
            path.lineTo(last_x, y)
        elif shape == "hvh":
            path.lineTo((x + last_x) / 2, last_y)
            path.lineTo((x + last_x) / 2, y)
        path.lineTo(x, y)
    canvas.drawPath(path, stroke=1, fill=0)


def _filled(canvas: Canvas, area: Area, trace: Any, lines: tuple[list[Point], list[Point]], colour: Color) -> None:
    flat, before = lines
    wash = ink(trace.fillcolor) if trace.fillcolor else Color(colour.red, colour.green, colour.blue, 0.2)
    fill(canvas, wash)
    if trace.fill == "toself":
        edge = flat
    elif trace.fill in {"tonexty", "tonextx"} and before:
        edge = [*flat, *reversed(before)]
    elif trace.fill == "tozerox":
        zero = area.at(max(min(0.0, area.across.high), area.across.low), 0.0)[0]
        edge = [(zero, flat[0][1]), *flat, (zero, flat[-1][1])]
    else:
        zero = area.at(0.0, max(min(0.0, max(area.up.low, area.up.high)), min(area.up.low, area.up.high)))[1]
        edge = [(flat[0][0], zero), *flat, (flat[-1][0], zero)]
    if len(edge) > 2:
        polygon(canvas, edge, solid=1, drawn=0)


def _marks(canvas: Canvas, area: Area, trace: Any, look: tuple[Color, float]) -> None:
    colour, opacity = look
    marker = trace.marker
    own = 1.0 if marker.opacity is None or hasattr(marker.opacity, "__len__") else float(marker.opacity)
    for index, (x, y) in enumerate(pairs(trace)):
        point = area.point(x, y)
        if point is None:
            continue
        size = of_each(marker.size, index)
        shade = shade_of(marker, index, colour)
        fill(canvas, shade, opacity * own)
        stroke(canvas, shade, 1.0, opacity=opacity * own)
        mark(canvas, of_each(marker.symbol, index), *point, (6.0 if size is None else float(size)) / 2 * PIXEL)


def shade_of(marker: Any, index: int, colour: Color) -> Color:
    """The colour of one mark: its own, that of its number on a scale, or else `colour`."""
    value = of_each(marker.color, index)
    if value is None:
        return colour
    if isinstance(value, str):
        return ink(value)
    numbers = [float(each) for each in listed(marker.color)] if hasattr(marker.color, "__len__") else [float(value)]
    low = min(numbers) if marker.cmin is None else float(marker.cmin)
    high = max(numbers) if marker.cmax is None else float(marker.cmax)
    return scaled((float(value) - low) / (high - low) if high > low else 0.5, colours_of(marker))


def colours_of(holder: Any) -> list[tuple[float, str]]:
    """The scale of colours of a trace or of its marks, turned where it asks for that."""
    given = [(float(share), str(value)) for share, value in holder.colorscale or ()]
    found = given or [(0.0, "#e6f5f7"), (0.5, "#2e9dad"), (1.0, "#064e5a")]
    return [(1 - share, value) for share, value in reversed(found)] if holder.reversescale else found


def _texts(canvas: Canvas, area: Area, trace: Any) -> None:
    where = str(trace.textposition or "middle center") if isinstance(trace.textposition, str | None) else "top center"
    up, across = ([*where.split(" "), "center"])[:2]
    for index, (x, y) in enumerate(pairs(trace)[:MOST_LABELS]):
        point, text = area.point(x, y), of_each(trace.text, index)
        if point is not None and text:
            dy = {"top": 5.0, "bottom": -10.0}.get(up, -2.4)
            dx, align = {"left": (-5.0, "r"), "right": (5.0, "l")}.get(across, (0.0, "c"))
            put(canvas, without_markup(str(text)), point[0] + dx, point[1] + dy, SMALL, align=align)


def without_markup(text: str) -> str:
    """A text of plotly without its tags: ``<b>a</b><br>b`` is ``a b``."""
    kept, inside = [], False
    for letter in text.replace("<br>", " "):
        if letter == "<":
            inside = True
        elif letter == ">" and inside:
            inside = False
        elif not inside:
            kept.append(letter)
    return "".join(kept).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def spread(canvas: Canvas, area: Area, trace: Any, colour: Color) -> None:
    """Intervals as lines with ends."""
    for name in ("error_y", "error_x"):
        error = getattr(trace, name, None)
        if error is None or error.visible is False or (error.array is None and error.value is None):
            continue
        width = 1.2 if error.thickness is None else float(error.thickness) * PIXEL
        stroke(canvas, ink(error.color) if error.color else colour, width)
        cap = 3.0 if error.width is None else float(error.width) * PIXEL
        for index, (x, y) in enumerate(pairs(trace)):
            more, less = _errors(error, index, y if name == "error_y" else x)
            if more is None or less is None:
                continue
            if name == "error_y":
                _interval(canvas, area.point(x, float(y) - less), area.point(x, float(y) + more), cap, is_up=True)
            else:
                _interval(canvas, area.point(float(x) - less, y), area.point(float(x) + more, y), cap, is_up=False)


def _errors(error: Any, index: int, value: Any) -> tuple[float | None, float | None]:
    if error.array is None:
        size = float(error.value) * (abs(float(value or 0)) / 100 if error.type == "percent" else 1.0)
        return size, size
    more = of_each(error.array, index)
    less = of_each(error.arrayminus, index) if error.arrayminus is not None else more
    known = value is not None and more is not None and less is not None
    return (float(more), float(less)) if known else (None, None)


def _interval(canvas: Canvas, one: Point | None, other: Point | None, cap: float, *, is_up: bool) -> None:
    if one is None or other is None:
        return
    canvas.line(*one, *other)
    for x, y in (one, other):
        canvas.line(*((x - cap, y, x + cap, y) if is_up else (x, y - cap, x, y + cap)))


def reach(trace: Any, way: str, kind: str, names: Mapping[str, int]) -> list[float]:
    """The ends of a trace's intervals along an axis, as positions."""
    error = getattr(trace, f"error_{way}", None)
    if error is None or error.visible is False or (error.array is None and error.value is None):
        return []
    found = []
    for index, pair in enumerate(pairs(trace)):
        value = pair[0 if way == "x" else 1]
        more, less = _errors(error, index, value)
        if more is not None and less is not None:
            found += [position(float(value) + more, kind, names), position(float(value) - less, kind, names)]
    return [place for place in found if place is not None]


def corner(area: Area, x: tuple[Any, str], y: tuple[Any, str]) -> tuple[float, float] | None:
    """A place that is told in values of an axis, or in shares of the area."""
    across = x[0] if _is_share(x[1]) else area.across.position(x[0])
    up = y[0] if _is_share(y[1]) else area.up.position(y[0])
    if across is None or up is None:
        return None
    return (
        area.x + (float(across) if _is_share(x[1]) else area.across.share(across)) * area.width,
        area.y + (float(up) if _is_share(y[1]) else area.up.share(up)) * area.height,
    )


def _is_share(reference: str) -> bool:
    return reference == "paper" or reference.endswith(" domain")
