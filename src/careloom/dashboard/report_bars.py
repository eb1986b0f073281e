"""Bars and cells of a figure: where they stand, and how they are drawn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from reportlab.pdfgen.canvas import Canvas

from careloom.dashboard import theme
from careloom.dashboard.report_marks import fill, ink, scaled
from careloom.dashboard.report_scale import written
from careloom.dashboard.report_text import put, shortened
from careloom.dashboard.report_traces import (
    MOST_LABELS,
    SMALL,
    Area,
    Point,
    colours_of,
    listed,
    main_colour,
    of_each,
    pairs,
    shade_of,
    spread,
    without_markup,
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in positions: its middle and width along the axis of names, from where to where it is long."""

    middle: float
    width: float
    begin: float
    end: float
    index: int


@dataclass(slots=True)
class Stacks:
    """Where bars of one place end so far, above and below zero."""

    above: dict[float, float] = field(default_factory=dict)
    below: dict[float, float] = field(default_factory=dict)


def heatmap(canvas: Canvas, area: Area, trace: Any) -> None:
    """Draws cells in their colours, with their texts where the figure has some."""
    rows = [listed(row) for row in listed(trace.z)]
    x = listed(trace.x) or list(range(max((len(row) for row in rows), default=0)))
    y = listed(trace.y) or list(range(len(rows)))
    columns = edges([area.across.position(each) for each in x])
    lines = edges([area.up.position(each) for each in y])
    low, high = bounds(trace)
    colours, texts = colours_of(trace), listed(trace.text)
    for down, row in enumerate(rows[: len(lines)]):
        for right, value in enumerate(row[: len(columns)]):
            if value is None or not math.isfinite(value):
                continue
            share = (float(value) - low) / (high - low) if high > low else 0.5
            shade = scaled(share, colours)
            first, last = area.at(columns[right][0], lines[down][0]), area.at(columns[right][1], lines[down][1])
            fill(canvas, shade)
            canvas.rect(*first, last[0] - first[0], last[1] - first[1], stroke=0, fill=1)
            text = _cell_text(trace, value, of_each(of_each(texts, down), right) if texts else None)
            if text:
                is_dark = 0.2126 * shade.red + 0.7152 * shade.green + 0.0722 * shade.blue < 0.55
                shown = shortened(text, abs(last[0] - first[0]) - 2, SMALL)
                canvas.setFillAlpha(1)
                put(canvas, shown, (first[0] + last[0]) / 2, (first[1] + last[1]) / 2 - 2.5, SMALL, align="c",
                    ink="#ffffff" if is_dark else theme.LIGHT.ink)  # fmt: skip


def bounds(trace: Any) -> tuple[float, float]:
    """The values at both ends of a heatmap's scale of colours."""
    known = [float(each) for row in listed(trace.z) for each in listed(row) if each is not None and math.isfinite(each)]
    low = min(known, default=0.0) if trace.zmin is None else float(trace.zmin)
    high = max(known, default=1.0) if trace.zmax is None else float(trace.zmax)
    if trace.zmid is not None:
        far = max(high - float(trace.zmid), float(trace.zmid) - low)
        low, high = float(trace.zmid) - far, float(trace.zmid) + far
    return low, high


def _cell_text(trace: Any, value: Any, text: Any) -> str:
    template = str(trace.texttemplate or "")
    if "%{text}" in template:
        return without_markup(template.replace("%{text}", str(text if text is not None else "")))
    if "%{z" in template:
        spec = template.partition("%{z")[2].partition("}")[0].removeprefix(":")
        try:
            return format(float(value), spec) if spec else written(float(value))
        except ValueError:
            return written(float(value))
    return ""


def edges(places: Sequence[float | None]) -> list[tuple[float, float]]:
    """Where the cell of each place begins and ends: halfway to its neighbours."""
    known = [0.0 if place is None else place for place in places]
    if not known:
        return []
    if len(known) == 1:
        return [(known[0] - 0.5, known[0] + 0.5)]
    between = [(one + other) / 2 for one, other in pairwise(known)]
    ends = [2 * known[0] - between[0], *between, 2 * known[-1] - between[-1]]
    return list(pairwise(ends))


def bars(canvas: Canvas, area: Area, trace: Any, number: int, drawn: Sequence[Bar]) -> None:
    """Draws bars that `laid` has placed, their texts and intervals."""
    is_flat = trace.orientation == "h"
    colour = main_colour(trace, number)
    opacity = 1.0 if trace.opacity is None else float(trace.opacity)
    for bar in drawn:
        low, high = bar.middle - bar.width / 2, bar.middle + bar.width / 2
        one = area.at(bar.begin, low) if is_flat else area.at(low, bar.begin)
        other = area.at(bar.end, high) if is_flat else area.at(high, bar.end)
        fill(canvas, shade_of(trace.marker, bar.index, colour), opacity)
        canvas.rect(*one, other[0] - one[0], other[1] - one[1], stroke=0, fill=1)
        text = of_each(trace.text, bar.index)
        if text not in {None, ""} and len(drawn) <= MOST_LABELS:
            canvas.setFillAlpha(1)
            _bar_text(canvas, without_markup(str(text)), (one, other), is_flat=is_flat)
    spread(canvas, area, trace, ink(theme.LIGHT.ink))


def _bar_text(canvas: Canvas, text: str, corners: tuple[Point, Point], *, is_flat: bool) -> None:
    one, other = corners
    if is_flat:
        put(canvas, text, other[0] + 3, (one[1] + other[1]) / 2 - 2.5, SMALL)
    else:
        put(canvas, text, (one[0] + other[0]) / 2, other[1] + 2.5, SMALL, align="c")


def laid(traces: Mapping[int, Any], layout: Any, areas: Any) -> dict[int, list[Bar]]:
    """Where the bars of traces on one pair of axes stand, side by side or on top of each other.

    areas  (scale of names, scale of lengths) by the number of a trace, as positions are asked from
    """
    mode = layout.barmode or "group"
    gap = 0.2 if layout.bargap is None else float(layout.bargap)
    stacks, placed = Stacks(), {}
    for order, (number, trace) in enumerate(traces.items()):
        along, length = areas(trace)
        values = [(y, x) if trace.orientation == "h" else (x, y) for x, y in pairs(trace)]
        places = [along(each) for each, _ in values]
        unit = _unit([place for place in places if place is not None]) * (1 - gap)
        wide, shift = (unit, 0.0)
        if mode == "group":
            wide = unit / len(traces)
            shift = (order - (len(traces) - 1) / 2) * wide
        found = []
        for index, (place, (_, value)) in enumerate(zip(places, values, strict=True)):
            end, own = length(value), of_each(trace.width, index)
            if place is None or end is None:
                continue
            begin = float(of_each(trace.base, index) or 0) if trace.base is not None else 0.0
            if mode in {"stack", "relative"}:
                held = stacks.below if end < 0 else stacks.above
                begin = held.get(place, 0.0)
                held[place] = begin + end
            found.append(Bar(place + shift, float(own) if own is not None else wide, begin, begin + end, index))
        placed[number] = found
    return placed


def _unit(places: Sequence[float]) -> float:
    """The least distance of two places; 1 where there is one alone."""
    known = sorted(set(places))
    return min((other - one for one, other in pairwise(known)), default=1.0)
