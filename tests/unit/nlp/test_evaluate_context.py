"""Sections and assertions beside their gold: rows and notes in, labels side by side out."""

from careloom.nlp.assertion import Assertions
from careloom.nlp.corpora_notes import GoldNote, GoldSpan
from careloom.nlp.evaluate_context import (
    Judged,
    case_report_answers,
    kit_answers,
    note_answers,
    phrase_in,
    section_kinds,
)
from careloom.nlp.sections import Sections
from careloom.text.note import Section, Span


def test_a_gold_section_gets_the_kind_that_most_of_it_was_given() -> None:
    found = (
        Section("plan", Span(0, 5), Span(6, 10)),
        Section("allergies", Span(10, 14), Span(15, 40)),
    )
    assert section_kinds([(Span(0, 30), "x"), (Span(0, 12), "x"), (Span(50, 60), "x")], found) == [
        "allergies",
        "plan",
        "",
    ]


def test_a_phrase_of_the_kit_is_found_in_capitals_or_with_other_white_space() -> None:
    assert phrase_in("No CHEST PAIN today.", "chest pain") == Span(3, 13)
    assert phrase_in("No chest \n pain today.", "chest pain") == Span(3, 15)
    assert phrase_in("Stops here.", "here. And goes on") == Span(0, 11)


def test_rows_of_the_kit_are_answered() -> None:
    rows = [
        {"sentence": "Denies PAIN.", "phrase": "pain", "negation": "Negated", "temporality": "Recent"},
        {"sentence": "History of STROKE.", "phrase": "stroke", "negation": "Affirmed", "temporality": "Historical"},
        {"sentence": "He has FEVER.", "phrase": "fever", "negation": "Negated", "temporality": "Recent"},
    ]
    denied, history, fever = kit_answers(rows)
    assert denied["negated"] == Judged(Span(7, 11), "negated", "negated")
    assert (history["historical"].gold, history["historical"].found) == ("historical", "historical")
    assert (fever["negated"].gold, fever["negated"].found) == ("negated", "")


def test_mentions_of_a_case_report_are_asserted() -> None:
    text = "He had no fever. There was a rash."
    annotations = (
        "T1\tSign_symptom 10 15\tfever\nE1\tSign_symptom:T1 \nA1\tPOLARITY E1 NEG\n"
        "T2\tSign_symptom 29 33\trash\nT3\tAge 0 2\tHe\n"
    )
    assert case_report_answers(text, annotations) == [
        Judged(Span(10, 15), "absent", "absent"),
        Judged(Span(29, 33), "present", "present"),
    ]


def test_sections_and_assertions_of_a_simulated_note() -> None:
    text = "Allergies:\nNone.\nFamily history:\nMother had a stroke.\n"
    at = text.index("stroke")
    spans = (
        GoldSpan("S1", "entity", "problem", at, at + 6, "stroke", "family", (), {}),
        GoldSpan("S2", "section", "allergies", 0, 17, "", "", (), {}),
    )
    sections, asserted = note_answers(GoldNote("n", "chart", "", text, spans, ()), Sections(), Assertions())
    assert sections == [Judged(Span(0, 17), "allergies", "allergies")]
    assert asserted == [Judged(Span(at, at + 6), "family", "family")]
