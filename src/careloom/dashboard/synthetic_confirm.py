"""What people do with synthetic data: draw a sample, ask the release gate, take a release back.

Each act has two steps: a link opens what will happen; the button there does it.
"""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.synthetic_reports import SyntheticModel, SyntheticSample
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import card, link, note
from careloom.errors import AccessError, CareloomError, Conflict

LONGEST_REASON = 200
_ORDER = ["label", "input", "description", "error"]
_KINDS = {"records": "patients", "notes": "notes"}
"""Engine -> what is drawn of it; rows of any other."""
_MOST = 10_000_000


def confirm_draw(one: SyntheticModel) -> Component:
    """How many rows, patients or notes to draw of a model."""
    unit = _KINDS.get(one.engine, "rows")
    many = dmc.NumberInput(
        id="synthetic-rows", label=f"How many {unit}", value=1000 if unit == "rows" else 100, min=1, max=_MOST,
        allowDecimal=False, thousandSeparator=",", className="m-input", debounce=True,
    )  # fmt: skip
    text = (
        f"The {unit} are drawn and judged as a job, and lie sealed: nobody reads them before the release gate let them "
        "out. Drawing costs nothing of the privacy budget."
    )
    back = href("synthetic", "models", one.id)
    asked = {"act": "sample", "target": one.id, "engine": one.engine, "back": back}
    return _card(f"Draw {unit}?", text, [many, *_no_fields("rows")], "Yes, draw and judge them", asked)


def confirm_sample(one: SyntheticSample, act: str) -> Component | None:
    """The question that ``?act=`` asks of a sample; None where its state does not allow it."""
    asked = {"act": act, "target": one.id, "back": href("synthetic", "samples", one.id)}
    if act == "release" and one.state in ("judged", "refused"):
        text = (
            "Every rule of the policy has to be met. Rows that pass become a table of the synthetic zone, with a "
            "signed certificate. The ledger counts the verdict over a private fit, whatever it is. Only a privacy "
            "officer may choose the policy for rows without a proven bound."
        )
        fields = [_table_field(), _policy_field(), _reason_field(), html.Div(_no_field("rows"), hidden=True)]
        return _card("Ask the release gate?", text, fields, "Yes, ask the gate", asked)
    if act == "withdraw" and one.state == "released":
        text = (
            "Its table leaves the lake at once and nobody can fetch it any more. Its certificate stays. What was "
            "fetched before is beyond this installation. It cannot be undone."
        )
        return _card("Withdraw this release?", text, _no_fields(), "Yes, withdraw it", asked, kind="button-bad")
    return None


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what the button of the second step does."""

    @app.callback(
        Output("synthetic-said", "children"),
        Output("synthetic-form", "hidden"),
        Input("synthetic-go", "n_clicks"),
        State("synthetic-act", "data"),
        State("synthetic-rows", "value"),
        State("synthetic-table", "value"),
        State("synthetic-policy", "value"),
        State("synthetic-reason", "value"),
        prevent_initial_call=True,
    )
    def act(
        _clicks: int, asked: dict[str, str], rows: Any, table: str | None, policy: str | None, reason: str | None
    ) -> tuple[Any, Any]:
        try:
            with signed_in(api_of) as api:
                synthetic, target = api.synthetic, asked["target"]
                if asked["act"] == "sample":
                    made = _drawn(api, asked["engine"], target, int(rows or 0))
                    return _done("The sample is queued.", "See how far it is", href("synthetic", "samples", made.id))
                if asked["act"] == "release":
                    told = {"policy": policy or "strict", "reason": (reason or "").strip()}
                    synthetic.ask_release(target, (table or "").strip(), **told)
                    return _done("The release gate is being asked.", "See what it says", asked["back"])
                synthetic.withdraw(target)
                return _done("The release is withdrawn.", "Show it as it is now", asked["back"])
        except CareloomError as error:
            return _refused(error), no_update


def _drawn(api: Careloom, engine: str, model: str, many: int) -> SyntheticSample:
    if engine == "records":
        return api.synthetic.sample_records(model, many)
    if engine == "notes":
        return api.synthetic.sample_notes(model, many)
    return api.synthetic.sample(model, many)


def _done(title: str, way: str, target: str) -> tuple[Any, Any]:
    return note(title, link(way, target), tone="good", role="status"), True


def _refused(error: CareloomError) -> Component:
    title = "Not now"
    if isinstance(error, AccessError):
        title = "This needs another person"
    elif isinstance(error, Conflict):
        title = "Somebody was quicker"
    where = error.where[:1].upper() + error.where[1:]
    return note(title, f"{where}. {error.remedy}", tone="warn", role="alert")


def _card(title: str, text: str, fields: list[Any], yes: str, asked: dict[str, str], *, kind: str = "") -> Component:
    buttons = html.Div(
        [
            html.Button(yes, id="synthetic-go", type="button", className=f"button button-main {kind}".strip()),
            link("No, leave it", asked["back"], className="button"),
        ],
        className="decision-buttons",
    )
    form = html.Div([html.P(text), *fields, buttons], id="synthetic-form", className="stack")
    return card(title, [form, html.Div(id="synthetic-said"), dcc.Store(id="synthetic-act", data=asked)],
                kind="card-ask")  # fmt: skip


def _table_field() -> Component:
    field: Component = dmc.TextInput(
        id="synthetic-table", label="Name of the table", placeholder="patients_synthetic", className="m-input",
        description="Small letters, digits and _; it becomes gold/NAME of the synthetic zone.", debounce=True,
        inputWrapperOrder=_ORDER, inputProps={"maxLength": 61, "autoComplete": "off"},
    )  # fmt: skip
    return field


def _policy_field() -> Component:
    options = [
        {"value": "strict", "label": "Strict: a proven bound"},
        {"value": "empirical", "label": "Empirical: attacks alone"},
    ]
    field: Component = dmc.RadioGroup(
        dmc.Stack([dmc.Radio(value=one["value"], label=one["label"]) for one in options], gap="xs"),
        id="synthetic-policy", label="Policy", value="strict",
    )  # fmt: skip
    return field


def _reason_field() -> Component:
    field: Component = dmc.TextInput(
        id="synthetic-reason", label="Why", description="Stands in the certificate; name no patient.", debounce=True,
        className="m-input", inputWrapperOrder=_ORDER,
        inputProps={"maxLength": LONGEST_REASON, "autoComplete": "off"},
    )  # fmt: skip
    return field


def _no_fields(shown: str = "") -> list[Component]:
    """Stand-ins of the fields that this act does not ask for."""
    each = ("rows", "table", "policy", "reason")
    return [html.Div([_no_field(name) for name in each if name != shown], hidden=True)]


def _no_field(name: str) -> Component:
    return dcc.Input(type="hidden", id=f"synthetic-{name}", value="")
