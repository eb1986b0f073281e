"""What patients are entitled to: all that is kept of one, restriction, objection, rectification; and legal holds."""

from dash import dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.subject_reports import SubjectRule
from careloom.dashboard import forms, session, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, badge, card, head, link, note, time
from careloom.dashboard.privacy_parts import ROOM, STORED_ID, TRAIL, find_patient, patient_link, tabs
from careloom.dashboard.session import Person

TITLE = "Requests"
KINDS = {"restrict": "Restriction", "object": "Objection", "hold": "Legal hold"}
SAYS = {
    "restrict": "Processing for care and privacy alone, from now on.",
    "object": "Out of research, with the next run.",
    "hold": "Nothing of the patient is erased while it holds.",
}
DONE = {
    "set": "The rule holds from now on.",
    "ended": "The rule has ended.",
    "mended": "The fact is mended; a Provenance says who, when and why.",
}
WRONG = {
    "reason": "A reason is missing. Say who asks for it and why.",
    "conflict": "The same rule holds already, or has ended meanwhile.",
    "held": "A legal hold stands against it.",
    "erased": "This patient was erased.",
    "fact": "The fact is not of this patient, or is not there.",
    "patch": "The change cannot be read. It is a JSON Patch, such as the example.",
    "refused": "The change was refused: what would come of it is not valid.",
}
_RULES = [
    Column("Since (UTC)", "tight"), Column("Rule"), Column("About", "tight"), Column("Why", "wide-only"),
    Column("Set by", "wide-only"), Column("End it", "tight", True),
]  # fmt: skip
EXAMPLE = '[{"op": "replace", "path": "/birthDate", "value": "1962-04-05"}]'


def page(api: Careloom, person: Person, address: Address) -> Page:
    """Rules in force, and the requests of one patient; the id in the address is keyed."""
    query, patient_id = address.query, address.query.get("patient", "")
    ended = query.get("ended", "") == "yes"
    lead = "What patients are entitled to: a copy of everything, restriction, objection, rectification, erasure."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "requests")]
    if query.get("done", "") in DONE:
        content.append(note("Done", DONE[query["done"]], tone="good", role="status"))
    if query.get("wrong", "") in WRONG:
        content.append(note("Not done", WRONG[query["wrong"]], tone="bad", role="alert"))
    if STORED_ID.fullmatch(patient_id):
        content += _of_patient(person, patient_id)
    else:
        form = find_patient("requests", query.get("found", ""), "A number of the patient")
        content.append(card("Whose request is it?", form))
    content.append(_rules(api.subjects.rules(ended=ended), patient_id, ended=ended))
    return Page(TITLE, content, TRAIL)


def _of_patient(person: Person, patient_id: str) -> list[Content]:
    another = link("Another patient", href(ROOM, "requests"))
    export = html.Form(
        [dcc.Input(type="hidden", name="patient", value=patient_id),
         html.Button("Download everything", type="submit", className="button")],
        method="post", action=f"{PREFIX}/privacy-export",
    )  # fmt: skip
    said = "A zip: FHIR, what arrived as it arrived, a signed inventory. It is the patient in plain."
    ways: list[Component] = [export]
    if person.may_erase:
        ways.append(link("Erase", href(ROOM, "erasure", patient=patient_id), className="button"))
    told = html.P(["The record ", patient_link(patient_id), ". ", said])
    about = card("The patient", [told, html.Div(ways, className="buttons")], aside=another)
    return [about, html.Div([_set(patient_id), _mend(patient_id)], className="columns columns-1-1")]


def _set(patient_id: str) -> Component:
    said = html.Dl([html.Div([html.Dt(KINDS[kind]), html.Dd(text)]) for kind, text in SAYS.items()], className="pairs")
    fields: list[Component | None] = [
        forms.hidden("patient", patient_id),
        forms.choice("kind", "What", KINDS, "restrict"),
        forms.text(
            "reason", "Who asks for it, and why", required=True, placeholder="Letter of 3 May: contests the birth date"
        ),
    ]
    form = html.Form([*fields, html.Button("Set it", type="submit", className="button button-main")], method="post",
                     action=f"{PREFIX}/privacy-rule", className="stack")  # fmt: skip
    return card("Restrict, object, hold", [said, form])


def _mend(patient_id: str) -> Component:
    fields: list[Component | None] = [
        forms.hidden("patient", patient_id),
        forms.text("fact", "Which fact", f"Patient/{patient_id}", required=True),
        forms.text("patch", "The change, as a JSON Patch", placeholder=EXAMPLE, required=True),
        forms.text("mend-reason", "Who asks for it, and why", required=True, placeholder="A passport was shown"),
    ]
    form = html.Form([*fields, html.Button("Mend it", type="submit", className="button")], method="post",
                     action=f"{PREFIX}/privacy-mend", className="stack")  # fmt: skip
    said = "The change is checked as any other write. Earlier versions stay in the history."
    return card("Mend a fact", [html.P(said, className="soft"), form])


def _rules(rules: tuple[SubjectRule, ...], patient_id: str, *, ended: bool) -> Component:
    kept = {"patient": patient_id}
    other = link("Only those in force", href(ROOM, "requests", **kept)) if ended else link(
        "Those that ended, too", href(ROOM, "requests", **kept, ended="yes")
    )  # fmt: skip
    if not rules:
        return card("Rules", html.P("No restriction, objection or hold is in force.", className="soft"), aside=other)
    rows = [_row(rule) for rule in reversed(rules)]
    return card("Rules", Table("Restrictions, objections and holds, newest first", _RULES, rows).shown(), aside=other)


def _row(rule: SubjectRule) -> tuple[Contents, ...]:
    about: Contents = f"{words.ZONES.get(rule.zone, rule.zone)} zone"
    if rule.patient:
        about = patient_link(rule.patient.removeprefix("Patient/"))
    said = [
        html.Div(KINDS.get(rule.kind, rule.kind)),
        html.Div(SAYS.get(rule.kind, ""), className="soft small wide-only"),
    ]
    end: Contents = badge("Ended")
    if rule.ended is None:
        form = forms.act(f"privacy-end/{rule.rule}", "Yes, end it")
        end = forms.asked_twice("End", "It no longer holds from then on.", form)
    return time(rule.created), html.Div(said), about, rule.reason, rule.actor, end
