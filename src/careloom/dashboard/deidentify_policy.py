"""One policy of de-identification: what it does, each entry with its reason, and the way to start a run with it."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.deidentification_reports import DeidentificationPolicyDetail, PolicyEntry
from careloom.dashboard import words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.deidentify import DATES, ROOM, TITLE, addresses, sentence, texts
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, badge, card, head, link, note
from careloom.dashboard.session import Person

DECISIONS = {
    "keep": ("Passes", "good"),
    "need": ("Must be there", "warn"),
    "mask": ("Masked", "plain"),
    "remove": ("Removed", "plain"),
    "refuse": ("Held back", "bad"),
}
ENTRY_COLUMNS = [Column("Structure"), Column("Decision", "tight"), Column("Elements"), Column("Because")]


def page(api: Careloom, person: Person, name: str, address: Address) -> Page:
    """What the policy decides. ``?decision=`` and ``?find=`` narrow the entries; both hold words of the policy only."""
    policy = api.deidentifications.policy(name)
    lead = html.Span([f"Version {policy.version}, digest ", html.Code(policy.digest)])
    content: list[Content] = [
        head(f"Policy {policy.name}", lead=lead, aside=badge("Default", "plain") if policy.default else None),
        _facts(policy),
        _start(policy) if person.may_deidentify else _may_not(),
        _entries(policy, address),
    ]
    return Page(policy.name, content, trail=((TITLE, href(ROOM)),))


def _facts(policy: DeidentificationPolicyDetail) -> Component:
    each = (
        ("Dates and times", sentence(DATES[policy.dates])),
        ("Of addresses", sentence(addresses(policy))),
        ("Of texts", sentence(texts(policy))),
    )
    facts = [html.Div([html.Dt(title), html.Dd(said)]) for title, said in each]
    kinds = html.P(", ".join(words.spaced(one) for one in policy.passing), className="small")
    said = f"{words.count_of(len(policy.passing), 'resource type passes', 'resource types pass')}, no other"
    return card("At a glance", [html.Dl(facts, className="facts"), html.Details([html.Summary(said), kinds])])


def _start(policy: DeidentificationPolicyDetail) -> Component:
    """Two steps: the first only opens the second, which says what will happen."""
    text = (
        f"The research zone is made anew from what the identified zone holds. What {policy.name} does not let through "
        "leaves it, its tables too. The identified zone stays as it is."
    )
    button = html.Button("Yes, make the research zone", type="submit", className="button button-main")
    form = html.Form(button, method="post", action=f"{PREFIX}/deidentify-start/{policy.name}")
    opened = html.Div([html.P(text), form], className="stack")
    return card("Start a run", html.Details([html.Summary(f"Make the research zone with {policy.name}"), opened]))


def _may_not() -> Component:
    return note(
        "You may read policies and reports, not start a run", "An administrator can grant the role data-engineer."
    )


def _entries(policy: DeidentificationPolicyDetail, address: Address) -> Component:
    wanted, find = address.query.get("decision", ""), address.query.get("find", "").strip()
    wanted = wanted if wanted in DECISIONS else ""
    found = [one for one in policy.entries if _fits(one, find)]
    chosen = [one for one in found if wanted in ("", one.decision)]
    target = (ROOM, "policies", policy.name)
    counts = {name: sum(one.decision == name for one in found) for name in DECISIONS}
    each = [("", f"All ({len(found)})"), *((name, f"{DECISIONS[name][0]} ({count})") for name, count in counts.items())]
    current: dict[str, Any] = {"aria-current": "page"}
    labelled: dict[str, Any] = {"aria-label": "Decision"}
    tabs = html.Nav(
        [
            link(said, href(*target, decision=name, find=find), **(current if name == wanted else {}))
            for name, said in each
        ],
        className="tabs",
        **labelled,
    )
    inside: list[Content] = [_search(policy.name, wanted, find), tabs]
    if chosen:
        inside.append(Table("Entries of the policy", ENTRY_COLUMNS, [_row(policy, one) for one in chosen]).shown())
    else:
        inside.append(html.P(["No entry fits. ", link("Show all", href(*target))], className="soft"))
    return card("Entries", inside)


def _fits(entry: PolicyEntry, find: str) -> bool:
    said = " ".join((entry.structure, *entry.elements, entry.because)).lower()
    return all(word in said for word in find.lower().split())


def _search(name: str, wanted: str, find: str) -> Component:
    """A form that asks for this page again, so that what was found has an address."""
    field = dmc.TextInput(
        id="find-entry", name="find", label="Find in structures, elements and reasons", value=find,
        placeholder="birthDate, ZIP, (H)", className="m-input", debounce=True,
    )  # fmt: skip
    button = html.Button("Find", type="submit", className="button", style={"justifySelf": "start"})
    kept = dcc.Input(name="decision", value=wanted, type="hidden") if wanted else None
    return html.Form([field, kept, button], method="get", action=href(ROOM, "policies", name), className="search")


def _row(policy: DeidentificationPolicyDetail, entry: PolicyEntry) -> tuple[Contents, ...]:
    said, tone = DECISIONS[entry.decision]
    whole = "the whole resource" if entry.decision == "refuse" else words.NONE
    elements = [html.Div(html.Code(one)) for one in entry.elements] or whole
    origin = f"From {entry.origin}" if entry.origin != policy.name else None
    structure = "Every structure" if entry.structure == "*" else html.Code(entry.structure)
    return (
        structure,
        badge(said, tone),
        html.Div(elements),
        html.Div([entry.because, html.Div(origin, className="soft") if origin else None]),
    )
