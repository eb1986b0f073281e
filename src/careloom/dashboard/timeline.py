"""The timeline: events in lanes over time, as a figure; and which of them a choice of lanes and time shows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import plotly.graph_objects as go

from careloom.dashboard import theme
from careloom.dashboard.events import LANES, Event, Lane, moment_of

PERIODS = {"all": 0, "10y": 3653, "5y": 1826, "1y": 366, "90d": 90}
"""Choice -> length in days; 0 is everything."""

LANE_PIXELS = 38
TOP_PIXELS = 8
BOTTOM_PIXELS = 32
LONGEST_WORDS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time [start, end)."""

    start: datetime
    end: datetime


def window(events: Collection[Event], period: str, steps_back: int) -> Window | None:
    """The stretch that ends `steps_back` periods before the last event; None for all of time, or without any time.

    period  a key of `PERIODS`
    """
    days = PERIODS.get(period, 0)
    moments = [moment for event in events if (moment := moment_of(event.start)) is not None]
    if not days or not moments:
        return None
    end = max(moments) + timedelta(seconds=1) - timedelta(days=days * steps_back)
    return Window(end - timedelta(days=days), end)


def shown(events: Sequence[Event], lanes: Collection[str], within: Window | None) -> list[Event]:
    """The events of these lanes that touch the window; without a window also those whose time nobody knows."""
    return [event for event in events if event.lane in lanes and (within is None or _touches(event, within))]


def _touches(event: Event, within: Window) -> bool:
    start = moment_of(event.start)
    if start is None:
        return False
    end = moment_of(event.end) or start
    return start < within.end and end >= within.start


def lanes_of(events: Collection[Event]) -> list[Lane]:
    """The lanes in which something happened, in their fixed order."""
    used = {event.lane for event in events}
    return [lane for lane in LANES if lane.name in used]


RINGS = {
    "index": ("Index event", "blue", "star-open", 19), "qualifying": ("Qualifies", "green", "circle-open", 17),
    "factor": ("Behind the risk", "red", "square-open", 17),
}  # fmt: skip
"""What an event counts for -> words, colour, shape and size of what is drawn around it."""


def figure(events: Collection[Event], within: Window | None, marks: Mapping[str, str] | None = None) -> go.Figure:
    """One row per lane: a shape for each event, hollow for what was read from a note, a line for what lasted.

    marks  ``Observation/x1`` -> a key of `RINGS`: what is drawn around it
    """
    lanes = lanes_of(events)
    drawn = go.Figure()
    for kind in RINGS:
        ringed = [one for one in events if (marks or {}).get(one.key) == kind and moment_of(one.start) is not None]
        if ringed:
            drawn.add_trace(_rings(ringed, kind, {lane.name: -row for row, lane in enumerate(lanes)}))
    top = TOP_PIXELS + (24 if drawn.data else 0)
    for row, lane in enumerate(lanes):
        own = [event for event in events if event.lane == lane.name and moment_of(event.start) is not None]
        drawn.add_trace(_spans(own, lane, -row))
        drawn.add_trace(_marks(own, lane, -row))
    axis = {"range": [within.start.isoformat(), within.end.isoformat()]} if within else {}
    drawn.update_layout(
        template="none",
        height=LANE_PIXELS * max(1, len(lanes)) + top + BOTTOM_PIXELS, showlegend=top > TOP_PIXELS, dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12}},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", hovermode="closest",
        margin={"l": 8, "r": 16, "t": top, "b": BOTTOM_PIXELS},
        font={"family": theme.FONT, "size": 12},
        hoverlabel={"align": "left", "bgcolor": theme.LIGHT.surface},
        xaxis={"type": "date", "showgrid": True, "gridcolor": theme.LIGHT.line, "zeroline": False, "fixedrange": True,
               "nticks": 8, "automargin": True, **axis},
        yaxis={"tickvals": [-row for row in range(len(lanes))], "ticktext": [lane.title for lane in lanes],
               "range": [0.6 - max(1, len(lanes)), 0.6], "showgrid": True, "gridcolor": theme.LIGHT.line,
               "zeroline": False, "fixedrange": True, "automargin": True, "ticks": ""},
    )  # fmt: skip
    return drawn


def _marks(events: Sequence[Event], lane: Lane, row: int) -> go.Scatter:
    return go.Scatter(
        x=[_moment(event.start) for event in events], y=[row] * len(events), mode="markers", name=lane.title,
        showlegend=False,
        text=[_words(event) for event in events], hovertemplate="%{text}<extra></extra>",
        marker={"size": 9, "symbol": [_symbol(event, lane) for event in events], "opacity": 0.85,
                "color": theme.SERIES[lane.colour],
                "line": {"width": 1.5 if lane.symbol.endswith("-open") else 0, "color": theme.SERIES[lane.colour]}},
    )  # fmt: skip


def _symbol(event: Event, lane: Lane) -> str:
    """The shape of a lane, hollow for what was read from a note."""
    return f"{lane.symbol.removesuffix('-open')}-open-dot" if event.origin else lane.symbol


def _rings(events: Sequence[Event], kind: str, rows: Mapping[str, int]) -> go.Scatter:
    title, colour, symbol, size = RINGS[kind]
    return go.Scatter(
        x=[_moment(event.start) for event in events], y=[rows[event.lane] for event in events], mode="markers",
        name=title, hoverinfo="skip",
        marker={"size": size, "symbol": symbol, "color": theme.SERIES[colour], "line": {"width": 2.5}},
    )  # fmt: skip


def _spans(events: Sequence[Event], lane: Lane, row: int) -> go.Scatter:
    """Lines of what lasted longer than a day, with gaps between them."""
    x: list[str | None] = []
    for event in events:
        start, end = moment_of(event.start), moment_of(event.end)
        if start is not None and end is not None and end - start > timedelta(days=1):
            x += [start.isoformat(), end.isoformat(), None]
    return go.Scatter(
        x=x, y=[row if place is not None else None for place in x], mode="lines", hoverinfo="skip", opacity=0.4,
        showlegend=False, line={"width": 7, "color": theme.SERIES[lane.colour]},
    )  # fmt: skip


def _moment(text: str) -> str | None:
    moment = moment_of(text)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S")


def _words(event: Event) -> str:
    said = [f"<b>{_short(event.title)}</b>", _short(event.value), _short(when(event)), _short(event.status)]
    said += ["read from a note"] if event.origin else []
    return "<br>".join(part for part in said if part)


def _short(text: str) -> str:
    """Text of a source on one line, without what plotly would take for markup."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain if len(plain) <= LONGEST_WORDS else plain[: LONGEST_WORDS - 1] + "…"


def when(event: Event) -> str:
    """``2024-05-17 10:15`` or ``2024-05-17 to 2024-05-20``, as precisely as it is known."""
    start, end = _readable(event.start), _readable(event.end)
    if not start:
        return "no date"
    if not end or end == start:
        return start
    return f"{start} to {end[11:] if len(end) > 10 and end[:10] == start[:10] else end}"


def _readable(text: str) -> str:
    return text[:16].replace("T", " ")
