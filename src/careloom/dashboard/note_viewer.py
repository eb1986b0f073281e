"""The note viewer in a page: a place for it, and what it draws. `make viewer` builds its script from ``viewer/``."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from careloom.client.note_reports import NoteAnnotation, NoteFindings
from careloom.dashboard.note_marks import ASSERTED, KINDS, PLAIN, SYSTEMS, TEMPORAL
from careloom.dashboard.parts import Content

PLACE = "note-viewer"
DATA = "note-viewed"
ANNOTATION = ("id", "start", "end", "label", "text", "score", "section", "source")
ASSERTION = ("presence", "temporality", "experiencer", "certainty")
CONCEPT = ("system", "code", "display", "score", "rank")
RELATION = ("id", "type", "head", "tail", "score", "source")
SECTION = ("kind", "title", "body", "code", "score")
"""What the script gets of each, and gives back in a correction."""


def viewer(text: str, found: NoteFindings, *, correction: str = "") -> list[Content]:
    """A text with what was found in it.

    text        as it came: offsets of `found` count its code points
    correction  id of the store that takes a correction: ``{"document": ...}``; empty where nothing may be corrected
    """
    data = dcc.Store(id=DATA, data=_data(text, found, correction))
    return [html.Div(id=PLACE, className="viewer-slot"), data, html.Div(id="note-viewed-said", hidden=True)]


def register(app: Dash) -> None:
    """Adds what draws it: the page's script, whenever a page brings a note."""
    app.clientside_callback(  # type: ignore[no-untyped-call]  # dash 4.4
        ClientsideFunction("careloom", "viewer"), Output("note-viewed-said", "title"), Input(DATA, "data")
    )


def _data(text: str, found: NoteFindings, correction: str) -> dict[str, Any]:
    return {
        "text": text,
        "time": found.time,
        "annotations": [_annotation(one) for one in found.annotations],
        "relations": [_told(one, RELATION) for one in found.relations],
        "sentences": found.sentences,
        "sections": [_told(one, SECTION) for one in found.sections],
        "kinds": [{"key": key, "title": title, "labels": labels} for key, (title, labels) in KINDS.items()],
        "systems": SYSTEMS,
        "plain": PLAIN,
        "asserted": ASSERTED,
        "temporal": list(TEMPORAL),
        "correction": correction,
    }


def _annotation(one: NoteAnnotation) -> dict[str, Any]:
    assertion = None if one.assertion is None else _told(one.assertion, ASSERTION)
    told = _told(one, ANNOTATION) | {"attributes": dict(one.attributes), "assertion": assertion}
    return told | {"codes": [_told(code, CONCEPT) for code in one.codes]}


def _told(one: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names}
