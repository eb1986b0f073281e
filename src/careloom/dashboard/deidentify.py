"""De-identification: the policies to choose from, and what runs did. No value of a patient is here."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.deidentification_reports import Deidentification, DeidentificationPolicy
from careloom.dashboard import words
from careloom.dashboard.address import Address, href
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
    state,
    time,
)
from careloom.dashboard.run_parts import older_runs
from careloom.dashboard.session import Person

TITLE = "De-identification"
ROOM = "deidentify"
RUNS_SHOWN = 20
DATES = {
    "shift": "moved by a secret number of days, another for each patient",
    "year": "the year alone",
    "keep": "as they are",
}
TREATED = {
    "us-state": "the state", "zip3": "three digits of the ZIP code", "europe": "the country", "area": "the postal area",
}  # fmt: skip
POLICY_COLUMNS = [Column("Policy"), Column("Dates", "wide-only"), Column("Addresses"), Column("Texts", "wide-only")]
RUN_COLUMNS = [
    Column("Run (began, UTC)"), Column("State", "tight"), Column("Policy"), Column("Passed", "right"),
    Column("Held back", "right wide-only"), Column("Took", "right wide-only"), Column("By", "wide-only"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The policies and the runs, newest first; ``?before=`` continues where a page ended."""
    before = address.query.get("before", "")
    found = api.deidentifications.list(limit=RUNS_SHOWN, cursor=before)
    lead = "The research zone is made by a policy, which is an allow-list: what no entry of it keeps does not pass."
    aside = link("Original beside de-identified", href(ROOM, "compare"), className="button button-small")
    content: list[Content] = [head(TITLE, lead=lead, aside=aside if person.may_preview else None)]
    if not before:
        content.append(_policies(api.deidentifications.policies(), person))
    if found.items:
        table = Table("Runs, newest first", RUN_COLUMNS, [_row(run) for run in found.items]).shown()
        content.append(card("Runs", [table, older_runs(before, found.next, ROOM)]))
    elif before:
        content.append(card("No more runs", html.P(link("Back to the newest", href(ROOM)))))
    else:
        content.append(_never(person))
    return Page(TITLE, content, is_live=any(not run.has_ended for run in found.items))


def addresses(policy: DeidentificationPolicy) -> str:
    """What of an address passes, in words."""
    shown = []
    for one in reversed(policy.addresses):
        element, _, treatment = one.partition(" as ")
        shown.append(TREATED.get(treatment) or words.spaced(element).lower())
    return ", ".join(shown) or "nothing"


def texts(policy: DeidentificationPolicy) -> str:
    """What becomes of texts, in words."""
    return "de-identified" if policy.texts else "none passes"


def sentence(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]


def _policies(found: tuple[DeidentificationPolicy, ...], person: Person) -> Component:
    rows = [
        (
            html.Div(
                [
                    link(one.name, href(ROOM, "policies", one.name)), " ",
                    badge("Default", "plain") if one.default else None,
                    html.Div(f"Version {one.version}", className="soft"),
                ]
            ),
            sentence(DATES[one.dates]), sentence(addresses(one)), sentence(texts(one)),
        )
        for one in found
    ]  # fmt: skip
    said = (
        "Read a policy before you start a run with it." if person.may_deidentify else "Read what each decides, and why."
    )
    table = Table("Policies that ship", POLICY_COLUMNS, rows).shown()
    return card("Policies", [html.P(said, className="soft small"), table])


def _never(person: Person) -> Component:
    how = "Choose a policy above, read it, and start." if person.may_deidentify else "A data engineer starts one."
    said = [
        html.P(
            "The research zone was never made: no run has left a report. A run leaves the identified zone as it is."
        ),
        html.P(how),
        html.P(["Or on the command line: ", html.Code("careloom deidentify --policy safe-harbor")]),
    ]
    return card("No run yet", html.Div(said, className="empty"))


def _row(run: Deidentification) -> tuple[Contents, ...]:
    name = time(run.started) if run.started else run.id if run.has_ended else "Not yet begun"
    changed = badge("Report changed", "bad") if run.signed is False else None
    id_ = html.Div(html.Code(run.id), className="soft wide-only")
    return (
        html.Div([link(name, href(ROOM, run.id)), " ", changed, id_]),
        state(run.state),
        run.policy or words.NONE,
        words.number(run.kept),
        words.number(run.held_back),
        words.lasting(run.started, run.ended),
        run.actor or words.NONE,
    )
