"""Figures of synthetic data: intervals of attacks, errors beside real rows, scores, budgets, epsilon over time."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from careloom.client.synthetic_reports import LedgerAccount, LedgerEntry, SampleMeasure
from careloom.dashboard import figures, theme
from careloom.dashboard import synthetic_words as said

_ROW = 44
"""Pixels of a row of a figure with one measure a row."""


def spans(measures: Sequence[SampleMeasure], guess: float, title: str) -> go.Figure:
    """Each measure as a point with its interval, a row each, beside a line where a guess stands."""
    titles = [_wrapped(said.measure(one.name)) for one in measures]
    values = [one.value or 0.0 for one in measures]
    text = [f"{said.measure(one.name)}: {said.number(one.value)} ({said.interval(one)})" for one in measures]
    up = [
        max(0.0, one.high - value) if one.high is not None else 0.0 for one, value in zip(measures, values, strict=True)
    ]
    down = [
        max(0.0, value - one.low) if one.low is not None else 0.0 for one, value in zip(measures, values, strict=True)
    ]
    drawn = go.Figure(
        go.Scatter(
            x=values, y=titles, mode="markers", marker=figures.marker(0, 10), text=text, showlegend=False,
            hovertemplate="%{text}<extra></extra>",
            error_x={"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 2, "width": 5,
                     "color": figures.colour(0)},
        )
    )  # fmt: skip
    drawn.add_vline(x=guess, line={"dash": "dot", "width": 2, "color": theme.SERIES["slate"]})
    figures.styled(drawn, x=title, height=90 + _ROW * len(measures))
    drawn.update_yaxes(autorange="reversed", type="category")
    return drawn


def errors(found: Mapping[str, SampleMeasure], names: Sequence[str]) -> go.Figure:
    """Errors by name of synthetic rows, beside those of real rows that were set aside where these were measured."""
    titles = [_wrapped(said.measure(name)) for name in names]
    drawn = go.Figure(_bars("Synthetic rows", titles, [found[name].value for name in names], 0))
    real = [found.get(f"{name}{said.OF_REAL}") for name in names]
    if any(one is not None for one in real):
        drawn.add_trace(_bars("Real rows, set aside", titles, [one.value if one else None for one in real], 1))
    figures.styled(drawn, x="Error (0 is as real)", height=110 + _ROW * len(names))
    drawn.update_xaxes(rangemode="tozero")
    drawn.update_yaxes(autorange="reversed", type="category")
    return drawn


def scores(synthetic: float, real: float) -> go.Figure:
    """The score of a model of synthetic rows above that of a model of real rows."""
    names = [said.measure("utility_score"), said.measure("utility_score_of_real")]
    bars = _bars("Score", names, [synthetic, real], 0)
    bars.marker = {"color": [figures.colour(0), figures.colour(1)]}
    drawn = figures.styled(go.Figure(bars), x="Score on real patients", height=180)
    drawn.update_xaxes(range=[0, max(1.0, synthetic, real)])
    drawn.update_yaxes(autorange="reversed", type="category")
    return drawn


def budgets(accounts: Sequence[LedgerAccount]) -> go.Figure:
    """The share of its budget that each account used by its own rule, and what is left; all where it is more."""
    each = [one for one in accounts if one.budget is not None]
    names = [one.account for one in each]
    used = [1.0 if one.used is None else min(1.0, one.used) for one in each]
    spent = _bars("Used", names, used, 0)
    left = _bars("Left of the budget", names, [1 - share for share in used], 7)
    spent.text = left.text = None
    for bars in (spent, left):
        bars.hovertemplate = "%{y}: %{x:.1%}<extra>" + bars.name + "</extra>"
    drawn = go.Figure([spent, left])
    figures.styled(drawn, x="Share of the budget", height=110 + _ROW * len(each), barmode="stack")
    drawn.update_layout(legend_traceorder="normal")
    drawn.update_xaxes(range=[0, 1.002], tickformat=".0%")
    drawn.update_yaxes(autorange="reversed", type="category")
    return drawn


def uses(entries: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, float]]:
    """What each use reserved and what all until then come to, added up, in the order of time.

    Adding up is more than what was spent by the rule of an account, which knows that uses compose better.
    """
    found, total = [], 0.0
    for one in sorted(entries, key=lambda one: one.seq):
        if one.kind not in ("budget", "settled") and one.epsilon is not None:
            total += one.epsilon
            found.append((one, total))
    return found


def over_time(steps: Sequence[tuple[LedgerEntry, float]], budget: float | None) -> go.Figure:
    """Epsilon of all uses added up as steps over time, beside the budget."""
    text = [f"{one.kind} {one.epsilon:.3g}, together {total:.3g}" for one, total in steps]
    drawn = go.Figure(
        go.Scatter(
            x=[one.time for one, _ in steps], y=[total for _, total in steps], name="Uses, added up", text=text,
            mode="lines+markers", line={**figures.line(0), "shape": "hv"}, marker=figures.marker(0),
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    if budget is not None:
        ends = [steps[0][0].time, steps[-1][0].time]
        drawn.add_trace(go.Scatter(x=ends, y=[budget, budget], name="Budget", mode="lines+markers",
                                   line=figures.line(1), marker=figures.marker(1)))  # fmt: skip
    figures.styled(drawn, x="Time (UTC)", y="Epsilon, per patient")
    drawn.update_yaxes(rangemode="tozero")
    return drawn


def _bars(name: str, titles: Sequence[str], values: Sequence[float | None], place: int) -> go.Bar:
    told = [said.number(value) for value in values]
    return go.Bar(
        x=list(values), y=list(titles), name=name, orientation="h", marker={"color": figures.colour(place)},
        text=told, textposition="outside", cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra>" + name + "</extra>",
    )  # fmt: skip


def _wrapped(title: str, width: int = 22) -> str:
    """A title in lines of a narrow screen."""
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)
