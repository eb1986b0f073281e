"""Patients of one zone: found by name, date of birth, gender or id. What is searched for stays in the page."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Page as Found
from careloom.client.reports import Resource
from careloom.dashboard import people, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, card, head, link, note
from careloom.dashboard.people import Asked
from careloom.dashboard.session import Person
from careloom.errors import AccessError, CareloomError

TITLE = "Patients"
PATIENTS_SHOWN = 25
ORDER = ["label", "input", "description", "error"]
FIELDS = ("find-name", "find-birth", "find-gender", "find-id")


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The search and its first page: the patients that changed last."""
    zone = zone_of(person, address)
    content: list[Content] = [head(TITLE, lead=_lead(zone), aside=_zones(person, zone)), _search(zone)]
    results, following = found(api, zone, Asked())
    content.append(html.Div(results, id="found", role="region", **_labelled("Patients found")))
    content.append(_pager(following))
    content.append(
        dcc.Store(id="found-pages", data={"zone": zone, "asked": [""] * 4, "here": "", "before": [], "next": following})
    )
    return Page(TITLE, content)


def zone_of(person: Person, address: Address) -> str:
    """The zone that the address names, else the first granted. raises AccessError if none is."""
    zones = person.patient_zones
    if not zones:
        raise AccessError("you may not look for patients in any zone", "An administrator can grant you a zone.")
    return address.query.get("zone", "") or zones[0]


def found(api: Careloom, zone: str, asked: Asked, following: str = "") -> tuple[Component, str]:
    """A table of one page of patients, and the address of the next page, empty at the end."""
    store = api.fhir(zone)
    result = store.follow(following) if following else store.search("Patient", asked.query(), count=PATIENTS_SHOWN)
    return _results(zone, result, asked), result.next


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what the search does."""

    @app.callback(
        Output("found", "children"),
        Output("found-pages", "data"),
        Output("found-before", "disabled"),
        Output("found-next", "disabled"),
        Input("find", "n_clicks"),
        *(Input(name, "n_submit") for name in FIELDS if name != "find-gender"),
        Input("found-before", "n_clicks"),
        Input("found-next", "n_clicks"),
        *(State(name, "value") for name in FIELDS),
        State("found-pages", "data"),
        prevent_initial_call=True,
    )
    def search(*given: Any) -> tuple[Contents, dict[str, Any], bool, bool]:
        pages = turned(given[-1], str(ctx.triggered_id), [str(text or "") for text in given[-5:-1]])
        try:
            with signed_in(api_of) as api:
                table, following = found(api, pages["zone"], Asked(*pages["asked"]), pages["here"])
        except CareloomError as error:
            return note(error.where, error.remedy, tone="warn", role="alert"), {**pages, "next": ""}, True, True
        pages["next"] = following
        return table, pages, not pages["before"], not following


def turned(pages: dict[str, Any], by: str, asked: list[str]) -> dict[str, Any]:
    """Where the list stands after a button: ``found-next``, ``found-before``, else a new search for `asked`."""
    if by == "found-next" and pages["next"]:
        return {**pages, "before": [*pages["before"], pages["here"]], "here": pages["next"]}
    if by == "found-before" and pages["before"]:
        return {**pages, "before": pages["before"][:-1], "here": pages["before"][-1]}
    return {"zone": pages["zone"], "asked": asked, "here": "", "before": [], "next": ""}


def _labelled(text: str) -> dict[str, Any]:
    return {"aria-label": text}


def _lead(zone: str) -> str:
    if zone == "identified":
        return "With names. Every search and every record that you open is audited with your name."
    if zone == "research":
        return "Without direct identifiers: pseudonyms, and dates shifted for each patient. Every use is audited."
    return "Invented patients. Every use is audited."


def _zones(person: Person, zone: str) -> Component | None:
    if len(person.patient_zones) < 2:
        return None
    current: dict[str, Any] = {"aria-current": "true"}
    links = [
        link(words.ZONES[each], href("patients", zone=each), **(current if each == zone else {}))
        for each in person.patient_zones
    ]
    return html.Nav(links, className="tabs", **_labelled("Zone"))


def _search(zone: str) -> Component:
    gender = dmc.Select(
        id="find-gender", label="Gender", data=[{"value": each, "label": each.capitalize()} for each in people.GENDERS],
        clearable=True, className="m-input", inputWrapperOrder=ORDER, comboboxProps={"withinPortal": False},
    )  # fmt: skip
    by_name = [
        dmc.TextInput(
            id="find-name",
            label="Name",
            description="Beginning of any part",
            className="m-input",
            inputWrapperOrder=ORDER,
            debounce=True,
        ),
        dmc.TextInput(
            id="find-birth",
            label="Date of birth",
            description="1980, 1980-05 or 1980-05-17",
            className="m-input",
            inputWrapperOrder=ORDER,
            debounce=True,
        ),
    ]
    hidden = [html.Div(each, hidden=True) for each in by_name]
    fields = [
        *(by_name if zone == "identified" else hidden),
        gender,
        dmc.TextInput(id="find-id", label="Id", className="m-input", inputWrapperOrder=ORDER, debounce=True),
    ]
    button = html.Button("Search", id="find", type="button", className="button button-main")
    labelled = _labelled("Search patients")
    return html.Div([*fields, button], className="card search", role="search", **labelled)


def _results(zone: str, result: Found, asked: Asked) -> Component:
    if not result.resources:
        is_empty = asked == Asked()
        text = "This zone holds no patient yet." if is_empty else "Write the beginning of a name, or less of the date."
        return card("No patient" if is_empty else "No patient fits", html.P(text, className="soft"))
    columns = [
        Column("Patient"),
        Column("Born", "tight"),
        Column("Gender"),
        Column("Id", "wide-only"),
        Column("Changed", "tight wide-only"),
    ]
    rows = [_row(zone, patient) for patient in result.resources]
    total = f"{words.count_of(result.total, 'patient')}" if result.total is not None else ""
    aside = html.P(total, className="soft number", role="status")
    title = "Changed last" if asked == Asked() else "Found"
    return card(title, Table("Patients", columns, rows).shown(), aside=aside)


def _row(zone: str, patient: Resource) -> tuple[Contents, ...]:
    patient_id = str(patient.get("id", ""))
    name = people.name_of(patient)
    shown = name or html.Code(patient_id[:12])
    changed = str(patient.get("meta", {}).get("lastUpdated", ""))[:16].replace("T", " ")
    dead = html.Span(" (died)", className="soft") if people.died(patient) else None
    return (
        html.Div([link(shown, href("patients", zone, patient_id)), dead]),
        people.born(patient),
        people.gender(patient),
        html.Code(patient_id),
        changed,
    )


def _pager(following: str) -> Component:
    buttons = [
        html.Button("Previous", id="found-before", type="button", className="button button-small", disabled=True),
        html.Button("Next", id="found-next", type="button", className="button button-small", disabled=not following),
    ]
    return html.Div(
        html.Div(buttons, className="buttons", role="group", **_labelled("More patients")), className="pager"
    )
