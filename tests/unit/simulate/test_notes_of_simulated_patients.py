"""Notes of patients from the simulator itself: gold, identifiers and drugs against each patient's own record."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from careloom.simulate.draw import Draw
from careloom.simulate.history import Code, History
from careloom.simulate.hospital import build_hospital
from careloom.simulate.narrative.family import families
from careloom.simulate.narrative.words import concept_of
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from careloom.simulate.patients import simulate_patient

SEED, PATIENTS = 20, 25


@cache
def written() -> list[tuple[History, list[SimulatedNote]]]:
    """Some patients with their notes."""
    hospital = build_hospital(SEED)
    histories = [simulate_patient(number, SEED, hospital=hospital) for number in range(1, PATIENTS + 1)]
    return [
        (one, notes_of(one, hospital, Draw(SEED, number, "notes"), NotePlan(visits_at_most=4)))
        for number, one in enumerate(histories, 1)
    ]


def test_every_patient_who_was_seen_has_notes_and_all_spans_stand() -> None:
    count = 0
    for history, notes in written():
        assert bool(notes) == bool(history.encounters)
        for note in notes:
            count += 1
            assert note.gold.text == note.text
            assert note.gold.patient_id == history.person.patient_id
            for span in note.gold.spans:
                assert note.text[span.start : span.end] == span.text
    assert count > 100


def test_names_numbers_and_addresses_of_each_person_are_gold() -> None:
    met = 0
    for history, notes in written():
        person = history.person
        values = {person.given, person.family, person.phone[-8:], person.email, person.ssn, person.contact[0]}
        values |= {one.value for one in person.record_numbers} | {address.line for _, address in person.addresses}
        for note in notes:
            covered = [(span.start, span.end) for span in note.gold.spans if span.kind == "phi"]
            flat = note.text.replace("\n", " ")
            for value in values - {""}:
                for found in re.finditer(rf"(?<![\w@.]){re.escape(value)}(?!\w|@|\.\w)", flat):
                    met += 1
                    assert any(start <= found.start() and found.end() <= end for start, end in covered), (value, flat)
    assert met > 200


def test_drugs_told_as_taken_are_in_the_record_by_then() -> None:
    met = 0
    for history, notes in written():
        begun = {one.key: one.start for one in history.encounters}
        for note in notes:
            for span in note.gold.spans:
                if span.label != "drug" or span.assertion != "present" or "copied_from" in dict(span.attributes):
                    continue
                met += 1
                assert any(
                    (one.codes[0].system, one.codes[0].code) in span.codes
                    and one.start <= note.time
                    and (one.end is None or one.end >= begun[note.encounter])
                    for one in history.medications
                ), (span, note.kind)
    assert met > 40


def test_present_problems_with_codes_of_the_record_are_active_or_of_the_encounter() -> None:
    met = 0
    for history, notes in written():
        known = [(code.code, one) for one in history.conditions for code in one.codes]
        for note in notes:
            for span in note.gold.spans:
                found = [one for code, one in known if code in {told for _, told in span.codes}]
                if span.label == "problem" and span.assertion == "present" and found:
                    met += 1
                    assert any(one.recorded <= note.time for one in found), (span, note.kind, note.time)
    assert met > 200


def test_nothing_that_the_record_says_is_there_is_told_as_absent() -> None:
    """But what a report of imaging did not show: a picture may miss what is there."""
    met = 0
    for history, notes in written():
        for note in notes:
            active = {
                code.code
                for one in history.conditions
                if one.recorded <= note.time and (one.abatement is None or one.abatement > note.time)
                for code in one.codes
            }
            reported = {
                code.code
                for one in history.reports
                for code, there in one.findings
                if not there and one.issued <= note.time
            }
            for span in note.gold.spans:
                if ("experiencer", "family") in span.attributes:
                    continue
                if span.kind == "entity" and span.assertion == "absent" and span.label in {"problem", "symptom"}:
                    met += 1
                    assert not ({code for _, code in span.codes} & active - reported), (span, note.kind)
                    about = concept_of([Code(system, code, "") for system, code in span.codes])
                    if about is not None and not reported:
                        assert not about.is_told_by(active), (span, note.kind)
    assert met > 200


def test_habits_of_children_are_not_told() -> None:
    children = 0
    for history, notes in written():
        for note in notes:
            young = (note.time.date() - history.person.birth).days < 13 * 365
            children += young
            assert not (young and any(span.kind == "social" for span in note.gold.spans)), note.text
    assert children > 5


def test_every_label_that_occurs_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/simulated-notes.md").read_text("utf-8")
    documented = set(re.findall(r"`([A-Za-z0-9_-]+)`", page))
    for _, notes in written():
        for note in notes:
            labels = {span.label for span in note.gold.spans if span.kind != "section"}
            labels |= {relation.label for relation in note.gold.relations} | {span.kind for span in note.gold.spans}
            labels |= {span.assertion for span in note.gold.spans if span.assertion} | {note.kind, note.gold.family}
            labels |= {name for span in note.gold.spans for name, _ in span.attributes if span.kind != "phi"}
            assert labels <= documented, labels - documented


@pytest.mark.long
@pytest.mark.parametrize("family", sorted(families()))
def test_a_family_finds_words_for_every_patient(family: str) -> None:
    """No slot without a value, no span beside its words, no overlap, over 400 patients."""
    hospital = build_hospital(SEED + 1)
    for number in range(1, 401):
        history = simulate_patient(number, SEED + 1, hospital=hospital)
        for note in notes_of(history, hospital, Draw(SEED + 1, number, "notes"), NotePlan(families=(family,))):
            for kind in ("entity", "phi", "time", "social", "section"):
                spans = [span for span in note.gold.spans if span.kind == kind]
                assert all(note.text[span.start : span.end] == span.text for span in spans)
                assert all(one.end <= other.start for one, other in pairwise(spans)), (family, note.kind, kind)
