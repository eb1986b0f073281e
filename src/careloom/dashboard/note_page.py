"""One stored note: its text with what is held of it, its facts, corrections, and the text without identity."""

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.note_reports import CorrectedNote, Json, StoredNoteAnnotations
from careloom.dashboard import forms, marked, words
from careloom.dashboard.address import Address, href, read
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.note_places import FIND, ROOM, day_words, standing, type_words
from careloom.dashboard.note_places import TITLE as NOTES
from careloom.dashboard.note_tables import tables
from careloom.dashboard.note_viewer import viewer
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, badge, card, head, link, note
from careloom.dashboard.session import Person
from careloom.dashboard.session import person as signed_person
from careloom.errors import CareloomError, Conflict

ZONES = ("identified", "research")
CORRECTION = "note-correction"
BESIDE = "beside"
FACTS = [Column("What"), Column("Became", "tight"), Column("Resource", "wide-only"), Column("Why", "wide-only")]
OUTCOMES = {
    "new": ("A fact of the record", "good"), "agree": ("The record says so", "good"),
    "conflict": ("The record says otherwise", "bad"), "refuted": ("Said to be absent", "plain"),
}  # fmt: skip
REASONS = {"verification": "whether it is so", "status": "whether it lasts", "value": "its value"}


def page(api: Careloom, person: Person, zone: str, note_id: str, address: Address) -> Page:
    """The note with what was found in it; ``?view=beside`` shows it beside what has no identity.

    raises  AccessError; NotFound where there is no such note, or nobody has read it
    """
    stored = api.nlp.note(zone, note_id)
    is_beside = address.query.get("view") == BESIDE and _may_compare(person, zone)
    content: list[Content] = [_head(stored), _views(person, zone, note_id, is_beside=is_beside)]
    if is_beside:
        content += _beside(api, stored, note_id)
    else:
        held = html.Div(_held(person, zone, stored), id="note-held", className="page")
        content += [held, dcc.Store(id=CORRECTION)]
    return Page("Note", content, trail=((NOTES, href(ROOM)), ("Stored notes", href(ROOM, FIND, zone=zone))))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what keeping corrections does."""

    @app.callback(
        Output("note-held", "children"),
        Output("note-kept", "children"),
        Input(CORRECTION, "data"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def keep(given: dict[str, Any] | None, path: str | None) -> tuple[Any, Any]:
        if not given:
            return no_update, no_update
        _, zone, note_id = read(path, "").parts
        try:
            with signed_in(api_of) as api:
                made = kept(api, zone, note_id, given["document"])
                return [_said(made), *_held(signed_person(), zone, api.nlp.note(zone, note_id))], no_update
        except CareloomError as error:
            where = error.where[:1].upper() + error.where[1:]
            return no_update, note(where, error.remedy, tone="bad", role="alert")


def kept(api: Careloom, zone: str, note_id: str, document: Mapping[str, Any]) -> CorrectedNote:
    """What became of a correction that was made of what the page showed.

    raises  Conflict where the note has changed since; AccessError; NotFound; FormatError
    """
    now = api.nlp.note(zone, note_id)
    is_same = all(one["text"] == now.text[one["start"] : one["end"]] for one in document["annotations"])
    if not now.current or not is_same:
        raise Conflict("the note has changed since it was shown", "Load the page again, and correct it as it is now.")
    return api.nlp.correct(zone, note_id, document=document)


def _may_compare(person: Person, zone: str) -> bool:
    return zone == "identified" and person.may_preview


def _head(stored: StoredNoteAnnotations) -> Component:
    found = stored.findings
    kind = type_words(found.type) or "Note"
    written = f"Written on {day_words(found.time)}. " if found.time else ""
    by = f"Said by {stored.reader}." if stored.origin == "correction" else "As the reader found it."
    return head(kind, lead=written + by, aside=standing(stored.origin, is_current=stored.current))


def _views(person: Person, zone: str, note_id: str, *, is_beside: bool) -> Component | None:
    if not _may_compare(person, zone):
        return None
    here = href(ROOM, zone, note_id)
    return forms.tabs(
        "Views of the note",
        [("What it says", here, not is_beside), ("Without identity", f"{here}?view={BESIDE}", is_beside)],
    )


def _held(person: Person, zone: str, stored: StoredNoteAnnotations) -> list[Content]:
    may_correct = stored.current and person.corrects_notes(zone)
    shown = viewer(stored.text, stored.findings, correction=CORRECTION if may_correct else "")
    return [
        None if stored.current else note(
            "The note has changed since it was read",
            "What is shown is of the text as it was then. The next run reads it anew.",
            tone="warn",
        ),
        card("The note", [*shown, html.Div(id="note-kept")], aside=_patient(person, zone, stored)),
        _facts(stored),
        *tables(stored.findings),
    ]  # fmt: skip


def _patient(person: Person, zone: str, stored: StoredNoteAnnotations) -> Component | None:
    patient_id = stored.findings.patient.removeprefix("Patient/")
    if zone not in person.patient_zones or not patient_id:
        return None
    return link("Open the patient", href("patients", zone, patient_id), className="button button-small")


def _facts(stored: StoredNoteAnnotations) -> Component:
    """What became of the note's facts: each leads back to its words."""
    named = {one.id: one.text for one in stored.findings.annotations}
    rows = [_fact_row(each, named) for each in stored.facts]
    if not rows:
        return card("Facts", html.P("No fact of the record rests on this note.", className="soft"))
    shown = Table("What became a fact, and of which words", FACTS, rows, {"id": "note-facts"}).shown()
    return card("Facts", shown)


def _fact_row(fact: Json, named: Mapping[str, str]) -> tuple[Contents, ...]:
    said, tone = OUTCOMES.get(str(fact["outcome"]), (str(fact["outcome"]), ""))
    texts = ", ".join(dict.fromkeys(named[one] for one in fact["annotations"] if one in named))
    kind = words.spaced(str(fact["type"]))
    reference = str(fact["fact"]).rpartition("/")[2][:12] if fact["fact"] else words.NONE
    reason = str(fact["reason"])
    return (
        html.Span([texts or words.NONE, html.Span(f" · {kind}", className="soft")]),
        badge(said, tone),
        html.Code(reference),
        REASONS.get(reason, reason) or words.NONE,
    )


def _said(made: CorrectedNote) -> Component:
    facts = made.facts
    said = f"Facts of the patient: {facts.new:,} new, {facts.retired:,} retired, {facts.conflict:,} against the record."
    return note("Your corrections are kept, and serve as training data", said, tone="good", role="status")


def _beside(api: Careloom, stored: StoredNoteAnnotations, note_id: str) -> list[Content]:
    """The original, with tags, and with surrogates; each mark knows its twins."""
    patient = stored.findings.patient.removeprefix("Patient/")
    tagged = api.deidentifications.text(stored.text, style="tag", patient=patient)
    made = api.deidentifications.text(stored.text, style="surrogate", patient=patient)
    if tagged.text is None or made.text is None:
        why = next((each for each in made.issues if each.severity in ("error", "fatal")), None)
        said = f"{why.message} {why.remedy}" if why is not None else ""
        return [note(f"Nothing of it passes under {made.policy.name}", said, tone="warn", role="status")]
    texts = [
        ("Original", stored.text, [(one.start, one.end, one) for one in made.spans]),
        ("De-identified", tagged.text, [(one.new_start, one.new_end, one) for one in tagged.spans]),
        ("Surrogates", made.text, [(one.new_start, one.new_end, one) for one in made.spans]),
    ]
    lead = html.P(
        f"Under {made.policy.name}, with what the record knows of the patient. "
        "Names and dates are made for this page alone.",
        className="soft",
    )
    more = link(
        "Element by element",
        href("deidentify", "compare", "DocumentReference", note_id),
        className="button button-small",
    )
    shown = [lead, marked.legend(made.spans), marked.beside(texts, "note")]
    return [card("Original, de-identified, surrogates", shown, aside=more)]
