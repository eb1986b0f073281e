"""What was measured of a patient over time: a small figure for each code and unit, with its source's own range."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.reports import Resource
from careloom.dashboard import figures, theme, words
from careloom.dashboard.events import moment_of
from careloom.dashboard.parts import Column, Content, Table, badge, card, link
from careloom.dashboard.values import UNITS, concept

SHOWN = 6
"""Kinds that are drawn at first: those measured most often."""
_HEIGHT = 150
_MARKS = {"": ("blue", "circle"), "low": ("orange", "triangle-down"), "high": ("red", "triangle-up")}


@dataclass(frozen=True, slots=True)
class Point:
    """One number that was measured.

    code, unit   what and in which unit, as the source says; only the same of both stand in one figure
    low, high    the reference range of this observation; None where it gives none
    known        since when the record has it
    """

    key: str
    code: str
    title: str
    time: str
    value: float
    unit: str
    low: float | None
    high: float | None
    known: str

    @property
    def beyond(self) -> str:
        """low or high where it lies outside of its reference range; empty within, or without one."""
        if self.low is not None and self.value < self.low:
            return "low"
        return "high" if self.high is not None and self.value > self.high else ""


def points_of(resources: Iterable[Resource]) -> list[Point]:
    """The numbers of observations, also of their parts, that have a time and a unit or code."""
    found = []
    for resource in resources:
        if resource.get("resourceType") != "Observation" or resource.get("status") == "entered-in-error":
            continue
        time = str(
            resource.get("effectiveDateTime") or resource.get("effectiveInstant") or resource.get("issued") or ""
        )
        if moment_of(time) is None:
            continue
        known = str(resource.get("issued") or time)
        parts = [resource, *(each for each in resource.get("component", []) if isinstance(each, dict))]
        made = (_point(f"Observation/{resource.get('id', '')}", part, time, known) for part in parts)
        found += [point for point in made if point is not None]
    return found


def _point(key: str, part: dict[str, Any], time: str, known: str) -> Point | None:
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, dict) or isinstance(quantity.get("value"), bool):
        return None
    value, title = quantity.get("value"), concept(part.get("code"))
    if not isinstance(value, int | float) or not title[0] or quantity.get("comparator"):
        return None
    unit = str(quantity.get("unit") or quantity.get("code") or "")
    low, high = _range(part.get("referenceRange"), unit)
    return Point(key, title[1], title[0], time, float(value), UNITS.get(unit, unit).strip("{}"), low, high, known)


def _range(told: Any, unit: str) -> tuple[float | None, float | None]:
    """The first reference range whose unit is that of the value."""
    for one in told if isinstance(told, list) else []:
        ends = [one.get(name) if isinstance(one, dict) else None for name in ("low", "high")]
        numbers = [
            float(end["value"])
            if isinstance(end, dict) and isinstance(end.get("value"), int | float)
            and str(end.get("unit") or end.get("code") or unit) == unit
            else None
            for end in ends
        ]  # fmt: skip
        if numbers != [None, None]:
            return numbers[0], numbers[1]
    return None, None


def pack(points: Iterable[Point]) -> list[tuple[Any, ...]]:
    """Points as a page keeps them."""
    return [astuple(point) for point in points]


def unpack(rows: Iterable[Iterable[Any]]) -> list[Point]:
    """Points as `pack` made them."""
    return [Point(*row) for row in rows]


def shown(points: Sequence[Point], at: str, *, is_whole: bool) -> Component | None:
    """Each kind with two values or more, those measured most often first; None where there is none.

    at  an address that shows all of them
    """
    kinds: dict[tuple[str, str, str], list[Point]] = {}
    for point in sorted(points, key=lambda one: one.time):
        kinds.setdefault((point.code, point.title, point.unit), []).append(point)
    trends = sorted((own for own in kinds.values() if len(own) > 1), key=lambda own: (-len(own), own[0].title))
    if not trends:
        return None
    drawn = trends if is_whole else trends[:SHOWN]
    more = link(f"Show all {len(trends)}", at) if len(drawn) < len(trends) else None
    return html.Section(
        [
            html.Div([html.H2("Trends"), more], className="card-head"),
            html.Div([_trend(own) for own in drawn], className="multiples"),
        ],
        className="stack",
    )


def _trend(own: Sequence[Point]) -> Component:
    newest = own[-1]
    beyond = badge(f"Newest is {newest.beyond}", "warn") if newest.beyond else None
    columns = [Column("When (UTC)", "tight"), Column("Value", "right"), Column("Range of the source", "right")]
    rows = [(one.time[:16].replace("T", " "), _said(one), _range_said(one)) for one in reversed(own)]
    table = Table(f"{newest.title} over time", columns, rows)
    about: list[Content] = [
        html.Strong(_said(newest)),
        f" on {newest.time[:10]}, ",
        words.count_of(len(own), "value"),
        " ",
    ]
    range_ = _range_said(newest)
    said = html.P([*about, beyond], className="small")
    under = html.P(f"Shaded: {range_}, the range that its source gives." if range_ != words.NONE
                   else "Its source gives no range.", className="soft small")  # fmt: skip
    figure = figures.graph(_figure(own), f"{newest.title} over time", f"trend-{newest.code}-{_number(newest)}")
    return card(newest.title, [said, figure, under, figures.twin(table)], kind="card-small")


def _number(point: Point) -> int:
    """A number of a kind of measurement, the same in every process."""
    return sum((at + 1) * ord(letter) for at, letter in enumerate(f"{point.title}|{point.unit}"))


def _said(one: Point) -> str:
    value = f"{round(one.value, 4):g}"
    return f"{value} {one.unit}".strip()


def _range_said(one: Point) -> str:
    if one.low is None and one.high is None:
        return words.NONE
    if one.low is None or one.high is None:
        return f"up to {one.high:g}" if one.low is None else f"from {one.low:g}"
    return f"{one.low:g} to {one.high:g}"


def _figure(own: Sequence[Point]) -> go.Figure:
    """A line through the values, each outside of its range marked by shape and colour; the newest range shaded."""
    looks = [_MARKS[one.beyond] for one in own]
    drawn = go.Figure(
        go.Scatter(
            x=[one.time for one in own], y=[one.value for one in own], mode="lines+markers", showlegend=False,
            text=[f"{_said(one)}, {one.time[:16].replace('T', ' ')}" for one in own],
            hovertemplate="%{text}<extra></extra>", line={"color": theme.SERIES["slate"], "width": 1.5},
            marker={"size": 8, "color": [theme.SERIES[colour] for colour, _ in looks],
                    "symbol": [symbol for _, symbol in looks]},
        )
    )  # fmt: skip
    values = [one.value for one in own]
    least, most = min(values), max(values)
    low, high = own[-1].low, own[-1].high
    bottom = min(least, low if low is not None else least)
    top = max(most, high if high is not None else most)
    room = (top - bottom or abs(top) or 1) * 0.12
    if low is not None or high is not None:
        drawn.add_shape(
            type="rect", xref="paper", x0=0, x1=1, y0=bottom - room if low is None else low,
            y1=top + room if high is None else high, fillcolor=theme.SERIES["green"], opacity=0.14, layer="below",
            line={"width": 0},
        )  # fmt: skip
    figures.styled(drawn, height=_HEIGHT)
    drawn.update_yaxes(range=[bottom - room, top + room], nticks=4)
    return drawn.update_xaxes(nticks=4, type="date")
