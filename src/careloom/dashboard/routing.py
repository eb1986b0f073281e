"""Which page an address shows: one callback for all of them, one more for what is live."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.dashboard import finder, places, session, shell
from careloom.dashboard.address import Address, read
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import Contents, Page, refusal
from careloom.errors import CareloomError

LIVE_SECONDS = 10


def page_at(api: Careloom, person: session.Person, address: Address) -> Page:
    """The page of an address. raises NotFound, and whatever the API refuses."""
    first, *below = address.parts or ("",)
    return places.find(first).draw(api, person, address, below)


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds the callbacks that draw pages."""

    @app.callback(
        Output("page", "children"),
        Output("trail", "children"),
        Output("side", "children"),
        Output("keys-list", "children"),
        Output("page-title", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
    )
    def show(
        path: str | None, search: str | None
    ) -> tuple[Component, Component | None, list[Component], Component, dict[str, Any]]:
        address, person = read(path, search), session.person()
        page = _drawn(api_of, person, address)
        active = address.parts[0] if address.parts else ""
        about = {
            "title": page.title,
            "address": "/".join(address.parts),
            "at": (path or "") + (search or ""),
            "ends": round(person.expires.timestamp() * 1000),
        }
        return _placed(page), shell.trail(page), shell.side(person, active), finder.keys_for(person), about

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
