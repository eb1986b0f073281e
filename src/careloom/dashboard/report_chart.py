"""A figure of the dashboard on paper: drawn as vectors, with its axes, their titles and its legend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from reportlab.platypus import Flowable

from careloom.dashboard import report_bars, report_scale, report_traces, theme
from careloom.dashboard.report_bars import Bar
from careloom.dashboard.report_marks import PIXEL, fill, ink, mark, scaled, stroke
from careloom.dashboard.report_scale import Scale, written
from careloom.dashboard.report_text import Line, as_runs, draw_line, lines_of, put, shortened, width_of
from careloom.dashboard.report_traces import Area

LIGHT = theme.LIGHT
SIZE = 7.5
LINE = SIZE * 1.5
LOWEST, HIGHEST, HIGHEST_ACROSS = 120.0, 460.0, 330.0
MOST_CAPTION = 5
"""Lines below a figure."""
STEEP_DEGREES = 35
LONGEST_NAME = 170.0
DRAWN = frozenset({"scatter", "scattergl", "bar", "heatmap"})


@dataclass(frozen=True, slots=True)
class Sides:
    """Room around the area between the axes, in points."""

    left: float
    right: float
    top: float
    bottom: float


class Chart(Flowable):  # type: ignore[misc]
    """A figure in the width of the page."""

    spaceBefore, spaceAfter = 2.0, 8.0  # noqa: N815  as reportlab has it

    def __init__(self, figure: Any, label: str) -> None:
        super().__init__()
        self.figure = figure if isinstance(figure, go.Figure) else go.Figure(figure or {})
        self.layout = self.figure.layout
        self.label = label
        self.caption: list[Line] = []
        shown = [trace for trace in self.figure.data if trace.visible in {None, True}]
        self.traces = {number: trace for number, trace in enumerate(shown) if trace.type in DRAWN}
        self.left_out = sorted({trace.type for trace in shown} - DRAWN)
        self.scales: dict[str, Scale] = {}
        self.bars: dict[int, list[Bar]] = {}
        self._scale()

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """As high as on the screen, at most most of a page."""
        high = float(self.layout.height or 260) * PIXEL
        self.width, self.height = width, min(max(high, LOWEST), HIGHEST if width < 600 else HIGHEST_ACROSS)
        if self.left_out:
            self.height += LINE
        self.caption = lines_of(as_runs(self.label, "soft"), SIZE, width)[:MOST_CAPTION] if self.label else []
        self.height += len(self.caption) * LINE
        return self.width, self.height

    def axis(self, reference: str) -> Any:
        """The axis that a trace names: ``x2`` is ``xaxis2``."""
        return self.layout[f"{reference[0]}axis{reference[1:]}"]

    def _scale(self) -> None:
        """Finds the scale of each axis, and where bars stand."""
        for way in "xy":
            for reference in dict.fromkeys(getattr(trace, f"{way}axis") or way for trace in self.traces.values()):
                self._kind(way, reference)
        self._lay_bars()
        for reference, (kind, names, values) in self._kinds.items():
            self.scales[reference] = self._whole(reference, kind, names, values)

    @property
    def _kinds(self) -> dict[str, tuple[str, dict[str, int], list[Any]]]:
        found: dict[str, tuple[str, dict[str, int], list[Any]]] = self.__dict__.setdefault("_found", {})
        return found

    def _kind(self, way: str, reference: str) -> None:
        axis, values = self.axis(reference), []
        for trace in self._on(way, reference):
            both = (
                (report_traces.listed(trace.x), report_traces.listed(trace.y))
                if trace.type == "heatmap"
                else tuple(zip(*report_traces.pairs(trace), strict=True)) or ((), ())
            )
            own = list(both[0 if way == "x" else 1])
            if trace.type == "heatmap" and not own:
                rows = report_traces.listed(trace.z)
                own = list(range(len(rows) if way == "y" else max((len(row) for row in rows), default=0)))
            values += own
        kind = report_scale.kind_of(axis, values)
        names = report_scale.names_of(axis, values) if kind == "category" else {}
        self._kinds[reference] = (kind, names, values)

    def _on(self, way: str, reference: str) -> list[Any]:
        return [trace for trace in self.traces.values() if (getattr(trace, f"{way}axis") or way) == reference]

    def _lay_bars(self) -> None:
        groups: dict[tuple[str, str], dict[int, Any]] = {}
        for number, trace in self.traces.items():
            if trace.type == "bar":
                groups.setdefault((trace.xaxis or "x", trace.yaxis or "y"), {})[number] = trace
        for (x, y), traces in groups.items():
            ways = {"x": self._kinds[x], "y": self._kinds[y]}

            def asked(trace: Any, ways: Any = ways) -> Any:
                along = "y" if trace.orientation == "h" else "x"
                return (
                    lambda value: report_scale.position(value, ways[along][0], ways[along][1]),
                    lambda value: report_scale.position(value, "linear", {}),
                )

            self.bars |= report_bars.laid(traces, self.layout, asked)

    def _whole(self, reference: str, kind: str, names: dict[str, int], values: Sequence[Any]) -> Scale:
        way, axis = reference[0], self.axis(reference)
        own = self._on(way, reference)
        places = [place for value in values if (place := report_scale.position(value, kind, names)) is not None]
        has_bars = False
        for number, trace in self.traces.items():
            if (getattr(trace, f"{way}axis") or way) != reference:
                continue
            is_length = (trace.orientation == "h") == (way == "x") if trace.type == "bar" else False
            if trace.type == "bar":
                has_bars |= is_length
                for bar in self.bars[number]:
                    ends = (bar.begin, bar.end) if is_length else _ends(bar)
                    places += [end for end in ends if kind != "category" or is_length]
            if trace.type != "heatmap":
                places += report_traces.reach(trace, way, kind, names)
        is_heat = bool(own) and all(trace.type == "heatmap" for trace in own)
        if is_heat and kind != "category":
            places = [end for pair in report_bars.edges(sorted(set(places))) for end in pair]
        has_marks = any(trace.type == "scatter" and "markers" in (trace.mode or "markers") for trace in own)
        return report_scale.scale(
            axis,
            kind,
            names,
            places,
            has_bars=has_bars,
            is_tight=is_heat or (way == "x" and not has_marks and not has_bars),
        )

    def draw(self) -> None:
        """Draws the figure: grid, traces, axes, legend."""
        for number, line in enumerate(reversed(self.caption)):
            draw_line(self.canv, line, 0, number * LINE + 2, SIZE)
        self.canv.translate(0, len(self.caption) * LINE)
        self.height -= len(self.caption) * LINE
        if not self.traces:
            put(
                self.canv, self._missing() or "This figure holds nothing.", 0, self.height / 2, SIZE, ink=LIGHT.ink_soft
            )
            return
        high = self._legend(self.height - (self._title() if self.layout.title.text else 0.0))
        sides = self._sides(self.height - high)
        drawn: set[str] = set()
        for x, y in dict.fromkeys((trace.xaxis or "x", trace.yaxis or "y") for trace in self.traces.values()):
            area = self._area(x, y, sides)
            if not area.width > 10 or not area.height > 10:
                continue
            self._grid(area, x, y, drawn)
            self._draw_traces(area, x, y)
            self._shapes(area, x, y)
            drawn |= {x, y}
        self._annotations(sides)
        if self.left_out:
            put(self.canv, self._missing(), 0, 2, SIZE, ink=LIGHT.ink_soft)

    def _missing(self) -> str:
        return f"Not drawn on paper: {', '.join(self.left_out)}. Its table tells the same." if self.left_out else ""

    def _title(self) -> float:
        text = report_traces.without_markup(str(self.layout.title.text))
        put(self.canv, shortened(text, self.width, 9, style="strong"), 0, self.height - 9, 9, style="strong")
        return 16.0

    def _legend(self, top: float) -> float:
        """Draws the names of the traces; how much of the height that took."""
        named = [
            (number, trace) for number, trace in self.traces.items() if trace.name and trace.showlegend is not False
        ]
        asked = self.layout.showlegend
        if asked is False or not named or (asked is None and len(named) < 2):
            return self.height - top
        x, y = 0.0, top - SIZE
        once = {trace.legendgroup or trace.name: (number, trace) for number, trace in named}
        for number, trace in once.values():
            text = shortened(report_traces.without_markup(str(trace.name)), 220, SIZE)
            wide = 20 + width_of(text, "", SIZE) + 14
            if x and x + wide > self.width:
                x, y = 0.0, y - LINE
            self._key(number, trace, x, y + SIZE * 0.33)
            put(self.canv, text, x + 20, y, SIZE)
            x += wide
        return self.height - y + 8

    def _key(self, number: int, trace: Any, x: float, y: float) -> None:
        colour = report_traces.main_colour(trace, number)
        if trace.type == "scatter" and trace.fill in {"toself", "tonexty"} and trace.fillcolor:
            fill(self.canv, ink(trace.fillcolor))
            self.canv.rect(x, y - 3.5, 16, 7, stroke=0, fill=1)
            fill(self.canv, colour)
            return
        fill(self.canv, colour)
        if trace.type != "scatter":
            self.canv.rect(x + 4, y - 3.5, 8, 7, stroke=0, fill=1)
            return
        mode = trace.mode or "lines"
        if "lines" in mode:
            stroke(self.canv, colour, 1.5, dash=trace.line.dash)
            self.canv.line(x, y, x + 16, y)
        if "markers" in mode:
            stroke(self.canv, colour, 1.0)
            mark(self.canv, report_traces.of_each(trace.marker.symbol, 0), x + 8, y, 3)

    def _sides(self, high: float) -> Sides:
        """The room that labels and titles need around all areas together."""
        left, right, bottom = 4.0, 8.0, 6.0
        for reference, scale in self.scales.items():
            axis = self.axis(reference)
            title = LINE + 2 if axis.title.text else 0.0
            if reference[0] == "y":
                widest = max((min(width_of(text, "", SIZE), LONGEST_NAME) for _, text in scale.ticks), default=0.0)
                if axis.side == "right":
                    right = max(right, widest + 8 + title)
                else:
                    left = max(left, widest + 8 + title)
        for reference, scale in self.scales.items():
            if reference[0] == "x":
                title = LINE + 2 if self.axis(reference).title.text else 0.0
                labels = LINE if scale.ticks else 0.0
                if self._is_steep(scale, self.width - left - right):
                    widest = max(min(width_of(text, "", SIZE), LONGEST_NAME) for _, text in scale.ticks)
                    labels = widest * math.sin(math.radians(STEEP_DEGREES)) + LINE
                bottom = max(bottom, labels + title + 4)
        if any(trace.type == "heatmap" and trace.showscale is not False for trace in self.traces.values()):
            right += 44
        if self.left_out:
            bottom += LINE
        return Sides(left, right, max(self.height - high, 4.0), bottom)

    def _is_steep(self, scale: Scale, room: float) -> bool:
        wide = sum(min(width_of(text, "", SIZE), LONGEST_NAME) + 8 for _, text in scale.ticks)
        return scale.kind == "category" and wide > room

    def _area(self, x: str, y: str, sides: Sides) -> Area:
        across, up = self._domain(x), self._domain(y)
        wide, high = self.width - sides.left - sides.right, self.height - sides.top - sides.bottom
        return Area(
            sides.left + across[0] * wide, sides.bottom + up[0] * high, (across[1] - across[0]) * wide,
            (up[1] - up[0]) * high, self.scales[x], self.scales[y],
        )  # fmt: skip

    def _domain(self, reference: str) -> tuple[float, float]:
        axis = self.axis(reference)
        if axis.overlaying:
            axis = self.axis(str(axis.overlaying))
        domain = axis.domain or (0.0, 1.0)
        return float(domain[0]), float(domain[1])

    def _grid(self, area: Area, x: str, y: str, drawn: set[str]) -> None:
        if x not in drawn:
            self._across(area, self.axis(x))
        if y not in drawn:
            self._up(area, self.axis(y))
        stroke(self.canv, ink(LIGHT.line_strong), 0.5)
        self.canv.line(area.x, area.y, area.x + area.width, area.y)

    def _across(self, area: Area, axis: Any) -> None:
        """Ticks and title below an area; labels that would touch are left out, or lean where they are names."""
        canvas, below = self.canv, area.y - LINE
        is_steep, last = self._is_steep(area.across, area.width), -math.inf
        for place, text in area.across.ticks:
            at = area.at(place, area.up.low)[0]
            if axis.showgrid is not False and area.across.kind != "category":
                stroke(canvas, ink(LIGHT.line), 0.5)
                canvas.line(at, area.y, at, area.y + area.height)
            half = width_of(text, "", SIZE) / 2
            if is_steep:
                if at - last < SIZE * 1.2:
                    continue
                canvas.saveState()
                canvas.translate(at + 2, area.y - 7)
                canvas.rotate(STEEP_DEGREES)
                put(canvas, shortened(text, LONGEST_NAME, SIZE), 0, 0, SIZE, ink=LIGHT.ink_soft, align="r")
                canvas.restoreState()
                last = at
            elif at - half > last + 4:
                put(canvas, text, max(at, half), below, SIZE, ink=LIGHT.ink_soft, align="c")
                last = at + half
        if axis.title.text:
            lowest = 3 + (LINE if self.left_out else 0)
            text = shortened(report_traces.without_markup(str(axis.title.text)), area.width, SIZE)
            put(canvas, text, area.x + area.width / 2, lowest if area.y < 90 else below - LINE, SIZE, align="c")

    def _up(self, area: Area, axis: Any) -> None:
        canvas, is_right = self.canv, axis.side == "right"
        edge, last = (area.x + area.width + 4 if is_right else area.x - 4), -math.inf
        widest = 0.0
        for place, text in sorted(area.up.ticks, key=lambda tick: area.up.share(tick[0])):
            at = area.at(area.across.low, place)[1]
            if axis.showgrid is not False and not axis.overlaying and area.up.kind != "category":
                stroke(canvas, ink(LIGHT.line), 0.5)
                canvas.line(area.x, at, area.x + area.width, at)
            if at - last < SIZE * 1.1:
                continue
            shown = shortened(report_traces.without_markup(text), LONGEST_NAME, SIZE)
            widest = max(widest, put(canvas, shown, edge, at - SIZE * 0.35, SIZE, ink=LIGHT.ink_soft,
                                     align="l" if is_right else "r"))  # fmt: skip
            last = at
        if axis.title.text:
            canvas.saveState()
            canvas.translate(edge + widest + 10 if is_right else edge - widest - 6, area.y + area.height / 2)
            canvas.rotate(90)
            text = shortened(report_traces.without_markup(str(axis.title.text)), area.height + 20, SIZE)
            put(canvas, text, 0, 0, SIZE, align="c")
            canvas.restoreState()

    def _draw_traces(self, area: Area, x: str, y: str) -> None:
        canvas = self.canv
        before: list[report_traces.Point] = []
        for number, trace in self.traces.items():
            if (trace.xaxis or "x", trace.yaxis or "y") != (x, y):
                continue
            canvas.saveState()
            path = canvas.beginPath()
            path.rect(area.x - 5, area.y - 5, area.width + 10, area.height + 12)
            canvas.clipPath(path, stroke=0, fill=0)
            if trace.type == "bar":
                report_bars.bars(canvas, area, trace, number, self.bars[number])
            elif trace.type == "heatmap":
                report_bars.heatmap(canvas, area, trace)
            else:
                before = report_traces.scatter(canvas, area, trace, number, before)
            canvas.restoreState()
            if trace.type == "heatmap" and trace.showscale is not False:
                self._colours(area, trace)

    def _colours(self, area: Area, trace: Any) -> None:
        """The scale of a heatmap's colours, at its right."""
        low, high = report_bars.bounds(trace)
        x, steps = self.width - 40, 40
        colours = report_traces.colours_of(trace)
        for step in range(steps):
            fill(self.canv, scaled((step + 0.5) / steps, colours))
            self.canv.rect(x, area.y + area.height * step / steps, 8, area.height / steps + 0.3, stroke=0, fill=1)
        for value in report_scale.rounds(low, high, 4):
            at = area.y + area.height * ((value - low) / (high - low) if high > low else 0.5)
            put(self.canv, written(value), x + 11, at - SIZE * 0.35, SIZE, ink=LIGHT.ink_soft)

    def _shapes(self, area: Area, x: str, y: str) -> None:
        for shape in self.layout.shapes or ():
            across, up = str(shape.xref or "x"), str(shape.yref or "y")
            if across.split(" ", maxsplit=1)[0] not in {x, "paper"} or up.split(" ", maxsplit=1)[0] not in {y, "paper"}:
                continue
            one = report_traces.corner(area, (shape.x0, across), (shape.y0, up))
            other = report_traces.corner(area, (shape.x1, across), (shape.y1, up))
            if one is None or other is None:
                continue
            line = shape.line
            stroke(self.canv, ink(line.color, LIGHT.ink_soft), float(line.width or 1.5) * PIXEL, dash=line.dash,
                   opacity=float(shape.opacity or 1))  # fmt: skip
            if shape.type == "line":
                self.canv.line(*one, *other)
            else:
                fill(self.canv, ink(shape.fillcolor, LIGHT.quiet_wash), float(shape.opacity or 1))
                self.canv.rect(*one, other[0] - one[0], other[1] - one[1], stroke=int(bool(line.width)), fill=1)
            self.canv.setFillAlpha(1)

    def _annotations(self, sides: Sides) -> None:
        for each in self.layout.annotations or ():
            across, up = str(each.xref or "paper"), str(each.yref or "paper")
            x = across.split(" ", maxsplit=1)[0]
            y = up.split(" ", maxsplit=1)[0]
            first_x = x if x in self.scales else next(name for name in self.scales if name[0] == "x")
            first_y = y if y in self.scales else next(name for name in self.scales if name[0] == "y")
            point = report_traces.corner(self._area(first_x, first_y, sides), (each.x, across), (each.y, up))
            if point is not None and each.text:
                align = {"left": "l", "right": "r"}.get(str(each.xanchor), "c")
                put(self.canv, report_traces.without_markup(str(each.text)), point[0], point[1] + 2, SIZE, align=align)


def _ends(bar: Bar) -> tuple[float, float]:
    return bar.middle - bar.width / 2, bar.middle + bar.width / 2
