"""The form by which a cohort is built: what a prediction is made at, for whom, and what is foretold."""

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from careloom.dashboard import forms, words
from careloom.dashboard.address import PREFIX, href
from careloom.dashboard.cohorts_asked import (
    BUILD,
    CHOOSE,
    INDEX_KINDS,
    KINDS,
    MUST,
    ROOM,
    SEXES,
    SYSTEMS,
    Built,
    Meant,
)
from careloom.dashboard.parts import card, link
from careloom.dashboard.session import Person

CODES = "E11*, I10"
NOTE_ZONES = ("identified", "research")


def form_card(asked: Built, person: Person) -> Component:
    """Index, people and outcome. It asks by itself a moment after something changes."""
    zones = {one: words.ZONES[one] for one in person.explore_zones}
    notes = {"": "no", "1": "yes"} if asked.zone in NOTE_ZONES else {"": "no"}
    groups = [
        _group("Predict at", [
            forms.choice("n", "Which", CHOOSE, asked.choose), *_meant("i", asked.index, INDEX_KINDS),
        ]),
        _group("Of whom", [
            _number("a", "Age from", asked.min_age), _number("b", "Age below", asked.max_age),
            forms.choice("s", "Sex", SEXES, asked.sex), _number("r", "Days of record before", asked.history),
        ]),
        _group("What is foretold", [
            *_meant("o", asked.outcome, KINDS), _number("h", "Within days", asked.horizon_days),
        ]),
        _group("In", [
            forms.choice("zone", "Zone", zones, asked.zone),
            forms.choice("notes", "Facts of notes", notes, "1" if asked.notes else ""),
        ]),
    ]  # fmt: skip
    button = html.Div(html.Button("Count", type="submit", className="button button-main"), className="filter-buttons")
    live: dict[str, Any] = {"data-live": "1"}
    form = html.Form([_kept(asked), *groups, button], method="get", action=href(ROOM, BUILD), className="stack", **live)
    return card("Who, when and what", form)


def criteria_card(asked: Built) -> Component:
    """The criteria that hold, each with the way out of it, and a form for one more."""
    chips = [
        link(f"{one.said()}\u00a0×", asked.address(criteria=tuple(each for each in asked.criteria if each != one)),
             className="button button-small", title="Take this criterion away")
        for one in asked.criteria
    ]  # fmt: skip
    none = html.P("No further criteria: everybody who fits the above is in.", className="soft")
    fields = [
        forms.choice("add", "The patient", MUST, "have"), forms.choice("k", "What", KINDS, "diagnosis"),
        forms.choice("y", "Codes of", SYSTEMS, "icd10cm"), forms.text("v", "Codes", placeholder=CODES),
        _number("d", "In days before (0: ever)", 0), _number("t", "Times", 1),
    ]  # fmt: skip
    kept = [forms.hidden(name, value) for name, value in asked.query().items()]
    form = forms.filters(href(ROOM, BUILD), [*kept, *fields], button="Add criterion")
    return card("Criteria before that moment", [html.Div(chips, className="buttons") if chips else none, form])


def definition_card(asked: Built) -> Component:
    """The definition as it is counted, to read and to take along."""
    query = href(ROOM, **asked.query()).partition("?")[2]
    file = link(
        "Save as TOML", f"{PREFIX}/cohort-definition.toml?{query}", className="button button-small",
        download="cohort.toml",
    )  # fmt: skip
    scrolls: dict[str, Any] = {"tabIndex": "0", "role": "region", "aria-label": "Definition"}
    shown = html.Details(
        [html.Summary("Show the definition"), html.Pre(asked.definition(), className="command", **scrolls)]
    )
    said = "Trains models as it is: name the file as the cohort of a task."
    return card("Definition", [html.P(said, className="soft"), shown], aside=file)


def _group(title: str, fields: list[Component]) -> Component:
    return html.Fieldset(
        [html.Legend(title), html.Div(fields, className="search filter-row")], className="filter form-group"
    )


def _meant(name: str, meant: Meant, kinds: dict[str, str]) -> list[Component]:
    return [
        forms.choice(f"{name}k", "What", kinds, meant.kind),
        forms.choice(f"{name}y", "Codes of", SYSTEMS, meant.system),
        forms.text(f"{name}v", "Codes", ", ".join(meant.codes), placeholder="Any"),
    ]


def _number(name: str, title: str, value: int) -> Component:
    field: Component = dmc.TextInput(
        id=f"filter-{name}", name=name, label=title, value=str(value or ""), className="m-input", debounce=True,
        inputProps={"inputMode": "numeric", "pattern": "[0-9]*", "autoComplete": "off"},
    )  # fmt: skip
    return field


def _kept(asked: Built) -> Component | None:
    return forms.hidden("c", asked.query().get("c", ""))
