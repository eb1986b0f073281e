"""Runs: everything that ever arrived, newest first."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Ingestion
from careloom.dashboard import session, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import Column, Content, Page, Table, as_of, card, head, link, state, time
from careloom.dashboard.run_parts import older_runs
from careloom.dashboard.sending import how_to_send

TITLE = "Runs"
RUNS_SHOWN = 20
COLUMNS = [
    Column("Run (began, UTC)"),
    Column("State", "tight"),
    Column("Records", "right wide-only"),
    Column("Stored", "right wide-only"),
    Column("Quarantined", "right"),
    Column("Took", "right wide-only"),
    Column("By", "wide-only"),
]


def page(api: Careloom, address: Address) -> Page:
    """One page of the list; ``?before=`` continues where another ended."""
    before = address.query.get("before", "")
    found = api.ingestions.list(limit=RUNS_SHOWN, cursor=before)
    content: list[Content] = [
        head(TITLE, lead="Everything that was ever sent, newest first.", aside=as_of(session.now()))
    ]
    if found.items:
        table = Table("Runs, newest first", COLUMNS, [_row(run) for run in found.items]).shown()
        content.append(card("All runs", [table, older_runs(before, found.next, "runs")]))
    elif before:
        content.append(card("No more runs", html.P(link("Back to the newest", href("runs")))))
    else:
        content.append(card("No runs yet", how_to_send()))
    if found.items and not before:
        content.append(html.Details([html.Summary("How to send files"), card("Send files", how_to_send())]))
    return Page(TITLE, content, is_live=not before)


def _row(run: Ingestion) -> tuple[Content, ...]:
    totals = run.totals
    name = time(run.started) if run.started else "Not yet begun"
    began = [link(name, href("runs", run.id)), html.Div(html.Code(run.id), className="soft wide-only")]
    return (
        html.Div(began),
        html.Div([state(run.state), progress(run)]) if run.state == "running" else state(run.state),
        words.number(totals.records),
        words.number(totals.stored),
        words.number(totals.quarantined),
        words.lasting(run.started, run.ended),
        run.actor,
    )


def progress(run: Ingestion) -> Component | None:
    """How far a run is, while it runs; nothing before its size is known."""
    if not run.progress.total:
        return None
    percent = min(100, 100 * run.progress.done // run.progress.total)
    said: dict[str, Any] = {
        "role": "progressbar", "aria-valuenow": str(percent), "aria-valuemin": "0", "aria-valuemax": "100",
        "aria-label": f"Run {run.id}",
    }  # fmt: skip
    filled = html.Div(html.Span(style={"width": f"{percent}%"}), className="bar", **said)
    words_ = f"{percent} % of {words.size(run.progress.total)}"
    return html.Div([filled, html.Span(words_, className="soft small number")], className="progress")
