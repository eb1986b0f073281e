"""Linkage: the queue of pairs of patients who may be one person. No value of a patient is here."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.linkage_reports import LastRun, Pair, PairPage
from careloom.dashboard import words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    badge,
    card,
    command,
    head,
    link,
    tile,
    tiles,
    time,
)

TITLE = "Linkage"
PAIRS_SHOWN = 25
STATES = {"review": "To review", "linked": "Linked", "rejected": "Rejected"}
TONES = {"review": "warn", "linked": "good", "rejected": ""}
ORIGINS = {"model": "the model", "person": "a person", "feed": "the feed"}
COLUMNS = [
    Column("Pair", "tight"),
    Column("Probability", "right"),
    Column("Bits", "right wide-only"),
    Column("Speaks for it", "wide-only"),
    Column("Look closely", ""),
    Column("By", "wide-only"),
    Column("Changed (UTC)", "tight wide-only"),
]


def page(api: Careloom, address: Address) -> Page:
    """One page of the queue; ``?state=`` shows another one, ``?after=`` continues where a page ended."""
    state = address.query.get("state", "review")
    after = address.query.get("after", "")
    found = api.linkage.pairs(state=state, limit=PAIRS_SHOWN, cursor=after)
    lead = "Patients who are, or may be, one person. Pairs name nobody; opening one does, and is audited."
    content: list[Content] = [head(TITLE, lead=lead, aside=tabs(state)), _counts(found)]
    content.append(_pairs(found, state, after))
    if found.run:
        content.append(_run(found.run))
    return Page(TITLE, content)


def strongest(pair: Pair) -> str:
    """What speaks most for a pair, in words: its two strongest reasons."""
    reasons = sorted((one for one in pair.reasons if one.bits > 0), key=lambda one: -one.bits)[:2]
    return ", ".join(one.words for one in reasons) or ("a merge of the feed" if pair.origin == "feed" else words.NONE)


def tabs(current: str) -> Component:
    """The states of pairs, and what is there twice; `current` is a key of `STATES`, or another for the last."""
    here: dict[str, Any] = {"aria-current": "true"}
    labelled: dict[str, Any] = {"aria-label": "What is shown"}
    links = [
        link(title, href("linkage", state=name), **(here if name == current else {})) for name, title in STATES.items()
    ]
    links.append(link("Duplicates", href("linkage", "duplicates"), **({} if current in STATES else here)))
    return html.Nav(links, className="tabs", **labelled)


def _counts(found: PairPage) -> Component:
    return tiles([tile(title, words.number(found.counts.get(name))) for name, title in STATES.items()], is_small=True)


def _pairs(found: PairPage, state: str, after: str) -> Component:
    title = STATES.get(state, "Pairs")
    if not found.items:
        return card(title, _nothing(found, state, after))
    rows = [_row(pair) for pair in found.items]
    first = link("From the start", href("linkage", state=state), className="button button-small") if after else None
    more = (
        link("More", href("linkage", state=state, after=found.next), className="button button-small")
        if found.next
        else None
    )
    pager = html.Div(html.Div([first, more], className="buttons"), className="pager") if first or more else None
    return card(title, [Table(f"Pairs: {title.lower()}", COLUMNS, rows).shown(), pager])


def _nothing(found: PairPage, state: str, after: str) -> Contents:
    if after:
        return html.P(link("Back to the first page", href("linkage", state=state)))
    if found.run is None:
        text = (
            "Nobody has looked for duplicates yet. Start a run; the sure pairs are linked, the doubtful ones wait here."
        )
        return html.Div([html.P(text), command("careloom linkage run", "Start a run")], className="empty")
    none = {
        "review": "No pair waits for a person.",
        "linked": "No pair is linked.",
        "rejected": "No pair was rejected.",
    }
    return html.P(none.get(state, "There is no such state."), className="soft")


def _row(pair: Pair) -> tuple[Contents, ...]:
    return (
        link(html.Code(pair.pair[:12]), href("linkage", pair.pair)),
        f"{pair.probability:.4f}",
        f"{pair.weight:+.1f}",
        strongest(pair),
        html.Div([badge(caution.name.replace("-", " "), "warn") for caution in pair.cautions]) if pair.cautions else "",
        ORIGINS.get(pair.origin, pair.origin),
        time(pair.updated),
    )


def _run(run: LastRun) -> Component:
    kind = "All patients were compared anew." if run.kind == "full" else "New and changed patients were compared."
    facts = [
        ("Ended", [time(run.time), " UTC"]),
        ("Patients", words.number(run.patients)),
        ("Pairs compared", words.number(run.compared)),
        ("Patients with other links", words.number(run.linked_patients)),
    ]
    listed = html.Dl([html.Div([html.Dt(title), html.Dd(value)]) for title, value in facts], className="facts")
    return card("Last run", [html.P(kind, className="soft"), listed])
