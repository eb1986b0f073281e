"""A draft of a mapping for a delimited extract that nobody has mapped: choose a file, see the columns, take the TOML.

The file goes to the API and is destroyed there; the draft holds names of columns, no value of a row.
"""

import base64
import binascii
from typing import Any
from urllib.parse import quote

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.mappings import Draft, DraftColumn
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, signed_in
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
    note,
    tile,
    tiles,
)
from careloom.dashboard.session import Person
from careloom.errors import AccessError, CareloomError

TITLE = "Draft a mapping"
MOST_BYTES = 8_000_000
"""What a browser reads into memory and sends; larger files are drafted by the command line or the SDK."""
SURE = 0.9
COLUMNS = [Column("Column"), Column("Taken for"), Column("Confidence", "right")]


def page(person: Person) -> Page:
    """The way to choose a file; what came out is put below it. raises AccessError."""
    if not person.may_send:
        raise AccessError("you may not ingest anything", "An administrator can grant the role data-engineer.")
    lead = "For a CSV, Parquet or Arrow file whose columns nobody has mapped yet. Nothing of the file is kept."
    text = (
        f"Choose one with a header, of {words.size(MOST_BYTES)} at most: its first rows are enough. "
        "Its columns are recognised by their names and by what they hold."
    )
    looks = html.Span("Choose a file", className="button button-main")
    field = dcc.Upload(looks, id="draft-file", max_size=MOST_BYTES, multiple=False, disable_click=True)
    watched: dict[str, Any] = {"data-most-bytes": str(MOST_BYTES), "data-too-large": "draft-too-large"}  # careloom.js
    chooser = html.Label(field, className="chooser", **watched)  # its click and the keyboard reach the field inside
    larger = html.P(["Larger: ", html.Code("careloom mapping suggest labs.csv --out our_lab.toml")], className="hint")
    content: list[Content] = [
        head(TITLE, lead=lead),
        card("The file", [html.P(text, className="soft"), chooser, larger, dcc.Store(id="draft-too-large")]),
        html.Div(id="draft-said", className="page"),
    ]
    return Page(TITLE, content, trail=(("Runs", href("runs")),))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what choosing a file does."""

    @app.callback(
        Output("draft-said", "children", allow_duplicate=True),
        Output("draft-too-large", "data"),
        Input("draft-too-large", "data"),
        prevent_initial_call=True,
    )
    def refuse(size_bytes: int | None) -> tuple[Any, None]:
        return too_large(size_bytes or MOST_BYTES), None

    @app.callback(
        Output("draft-said", "children"),
        Output("draft-file", "contents"),
        Input("draft-file", "contents"),
        prevent_initial_call=True,
    )
    def suggest(contents: str | None) -> tuple[Any, None]:
        raw = _bytes(contents)
        if not raw:
            return note("The file is empty", "Choose another one.", tone="warn", role="alert"), None
        try:
            with signed_in(api_of) as api:
                return drafted(api, raw), None
        except CareloomError as error:
            where = error.where.removeprefix("mapping suggest: ")
            return note(where[:1].upper() + where[1:], error.remedy, tone="warn", role="alert"), None


def drafted(api: Careloom, raw: bytes) -> list[Component | None]:
    """What was made of a file. raises InputError if nothing was."""
    draft = api.mappings.suggest(raw)
    return [_tiles(draft), _columns(draft), _doubts(draft), _text(draft)]


def too_large(size_bytes: int) -> Component:
    """What is said of a file that the browser did not send."""
    title = f"The file has {words.size(size_bytes)}; a browser sends {words.size(MOST_BYTES)} at most"
    remedy: list[Component | str] = [
        "Draft it in the terminal, which has no limit: ",
        html.Code("careloom mapping suggest FILE"),
        ". Or choose a file of its first rows.",
    ]
    return note(title, remedy, tone="warn", role="alert")


def _bytes(contents: str | None) -> bytes:
    try:
        return base64.b64decode((contents or "").partition(",")[2], validate=True)
    except binascii.Error:
        return b""


def _tiles(draft: Draft) -> Component:
    known = sum(bool(one.role) for one in draft.columns)
    return tiles(
        [
            tile("Each row is one", words.spaced(draft.kind)),
            tile("Columns recognised", words.number(known), f"of {len(draft.columns):,}"),
            tile("Read well", words.number(draft.usable), f"of the first {words.count_of(draft.tried, 'record')}"),
        ],
        is_small=True,
    )


def _columns(draft: Draft) -> Component:
    rows = [_row(one) for one in draft.columns]
    return card("Columns", Table("Columns and what they were taken for", COLUMNS, rows).shown())


def _row(one: DraftColumn) -> tuple[Contents, ...]:
    if not one.role:
        return html.Code(one.column), html.Span("nothing: it stays in landing", className="soft"), words.NONE
    role: list[Component | str] = [words.spaced(one.role.replace("_", " ")), " "]
    if one.confidence < SURE:
        role.append(badge("Check", "warn"))
    return html.Code(one.column), html.Span(role), words.share(one.confidence)


def _doubts(draft: Draft) -> Component | None:
    said = [*draft.doubts, *(f"{one.code}: {words.count_of(one.count, 'time')}." for one in draft.issues)]
    return card("To decide", html.Ul([html.Li(one) for one in said], className="steps")) if said else None


def _text(draft: Draft) -> Component:
    target = f"data:application/toml;charset=utf-8,{quote(draft.text)}"
    button = link("Download the mapping", target, className="button button-main", download="mapping.toml")
    then = html.P(["Look at each line that says ", html.Code("check"), ", then: ",
                   html.Code("careloom ingest FILE --mapping mapping.toml")], className="soft")  # fmt: skip
    return card("The mapping", [then, html.Div(button), command(draft.text, "The mapping as TOML")])
