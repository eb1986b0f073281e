"""One pair: both patients side by side, what agrees and what that weighs, and the decision."""

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.linkage_reports import DecidedPair, PairDetail, Reason, Side
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.linkage import ORIGINS, STATES, TONES
from careloom.dashboard.linkage import TITLE as LINKAGE
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    badge,
    card,
    head,
    link,
    note,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person
from careloom.errors import CareloomError

TITLE = "Pair"
MARKS = {
    "same": ("Same", "good"),
    "similar": ("Similar", "warn"),
    "different": ("Different", "bad"),
    "unknown": ("Not known", ""),
}
ACTIONS = {"pair-accept": "accept", "pair-reject": "reject", "pair-undo": "undo"}
LONGEST_REASON = 500
_FULL_BAR_BITS = 18.0


def page(api: Careloom, person: Person, pair: str) -> Page:
    """Both patients and the decision; opening it is audited with the person's name."""
    shown = api.linkage.show(pair)
    lead = "Opened in your name. Compare, then decide: links between the two follow at once, and can be undone."
    content: list[Content] = [
        head("Two records, one person?", lead=lead),
        html.Div(_standing(shown), id="pair-standing", className="stack"),
        _side_by_side(shown),
        _decision(shown, may_decide=person.may_decide),
        html.Div(_history(shown), id="pair-history"),
        dcc.Store(id="pair-id", data=pair),
    ]
    return Page(TITLE, content, trail=((LINKAGE, href("linkage")),))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what the buttons do."""

    @app.callback(
        Output("pair-standing", "children"),
        Output("pair-history", "children"),
        Output("pair-said", "children"),
        Output("pair-reason", "value"),
        *(Output(button, "disabled") for button in ACTIONS),
        *(Input(button, "n_clicks") for button in ACTIONS),
        State("pair-id", "data"),
        State("pair-reason", "value"),
        prevent_initial_call=True,
    )
    def decide(*given: Any) -> tuple[Any, ...]:
        pair, reason = str(given[-2]), str(given[-1] or "")
        action = ACTIONS.get(str(ctx.triggered_id), "")
        try:
            with signed_in(api_of) as api:
                if action == "accept":
                    api.linkage.accept(pair, reason)
                elif action == "reject":
                    api.linkage.reject(pair, reason)
                elif action == "undo":
                    api.linkage.undo(pair, reason)
                shown = api.linkage.show(pair)
        except CareloomError as error:
            said = note(error.where, error.remedy, tone="warn", role="alert")
            return (*_unchanged(2), said, reason, *_unchanged(3))
        said = note(f"Done: {STATES[shown.state].lower()}", _what_follows(shown), tone="good", role="status")
        return _standing(shown), _history(shown), said, "", *_disabled(shown)


def _unchanged(count: int) -> tuple[Any, ...]:
    return (no_update,) * count


def _standing(shown: DecidedPair) -> list[Component]:
    figures = tiles(
        [
            tile("Probability", f"{shown.probability:.4f}"),
            tile("Weight", f"{shown.weight:+.1f} bits"),
            tile("State", STATES[shown.state], note=f"by {ORIGINS.get(shown.origin, shown.origin)}"),
        ],
        is_small=True,
    )
    cautions = [
        note("Look closely", one.words[:1].upper() + one.words[1:] + ".", tone="warn") for one in shown.cautions
    ]
    return [figures, *cautions]


def _side_by_side(shown: PairDetail) -> Component:
    columns = [
        Column("Trait"),
        Column("Agreement", "tight"),
        Column("First record"),
        Column("Second record"),
        Column("Bits", "right"),
        Column("Which says", "wide-only"),
    ]
    reasons = {reason.trait: reason for reason in shown.reasons}
    rows = [_row(side, reasons.get(side.trait)) for side in shown.sides]
    records = [
        link(f"{which} record", href("patients", "identified", patient.removeprefix("Patient/")))
        for which, patient in zip(("First", "Second"), shown.patients, strict=True)
    ]
    aside = html.P([records[0], " · ", records[1]])
    return card("Side by side", Table("Both records, trait by trait", columns, rows).shown(), aside=aside)


def _row(side: Side, reason: Reason | None) -> tuple[Contents, ...]:
    word, tone = MARKS[side.agreement]
    return (
        side.title,
        badge(word, tone),
        _values(side.values[0]),
        _values(side.values[1]),
        html.Div([f"{reason.bits:+.1f}", _bar(reason.bits)]) if reason else words.NONE,
        reason.words if reason else words.NONE,
    )


def _values(values: tuple[str, ...]) -> Contents:
    return html.Div([html.Div(value) for value in values]) if values else words.NONE


def _bar(bits: float) -> Component:
    """How much a trait says, beside its number, which is why it is not read aloud."""
    share = min(1.0, abs(bits) / _FULL_BAR_BITS)
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    filled = html.Span(style={"width": f"{100 * share:.0f}%"}, className="" if bits >= 0 else "is-quarantined")
    return html.Div(filled, className="bar bits-bar", **hidden)


def _decision(shown: PairDetail, *, may_decide: bool) -> Component:
    said = html.Div(id="pair-said")
    if not may_decide:
        text = "Whoever has the role data-steward may accept, reject and undo."
        return card("Decision", [note("You may look, not decide", text), said])
    order = ["label", "input", "description", "error"]
    reason = dmc.TextInput(
        id="pair-reason", label="Reason", description="Optional; kept sealed with the pair", className="m-input",
        inputWrapperOrder=order, inputProps={"maxLength": LONGEST_REASON}, debounce=True,
    )  # fmt: skip
    disabled = _disabled(shown)
    buttons = html.Div(
        [
            _button("pair-accept", "One person", "a", disabled[0], is_main=True),
            _button("pair-reject", "Two people", "r", disabled[1]),
            _button("pair-undo", "Undo", "u", disabled[2]),
        ],
        className="buttons decision-buttons",
    )
    hint = html.P(
        ["Keys: ", html.Kbd("Alt"), " with ", html.Kbd("A"), ", ", html.Kbd("R"), " or ", html.Kbd("U"), "."],
        className="hint",
    )
    return card("Decision", [reason, buttons, hint, said])


def _button(name: str, text: str, key: str, disabled: bool, *, is_main: bool = False) -> Component:
    props: dict[str, Any] = {"data-key": key, "aria-keyshortcuts": f"Alt+{key}"}
    return html.Button(
        text,
        id=name,
        type="button",
        disabled=disabled,
        className="button button-main" if is_main else "button",
        **props,
    )


def _disabled(shown: DecidedPair) -> tuple[bool, bool, bool]:
    """Whether accept, reject and undo make no sense now."""
    is_persons = shown.origin == "person"
    nothing_to_undo = shown.state != "linked" and not (is_persons and shown.state == "rejected")
    return shown.state == "linked" and is_persons, shown.state == "rejected" and is_persons, nothing_to_undo


def _what_follows(shown: DecidedPair) -> Contents:
    back = link("Back to the queue", href("linkage"))
    return html.Span(["Links between the records were written again. ", back])


def _history(shown: DecidedPair) -> Component:
    if not shown.history:
        return card("History", html.P("Nothing was decided so far.", className="soft"))
    columns = [Column("When (UTC)", "tight"), Column("Who"), Column("What"), Column("Then"), Column("Why")]
    rows = [
        (
            time(step.time),
            step.actor,
            step.action,
            badge(STATES.get(step.after, step.after), TONES.get(step.after, "")),
            step.reason or words.NONE,
        )
        for step in reversed(shown.history)
    ]
    return card("History", Table("What was decided, newest first", columns, rows).shown())
