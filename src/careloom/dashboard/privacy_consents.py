"""Consents of the identified zone: which are followed, what they say, until when."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Resource
from careloom.dashboard import forms, session, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, badge, card, head, link
from careloom.dashboard.privacy_parts import ROOM, TRAIL, patient_link, tabs
from careloom.dashboard.session import Person
from careloom.dashboard.values import concept

TITLE = "Consents"
SHOWN = 50
STATUSES = {
    "active": ("Followed", "good"), "inactive": ("Inactive", ""), "draft": ("Draft", ""), "proposed": ("Proposed", ""),
    "rejected": ("Rejected", "warn"), "entered-in-error": ("Entered in error", "warn"),
}  # fmt: skip
_COLUMNS = [
    Column("Patient", "tight"), Column("State", "tight"), Column("Says"), Column("Scope", "wide-only"),
    Column("Holds", "tight wide-only"), Column("Exceptions", "right wide-only"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The consents that changed last; the status stands in the address."""
    status = address.query.get("status", "")
    store = api.fhir("identified")
    query = [("_sort", "-_lastUpdated"), ("_total", "accurate")]
    query += [("status", status)] if status in STATUSES else []
    found = store.search("Consent", query, count=SHOWN)
    lead = "Every active consent is followed from the moment it is written. What it withholds is left out everywhere."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "consents")]
    options = {"": "Every state"} | {name: said for name, (said, _) in STATUSES.items()}
    content.append(forms.filters(href(ROOM, "consents"), [forms.choice("status", "State", options, status)]))
    rows = [_row(one) for one in found.resources]
    if not rows:
        said = "No consent was written" + (
            " in this state." if status else ". Where there is none, roles and purposes decide."
        )
        content.append(
            card("No consents", html.P([said, " ", link("Show all", href(ROOM, "consents")) if status else ""]))
        )
    else:
        more = (
            html.P(f"The newest {len(rows)} of {words.number(found.total)}.", className="hint") if found.next else None
        )
        content.append(card("Changed last", [Table("Consents, changed last first", _COLUMNS, rows).shown(), more]))
    return Page(TITLE, content, TRAIL)


def _row(consent: Resource) -> tuple[Contents, ...]:
    said, tone = STATUSES.get(str(consent.get("status", "")), ("Unknown", ""))
    provision = consent.get("provision")
    provision = provision if isinstance(provision, dict) else {}
    return (
        _patient(consent), badge(said, tone), _says(consent, provision), concept(consent.get("scope"))[0] or words.NONE,
        _period(provision), words.number(len(provision.get("provision", []))),
    )  # fmt: skip


def _patient(consent: Resource) -> Component | str:
    reference = str((consent.get("patient") or {}).get("reference", ""))
    kind, _, patient_id = reference.partition("/")
    return patient_link(patient_id) if kind == "Patient" and patient_id else words.NONE


def _says(consent: Resource, provision: Mapping[str, Any]) -> Component:
    kinds = {"permit": "Permits", "deny": "Denies"}
    root = kinds.get(str(provision.get("type", "")), "")
    category = next((text for one in consent.get("category", []) if (text := concept(one)[0])), "")
    policy = concept(consent.get("policyRule"))[0]
    names = [concept(one)[0] for name in ("action", "purpose", "class") for one in provision.get(name, [])]
    told = ", ".join(text for text in names if text)
    return html.Div(
        [
            html.Div(" ".join(text for text in (root, told) if text) or policy or words.NONE),
            html.Div(category, className="soft small") if category else None,
        ]
    )


def _period(provision: Mapping[str, Any]) -> str:
    period = provision.get("period")
    if not isinstance(period, dict):
        return "always"
    start, end = str(period.get("start", ""))[:10], str(period.get("end", ""))[:10]
    return f"{start or '…'} to {end or '…'}"
