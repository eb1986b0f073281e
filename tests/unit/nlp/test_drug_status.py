"""Verbs around drugs: stopped, held, completed, going on; and what FHIR makes of them."""

import re
from typing import Any

import pytest

from careloom.nlp.drug_status import DrugStatus, statuses
from careloom.nlp.to_fhir_drugs import medications
from careloom.nlp.to_fhir_view import View
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Relation, Span
from tests.nlp_kit import note

SENTENCES = [
    ("Hold [metoprolol] today.", ["on-hold"]),
    ("[Metoprolol] held.", ["on-hold"]),
    ("[Lasix] on hold.", ["on-hold"]),
    ("[Aspirin], [plavix] and [warfarin] were held.", ["on-hold"] * 3),
    ("[aspirin] 81 mg - hold", ["on-hold"]),
    ("hold [clopidogrel] 5 days.", ["on-hold"]),
    ("Hold [metoprolol] for SBP < 100.", [None]),
    ("Stop [aspirin] if rash.", [None]),
    ("[Metoprolol] was held, restarted on day 3.", ["active"]),
    ("Stopped [lisinopril] because of cough.", ["stopped"]),
    ("[Lithium] stopped 2021 because of hypothyroidism.", ["stopped"]),
    ("[warf] d/c'd 2/2 GIB -> [apix].", ["stopped", None]),
    ("She has been off [warfarin] since May.", ["stopped"]),
    ("STOP TAKING: [lisinopril] 20 mg, [ibuprofen]", ["stopped", "stopped"]),
    ("he was on [spiriva] but stopped it because it made his mouth dry.", ["stopped"]),
    ("[Simvastatin] caused myalgia so it was switched to [pravastatin].", ["stopped", "active"]),
    ("[Lisinopril] was stopped because of angioedema and replaced by [hydralazine].", ["stopped", "active"]),
    ("[Lisinopril] was stopped because of cough and [losartan] started.", ["stopped", "active"]),
    ("Stopped [A] started [B].", ["stopped", "active"]),
    ("[A] stopped [B] started.", ["stopped", "active"]),
    ("[Spironolactone] was considered but not started because of hyperkalemia.", ["not-taken"]),
    ("Never started [statin].", ["not-taken"]),
    ("Do not stop [aspirin].", ["active"]),
    ("[amoxicillin] for 5 days for pneumonia, completed.", ["completed"]),
    ("Completed a 7 day course of [amoxicillin].", ["completed"]),
    ("Started [lamotrigine]; takes [sertraline] irregularly.", ["active", "active"]),
    ("Continue [lisinopril].", ["active"]),
    ("Will start [atorvastatin] tomorrow.", [None]),
    ("restart [apixaban] if hemoglobin stable.", [None]),
    ("[Metformin] will be resumed at discharge.", [None]),
    ("consider [quetiapine] if mania.", [None]),
    ("[furosemide] was changed to 80 mg daily.", [None]),
    ("[Metformin] 500 mg BID.", [None]),
    ("He had a rash with [cefalexin].", ["completed"]),
    ("Tolerated [cefuroxime].", ["completed"]),
    ("Tolerated [cefuroxime] in the past.", ["completed"]),
    ("Has tolerated [amoxicillin] before.", ["completed"]),
    ("Penicillin allergy but tolerated [ceftriaxone] and [cefazolin].", ["completed", "completed"]),
    ("Previously tolerated [atorvastatin] 40 mg.", ["completed"]),
    ("Tolerated [lisinopril] well.", [None]),
    ("Has tolerated [metformin] 500 mg BID.", [None]),
    ("Tolerating [metformin].", [None]),
    ("Did not tolerate [metformin].", ["stopped"]),
    ("D/c meds: [Trelegy] 1 puff daily", [None]),
    ("d/c [lisinopril]", ["stopped"]),
    ("Failed [Seroquel] and [Depakote].", ["stopped", "stopped"]),
    ("Failed to take [lithium].", [None]),
    ("Unable to tolerate [statin] therapy.", ["stopped"]),
]


def marked(sentence: str) -> tuple[str, list[Span]]:
    """A sentence without its brackets, and where they were."""
    text, spans = "", []
    for part in re.split(r"(\[[^]]*\])", sentence):
        bare = part.strip("[]")
        if bare != part:
            spans.append(Span(len(text), len(text) + len(bare)))
        text += bare
    return text, spans


@pytest.mark.parametrize(("sentence", "expected"), SENTENCES)
def test_the_last_verb_that_speaks_of_a_drug_tells_its_status(sentence: str, expected: list[str | None]) -> None:
    text, spans = marked(sentence)
    told = statuses(text, Span(0, len(text)), spans)
    assert [told[span].status if span in told else None for span in spans] == expected


def test_items_of_a_list_take_the_verb_of_the_line_that_leads_it() -> None:
    text = "Medications stopped:\n- aspirin\n- ibuprofen\n"
    drugs = tuple(
        Annotation(Span(text.index(name), text.index(name) + len(name)), "MEDICATION", text=name)
        for name in ("aspirin", "ibuprofen")
    )
    read = DrugStatus().read(AnnotatedNote(note(text), annotations=drugs))
    assert [(one.attributes["status"], one.attributes["status_by"]) for one in read.annotations] == [
        ("stopped", "stopped")
    ] * 2


def test_without_verbs_nothing_is_told_and_other_labels_stay_as_they_are() -> None:
    one = Annotation(Span(5, 12), "PROBLEM", text="aspirin")
    assert DrugStatus().read(AnnotatedNote(note("Stop aspirin"), annotations=(one,))).annotations == (one,)


def statement(text: str, drug: str, problem: str, relation: str, **attributes: str) -> dict[str, Any]:
    """The MedicationStatement of one drug and one problem that are related."""
    head = Annotation(
        Span(text.index(drug), text.index(drug) + len(drug)), "MEDICATION", text=drug, id="T1", attributes=attributes
    )
    start = text.index(problem)
    tail = Annotation(Span(start, start + len(problem)), "SYMPTOM", text=problem, id="T2")
    made = AnnotatedNote(note(text), annotations=(head, tail), relations=(Relation(relation, "T1", "T2", None),))
    return medications(View(made))[0].resource


REASONS = [
    ("Stopped lisinopril because of cough", "lisinopril", "cough", "drug-reason", "stopped", "statusReason"),
    ("Stopped lisinopril because of cough", "lisinopril", "cough", "drug-adverse-event", "stopped", "statusReason"),
    ("Metoprolol held for hypotension", "Metoprolol", "hypotension", "drug-reason", "on-hold", "statusReason"),
    ("Stopped aspirin for headache", "aspirin", "headache", "drug-reason", "stopped", "reasonCode"),
    ("Aspirin for headache", "Aspirin", "headache", "drug-reason", "active", "reasonCode"),
    ("Aspirin for headache", "Aspirin", "headache", "drug-adverse-event", "active", ""),
    ("Start symbicort, follow up for diabetes", "symbicort", "diabetes", "drug-reason", "", ""),
    ("Metoprolol held for hypotension, restarted", "Metoprolol", "hypotension", "drug-reason", "active", ""),
]


@pytest.mark.parametrize(("text", "drug", "problem", "relation", "status", "element"), REASONS)
def test_why_a_drug_was_stopped_is_never_what_it_is_for(
    text: str, drug: str, problem: str, relation: str, status: str, element: str
) -> None:
    made = statement(text, drug, problem, relation, **({"status": status} if status else {}))
    assert made["status"] == status or not status
    assert [name for name in ("statusReason", "reasonCode") if name in made] == ([element] if element else [])


def test_what_is_said_later_of_a_drug_holds_for_the_list_above() -> None:
    text = "metoprolol 25 mg. Later: metoprolol held. aspirin."
    first, second = text.index("metoprolol"), text.rindex("metoprolol")
    ones = (
        Annotation(Span(first, first + 10), "MEDICATION", text="metoprolol", id="T1"),
        Annotation(Span(first + 11, first + 16), "DOSAGE", text="25 mg", id="T2", attributes={"dose": "25"}),
        Annotation(
            Span(second, second + 10), "MEDICATION", text="metoprolol", id="T3", attributes={"status": "on-hold"}
        ),
        Annotation(Span(text.index("aspirin"), text.index("aspirin") + 7), "MEDICATION", text="aspirin", id="T4"),
    )
    made = medications(
        View(AnnotatedNote(note(text), annotations=ones, relations=(Relation("drug-dose", "T1", "T2", None),)))
    )
    assert [one.resource["status"] for one in made] == ["on-hold", "on-hold", "active"]


def test_when_a_drug_was_stopped_is_the_end_of_its_period() -> None:
    text = "Aspirin stopped 2019"
    ones = (
        Annotation(Span(0, 7), "MEDICATION", text="Aspirin", id="T1", attributes={"status": "stopped"}),
        Annotation(Span(16, 20), "DATE_TIME", text="2019", id="T2", attributes={"value": "2019"}),
    )
    made = medications(
        View(AnnotatedNote(note(text), annotations=ones, relations=(Relation("drug-date", "T1", "T2", None),)))
    )
    assert made[0].resource["effectivePeriod"] == {"end": "2019"}
    assert "effectiveDateTime" not in made[0].resource


OTHERWISE = [
    (Assertion("possible", "future"), []),
    (Assertion(temporality="future"), ["intended"]),
    (Assertion("possible"), ["unknown"]),
    (Assertion("absent"), ["not-taken"]),
    (Assertion(temporality="historical"), ["completed"]),
    (Assertion(), ["active"]),
    (Assertion("hypothetical"), []),
]


@pytest.mark.parametrize(("assertion", "expected"), OTHERWISE)
def test_where_no_verb_speaks_of_a_drug_its_assertion_does(assertion: Assertion, expected: list[str]) -> None:
    one = Annotation(Span(0, 9), "MEDICATION", text="Metformin", id="T1", assertion=assertion)
    made = medications(View(AnnotatedNote(note("Metformin"), annotations=(one,))))
    assert [fact.resource["status"] for fact in made] == expected


def test_what_is_drunk_is_no_drug() -> None:
    ones = (
        Annotation(Span(0, 7), "MEDICATION", text="alcohol", id="T1"),
        Annotation(Span(0, 15), "ALCOHOL", text="alcohol 2 units", id="T2", attributes={"status": "current"}),
    )
    assert medications(View(AnnotatedNote(note("alcohol 2 units"), annotations=ones))) == []
