"""Figures of models: calibration, net benefit, groups, stress, drift. Shape and line tell series apart, too."""

import re
from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any

import plotly.graph_objects as go
from dash.development.base_component import Component

from careloom.dashboard import figures, theme
from careloom.dashboard.model_words import plain

_LOOKS = (
    ("blue", "solid", "circle"),
    ("orange", "dash", "square"),
    ("purple", "dot", "diamond"),
    ("ochre", "dashdot", "triangle-up"),
)
_QUIET = theme.SERIES["slate"]
_MAIN = theme.SERIES["blue"]
_LEVELS = {"none": "green", "small": "sky", "medium": "orange", "large": "red"}
Json = Mapping[str, Any]


def shown(figure: go.Figure, label: str) -> Component:
    """A figure in its frame; `label` is what is read aloud, for the table beside it says the rest."""
    return figures.graph(figure, label, "figure-" + re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-"))


def _laid(figure: go.Figure, height: int, x: Json, y: Json) -> go.Figure:
    """The figure in the house's looks; ``title`` of an axis is in words, the rest as plotly has it."""
    figures.styled(figure, x=str(x.get("title", "")), y=str(y.get("title", "")), height=height)
    layout = figure.layout.to_plotly_json()
    for name, told in (("xaxis", x), ("yaxis", y)):
        layout[name] |= {each: value for each, value in told.items() if each != "title"} | {"tickangle": 0}
        layout[name]["title"]["font"] = {"size": 12}
    figure.layout = layout
    return figure


def calibration(reports: Mapping[str, Json]) -> go.Figure:
    """Name -> report of an evaluation: risks that were said against the share that came, with 95 % intervals."""
    drawn, most = go.Figure(), 0.1
    for (name, told), look in zip(reports.items(), _LOOKS, strict=False):
        curve = [one for one in told.get("calibration_curve", []) if one["came"] is not None]
        most = max([most, *(one["high"] for one in curve), *(one["risk"] for one in curve)])
        colour = theme.SERIES[look[0]]
        if curve:
            drawn.add_trace(_binned(name, curve, colour, look[2]))
    for (name, told), look in zip(reports.items(), _LOOKS, strict=False):
        line = _recalibrated(told, most)
        if line:
            drawn.add_trace(_line(f"{name}, smooth", line, theme.SERIES[look[0]], look[1]))
    drawn.add_trace(_line("As said", [(0.0, 0.0), (most, most)], _QUIET, "dot"))
    axis = {"range": [0, most * 1.04], "tickformat": ".0%"}
    return _laid(
        drawn, 340, {**axis, "title": "Risk that was said", "showgrid": True}, {**axis, "title": "Share that came"}
    )


def _binned(name: str, curve: Sequence[Json], colour: str, symbol: str) -> go.Scatter:
    text = [
        f"said {one['risk']:.1%}, came {one['came']:.1%} ({one['low']:.1%} to {one['high']:.1%}), {one['rows']:,} rows"
        for one in curve
    ]
    spread = {
        "type": "data", "symmetric": False, "array": [one["high"] - one["came"] for one in curve],
        "arrayminus": [one["came"] - one["low"] for one in curve], "thickness": 1.2, "width": 3, "color": colour,
    }  # fmt: skip
    return go.Scatter(
        x=[one["risk"] for one in curve], y=[one["came"] for one in curve], mode="markers", name=name, text=text,
        hovertemplate="%{text}<extra></extra>", error_y=spread,
        marker={"size": 8, "color": colour, "symbol": symbol},
    )  # fmt: skip


def _recalibrated(told: Json, most: float) -> list[tuple[float, float]]:
    """The logistic recalibration by slope and intercept, where both are defined."""
    measures = told.get("measures", {})
    slope, start = (measures.get(name, {}).get("value") for name in ("slope", "intercept"))
    if slope is None or start is None:
        return []
    places = [max(1e-4, most * step / 40) for step in range(41)]
    found = [(at, 1 / (1 + exp(-(start + slope * log(at / (1 - at)))))) for at in places if at < 1]
    return [(at, came) for at, came in found if came <= most * 1.04]


def _line(name: str, points: Sequence[tuple[float, float]], colour: str, dash: str, symbol: str = "") -> go.Scatter:
    return go.Scatter(
        x=[at for at, _ in points], y=[value for _, value in points], mode="lines+markers" if symbol else "lines",
        name=name, hoverinfo="skip" if not symbol else None, line={"color": colour, "width": 2, "dash": dash},
        marker={"size": 7, "symbol": symbol or "circle"},
    )  # fmt: skip


def decision(curves: Mapping[str, Sequence[Json]]) -> go.Figure:
    """Name -> decision curve: net benefit in true alerts per 100 rows at each risk at which one acts, beside all and
    none."""
    drawn, best = go.Figure(), 0.0
    for (name, curve), (colour, dash, symbol) in zip(curves.items(), _LOOKS, strict=False):
        points = [(one["threshold"], 100 * one["model"]) for one in curve]
        best = max([best, *(value for _, value in points)])
        trace = _line(name, points, theme.SERIES[colour], dash, symbol)
        drawn.add_trace(trace.update(hovertemplate="%{y:.2f} at %{x:.0%}<extra>" + name + "</extra>"))
    first = next(iter(curves.values()), [])
    everybody = [(one["threshold"], 100 * one["treat_all"]) for one in first]
    best = max([best, *(value for _, value in everybody)])
    drawn.add_trace(_line("Alert for all", everybody, _QUIET, "dot"))
    nobody = [(one["threshold"], 0.0) for one in first]
    drawn.add_trace(_line("Alert for none", nobody, _QUIET, "solid"))
    y = {"range": [-0.35 * best, 1.08 * best], "title": "Net benefit per 100"}
    return _laid(drawn, 340, {"tickformat": ".0%", "title": "Risk from which one acts"}, y)


def dots(rows: Sequence[tuple[str, Json]], *, beside: float | None = None, title: str = "") -> go.Figure:
    """Values with intervals, one below the other in the order given; a line at what they are held against.

    rows    (words, value with low and high)
    """
    kept = [
        (name, float(one["value"]), _end(one, "low"), _end(one, "high"))
        for name, one in rows if one.get("value") is not None
    ]  # fmt: skip
    spread = {
        "type": "data", "symmetric": False, "array": [high - value for _, value, _, high in kept],
        "arrayminus": [value - low for _, value, low, _ in kept], "thickness": 1.4, "width": 4, "color": _MAIN,
    }  # fmt: skip
    drawn = go.Figure(
        go.Scatter(
            x=[value for _, value, _, _ in kept], y=list(range(len(kept))), mode="markers", error_x=spread,
            text=[f"{name}: {plain(value)} ({plain(low)} to {plain(high)})" for name, value, low, high in kept],
            hovertemplate="%{text}<extra></extra>", showlegend=False, marker={"size": 9, "color": _MAIN},
        )
    )  # fmt: skip
    if beside is not None:
        drawn.add_shape(
            type="line", x0=beside, x1=beside, y0=-0.6, y1=len(kept) - 0.4, layer="below",
            line={"color": _QUIET, "dash": "dot", "width": 1.5},
        )  # fmt: skip
    y = {
        "tickvals": list(range(len(kept))), "ticktext": [each[0] for each in kept], "showgrid": False,
        "ticklabelstandoff": 6, "range": [len(kept) - 0.4, -0.6],
    }  # fmt: skip
    return _laid(drawn, 84 + 28 * max(1, len(kept)), {"title": title, "nticks": 5, "showgrid": True}, y)


def _end(one: Json, name: str) -> float:
    """A bound of a value; the value itself where there is none."""
    return float(one["value"] if one.get(name) is None else one[name])


def bars(rows: Sequence[tuple[str, float, str]], *, title: str, limits: Sequence[float] = (), most: float) -> go.Figure:
    """Lengths, one below the other; what is longer than `most` ends there, and the table says how long it is.

    rows    (words, value, level)
    limits  from which on it counts as more: lines
    """
    drawn = go.Figure(
        go.Bar(
            x=[min(value, most) for _, value, _ in rows], y=list(range(len(rows))), orientation="h", showlegend=False,
            hovertext=[f"{name}: {value:.3f}" for name, value, _ in rows], width=0.62,
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"color": [theme.SERIES[_LEVELS[level]] for _, _, level in rows],
                    "pattern": {"shape": ["/" if level in ("medium", "large") else "" for _, _, level in rows],
                                "size": 6, "solidity": 0.25, "fgcolor": "#ffffff"}},
        )
    )  # fmt: skip
    for limit in limits:
        drawn.add_shape(
            type="line", x0=limit, x1=limit, y0=-0.6, y1=len(rows) - 0.4,
            line={"color": _QUIET, "dash": "dot", "width": 1.5},
        )  # fmt: skip
    y = {
        "tickvals": list(range(len(rows))), "ticktext": [name for name, _, _ in rows], "showgrid": False,
        "ticklabelstandoff": 6, "range": [len(rows) - 0.4, -0.6],
    }  # fmt: skip
    return _laid(
        drawn, 76 + 26 * max(1, len(rows)), {"title": title, "range": [0, most], "nticks": 5, "showgrid": True}, y
    )


def sides(rows: Sequence[tuple[str, float, bool]]) -> go.Figure:
    """Factors of a risk in log odds: what raises it to the right, what lowers it to the left.

    rows  (words, log odds, whether somebody can change it)
    """
    drawn = go.Figure(
        go.Bar(
            x=[value for _, value, _ in rows], y=list(range(len(rows))), orientation="h", showlegend=False, width=0.62,
            hovertext=[f"{name}: {value:+.2f}" for name, value, _ in rows], hovertemplate="%{hovertext}<extra></extra>",
            marker={"color": [theme.SERIES["red" if value > 0 else "blue"] for _, value, _ in rows],
                    "pattern": {"shape": ["" if value > 0 else "\\" for _, value, _ in rows], "size": 6,
                                "solidity": 0.25, "fgcolor": "#ffffff"}},
        )
    )  # fmt: skip
    drawn.add_shape(type="line", x0=0, x1=0, y0=-0.6, y1=len(rows) - 0.4, line={"color": _QUIET, "width": 1.5})
    names = [f"{name} (can be changed)" if is_open else name for name, _, is_open in rows]
    y = {
        "tickvals": list(range(len(rows))), "ticktext": names, "showgrid": False, "ticklabelstandoff": 6,
        "range": [len(rows) - 0.4, -0.6],
    }  # fmt: skip
    title = "Lowers the risk, raises it (log odds)"
    return _laid(drawn, 76 + 26 * len(rows), {"title": title, "nticks": 5, "showgrid": True}, y)


def over_time(series: Mapping[str, Sequence[tuple[str, float | None]]], title: str) -> go.Figure:
    """Name -> (moment, value), oldest first: a line with marks for each."""
    drawn = go.Figure()
    for (name, points), (colour, dash, symbol) in zip(series.items(), _LOOKS, strict=False):
        drawn.add_trace(
            go.Scatter(
                x=[at for at, _ in points], y=[value for _, value in points], mode="lines+markers", name=name,
                line={"color": theme.SERIES[colour], "dash": dash, "width": 2}, marker={"size": 7, "symbol": symbol},
                hovertemplate="%{y:.3f}, %{x}<extra>" + name + "</extra>",
            )
        )  # fmt: skip
    return _laid(drawn, 260, {"nticks": 6}, {"title": title, "nticks": 5})
