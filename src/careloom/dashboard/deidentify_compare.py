"""An original beside what de-identification makes of it: one record of the identified zone, or a text to try.

For those who may see both zones. What is compared is asked for each time and kept nowhere; a text stands in no address.
"""

import base64
import binascii
from collections import Counter
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.deidentification_reports import DeidentifiedResource, FoundIssue, FoundSpan
from careloom.client.reports import Resource
from careloom.dashboard import words
from careloom.dashboard.address import Address, href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.compare_align import Element, at_place, elements
from careloom.dashboard.deidentify import ROOM, sentence
from careloom.dashboard.deidentify import TITLE as DEIDENTIFICATION
from careloom.dashboard.marked import legend, panes
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
)
from careloom.dashboard.session import Person
from careloom.errors import AccessError, CareloomError, Erased, NotFound, StateError

TITLE = "Side by side"
PART = "compare"
STYLES = {"surrogate": "Surrogates", "tag": "Tags", "mask": "Asterisks"}
LONGEST_CELL = 120
COLUMNS = [Column("Element"), Column("What became of it", "tight"), Column("Original"), Column("De-identified")]
OWNERS = ("subject", "patient", "beneficiary")


def page(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    """A record if the address names one, ``Type/id``, and a text to try. raises AccessError; NotFound; Erased.

    ``?policy=`` is by which policy; ``?names=project`` shows the record as the research zone has it.
    """
    if not person.may_preview:
        raise AccessError(
            "you may not see an original beside what de-identification makes of it",
            "It needs the identified and the research zone, and the role data-engineer or privacy-officer.",
        )
    lead = "What a policy makes of one record, or of a text. Opened in your name; nothing of it is kept."
    record = _record(api, person, address, *below) if below else [_choose()]
    title = " ".join(words.spaced(one) for one in below[:1]) or TITLE
    content: list[Content] = [head(TITLE, lead=lead), *record, _try()]
    return Page(title, content, trail=((DEIDENTIFICATION, href(ROOM)),))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what the button does."""

    @app.callback(
        Output("try-said", "children"),
        Input("try-go", "n_clicks"),
        State("try-text", "value"),
        State("try-style", "value"),
        prevent_initial_call=True,
    )
    def attempt(_clicks: int, text: str | None, style: str | None) -> Any:
        if not text or not text.strip():
            return note("There is no text", "Write one into the field above.", tone="warn", role="alert")
        try:
            with signed_in(api_of) as api:
                return tried(api, text, style or "surrogate")
        except CareloomError as error:
            return note(error.where, error.remedy, tone="warn", role="alert")


def tried(api: Careloom, text: str, style: str) -> list[Content]:
    """What came out of a text. raises InputError; AccessError."""
    told = api.deidentifications.text(text, style=style)
    found = f"{words.count_of(len(told.spans), 'place')} found by the policy {told.policy.name}"
    return [html.P(f"{found}.", role="status", className="soft"), legend(told.spans),
            panes(text, told.text, told.spans, "your text")]  # fmt: skip


def _try() -> Component:
    field = dmc.Textarea(
        id="try-text", label="A text", autosize=True, minRows=3, maxRows=14, className="m-input",
        placeholder="Dr. Marwick saw her on 5 March 2024 ...", debounce=True,
    )  # fmt: skip
    data = [{"value": key, "label": title} for key, title in STYLES.items()]
    styles = html.Fieldset(
        [html.Legend("In place of what identifies"),
         html.Div(dmc.SegmentedControl(id="try-style", value="surrogate", size="sm", data=data), className="chips")],
        className="filter",
    )  # fmt: skip
    go = html.Button("De-identify it", id="try-go", type="button", className="button button-main")
    hint = html.P("It goes to the platform and back; names and dates that come out are made for this answer alone.",
                  className="hint")  # fmt: skip
    said = dcc.Loading(html.Div(id="try-said", className="stack"), type="dot", delay_show=400)
    return card("Try a text", [field, html.Div([styles, go], className="filters filters-end"), hint, said])


def _choose() -> Component:
    target = link("Find a patient", href("patients", zone="identified"))
    said = [html.P("No record is chosen."), html.P([target, ", and follow Compare beside what happened."])]
    return card("A record", html.Div(said, className="empty"))


def _record(api: Careloom, person: Person, address: Address, *below: str) -> list[Content]:
    if len(below) != 2:
        raise NotFound("there is no such page", "Choose one on the left.")
    original = api.fhir("identified").read(*below)
    known = [one.name for one in api.deidentifications.policies()]
    wanted = address.query.get("policy", "")
    policy = wanted if wanted in known else ""
    project, by = _project(api) if person.may_deidentify and address.query.get("names") == "project" else ("", "")
    owner = _owner(original)
    made = api.deidentifications.resource(original, policy=policy or by, patient=owner, project=project)
    return [
        _tabs(below, known, made.told.policy.name, person, is_project=bool(project)),
        _outcome(api, made, below[0]),
        _texts(original, made),
        _elements(original, made),
        _issues(made.told.issues),
    ]


def _owner(resource: Resource) -> str:
    """The id of the patient whom a resource is about; empty where it names none."""
    if resource.get("resourceType") == "Patient":
        return str(resource.get("id", ""))
    named = [
        str((resource.get(key) or {}).get("reference", "")) for key in OWNERS if isinstance(resource.get(key), dict)
    ]
    return next((one.removeprefix("Patient/") for one in named if one.startswith("Patient/")), "")


def _project(api: Careloom) -> tuple[str, str]:
    """The project and the policy of the newest run that left a report; empty where there is none."""
    for run in api.deidentifications.list(limit=20).items:
        report = api.deidentifications.get(run.id).report if run.signed else None
        if report is not None and report.project:
            return report.project, report.policy.name
    return "", ""


def _tabs(below: tuple[str, ...], known: list[str], policy: str, person: Person, *, is_project: bool) -> Component:
    at, current = (ROOM, PART, *below), _labelled("current", "page")
    names = "project" if is_project else ""
    policies = [link(one, href(*at, policy=one, names=names), **(current if one == policy else {})) for one in known]
    bars = [html.Nav(policies, className="tabs", **_labelled("label", "Policy"))]
    if person.may_deidentify:
        choices = (("", "Names of this page alone"), ("project", "As in the research zone"))
        links = [
            link(said, href(*at, policy=policy, names=one), **(current if (one == "project") == is_project else {}))
            for one, said in choices
        ]
        bars.append(html.Nav(links, className="tabs", **_labelled("label", "Whose names")))
    return html.Div(bars, className="filters")


def _labelled(kind: str, text: str) -> dict[str, Any]:
    return {f"aria-{kind}": text}


def _outcome(api: Careloom, made: DeidentifiedResource, kind: str) -> Component:
    if made.resource is None:
        why = next((one for one in made.told.issues if one.severity in ("error", "fatal")), None)
        text = f"{why.message} {why.remedy}" if why is not None else ""
        return note(f"Nothing of it passes under {made.told.policy.name}", text, tone="warn", role="status")
    if not made.told.project:
        said = "Pseudonyms, dates and surrogates are made for this page alone: the research zone has others."
        return note(f"It passes under {made.told.policy.name}", said, tone="good", role="status")
    project = f"the project {made.told.project}, epoch {made.told.epoch}"
    try:
        kept = api.fhir("research").read(kind, str(made.resource["id"]))
    except AccessError:
        said = (
            f"Under {project} it stands there so, if it was not changed since the last run. You may not read that zone."
        )
        return note("Names, dates and surrogates are those of the research zone", said, tone="good", role="status")
    except (NotFound, Erased):
        return note("It is not in the research zone", f"Under {project} it would stand there so.", tone="warn")
    except StateError as error:
        return note("The research zone cannot be read now", f"{sentence(error.where)}. {error.remedy}", tone="warn")
    if _bare(kept) != _bare(made.resource):
        said = "Another policy made it, it has changed since, or the run hid more to reach the policy's targets."
        return note("It stands otherwise in the research zone", said, tone="warn")
    return note("It stands so in the research zone", f"Under {project}.", tone="good", role="status")


def _bare(resource: Resource) -> Resource:
    return {key: value for key, value in resource.items() if key != "meta"}


def _texts(original: Resource, made: DeidentifiedResource) -> Component | None:
    """Each text with something in it; attachments as what their data say."""
    spans: dict[tuple[str, str], list[FoundSpan]] = {}
    for one in made.told.spans:
        spans.setdefault((one.place, one.new_place), []).append(one)
    shown: list[Content] = []
    for (place, new_place), found in spans.items():
        old = _text_at(original, place)
        if old is None:
            continue
        new = _text_at(made.resource, new_place) if made.resource is not None and new_place else None
        shown += [html.H3(html.Code(place), className="place"), panes(old, new, found, place)]
    return card("Texts", [legend(made.told.spans), *shown]) if shown else None


def _text_at(resource: Resource, place: str) -> str | None:
    said = at_place(resource, place)
    if said is None or not place.endswith(".data"):
        return said
    try:
        return base64.b64decode(said, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _elements(original: Resource, made: DeidentifiedResource) -> Component:
    texts = {one.place.partition(".")[2] for one in made.told.spans}
    found = list(elements(original, made.resource))
    fates = [_fate(one, one.place in texts) for one in found]
    counts = Counter(fates)
    figures = tiles([tile(FATES[one][0], words.number(counts[one])) for one in FATES if counts[one]], is_small=True)
    rows = [_row(one, fate) for one, fate in zip(found, fates, strict=True)]
    return card("Element by element", [figures, Table("Each element before and after", COLUMNS, rows).shown()])


FATES = {
    "kept": ("Kept", "good"), "changed": ("Changed", "warn"), "text": ("Text", "run"), "removed": ("Removed", "plain"),
    "added": ("Added", "plain"),
}  # fmt: skip


def _fate(one: Element, is_text: bool) -> str:
    if one.old is None:
        return "added"
    if one.new is None:
        return "removed"
    return "text" if is_text else "kept" if one.old == one.new else "changed"


def _row(one: Element, fate: str) -> tuple[Contents, ...]:
    title, tone = FATES[fate]
    if fate == "text":
        above = html.Span("shown above", className="soft")
        return html.Code(one.place), badge(title, tone), above, above
    return html.Code(one.place), badge(title, tone), _cell(one.old), _cell(one.new)


def _cell(said: str | None) -> Content:
    if said is None:
        return words.NONE
    return (
        said
        if len(said) <= LONGEST_CELL
        else html.Span(f"{said[:LONGEST_CELL]} ...", title=f"{len(said):,} characters")
    )


def _issues(issues: tuple[FoundIssue, ...]) -> Component | None:
    counts = Counter((one.place, one.message) for one in issues)
    if not counts:
        return None
    rows = [(html.Code(place), said, words.number(count)) for (place, said), count in counts.items()]
    columns = [Column("Where"), Column("What"), Column("Times", "right")]
    return card("Found on the way", Table("What did not pass, and why", columns, rows).shown())
