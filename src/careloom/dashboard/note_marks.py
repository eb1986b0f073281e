"""A note with what was found in it marked in place: by kind in colour, by label and assertion in words."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from careloom.client.note_reports import NoteAnnotation
from careloom.dashboard import words
from careloom.dashboard.parts import Content

KINDS = {
    "problem": ("Problems", ("PROBLEM", "SYMPTOM", "ALLERGEN")),
    "drug": ("Drugs", ("MEDICATION", "DOSAGE", "ROUTE", "FREQUENCY", "DURATION", "FORM")),
    "test": ("Tests", ("TEST", "TEST_VALUE", "UNIT")),
    "procedure": ("Procedures and devices", ("PROCEDURE", "DEVICE")),
    "body": ("Where and how bad", ("ANATOMY", "SEVERITY", "COURSE")),
    "when": ("Times", ("DATE_TIME",)),
    "who": ("People", ("AGE", "SEX", "FAMILY_RELATION")),
    "social": (
        "Social determinants",
        ("TOBACCO", "ALCOHOL", "DRUG_USE", "EMPLOYMENT", "HOUSING", "FOOD", "TRANSPORT", "RELATIONSHIP", "PARENT",
         "SUPPORT", "EDUCATION", "LANGUAGE", "EXERCISE", "SAFETY"),
    ),
    "tone": ("Tone", ("SENTIMENT", "PAIN", "STANCE")),
}  # fmt: skip
"""Kind -> its name, and its labels. A kind has one colour."""
OTHER = ("other", "Other findings")
PLAIN = {
    "presence": {"present": "", "absent": "absent", "possible": "possible", "conditional": "conditional",
                 "hypothetical": "hypothetical"},
    "temporality": {"current": "", "historical": "historical", "future": "planned"},
    "experiencer": {"patient": "", "family": "family", "other": "somebody else"},
}  # fmt: skip
"""What of an assertion goes without saying is empty."""


def kind_of(label: str) -> str:
    """The kind by which a label is coloured and filtered."""
    return next((kind for kind, (_, labels) in KINDS.items() if label in labels), OTHER[0])


def said_of(label: str) -> str:
    """A label as people read it: ``test value``."""
    return label.replace("_", " ").lower()


def asserted(one: NoteAnnotation) -> list[str]:
    """What is said of it beyond that it is there, now, in the patient: ``["absent", "family"]``."""
    if one.assertion is None:
        return []
    said = (told.get(getattr(one.assertion, name), "") for name, told in PLAIN.items())
    return [each for each in said if each]


def legend(found: Sequence[NoteAnnotation]) -> Component:
    """Every kind that was found, with its colour and how often: a switch that shows or hides it."""
    counts = Counter(kind_of(one.label) for one in found)
    titles = {kind: title for kind, (title, _) in KINDS.items()} | {OTHER[0]: OTHER[1]}
    kinds = [kind for kind in titles if counts[kind]]
    chips = [
        dmc.Chip(
            html.Span([html.Span(className=f"swatch swatch-found found-{kind}"), f"{titles[kind]} ",
                       html.Span(words.number(counts[kind]), className="number")], className="chip-words"),
            value=kind, size="sm", variant="outline",
        )
        for kind in kinds
    ]  # fmt: skip
    group = dmc.ChipGroup(chips, id="note-kinds", multiple=True, value=kinds)
    return html.Fieldset([html.Legend("Shown"), html.Div(group, className="chips")], className="filter")


def marked(text: str, found: Sequence[NoteAnnotation]) -> Component:
    """The text in a frame that scrolls, also by the keyboard. Where annotations overlap, marks lie in one another."""
    places = sorted(
        (_Place(one.start, one.end, one) for one in found if one.start < one.end <= len(text)),
        key=lambda place: (place.start, -place.end),
    )
    content = _filled(text, deque(places), 0, len(text))
    frame: dict[str, Any] = {"role": "region", "tabIndex": "0", "aria-label": "The text, marked", "data-pane": "note"}
    return html.Div(content, className="pane note-pane", **frame)


@dataclass(frozen=True, slots=True)
class _Place:
    """A stretch of an annotation; its last one bears the words."""

    start: int
    end: int
    found: NoteAnnotation
    is_last: bool = True


def _filled(text: str, places: deque[_Place], start: int, end: int) -> list[Content]:
    content: list[Content] = []
    at = start
    while places:
        place = places.popleft()
        inside: deque[_Place] = deque()
        beyond: list[_Place] = []
        while places and places[0].start < place.end:
            one = places.popleft()
            if one.end > place.end:
                beyond.append(_Place(place.end, one.end, one.found, one.is_last))
                one = _Place(one.start, place.end, one.found, is_last=False)
            inside.append(one)
        places.extendleft(sorted(beyond, key=lambda one: one.end))
        content += [text[at : place.start], _mark(place, _filled(text, inside, place.start, place.end))]
        at = place.end
    return [*content, text[at:end]]


def _mark(place: _Place, content: list[Content]) -> Component:
    one = place.found
    said = asserted(one)
    label = ", ".join([said_of(one.label), *said])
    score = f", score {one.score:.2f}" if one.score is not None else ""
    props: dict[str, Any] = {"data-pair": one.id, "data-kind": kind_of(one.label)}
    if place.is_last:
        props["data-label"] = label
    looks = [f"found found-{kind_of(one.label)}", *(f"is-{each.replace(' ', '-')}" for each in said)]
    return html.Mark(content, className=" ".join(looks), title=f"{label}, found by {one.source}{score}", **props)
