"""Scores of labelled spans and sets, and floors of what docs/datasheets/nlp-social.md and nlp-tone.md tell."""

import numpy as np
import pytest

from careloom.nlp.evaluate_social import Counts, Labelled, interval, overlapping, sets, total
from careloom.nlp.social import Social
from careloom.text.note import Span
from tools.measure_nlp_social import measure, measure_sentences, measure_tone, notes


def test_a_span_counts_where_it_overlaps_one_of_its_label() -> None:
    gold = [Labelled(Span(0, 10), "TOBACCO", "never"), Labelled(Span(20, 30), "FOOD", "secure")]
    found = [Labelled(Span(5, 8), "TOBACCO", "none"), Labelled(Span(20, 30), "FOOD", "insecure")]
    assert overlapping(gold, found, with_status=False).f1() == 1
    counts = overlapping(gold, found, with_status=True)
    assert (counts.f1("TOBACCO"), counts.f1("FOOD")) == (1, 0)
    assert counts.f1() == pytest.approx(0.5)


def test_two_finds_of_one_span_are_one_find_and_one_mistake() -> None:
    gold = [Labelled(Span(0, 10), "FOOD")]
    counts = overlapping(gold, [Labelled(Span(0, 3), "FOOD"), Labelled(Span(5, 9), "FOOD")], with_status=True)
    assert (counts.precision(), counts.recall()) == (0.5, 1)


def test_sets_and_totals() -> None:
    counts = total([sets({("A", "x")}, {("A", "y")}), sets({("B", "")}, {("B", "")})])
    assert (counts.f1("A"), counts.f1("B"), counts.labels()) == (0, 1, ["A", "B"])
    assert Counts().f1() == 1


def test_the_interval_holds_the_value_and_is_the_same_each_time() -> None:
    documents = [sets({("A", "")}, {("A", "")})] * 15 + [sets({("A", "")}, set())] * 5
    low, high = interval(documents, Counts.f1, np.random.default_rng(1))
    assert low < total(documents).f1() < high
    assert (low, high) == interval(documents, Counts.f1, np.random.default_rng(1))
    assert interval([], Counts.f1, np.random.default_rng(1)) == (0.0, 1.0)


def test_the_sentences_kept_for_evaluation_are_read_as_told() -> None:
    labels, adverse, flips = measure_sentences("evaluate")
    assert total(labels).f1() >= 0.92
    assert total(adverse).f1() >= 0.9
    assert flips == 0


def test_the_tone_of_the_sentences_kept_for_evaluation_is_as_told() -> None:
    counts, (right, asked) = measure_tone("evaluate")
    assert all(total(some).f1() >= 0.9 for some in counts.values())
    assert right >= asked - 1


def test_simulated_notes_are_read_as_told() -> None:
    with_status, spans, _ = measure(list(notes(("letter", "chart", "open"), 12, 11)), Social())
    assert total(with_status).f1() >= 0.85
    assert total(spans).f1() >= 0.87
