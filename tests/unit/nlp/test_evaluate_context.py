"""Scores of sections and assertions: rows in, numbers out."""

from careloom.nlp.evaluate_context import (
    Tally,
    accuracy,
    kit_tallies,
    macro_f1,
    phrase_in,
    section_kinds,
    tallies,
    tally_of,
)
from careloom.text.note import Section, Span


def test_tallies_count_right_vain_and_missed() -> None:
    made = tallies(["a", "a", "b"], ["a", "b", "b"])
    assert made["a"] == Tally(1, 0, 1)
    assert made["b"] == Tally(1, 1, 0)
    assert made["a"].f1 == 2 / 3
    assert accuracy(["a", "a", "b"], ["a", "b", "b"]) == 2 / 3
    assert macro_f1(["a", "a", "b"], ["a", "b", "b"]) == 2 / 3


def test_nothing_scores_nothing_and_divides_by_nothing() -> None:
    assert accuracy([], []) == 0
    assert macro_f1([], []) == 0
    assert (Tally().precision, Tally().recall, Tally().f1) == (0, 0, 0)
    assert tally_of([(True, True), (False, True), (True, False), (False, False)]) == Tally(1, 1, 1)


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


def test_rows_of_the_kit_are_scored() -> None:
    rows = [
        {"sentence": "Denies PAIN.", "phrase": "pain", "negation": "Negated", "temporality": "Recent"},
        {"sentence": "History of STROKE.", "phrase": "stroke", "negation": "Affirmed", "temporality": "Historical"},
        {"sentence": "He has FEVER.", "phrase": "fever", "negation": "Negated", "temporality": "Recent"},
    ]
    made = kit_tallies(rows)
    assert made["negated"] == Tally(1, 0, 1)
    assert made["historical"] == Tally(1, 0, 0)
