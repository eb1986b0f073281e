"""What people do with a model: approve, promote, roll back, retire, acknowledge an alarm, look now, fetch its card.

Each act has two steps: a link opens what will happen and asks why; the button there does it.
"""

from collections.abc import Callable
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from flask import Flask, Response, abort, redirect, request

from careloom.client.careloom import Careloom
from careloom.dashboard.calls import ApiOf, acting, signed_in
from careloom.dashboard.model_words import watch_href
from careloom.dashboard.parts import card, link, note
from careloom.errors import AccessError, CareloomError, Conflict

LONGEST_REASON = 500
CARDS = {"json": "application/json", "html": "text/html; charset=utf-8", "xml": "application/xml"}
TITLES = {
    "approve": ("Approve", "Yes, approve it"), "promote": ("Promote", "Yes, make it the champion"),
    "retire": ("Retire", "Yes, retire it for good"), "rollback": ("Roll back", "Yes, roll it back"),
    "acknowledge": ("Acknowledge", "Yes, I have seen it"),
}  # fmt: skip
"""Act -> title, words of the button."""
_DONE = {
    "approve": "is approved", "promote": "is the champion now", "retire": "is retired", "rollback": "was rolled back",
    "acknowledge": "is acknowledged: it is told again only once it worsens, or is over",
}  # fmt: skip

_Act = Callable[[Careloom, str, str], Any]
_ACTS: dict[str, _Act] = {
    "approve": lambda api, target, reason: api.models.approve(target, reason),
    "promote": lambda api, target, reason: api.models.promote(target, reason),
    "retire": lambda api, target, reason: api.models.retire(target, reason),
    "rollback": lambda api, target, reason: api.models.roll_back(target, reason),
    "acknowledge": lambda api, target, reason: api.monitoring.acknowledge(
        target.partition("/")[0], target.partition("/")[2], reason
    ),
}


def confirm(act: str, target: str, follows: str, back: str, *, name: str = "") -> Component:
    """The second step of an act: what follows, why, and the button.

    target  a version, a model, or ``VERSION/ALARM``
    back    where the page is without the question
    name    what is shown for the target, where that is another
    """
    title, yes = TITLES[act]
    order = ["label", "input", "description", "error"]
    reason = dmc.TextInput(
        id="model-reason", label="Why", description="Kept in the audit chain; name no patient.", className="m-input",
        inputWrapperOrder=order, inputProps={"maxLength": LONGEST_REASON, "autoComplete": "off"}, required=True,
        withAsterisk=False, debounce=True,
    )  # fmt: skip
    kind = "button button-main" if act != "retire" else "button button-main button-bad"
    buttons = html.Div(
        [
            html.Button(yes, id="model-go", type="button", className=kind),
            link("No, leave it", back, className="button"),
        ],
        className="decision-buttons",
    )
    asked = {"act": act, "target": target, "name": name or target, "back": back}
    form = html.Div([html.P(follows), reason, buttons], id="model-form", className="stack")
    return card(
        f"{title} {name or target}?",
        [form, html.Div(id="model-said"), dcc.Store(id="model-act", data=asked)], kind="card-ask",
    )  # fmt: skip


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what the button of the second step does."""

    @app.callback(
        Output("model-said", "children"),
        Output("model-form", "hidden"),
        Input("model-go", "n_clicks"),
        State("model-act", "data"),
        State("model-reason", "value"),
        prevent_initial_call=True,
    )
    def act(_clicks: int, asked: dict[str, str], reason: str | None) -> tuple[Any, Any]:
        why = (reason or "").strip()
        if not why:
            return note("Say why", "A sentence is enough: it stands beside what you did.", tone="warn", role="alert"), (
                no_update
            )
        try:
            with signed_in(api_of) as api:
                _ACTS[asked["act"]](api, asked["target"], why)
        except CareloomError as error:
            return refused(asked["act"], error), no_update
        shown = link("Show it as it is now", asked["back"])
        return note(f"{asked['name']} {_DONE[asked['act']]}.", shown, tone="good", role="status"), True


def refused(act: str, error: CareloomError) -> Component:
    """What the API says to an act that it refuses, and what to do."""
    if isinstance(error, AccessError) and act in ("approve", "promote"):
        title = "This needs another person"
    elif isinstance(error, AccessError):
        title = "You may not do this"
    else:
        title = "Somebody was quicker" if isinstance(error, Conflict) else "Not now"
    where = error.where[:1].upper() + error.where[1:]
    return note(title, f"{where}. {error.remedy}", tone="warn", role="alert")


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the addresses of cards and of a look; the gate has let in whoever asks."""

    @server.get("/model-card/<version>.<ending>")
    def model_card(version: str, ending: str) -> Response:
        if ending not in CARDS:
            abort(404)
        with acting(api_of) as api:
            content = api.models.card(version, ending)  # type: ignore[arg-type]  # one of the three
        named = f'attachment; filename="{version.replace("@", "-")}-card.{ending}"'
        return Response(content, content_type=CARDS[ending], headers={"Content-Disposition": named})

    @server.post("/model-look")
    def model_look() -> Response:
        with acting(api_of) as api:
            made = api.monitoring.start(request.args.get("version", ""))
        return redirect(watch_href(made.version, queued=made.id))  # type: ignore[return-value]
