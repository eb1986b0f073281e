"""Which page an address shows: one callback for all of them, one more for what is live."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.dashboard import (
    analyze,
    deidentify,
    deidentify_compare,
    deidentify_policy,
    deidentify_run,
    draft,
    duplicates,
    linkage,
    normalize,
    note_runs,
    overview,
    pair,
    patient,
    patients,
    quality,
    quality_rule,
    run,
    runs,
    session,
    shell,
    synthetic,
)
from careloom.dashboard.address import Address, read
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import Contents, Page, refusal
from careloom.errors import CareloomError, NotFound

LIVE_SECONDS = 10


def page_at(api: Careloom, person: session.Person, address: Address) -> Page:
    """The page of an address. raises NotFound, and whatever the API refuses."""
    match address.parts:
        case ():
            return overview.page(api, person)
        case ("runs",):
            return runs.page(api, address)
        case ("runs", "draft"):
            return draft.page(person)
        case ("runs", run_id):
            return run.page(api, run_id, address)
        case ("quality", *below):
            return _of_quality(api, person, address, below)
        case ("normalize",):
            return normalize.page(api, address)
        case ("normalize", run_id):
            return normalize.run_page(api, person, run_id)
        case ("deidentify", *below):
            return _of_deidentification(api, person, address, below)
        case ("notes", *below):
            return _of_notes(api, person, address, below)
        case ("patients", *below):
            return _of_patients(api, person, address, below)
        case ("linkage", *below):
            return _of_linkage(api, person, address, below)
        case ("synthetic",):
            return synthetic.page(api, person, address)
    raise _no_page()


def _of_quality(api: Careloom, person: session.Person, address: Address, below: list[str]) -> Page:
    match below:
        case [] | [_]:
            return quality.page(api, person, address, *below)
        case [run_id, rule_id]:
            return quality_rule.page(api, run_id, rule_id, address)
    raise _no_page()


def _of_patients(api: Careloom, person: session.Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return patients.page(api, person, address)
        case [zone, patient_id]:
            return patient.page(api, person, zone, patient_id, address)
    raise _no_page()


def _of_linkage(api: Careloom, person: session.Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return linkage.page(api, address)
        case ["duplicates"]:
            return duplicates.page(api, person, address)
        case [pair_id]:
            return pair.page(api, person, pair_id)
    raise _no_page()


def _of_notes(api: Careloom, person: session.Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return analyze.page(person)
        case [note_runs.RUNS]:
            return note_runs.page(api, person, address)
        case [note_runs.RUNS, run_id]:
            return note_runs.run_page(api, person, run_id)
    raise _no_page()


def _of_deidentification(api: Careloom, person: session.Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return deidentify.page(api, person, address)
        case ["compare", *record]:
            return deidentify_compare.page(api, person, address, record)
        case ["policies", name]:
            return deidentify_policy.page(api, person, name, address)
        case [run_id]:
            return deidentify_run.page(api, person, run_id)
    raise _no_page()


def _no_page() -> NotFound:
    return NotFound("there is no such page", "Choose one on the left.")


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds the callbacks that draw pages."""

    @app.callback(
        Output("page", "children"),
        Output("trail", "children"),
        Output("side", "children"),
        Output("page-title", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
    )
    def show(
        path: str | None, search: str | None
    ) -> tuple[Component, Component | None, list[Component], dict[str, Any]]:
        address, person = read(path, search), session.person()
        page = _drawn(api_of, person, address)
        active = address.parts[0] if address.parts else ""
        about = {
            "title": page.title,
            "address": "/".join(address.parts),
            "at": (path or "") + (search or ""),
            "ends": round(person.expires.timestamp() * 1000),
        }
        return _placed(page), shell.trail(page), shell.side(person, active), about

    @app.callback(
        Output("live", "children"),
        Input("tick", "n_intervals"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def refresh(_ticks: int, path: str | None, search: str | None) -> Any:
        """What is live now; what was shown stays, and goes stale in sight, while the API does not answer."""
        try:
            with signed_in(api_of) as api:
                return _listed(page_at(api, session.person(), read(path, search)).content)
        except CareloomError:
            return no_update

    app.clientside_callback(  # type: ignore[no-untyped-call]  # dash 4.4
        ClientsideFunction("careloom", "entered"), Output("ending", "title"), Input("page-title", "data")
    )


def _drawn(api_of: ApiOf, person: session.Person, address: Address) -> Page:
    try:
        with signed_in(api_of) as api:
            return page_at(api, person, address)
    except CareloomError as error:
        return refusal(error)


def _placed(page: Page) -> Component:
    ahead = [html.Div(_listed(page.ahead), className="page")] if page.ahead else []
    if not page.is_live:
        return html.Div([*_listed(page.ahead), *_listed(page.content)], className="page")
    tick = dcc.Interval(id="tick", interval=LIVE_SECONDS * 1000)
    return html.Div([*ahead, html.Div(_listed(page.content), id="live", className="page"), tick])


def _listed(content: Contents) -> list[Any]:
    return [content] if isinstance(content, Component | str | int | float) or content is None else list(content)
