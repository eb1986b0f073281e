"""The pages of notes beside each other, and what several of them show of a stored note."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.dashboard import forms, words
from careloom.dashboard.address import href
from careloom.dashboard.parts import Content, badge, link
from careloom.dashboard.session import Person

ROOM = "notes"
TITLE = "Notes"
FIND, CORPUS, RUNS = "find", "corpus", "runs"
TYPES = {
    "11506-3": "Progress note", "11488-4": "Consultation", "18842-5": "Discharge summary", "28570-0": "Procedure note",
    "34117-2": "History and physical", "34109-9": "Note", "34111-5": "Emergency note",
    "18748-4": "Imaging report", "11502-2": "Laboratory report",
    "11526-1": "Pathology report", "57133-1": "Referral", "34133-9": "Summary of an episode", "28636-9": "Intake note",
}  # fmt: skip
"""Kinds of documents by their LOINC code, in words; others stand as their code."""


def tabs(person: Person, here: str) -> Component:
    """The ways among the pages of notes that this person may see. `here`: part of the address; empty for the text."""
    ways = [
        ("", "Read a text", person.may_annotate),
        (FIND, "Stored notes", bool(person.note_zones)),
        (CORPUS, "All notes together", bool(person.note_zones)),
        (RUNS, "Runs", person.watches_notes),
    ]
    shown = [
        (title, href(ROOM, part) if part else href(ROOM), part == here) for part, title, is_shown in ways if is_shown
    ]
    return forms.tabs("Pages of notes", shown)


def zone_of(person: Person, query: Mapping[str, str]) -> str:
    """The zone that an address asks for, if this person may search notes there; else the first of theirs."""
    wanted = query.get("zone", "")
    return wanted if wanted in person.note_zones else person.note_zones[0]


def type_words(code: str) -> str:
    """What kind of document a LOINC code is, in words."""
    return TYPES.get(code, code)


def day_words(time: str) -> str:
    """The day of a time as notes have it; a dash where there is none."""
    return time[:10] or words.NONE


def note_link(zone: str, reference: str, said: Content) -> Component:
    """The way to the page of a stored note: `reference` is ``DocumentReference/<id>/_history/<version>``."""
    return link(said, href(ROOM, zone, reference.split("/")[1]))


def standing(origin: str, *, is_current: bool) -> Component | None:
    """Whether a person has spoken, and whether the note has changed since."""
    marks: list[Component | str] = []
    if origin == "correction":
        marks += [badge("Corrected", "good"), " "]
    if not is_current:
        marks.append(badge("Changed since", "warn"))
    return html.Span(marks) if marks else None


def labelled(text: str) -> dict[str, Any]:
    """The attribute by which something is named aloud."""
    return {"aria-label": text}
