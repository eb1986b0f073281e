"""Who did what: events of an audit chain, found by actor, use, outcome, time and keyed pseudonym, a page at a time."""

from datetime import timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.audit import ChainEvent, EventFilter
from careloom.client.careloom import Careloom
from careloom.dashboard import forms, session, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, card, head, link, note
from careloom.dashboard.privacy_parts import OUTCOMES, ROOM, TRAIL, outcome, pairs, pseudonym, tabs
from careloom.dashboard.session import PATIENT_ZONES, Person

TITLE = "Audit"
SHOWN = 50
TIMES = {"24h": ("Last day", 1), "7d": ("Last week", 7), "30d": ("Last 30 days", 30), "all": ("All of it", 0)}
KEPT = ("zone", "actor", "operation", "outcome", "subject", "window")
_COLUMNS = [
    Column("When (UTC)", "tight"), Column("Who"), Column("What", "tight"), Column("Patients", "tight wide-only"),
    Column("Purpose", "tight wide-only"), Column("Details", "wide-only"), Column("Proof", "tight wide-only"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """One page of events; filters and the place in the list stand in the address, patients as pseudonyms alone."""
    zones = tuple(zone for zone in PATIENT_ZONES if zone in person.zones)
    wanted = {name: address.query.get(name, "").strip() for name in KEPT}
    zone = wanted["zone"] if wanted["zone"] in zones else (zones[0] if zones else "identified")
    window = wanted["window"] if wanted["window"] in TIMES else "7d"
    days, cursor = TIMES[window][1], address.query.get("cursor", "")
    now = session.now()
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=days) if days else None
    asked = EventFilter(zone=zone, actor=wanted["actor"], operation=wanted["operation"], outcome=wanted["outcome"],
                        subject=wanted["subject"], since=since)  # fmt: skip
    found = api.audit.events(asked, limit=SHOWN, cursor=cursor)
    lead = "Every use, allowed or refused, newest first. Patients are keyed pseudonyms; reading this is an event, too."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(now)), tabs(person, "audit")]
    content.append(_filters(zones, wanted | {"zone": zone, "window": window}))
    kept = {name: wanted[name] for name in KEPT}
    content.append(_events(found.items, found.next, kept, zone, has_cursor=bool(cursor)))
    return Page(TITLE, content, TRAIL)


def _filters(zones: tuple[str, ...], wanted: dict[str, str]) -> Component:
    fields: list[Component | None] = [
        forms.choice("zone", "Chain of", {zone: words.ZONES[zone] for zone in zones}, wanted["zone"]),
        forms.choice("window", "Time", {name: said for name, (said, _) in TIMES.items()}, wanted["window"]),
        forms.choice("outcome", "Outcome", {"": "Every outcome"} | {name: said for name, (said, _) in OUTCOMES.items()},
                     wanted["outcome"]),
        forms.text("actor", "Who", wanted["actor"], placeholder="Name, exactly"),
        forms.text("operation", "What", wanted["operation"], placeholder="read, export, erase"),
        forms.text("subject", "Patient's pseudonym", wanted["subject"], placeholder="26 letters and digits"),
    ]  # fmt: skip
    is_any = any(wanted[name] for name in ("actor", "operation", "outcome", "subject"))
    return forms.filters(href(ROOM, "audit"), fields, reset=is_any)


def _events(
    events: tuple[ChainEvent, ...], following: str | None, kept: dict[str, str], zone: str, *, has_cursor: bool
) -> Component:
    newest = link("Newest", href(ROOM, "audit", **kept), className="button button-small") if has_cursor else None
    target = href(ROOM, "audit", **kept, cursor=following or "")
    older = link("Older", target, className="button button-small") if following else None
    labelled: dict[str, Any] = {"aria-label": "More events"}
    pager = html.Div(html.Nav([newest, older], **labelled), className="pager") if has_cursor or following else None
    if not events:
        return card("No events", [note("No event fits.", "Choose a longer time, or clear the filters."), pager])
    rows = [_row(one, zone) for one in events]
    return card("Newest first", [Table("Events of the audit chain, newest first", _COLUMNS, rows).shown(), pager])


def _row(one: ChainEvent, zone: str) -> tuple[Contents, ...]:
    at = [html.Div(f"{one.time:%H:%M:%S}"), html.Div(words.day(one.time.date()), className="soft small")]
    what = [html.Div(html.Code(one.operation)), outcome(one.outcome)]
    about = [html.Div(pseudonym(name)) for name in one.subjects[:3]]
    if len(one.subjects) > 3:
        about.append(html.Div(f"and {len(one.subjects) - 3} more", className="soft small"))
    told = dict(one.detail) | ({"about": one.zone} if one.zone != zone else {})
    target, name = f"{PREFIX}/privacy-proof/{zone}/{one.seq}.json", f"audit-{zone}-{one.seq}.json"
    proof = link(f"#{one.seq}", target, download=name, **{"aria-label": f"Proof of event {one.seq}"})
    return (
        html.Div(at),
        one.actor,
        html.Div(what),
        html.Div(about) if about else words.NONE,
        words.purpose(one.purpose),
        pairs(told),
        proof,
    )
