"""Notes: what the platform understands of a text that somebody writes or pastes. Nothing of it is kept.

The text goes to the API and back, and stands in no address; what was analyzed last stays in the browser's memory, so
that a download is of what is shown.
"""

import json
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.note_reports import AboutNote, NoteFindings
from careloom.dashboard import words
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.note_marks import asserted
from careloom.dashboard.note_places import TITLE, tabs
from careloom.dashboard.note_tables import tables
from careloom.dashboard.note_viewer import viewer
from careloom.dashboard.parts import Content, Page, card, head, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import AccessError, CareloomError

MOST_CHARACTERS = 40_000
"""What a browser draws with marks without a wait; longer texts are read by the command line and the SDK."""
SAMPLE_TIME = "2026-03-05"
SAMPLE = """CHIEF COMPLAINT: Chest pain on exertion for three weeks.

HISTORY OF PRESENT ILLNESS: 58-year-old woman with type 2 diabetes mellitus and hypertension. She denies shortness of \
breath, fever or syncope. She had a myocardial infarction in 2019 and a coronary stent was placed on 03/12/2019. \
Possible unstable angina. If the pain comes back at rest, return at once.

MEDICATIONS: Metformin 500 mg by mouth twice daily. Lisinopril 10 mg once a day for blood pressure. Penicillin caused \
a rash.

FAMILY HISTORY: Her father died of stroke at 61.

SOCIAL HISTORY: Smoked one pack per day for 20 years, quit in 2015. Drinks a glass of wine on weekends. Lives alone in \
an apartment, retired teacher, no reliable transportation to appointments.

VITALS: Blood pressure 148/92 mmHg, heart rate 88 bpm, temperature 37.1 C.

LABS (yesterday): Hemoglobin A1c 8.2 %, potassium 4.1 mmol/L, creatinine 1.0 mg/dL. Troponin was negative.

ASSESSMENT: Stable angina, poorly controlled diabetes. No evidence of heart failure. Stress test next week.
"""
"""A visit that never was, of somebody who never was."""
FILES = {"json": "JSON", "fhir": "FHIR", "brat": "BRAT"}


def page(person: Person) -> Page:
    """A text to read; what was found is put below it. raises AccessError."""
    if not person.may_annotate:
        raise AccessError(
            "you may not have texts read", "It needs the role data-engineer, or data-scientist in the research zone."
        )
    lead = "What a clinical text says: entities with assertion and codes, how they belong together, when, and in whom."
    content: list[Content] = [
        head(TITLE, lead=lead),
        tabs(person, ""),
        _form(),
        dcc.Loading(html.Div(_empty(), id="note-said", className="page"), type="dot", delay_show=300),
        dcc.Store(id="note-asked"),
        dcc.Download(id="note-file"),
    ]
    return Page(TITLE, content)


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what the buttons do."""

    @app.callback(
        Output("note-text", "value"),
        Output("note-time", "value"),
        Input("note-sample", "n_clicks"),
        prevent_initial_call=True,
    )
    def sample(_clicks: int) -> tuple[str, str]:
        return SAMPLE, SAMPLE_TIME

    @app.callback(
        Output("note-said", "children"),
        Output("note-asked", "data"),
        Input("note-go", "n_clicks"),
        State("note-text", "value"),
        State("note-time", "value"),
        prevent_initial_call=True,
    )
    def read(_clicks: int, text: str | None, time: str | None) -> tuple[Any, Any]:
        if not text or not text.strip():
            return note("There is no text", "Write one into the field above.", tone="warn", role="alert"), None
        if len(text) > MOST_CHARACTERS:
            return too_long(len(text)), None
        try:
            with signed_in(api_of) as api:
                shown = analyzed(api, text, (time or "").strip())
        except CareloomError as error:
            return note(error.where[:1].upper() + error.where[1:], error.remedy, tone="warn", role="alert"), None
        return shown, {"text": text, "time": (time or "").strip()}

    @app.callback(
        Output("note-file", "data"),
        *(Input(f"note-as-{name}", "n_clicks") for name in FILES),
        State("note-asked", "data"),
        prevent_initial_call=True,
    )
    def fetch(*given: Any) -> Any:
        *clicks, asked = given
        if not asked or not any(clicks):
            return no_update
        with signed_in(api_of) as api:
            name, content = file_of(api, str(ctx.triggered_id).removeprefix("note-as-"), asked["text"], asked["time"])
        return {"filename": name, "content": content, "base64": False, "type": "text/plain;charset=utf-8"}


def analyzed(api: Careloom, text: str, time: str) -> list[Content]:
    """Everything that was found in a text. raises InputError; AccessError."""
    found = api.nlp.analyze(text, AboutNote(time=time))
    count = words.count_of(len(found.annotations), "annotation")
    status = html.P(f"{count} found.", role="status", className="hidden-text")
    if not found.annotations:
        return [status, note("Nothing was found", "The text was read, and says nothing that the reader knows.")]
    shown = card("The text", viewer(text, found), aside=_downloads())
    return [status, _figures(found), shown, *tables(found)]


def file_of(api: Careloom, wanted: str, text: str, time: str) -> tuple[str, str]:
    """Name and content of a download. raises InputError; AccessError."""
    made = api.nlp.export(text, wanted if wanted in FILES else "json", AboutNote(time=time))
    if wanted == "brat":
        return "note.ann", str(made["annotations"])
    return f"note-{wanted}.json", json.dumps(made, ensure_ascii=False, indent=1)


def too_long(characters: int) -> Component:
    """What is said of a text that a browser should not draw."""
    title = f"The text has {characters:,} characters; this page takes {MOST_CHARACTERS:,}"
    remedy: list[Component | str] = ["Read it in the terminal: ", html.Code("careloom annotate text FILE"), "."]
    return note(title, remedy, tone="warn", role="alert")


def _form() -> Component:
    field = dmc.Textarea(
        id="note-text", label="A text", autosize=True, minRows=5, maxRows=12, className="m-input",
        placeholder="Denies chest pain. Metformin 500 mg twice a day ...", debounce=True,
    )  # fmt: skip
    written = dmc.TextInput(
        id="note-time", label="Written on", placeholder=SAMPLE_TIME, className="m-input", w="11rem", debounce=True
    )
    key: dict[str, Any] = {"data-key": "r", "title": "Alt and R"}
    buttons = html.Div(
        [
            html.Button("Use a sample", id="note-sample", type="button", className="button"),
            html.Button("Read it", id="note-go", type="button", className="button button-main", **key),
        ],
        className="decision-buttons",
    )
    hint = html.P(
        "“Three weeks ago” is counted from the day on which it was written. The text goes to the platform and back; "
        "nothing of it is kept.",
        className="hint",
    )
    return card("Text", [field, html.Div([written, buttons], className="filters filters-end"), hint])


def _empty() -> Component:
    said = [html.P("Nothing was read yet."), html.P("Write or paste a text above, or use the sample: nobody's visit.")]
    return card("What is in it", html.Div(said, className="empty"))


def _figures(found: NoteFindings) -> Component:
    told = [asserted(one) for one in found.annotations]
    apart = sum(bool(each) for each in told)
    coded = sum(bool(one.codes) for one in found.annotations)
    return tiles(
        [
            tile("Annotations", words.number(len(found.annotations))),
            tile("With a code", words.number(coded)),
            tile("Absent, possible, past, or another's", words.number(apart)),
            tile("Relations", words.number(len(found.relations))),
        ],
        is_small=True,
    )


def _downloads() -> Component:
    buttons = [
        html.Button(f"Download {title}", id=f"note-as-{name}", type="button", className="button button-small")
        for name, title in FILES.items()
    ]
    return html.Div(buttons, className="decision-buttons")
