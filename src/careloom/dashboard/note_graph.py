"""Which concepts stand in the same notes, as a figure: concepts on a circle of their own order, lines between them."""

from math import cos, log2, pi, sin
from textwrap import wrap

import plotly.graph_objects as go

from careloom.client.note_corpus import CorpusPair, NoteCorpus
from careloom.dashboard import theme

MOST_NODES, MOST_LINES = 16, 40
LINES = ((2.0, 3.6), (1.2, 2.2), (0.0, 0.9))
"""From which lift on a line is how thick, in pixels."""


def together(found: NoteCorpus) -> go.Figure:
    """The figure; concepts that meet often beyond chance stand beside each other on the circle."""
    pairs = sorted(found.pairs, key=_weight, reverse=True)[:MOST_LINES]
    nodes = _ordered([one for one in pairs if max(one.first, one.second) < len(found.concepts)])[:MOST_NODES]
    angle = {node: pi / 2 - 2 * pi * place / max(1, len(nodes)) for place, node in enumerate(nodes)}
    at = {node: (cos(turn), sin(turn)) for node, turn in angle.items()}
    figure = go.Figure()
    for least, width in LINES:
        xs: list[float | None] = []
        ys: list[float | None] = []
        for one in pairs:
            if one.first not in at or one.second not in at or _width(one.lift) != width:
                continue
            for share in range(13):
                x, y = _bent(at[one.first], at[one.second], share / 12)
                xs.append(x)
                ys.append(y)
            xs.append(None)
            ys.append(None)
        if xs:
            words = f"Lift of {least:g} and more" if least else "As by chance, or less"
            figure.add_scatter(x=xs, y=ys, mode="lines", name=words, hoverinfo="skip",
                               line={"width": width, "color": theme.SERIES["slate"]}, opacity=0.75)  # fmt: skip
    figure.add_scatter(
        x=[at[node][0] for node in nodes], y=[at[node][1] for node in nodes], mode="markers+text", showlegend=False,
        text=[_short(found.concepts[node].display or found.concepts[node].code) for node in nodes],
        textposition=[_beside(*at[node]) for node in nodes], textfont={"size": 11},
        marker={"color": theme.SERIES["blue"], "size": _sizes(found, nodes)},
        hovertext=[f"{found.concepts[node].display}: {found.concepts[node].patients:,} patients" for node in nodes],
        hoverinfo="text", cliponaxis=False,
    )  # fmt: skip
    figure.update_xaxes(range=[-2.2, 2.2])
    figure.update_yaxes(range=[-1.35, 1.35])
    return figure


def _weight(one: CorpusPair) -> float:
    return one.patients * max(0.1, log2(max(one.lift, 0.01)) + 1)


def _ordered(pairs: list[CorpusPair]) -> list[int]:
    """Each concept beside the one that it meets most, as far as that goes."""
    order: list[int] = []
    for one in pairs:
        known = [node for node in (one.first, one.second) if node in order]
        fresh = [node for node in (one.first, one.second) if node not in order]
        if len(known) == 1 and fresh:
            order.insert(order.index(known[0]) + 1, fresh[0])
        else:
            order += fresh
    return order


def _width(lift: float) -> float:
    return next(width for least, width in LINES if lift >= least)


def _bent(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    """A place on the curve between two places, which is drawn towards the middle of the circle."""
    rest = 1 - share
    return (
        rest * rest * start[0] + share * share * end[0] + 2 * rest * share * 0.25 * (start[0] + end[0]),
        rest * rest * start[1] + share * share * end[1] + 2 * rest * share * 0.25 * (start[1] + end[1]),
    )


def _sizes(found: NoteCorpus, nodes: list[int]) -> list[float]:
    largest = max((found.concepts[node].patients for node in nodes), default=1)
    return [9 + 15 * (found.concepts[node].patients / largest) ** 0.5 for node in nodes]


def _beside(x: float, y: float) -> str:
    """Where a concept's words stand: outside of the circle."""
    if abs(x) < 0.3:
        return "top center" if y > 0 else "bottom center"
    return "middle right" if x > 0 else "middle left"


def _short(text: str) -> str:
    """In two lines at most and without what LOINC puts in brackets, so that it stands beside its mark when narrow."""
    lines = wrap(text.partition(" [")[0] or text, 15, max_lines=2, placeholder="…")
    return "<br>".join(f" {line} " for line in lines)
