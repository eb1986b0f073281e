"""What pages of privacy share: their tabs, the way from a patient's number to a page, outcomes, pairs of facts."""

import re
from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from careloom.dashboard import forms, words
from careloom.dashboard.address import PREFIX, href
from careloom.dashboard.parts import badge, link, note
from careloom.dashboard.session import Person

TITLE = "Privacy and audit"
ROOM = "privacy"
TRAIL = ((TITLE, href(ROOM)),)
OUTCOMES = {"success": ("Allowed", "good"), "refused": ("Refused", "warn"), "failed": ("Failed", "bad")}
STORED_ID = re.compile(r"[a-z0-9]{26}")
"""The id of a patient as it is kept: keyed, it says nothing of whom it names."""
FOUND = {
    "none": "No patient has this number. Numbers are found whole, as the source system writes them.",
    "many": "Several patients have this number. Find the right one among the patients, and come from there.",
    "empty": "Write a number first.",
}


def tabs(person: Person, active: str) -> Component:
    """The pages of privacy that this person may see; `active` is the last part of the address."""
    every = [
        ("", "Overview", True), ("audit", "Audit", person.may_audit), ("disclosures", "Who saw whom", person.may_audit),
        ("requests", "Requests", person.has_rights), ("erasure", "Erasure", person.may_erase),
        ("retention", "Retention", person.has_rights), ("consents", "Consents", "identified" in person.patient_zones),
    ]  # fmt: skip
    shown = [(title, href(ROOM, name) if name else href(ROOM), name == active) for name, title, may in every if may]
    return forms.tabs("Privacy", shown)


def outcome(name: str) -> Component:
    """How an event ended."""
    said, tone = OUTCOMES.get(name, (name, ""))
    return badge(said, tone)


def find_patient(back: str, found: str, title: str) -> Component:
    """A form that finds one patient by a number; what is written is posted, so that it stands in no address.

    back   the page that is shown then
    found  what came of it before: a key of `FOUND`, or empty
    """
    field = forms.text("patient", title, placeholder="MRN-730014", required=True)
    button = html.Button("Find", type="submit", className="button")
    form = html.Form([field, dcc.Input(type="hidden", name="back", value=back), button], method="post",
                     action=f"{PREFIX}/privacy-find", className="search filter-row")  # fmt: skip
    said = note("Nobody was found", FOUND[found], tone="warn", role="alert") if found in FOUND else None
    return html.Div([said, form], className="stack")


def patient_link(patient_id: str) -> Component:
    """The way to the record of a patient, told by the id alone."""
    return link(html.Code(f"{patient_id[:8]}…"), href("patients", "identified", patient_id))


def pseudonym(name: str) -> Component:
    """A keyed pseudonym, as the way to all that was done about that patient."""
    target = href(ROOM, "audit", subject=name, window="all")
    return link(html.Code(f"{name[:8]}…"), target, **{"aria-label": f"All events about {name}", "title": name})


def pairs(told: Mapping[str, Any]) -> Component | str:
    """Facts with their names, on as few lines as fit."""
    each = [(name, value) for name, value in told.items() if value not in ("", None, [], {})]
    if not each:
        return words.NONE
    return html.Dl([html.Div([html.Dt(name.replace("_", " ")), html.Dd(_said(value))]) for name, value in each],
                   className="pairs")  # fmt: skip


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_said(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items())
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"
