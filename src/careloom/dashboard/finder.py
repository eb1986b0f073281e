"""Search over everything: pages, patients and concepts, in one field that opens over any page; and the list of keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Resource
from careloom.dashboard import people, places, session, words
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import link
from careloom.dashboard.session import Person
from careloom.errors import CareloomError, Unauthenticated

SHORTEST = 2
"""Letters before patients and concepts are asked for."""
LONGEST = 80
EACH = 6
GO = {
    "o": "", "r": "runs", "w": "quarantine", "q": "quality", "z": "normalize", "l": "linkage", "x": "explore",
    "p": "patients", "c": "cohorts", "b": "capacity", "n": "notes", "m": "models", "s": "synthetic", "d": "deidentify",
    "a": "privacy", "j": "operations", "y": "deployment", "t": "reports",
}  # fmt: skip
"""The letter that leads to a place after G."""
OTHER_KEYS = (
    (("/",), "Search pages, patients, concepts"),
    (("Ctrl", "K"), "The same, from within a field too"),
    (("?",), "This list"),
    (("Esc",), "Close what is open"),
    (("Alt", "letter"), "Press the button that names the letter"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found: words, what kind of thing it is, and where it is."""

    title: str
    about: str
    target: str


def dialogs() -> list[Component]:
    """What opens over a page: the search and the list of keys. The page's script opens and closes them."""
    field = dcc.Input(
        id="find-all", type="text", debounce=0.2, placeholder="Page, patient or concept", maxLength=LONGEST,
        autoComplete="off", className="finder-field",
    )  # fmt: skip
    search: dict[str, Any] = {"aria-labelledby": "finder-title"}
    keys: dict[str, Any] = {"aria-labelledby": "keys-title"}
    choice: dict[str, Any] = {"data-action": "letters", "aria-pressed": "true"}
    return [
        html.Dialog(
            [
                html.Div([html.H2("Search", id="finder-title"), _close()], className="dialog-head"),
                html.Label("What are you looking for?", htmlFor="find-all", className="hidden-text"),
                field,
                html.Div(_hint(), id="find-results", className="finder-results"),
            ],
            id="finder", className="dialog", **search,
        ),
        html.Dialog(
            [
                html.Div([html.H2("Keys", id="keys-title"), _close()], className="dialog-head"),
                html.Div(id="keys-list"),
                html.Div(
                    [html.P("Letters without Alt or Ctrl can be turned off, e.g. when you speak to the computer.",
                            className="soft small"),
                     html.Button("Keys of one letter: on", type="button", className="button button-small", **choice)],
                    className="dialog-foot",
                ),
            ],
            id="keys", className="dialog", **keys,
        ),
    ]  # fmt: skip


def keys_for(person: Person) -> Component:
    """All keys, with the places that this person may see."""
    seen = [place for place in places.PLACES if place.may_see(person)]
    going = [
        (("G", letter.upper()), place.title) for letter, part in GO.items() for place in seen if place.part == part
    ]
    rows = [html.Tr([html.Td([html.Kbd(key) for key in keys]), html.Td(said)]) for keys, said in (*OTHER_KEYS, *going)]
    return html.Table([html.Caption("Keys and what they do", className="hidden-text"), html.Tbody(rows)],
                      className="keys-table")  # fmt: skip


def _close() -> Component:
    closing: dict[str, Any] = {"data-action": "close", "aria-label": "Close"}
    return html.Button("Close", type="button", className="button button-small", **closing)


def _hint() -> Component:
    return html.P("Names of patients are sent to the server and stand in no address.", className="soft small")


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what typing does."""

    @app.callback(
        Output("find-results", "children"),
        Input("find-all", "value"),
        prevent_initial_call=True,
    )
    def found(text: str | None) -> Component:
        asked = (text or "").strip()[:LONGEST]
        if not asked:
            return _hint()
        person = session.person()
        groups = [("Pages", pages(person, asked))]
        if len(asked) >= SHORTEST:
            with signed_in(api_of) as api:
                groups += [(f"Patients, {words.ZONES[zone].lower()}", patients(api, zone, asked))
                           for zone in person.patient_zones[:1]]  # fmt: skip
                groups.append(("Concepts", concepts(api, person, asked)))
        return _shown([(title, hits) for title, hits in groups if hits])


def pages(person: Person, text: str) -> list[Hit]:
    """Places whose title or group holds the text."""
    asked = text.casefold()
    return [
        Hit(place.title, place.group, href(place.part) if place.part else href())
        for place in places.PLACES
        if place.may_see(person) and asked in f"{place.title} {place.group}".casefold()
    ][:EACH]


def patients(api: Careloom, zone: str, text: str) -> list[Hit]:
    """Patients by the beginnings of names, each word one; by their id where there are no names.

    Nothing where the API refuses.
    """
    query = [("name", word) for word in text.split()] if zone == "identified" else [("_id", text)]
    try:
        page = api.fhir(zone).search("Patient", query, count=EACH)
    except Unauthenticated:
        raise
    except CareloomError:
        return []
    return [_patient(zone, patient) for patient in page.resources if patient.get("resourceType") == "Patient"][:EACH]


def _patient(zone: str, patient: Resource) -> Hit:
    born = str(patient.get("birthDate", ""))
    told = [people.gender(patient), f"born {born}" if born else ""]
    name = people.name_of(patient) or f"Patient {str(patient['id'])[:12]}"
    return Hit(name, ", ".join(part for part in told if part), href("patients", zone, str(patient["id"])))


def concepts(api: Careloom, person: Person, text: str) -> list[Hit]:
    """Concepts of the loaded terminologies by their words; they lead to notes that tell of them."""
    if not person.may_annotate:
        return []
    try:
        listed = api.terminology.search(text, limit=EACH)
    except Unauthenticated:
        raise
    except CareloomError:
        return []
    return [
        Hit(
            one.name,
            f"{words.system(one.system)} {one.code}",
            href("notes", "find", concept=f"{one.system}|{one.code}"),
        )
        for one in listed
    ]


def _shown(groups: Sequence[tuple[str, Sequence[Hit]]]) -> Component:
    if not groups:
        return html.P("Nothing has these words. Try fewer letters, or the beginning of a name.", className="soft small")
    shown = []
    for title, hits in groups:
        items = [
            html.Li(link([html.Span(hit.title), html.Span(hit.about, className="soft small")], hit.target))
            for hit in hits
        ]
        shown.append(html.Section([html.H3(title, className="nav-group"), html.Ul(items)]))
    return html.Div(shown)
