"""How the API is used: rate, errors and duration, by route and by caller, over a stretch of time."""

from collections.abc import Sequence

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.operations_reports import ActorNumbers, RequestNumbers, RouteNumbers, StepNumbers, Usage
from careloom.dashboard import figures, session, theme, words
from careloom.dashboard.address import Address
from careloom.dashboard.operations_parts import ROOM, TRAIL, WINDOWS, tabs, window, windows
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, badge, card, head, note, tile, tiles
from careloom.dashboard.session import Person

TITLE = "API usage"
ROWS_SHOWN = 40
RIGHT = "right"
_NUMBERS = [
    Column("Requests", RIGHT), Column("Per minute", "right wide-only"), Column("Refused", "right wide-only"),
    Column("Failed", RIGHT), Column("p50", "right wide-only"), Column("p95", RIGHT), Column("p99", "right wide-only"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """Requests of the last hour, day, week or month, from the lines that the server keeps of them."""
    now = session.now()
    chosen, since = window(address.query.get("window", ""), now)
    used = api.usage(since=since.isoformat(), until=now.isoformat())
    lead = "How many requests, how many were refused or failed, and how long they took."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(now)), tabs(person, "usage")]
    content.append(windows(chosen, ROOM, "usage"))
    if not used.is_kept:
        said = 'Set [logs] keep_level = "info" to count them.'
        content.append(note("The settings keep no line of requests, so nothing can be counted", said, tone="warn"))
    elif not used.all.requests:
        content.append(card("No requests", html.P(f"Nobody asked anything in the last {WINDOWS[chosen][0].lower()}.")))
    else:
        content += _shown(used)
    return Page(TITLE, content, TRAIL)


def _shown(used: Usage) -> list[Content]:
    minutes = max(1 / 60, (used.until - used.oldest).total_seconds() / 60)
    partly = None
    if not used.is_whole:
        said = f"The newest {used.all.requests:,} requests are counted, from {words.moment(used.oldest)} UTC on."
        partly = note("Only a part of this time", f"{said} Choose a shorter time to see all of it.", tone="warn")
    return [
        partly,
        _tiles(used.all, minutes),
        html.Div([_traffic(used.steps), _times(used.steps)], className="columns columns-1-1"),
        _routes(used.routes, minutes),
        _actors(used.actors, minutes),
    ]


def _tiles(every: RequestNumbers, minutes: float) -> Component:
    return tiles(
        [
            tile("Requests", words.number(every.requests), f"{_rate(every.requests, minutes)} a minute"),
            tile("Refused", words.number(every.refused), f"{words.share(every.refused / every.requests)}, by a 4xx"),
            tile("Failed", words.number(every.failed), f"{words.share(every.failed / every.requests)}, by a 5xx"),
            tile("Half within", words.seconds(every.p50_seconds), "the median"),
            tile("95 % within", words.seconds(every.p95_seconds), f"99 % within {words.seconds(every.p99_seconds)}"),
        ]
    )


def _traffic(steps: Sequence[StepNumbers]) -> Component:
    x = [step.time for step in steps]
    answered = [step.requests - step.refused - step.failed for step in steps]
    drawn = go.Figure()
    for name, colour, values in (
        ("Answered", "blue", answered),
        ("Refused", "ochre", [step.refused for step in steps]),
        ("Failed", "red", [step.failed for step in steps]),
    ):
        said = f"{name}: %{{y:,}}<extra></extra>"
        drawn.add_trace(go.Bar(x=x, y=values, name=name, marker_color=theme.SERIES[colour], hovertemplate=said))
    rows = [(words.moment(step.time), *map(words.number, (step.requests, step.refused, step.failed))) for step in steps]
    columns = [Column("From (UTC)"), Column("Requests", RIGHT), Column("Refused", RIGHT), Column("Failed", RIGHT)]
    styled = figures.styled(drawn, y="Requests", barmode="stack", legend_traceorder="normal")
    return _panel("Requests over time", styled, "usage-traffic", Table("Requests over time", columns, rows))


def _times(steps: Sequence[StepNumbers]) -> Component:
    x = [step.time for step in steps]
    drawn = go.Figure()
    for name, colour, dash in (("p50", "blue", "solid"), ("p95", "orange", "dash"), ("p99", "purple", "dot")):
        y = [getattr(step, f"{name}_seconds") for step in steps]
        y = [None if value is None else 1000 * value for value in y]
        drawn.add_trace(
            go.Scatter(x=x, y=y, name=name, mode="lines+markers", connectgaps=False, marker={"size": 5},
                       line={"color": theme.SERIES[colour], "dash": dash, "width": 2},
                       hovertemplate=f"{name}: %{{y:,.0f}} ms<extra></extra>")
        )  # fmt: skip
    rows = [
        (words.moment(step.time), *map(words.seconds, (step.p50_seconds, step.p95_seconds, step.p99_seconds)))
        for step in steps
    ]
    columns = [Column("From (UTC)"), Column("p50", RIGHT), Column("p95", RIGHT), Column("p99", RIGHT)]
    styled = figures.styled(drawn, y="Time [ms]")
    styled.update_yaxes(rangemode="tozero")
    return _panel("Time to answer", styled, "usage-times", Table("Time to answer over time", columns, rows))


def _panel(title: str, drawn: go.Figure, name: str, table: Table) -> Component:
    return card(title, [figures.graph(drawn, title, name), figures.twin(table)])


def _routes(routes: Sequence[RouteNumbers], minutes: float) -> Component:
    rows = [(_route(one), *_numbers(one, minutes)) for one in routes[:ROWS_SHOWN]]
    return _listed("By route", "Requests by route", Column("Route"), rows, len(routes))


def _actors(actors: Sequence[ActorNumbers], minutes: float) -> Component:
    rows = [(one.actor or "Nobody who was known", *_numbers(one, minutes)) for one in actors[:ROWS_SHOWN]]
    return _listed("By caller", "Requests by caller", Column("Caller"), rows, len(actors))


def _listed(title: str, caption: str, first: Column, rows: Sequence[Sequence[Contents]], every: int) -> Component:
    more = html.P(f"The {ROWS_SHOWN} with most requests of {every}.", className="hint") if every > len(rows) else None
    return card(title, [Table(caption, [first, *_NUMBERS], rows).shown(), more])


def _route(one: RouteNumbers) -> Component:
    return html.Div(
        [badge(one.method, "plain"), " ", html.Code(one.route or "no such address")], className="place route-cell"
    )


def _numbers(one: RequestNumbers, minutes: float) -> tuple[Contents, ...]:
    failed = badge(words.number(one.failed), "bad") if one.failed else "0"
    return (
        words.number(one.requests), _rate(one.requests, minutes), words.number(one.refused), failed,
        words.seconds(one.p50_seconds), words.seconds(one.p95_seconds), words.seconds(one.p99_seconds),
    )  # fmt: skip


def _rate(requests: int, minutes: float) -> str:
    rate = requests / minutes
    return (
        f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" if rate >= 0.1 else f"{rate:.2f}" if rate >= 0.005 else "< 0.01"
    )
