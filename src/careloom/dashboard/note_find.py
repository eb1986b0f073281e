"""Stored notes by what they say. Concept, type, assertion and time stand in the address; words looked for do not."""

from collections.abc import Iterable, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.note_queries import FactQuery, FoundFact, FoundFactPage, FoundNote, NoteSearch
from careloom.dashboard import forms, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.note_marks import KINDS, asserted_words, kind_of, said_of
from careloom.dashboard.note_places import (
    FIND,
    ROOM,
    day_words,
    labelled,
    note_link,
    standing,
    tabs,
    type_words,
    zone_of,
)
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, card, head, link, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import AccessError, CareloomError, InputError, NotFound

TITLE = "Stored notes"
FACTS_SHOWN = 200
"""Annotations of one page; they are shown by note."""
MARKS_SHOWN = 8
PRESENCE = {
    "": "However it is said", "present": "Present", "absent": "Absent", "possible": "Possible",
    "conditional": "Conditional", "hypothetical": "Hypothetical",
}  # fmt: skip
COLUMNS = [Column("Note", "tight"), Column("Kind", "wide-only"), Column("What it says"), Column("State", "tight")]
WORDS = [Column("Note", "tight"), Column("Times", "right"), Column("Where")]
FILTERS = ("concept", "type", "said", "since", "until")


def page(api: Careloom, person: Person, address: Address) -> Page:
    """Notes that say what the address asks for; all of them where it asks for nothing. raises AccessError."""
    if not person.note_zones:
        raise AccessError("you may not search notes", "An administrator can grant a role that searches a zone.")
    query = dict(address.query)
    zone = zone_of(person, query)
    content: list[Content] = [
        head(TITLE, lead="By what they say. Every search is audited with your name, without what you asked."),
        tabs(person, FIND),
        _filters(person, zone, query),
        *_found(api, zone, query),
        _words(zone),
    ]
    return Page(TITLE, content)


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what looking for words does."""

    @app.callback(
        Output("note-words-found", "children"),
        Input("note-words-go", "n_clicks"),
        Input("note-words", "n_submit"),
        State("note-words", "value"),
        State("note-words-zone", "data"),
        prevent_initial_call=True,
    )
    def search(_clicks: int, _submits: int, text: str | None, zone: str) -> Any:
        if not text or not text.strip():
            return note("There is no word to look for", "Write one.", tone="warn", role="alert")
        try:
            with signed_in(api_of) as api:
                return with_words(api, zone, text)
        except CareloomError as error:
            return note(error.where[:1].upper() + error.where[1:], error.remedy, tone="warn", role="alert")


def with_words(api: Careloom, zone: str, text: str) -> list[Content]:
    """Notes in which all words stand, with the places. raises InputError; AccessError."""
    found = api.nlp.search_notes(NoteSearch(text=text), zone, limit=50)
    if not found.items:
        return [html.P(f"No note has them; {found.scanned:,} were opened.", role="status", className="soft")]
    more = " More notes have them: narrow it by another word." if found.next else ""
    said = html.P(f"{words.count_of(len(found.items), 'note')} of {found.scanned:,} opened.{more}", role="status")
    return [said, Table("Notes with these words", WORDS, [_word_row(zone, one) for one in found.items]).shown()]


def _filters(person: Person, zone: str, query: dict[str, str]) -> Component:
    kinds = {"": "Every type"} | {key: title for key, (title, _) in KINDS.items()}
    zones = {each: words.ZONES[each] for each in person.note_zones}
    fields = [
        forms.choice("zone", "Zone", zones, zone) if len(zones) > 1 else None,
        forms.text("concept", "Concept", query.get("concept", ""), placeholder="ICD-10-CM|E11"),
        forms.choice("type", "Type", kinds, query.get("type", "")),
        forms.choice("said", "Said to be", PRESENCE, query.get("said", "")),
        forms.text("since", "From", query.get("since", ""), placeholder="2025-06"),
        forms.text("until", "Before", query.get("until", ""), placeholder="2026"),
    ]
    is_narrowed = any(query.get(name) for name in FILTERS)
    hint = html.P(
        [
            "A concept is a system and a code, as ",
            html.Code("SNOMED|44054006"),
            "; what is a kind of it is found, too.",
        ],
        className="hint",
    )
    return card("Find", [forms.filters(href(ROOM, FIND), fields, button="Find", reset=is_narrowed), hint])


def _found(api: Careloom, zone: str, query: dict[str, str]) -> list[Content]:
    try:
        found = api.nlp.facts(zone, _asked(query), limit=FACTS_SHOWN, cursor=query.get("after", ""))
    except (InputError, NotFound) as error:
        return [note(error.where[:1].upper() + error.where[1:], error.remedy, tone="warn", role="alert")]
    by_note: dict[str, list[FoundFact]] = {}
    for one in found.items:
        by_note.setdefault(one.note, []).append(one)
    if not by_note:
        return [_nothing(zone, query, found)]
    figures = tiles(
        [
            tile("Notes shown", words.number(len(by_note))),
            tile("Annotations in them", words.number(len(found.items))),
            tile("Notes opened for it", words.number(found.scanned), f"of {found.notes:,} in the zone"),
        ],
        is_small=True,
    )
    newest = sorted(by_note.values(), key=lambda each: each[0].time, reverse=True)
    rows = [_row(zone, each) for each in newest]
    shown = Table("Notes and what they say", COLUMNS, rows).shown()
    return [figures, card("Found", [shown, _pager(query, found.next)])]


def _asked(query: dict[str, str]) -> FactQuery:
    concept, said = query.get("concept", "").strip(), query.get("said", "")
    _, labels = KINDS.get(query.get("type", ""), ("", ()))
    return FactQuery(
        concepts=(concept,) if concept else (),
        labels=labels,
        presence=(said,) if said in PRESENCE and said else (),
        since=query.get("since", "").strip(),
        until=query.get("until", "").strip(),
    )


def _nothing(zone: str, query: dict[str, str], found: FoundFactPage) -> Component:
    if found.next:
        said: list[Content] = [
            html.P(f"None among the {found.scanned:,} notes opened for this page."),
            _pager(query, found.next),
        ]
    elif any(query.get(name) for name in FILTERS):
        said = [html.P("No note of this zone says so. Ask for less, or for a concept that includes it.")]
    else:
        said = [
            html.P(f"Nothing is held of the {found.notes:,} notes of this zone: none was read yet."),
            html.P(
                [
                    "Start a run on the page Runs, or on the command line: ",
                    html.Code(f"careloom annotate --zone {zone}"),
                ]
            ),
        ]
    return card("Nothing found", html.Div(said, className="empty"))


def _row(zone: str, found: Sequence[FoundFact]) -> tuple[Contents, ...]:
    first = found[0]
    day = note_link(zone, first.note, day_words(first.time) if first.time else "Without a date")
    return (
        day,
        type_words(first.type) or words.NONE,
        _marks(found),
        standing(first.origin, is_current=first.current) or words.NONE,
    )


def _marks(found: Sequence[FoundFact]) -> Component:
    shown = [html.Li(_mark(one)) for one in found[:MARKS_SHOWN]]
    more = len(found) - MARKS_SHOWN
    rest = [html.Li(f"and {more:,} more", className="soft")] if more > 0 else []
    return html.Ul([*shown, *rest], className="mark-list")


def _mark(one: FoundFact) -> Component:
    """The words where they may be read, else what they are."""
    said = (
        [said_of(one.label), *asserted_words(one.assertion)] if one.text is not None else asserted_words(one.assertion)
    )
    named = one.text if one.text is not None else (one.codes[0].display if one.codes else said_of(one.label))
    return html.Span(
        [
            html.Span(className=f"swatch swatch-found found-{kind_of(one.label)}"),
            html.Span(named, className="mark-words"),
            html.Span(" · ".join(said), className="soft"),
        ],
        className="mark-of",
    )


def _pager(query: dict[str, str], following: str | None) -> Component | None:
    first = link("First page", href(ROOM, FIND, **{**query, "after": ""}), className="button button-small")
    then = link("Next page", href(ROOM, FIND, **{**query, "after": following or ""}), className="button button-small")
    ways = [first if query.get("after") else None, then if following else None]
    shown = [way for way in ways if way is not None]
    return html.Div(html.Div(shown, className="buttons"), className="pager") if shown else None


def _words(zone: str) -> Component:
    field = dmc.TextInput(
        id="note-words", label="All of these words", className="m-input", debounce=True, placeholder="dysp* orthopnoea"
    )
    go = html.Button("Look for them", id="note-words-go", type="button", className="button button-main")
    hint = html.P(
        "Notes are sealed, and no index of their words lies anywhere: each is opened, up to 1,000 for one search. What "
        "you look for stands in no address, no log and no audit event.",
        className="hint",
    )
    return card(
        "By words",
        [html.Div([field, go], className="words-search", role="search", **labelled("Words in notes")), hint,
         dcc.Store(id="note-words-zone", data=zone),
         dcc.Loading(html.Div(id="note-words-found", className="stack"), type="dot", delay_show=300)],
    )  # fmt: skip


def _word_row(zone: str, one: FoundNote) -> tuple[Contents, ...]:
    day = note_link(zone, one.note, day_words(one.time) if one.time else "Without a date")
    return day, words.number(one.words), _snippets(one)


def _snippets(one: FoundNote) -> Contents:
    if one.snippets is None:
        return html.Span("You may search, but not read them.", className="soft")
    return [html.P(list(_cut(each.text, each.start - each.offset, each.end - each.offset))) for each in one.snippets]


def _cut(text: str, start: int, end: int) -> Iterable[Content]:
    yield f"… {text[:start]}"
    yield html.Mark(text[start:end], className="found found-when")
    yield f"{text[end:]} …"
