"""Forms whose answer is an address: fields with labels, choices, and the button that asks. They work by keyboard."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from careloom.dashboard.address import PREFIX
from careloom.dashboard.parts import link


def filters(action: str, fields: Sequence[Component | None], *, button: str = "Show", reset: bool = False) -> Component:
    """A form that asks for the page at `action` with what its fields say, so that what is shown has an address.

    reset  offers the way back to the page without any of it
    """
    way = link("Clear", action, className="button") if reset else None
    asks = html.Div([html.Button(button, type="submit", className="button"), way], className="filter-buttons")
    return html.Form([*fields, asks], method="get", action=action, className="search filter-row")


def text(name: str, title: str, value: str = "", **props: Any) -> Component:
    """A field of one line. `props` as `dmc.TextInput` takes them, such as ``placeholder``."""
    field: Component = dmc.TextInput(
        id=f"filter-{name}", name=name, label=title, value=value, className="m-input", debounce=True, **props
    )
    return field


def hidden(name: str, value: str) -> Component | None:
    """What an address keeps although no field shows it; nothing where it is empty."""
    return dcc.Input(type="hidden", name=name, value=value) if value else None


def choice(name: str, title: str, options: Mapping[str, str], value: str = "") -> Component:
    """One of several. `options`: what stands in the address -> words."""
    each = [html.Option(words, value=key, selected=key == value) for key, words in options.items()]
    named: dict[str, Any] = {"name": name, "id": f"filter-{name}", "key": f"{name}-{value}"}
    return html.Div([html.Label(title, htmlFor=f"filter-{name}"), html.Select(each, **named)], className="field")


def act(address: str, title: str, *, main: bool = False, fields: Sequence[Component | None] = ()) -> Component:
    """A button that does something: a form that is posted to an address below the dashboard's."""
    kind = "button button-small button-main" if main else "button button-small"
    button = html.Button(title, type="submit", className=kind)
    return html.Form([*fields, button], method="post", action=f"{PREFIX}/{address}")


def asked_twice(summary: str, said: str, form: Component) -> Component:
    """What is done only once somebody has read what it does: closed until it is opened."""
    return html.Details([html.Summary(summary), html.Div([html.P(said), form], className="stack")], className="twice")


def tabs(title: str, each: Sequence[tuple[str, str, bool]]) -> Component:
    """Pages or views beside each other: (words, link, whether it is this one)."""
    labelled: dict[str, Any] = {"aria-label": title}
    current: dict[str, Any] = {"aria-current": "page"}
    links = [link(words, target, **(current if is_here else {})) for words, target, is_here in each]
    return html.Nav(links, className="tabs", **labelled)
