"""What all figures share: how they look, and how a page holds them beside their table.

The browser has traces of three kinds alone, scatter, bar and heatmap (`tools/figures`): everything else is computed on
the server, where the rows are.
"""

from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from careloom.dashboard import theme
from careloom.dashboard.parts import Table

HEIGHT = 260
COLOURS = ("blue", "orange", "green", "purple", "ochre", "sky", "red", "slate")
"""Series in the order in which a figure uses them, by their names in `careloom.dashboard.theme.SERIES`."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "hexagon")
SCALE = [[0.0, "#e6f5f7"], [0.5, "#2e9dad"], [1.0, "#064e5a"]]
"""Shares and counts in a heatmap, light to dark."""
DIVERGING = [[0.0, "#a12d1f"], [0.5, "#f5f7f8"], [1.0, "#0b6270"]]
"""Correlations and differences in a heatmap, from minus to plus."""


def colour(number: int) -> str:
    """The colour of a series by its place."""
    return theme.SERIES[COLOURS[number % len(COLOURS)]]


def line(number: int) -> dict[str, Any]:
    """The line of a series by its place: a colour, and a dash, so that no colour says it alone."""
    return {"color": colour(number), "dash": DASHES[number % len(DASHES)], "width": 2}


def marker(number: int, size: int = 8) -> dict[str, Any]:
    """The mark of a series by its place: a colour and a shape."""
    return {"color": colour(number), "symbol": SYMBOLS[number % len(SYMBOLS)], "size": size}


def styled(figure: go.Figure, *, x: str = "", y: str = "", height: int = HEIGHT, **layout: Any) -> go.Figure:
    """`figure` in our looks, with titles of its axes, units in brackets; a legend above it where there are more series.

    height  in pixels
    layout  of plotly, beside or instead of ours
    """
    axis: dict[str, Any] = {
        "gridcolor": theme.LIGHT.line, "zeroline": False, "fixedrange": True, "automargin": True, "ticks": "",
        "ticklabelstandoff": 6,
    }  # fmt: skip
    named = sum(1 for trace in figure.data if trace.showlegend is not False and trace.name)
    ours: dict[str, Any] = {
        "template": "none", "height": height, "dragmode": False, "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)", "margin": {"l": 8, "r": 12, "t": 30 if named > 1 else 8, "b": 8},
        "showlegend": named > 1, "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12}},
        "font": {"family": theme.FONT, "size": 12}, "hoverlabel": {"align": "left", "bgcolor": theme.LIGHT.surface},
        "barmode": "group", "bargap": 0.18,
    }  # fmt: skip
    told = figure.layout.to_plotly_json()
    for name in {"xaxis", "yaxis", *(each for each in told if each.startswith(("xaxis", "yaxis")))}:
        titled = {"title": {"text": x if name[0] == "x" else y, "standoff": 8}, "showgrid": name[0] == "y"}
        ours[name] = {**told.get(name, {}), **axis, **titled}
    # Set as a whole, and checked once: to update it part by part takes three times as long.
    figure.layout = {**told, **ours}
    if layout:
        figure.update_layout(**layout)
    return figure


def graph(figure: go.Figure, label: str, id: str) -> Component:  # noqa: A002  what Dash calls it
    """The figure as a page shows it; `label` is read aloud: what it shows, over what."""
    labelled: dict[str, Any] = {"role": "img", "aria-label": label}
    drawn = dcc.Graph(
        figure=figure, id=id, responsive=True, config={"displayModeBar": False, "showTips": False},
        style={"height": f"{figure.layout.height or HEIGHT}px"},
    )  # fmt: skip
    return html.Div(drawn, className="figure", **labelled)


def twin(table: Table) -> Component:
    """The table of a figure, shown when asked for: what a reader of the screen reads, and what CSV is made of."""
    return html.Details([html.Summary("Show as a table"), table.shown()])
