"""Quarantine: what was refused whole, by reason, with place and remedy, and another try of it."""

from typing import Any

from dash import html
from dash.development.base_component import Component
from flask import Flask, Response, redirect, request

from careloom.client.careloom import Careloom
from careloom.client.quarantine import QuarantinePage, Redrive
from careloom.client.reports import RefusedRecord
from careloom.dashboard import words
from careloom.dashboard.address import Address, href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.parts import (
    Column,
    Content,
    Page,
    Table,
    bar,
    card,
    head,
    link,
    note,
    queued,
    state,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person

TITLE = "Quarantine"
RECORDS_SHOWN = 50
WHERE = "quarantine"
COLUMNS = [
    Column("Record"), Column("Where"), Column("Reason"), Column("What to do"), Column("Since (UTC)", "wide-only"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """What waits; ``?code=`` keeps one reason, ``?after=`` goes on."""
    code, after = address.query.get("code", ""), address.query.get("after", "")
    found = api.quarantine.list(code=code, limit=RECORDS_SHOWN, cursor=after)
    lead = "Records that were refused whole. Nothing of them is lost: mend the cause, and try them again."
    content: list[Content] = [head(TITLE, lead=lead)]
    if not found.waiting:
        content.append(card("Nothing waits", note("Every record that arrived was stored, or is known.", tone="good")))
        return Page(TITLE, content)
    content.append(_reasons(found, code, may_redrive=person.may_redrive))
    content.append(_records(found, code, after))
    return Page(TITLE, content)


def redrive_page(api: Careloom, run_id: str) -> Page:
    """How far one try is, and what became of the records."""
    run = api.quarantine.get(run_id)
    content: list[Content] = [
        head(
            "Tried again",
            lead=f"By {run.actor}, began {words.moment(run.started)} UTC" if run.started else f"By {run.actor}",
            aside=state(run.state),
        )
    ]
    if not run.has_ended:
        content.append(queued(run, "records", href(WHERE)))
    content.append(_fates(run))
    content.append(html.P(link("Back to what waits", href(WHERE)), className="small"))
    return Page("Tried again", content, trail=((TITLE, href(WHERE)),), is_live=not run.has_ended)


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the address that tries again; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/quarantine-redrive")
    def redrive() -> Response:
        with acting(api_of) as api:
            made = api.quarantine.redrive(code=request.args.get("code", ""))
        return redirect(href(WHERE, made.id), 303)  # type: ignore[return-value]


def _reasons(found: QuarantinePage, code: str, *, may_redrive: bool) -> Component:
    most = found.reasons[0].count
    rows = [
        (
            link(html.Code(each.code), href(WHERE, code=each.code)),
            bar((each.count, "is-quarantined"), whole=most),
            words.number(each.count),
            _again("Try again", each.code) if may_redrive else None,
        )
        for each in found.reasons
    ]
    columns = [Column("Reason"), Column("Share", "bar-cell wide-only", True), Column("Records", "right"),
               Column("Act", "tight", True)]  # fmt: skip
    every = _again(f"Try all {words.number(found.waiting)} again", "") if may_redrive else None
    aside = link("Show all reasons", href(WHERE)) if code else every
    return card("By reason", Table("Waiting records by reason", columns, rows).shown(), aside=aside)


def _again(text: str, code: str) -> Component:
    named: dict[str, Any] = {"aria-label": f"{text}: {code}"} if code else {}
    button = html.Button(text, type="submit", className="button button-small", **named)
    return html.Form(button, method="post", action=href("quarantine-redrive", code=code))


def _records(found: QuarantinePage, code: str, after: str) -> Component:
    title = f"Records: {code}" if code else "Records"
    if not found.items:
        return card(title, html.P("None waits for this reason any more.", className="soft"))
    table = Table("Waiting records with reason and remedy", COLUMNS, [_row(each) for each in found.items]).shown()
    first = link("From the start", href(WHERE, code=code), className="button button-small") if after else None
    more = (
        link("More", href(WHERE, code=code, after=found.next), className="button button-small") if found.next else None
    )
    pager = html.Div(html.Div([first, more], className="buttons"), className="pager") if first or more else None
    return card(title, [table, pager])


def _row(each: RefusedRecord) -> tuple[Content | list[Content], ...]:
    place: list[Content] = [each.place, html.Br(), html.Code(each.where)] if each.where else [each.place]
    return (
        html.Div([html.Code(each.record), html.Br(), html.Span(words.format_name(each.format), className="soft")]),
        html.Div(place),
        html.Div([html.Code(each.reason), html.Br(), each.message]),
        each.remedy or words.NONE,
        html.Div([time(each.since), html.Br(), html.Span(words.count_of(each.attempts, "attempt"), className="soft")]),
    )


def _fates(run: Redrive) -> Component:
    return tiles([
        tile("Tried", words.number(run.tried)),
        tile("Stored", words.number(run.stored), swatch="stored"),
        tile("Refused again", words.number(run.refused), "they wait", swatch="quarantined"),
        tile("Of erased patients", words.number(run.erased), "gone now"),
    ])  # fmt: skip
