"""Medications of a patient as bars from their start to their end, and the documents of the record."""

from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.dashboard import figures, theme, words
from careloom.dashboard.address import href
from careloom.dashboard.events import Event, moment_of, newest_first
from careloom.dashboard.parts import Column, Table, badge, card, link

SHOWN = 14
"""Medications that are drawn; the table has all of them."""
_ENDED = frozenset({"completed", "stopped", "cancelled", "ended", "entered-in-error", "not-done"})
_DOCUMENTS = 25


def bars(events: Sequence[Event], now: datetime) -> Component | None:
    """A line for each medication, a bar for each time it was ordered or taken; None where there is none.

    now  until when what goes on is drawn
    """
    own = [event for event in events if event.lane == "medications"]
    if not own:
        return None
    named: dict[str, list[Event]] = {}
    for event in newest_first(own):
        named.setdefault(event.title, []).append(event)
    dated = {name: each for name, each in named.items() if any(moment_of(one.start) for one in each)}
    drawn = dict(list(dated.items())[:SHOWN])
    columns = [
        Column("Medication"), Column("From", "tight"), Column("Until", "tight"), Column("Dose", "wide-only"),
        Column("Status", "tight"),
    ]  # fmt: skip
    rows = [
        (html.Div([one.title, _origin(one)]), one.start[:10] or "no date", _until(one), one.value or words.NONE,
         one.status or words.NONE)
        for one in newest_first(own)
    ]  # fmt: skip
    table = Table("Medications, newest first", columns, rows)
    said = "A bar lasts as long as the record says; an arrow goes on; a diamond has a start alone."
    more = f" The newest {len(drawn)} of {len(dated)} are drawn; the table has all." if len(drawn) < len(dated) else ""
    figure = figures.graph(_figure(drawn, now), "Medications from their start to their end", "medications")
    aside = html.P(words.count_of(len(named), "medication"), className="soft")
    return card("Medications", [figure, html.P(said + more, className="soft small"), figures.twin(table)], aside=aside)


def _origin(event: Event) -> Component | None:
    return badge("From a note", "plain") if event.origin else None


def _is_going_on(event: Event) -> bool:
    return not event.end and event.status.lower() not in _ENDED and event.kind != "MedicationAdministration"


def _until(event: Event) -> str:
    return event.end[:10] or ("goes on" if _is_going_on(event) else words.NONE)


def _figure(named: dict[str, list[Event]], now: datetime) -> go.Figure:
    drawn = go.Figure()
    colour = theme.SERIES["green"]
    lines: list[tuple[str | None, int | None]] = []
    marks: list[tuple[str, int, str, str]] = []
    for row, (name, each) in enumerate(named.items()):
        for one in each:
            start, end = moment_of(one.start), moment_of(one.end)
            if start is None:
                continue
            going = _is_going_on(one)
            last = now if going and now > start else end
            told = f"{name}: {one.start[:10]} to {_until(one)}"
            if last is not None and last > start:
                lines += [(start.isoformat(), -row), (last.isoformat(), -row), (None, None)]
                marks.append(
                    (
                        last.isoformat() if going else start.isoformat(),
                        -row,
                        "triangle-right" if going else "line-ns-open",
                        told,
                    )
                )
            else:
                marks.append((start.isoformat(), -row, "diamond", told))
    drawn.add_trace(
        go.Scatter(x=[at for at, _ in lines], y=[row for _, row in lines], mode="lines", hoverinfo="skip", opacity=0.55,
                   line={"width": 11, "color": colour}, showlegend=False)
    )  # fmt: skip
    drawn.add_trace(
        go.Scatter(x=[at for at, *_ in marks], y=[row for _, row, *_ in marks], mode="markers", showlegend=False,
                   text=[told for *_, told in marks], hovertemplate="%{text}<extra></extra>",
                   marker={"size": 10, "color": colour, "symbol": [symbol for *_, symbol, _ in marks]})
    )  # fmt: skip
    figures.styled(drawn, height=54 + 28 * max(1, len(named)))
    drawn.update_yaxes(
        tickvals=[-row for row in range(len(named))], ticktext=[_short(name) for name in named], ticklabelstandoff=6,
        range=[0.6 - max(1, len(named)), 0.6],
    )  # fmt: skip
    return drawn.update_xaxes(type="date", showgrid=True, nticks=7)


def _short(name: str) -> str:
    plain = " ".join(name.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain if len(plain) <= 30 else plain[:29] + "…"


def documents(events: Sequence[Event], zone: str) -> Component | None:
    """The documents of a record, newest first, each with the way to its text; None where there is none."""
    own = newest_first(event for event in events if event.lane == "documents")
    if not own:
        return None
    columns = [Column("Document"), Column("When (UTC)", "tight"), Column("Status", "tight wide-only")]
    rows = [
        (link(one.title, href("notes", zone, one.id)), one.start[:16].replace("T", " ") or "no date",
         one.status or words.NONE)
        for one in own[:_DOCUMENTS]
    ]  # fmt: skip
    shown = f"{len(rows)} of {words.count_of(len(own), 'document')}"
    return card(
        "Documents", Table("Documents, newest first", columns, rows).shown(), aside=html.P(shown, className="soft")
    )
