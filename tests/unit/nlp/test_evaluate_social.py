"""Labelled spans against gold, and floors of what docs/datasheets/nlp-social.md and nlp-tone.md tell."""

from careloom.nlp.corpora_notes import GoldNote, GoldSpan
from careloom.nlp.evaluate_social import (
    Labelled,
    changed_people,
    determinants_in,
    found_in,
    in_note,
    overlapping,
    social_sentences,
    tone_sentences,
)
from careloom.nlp.evaluation import Scores, Tally
from careloom.nlp.labels import TONE
from careloom.nlp.social import Social
from careloom.text.note import Span


def test_a_span_counts_where_it_overlaps_one_of_its_label() -> None:
    gold = [Labelled(Span(0, 10), "TOBACCO", "never"), Labelled(Span(20, 30), "FOOD", "secure")]
    found = [Labelled(Span(5, 8), "TOBACCO", "none"), Labelled(Span(20, 30), "FOOD", "insecure")]
    assert overlapping(gold, found, with_status=False) == {"TOBACCO": Tally(1), "FOOD": Tally(1)}
    assert overlapping(gold, found, with_status=True) == {"TOBACCO": Tally(1), "FOOD": Tally(0, 1, 1)}
    assert in_note(gold, found) == {"TOBACCO": Tally(1), "FOOD": Tally(0, 1, 1)}


def test_two_finds_of_one_span_are_one_find_and_one_mistake() -> None:
    gold = [Labelled(Span(0, 10), "FOOD")]
    found = [Labelled(Span(0, 3), "FOOD"), Labelled(Span(5, 9), "FOOD")]
    assert overlapping(gold, found, with_status=True) == {"FOOD": Tally(1, 1, 0)}


def test_determinants_of_a_note_are_those_of_its_social_history_and_diagnoses_that_are_one() -> None:
    code = (("http://hl7.org/fhir/sid/icd-10-cm", "F17.210"),)
    spans = (
        GoldSpan("S1", "social", "living", 0, 11, "", "", (), {"status": "alone"}),
        GoldSpan("S2", "entity", "problem", 20, 30, "", "present", code, {}),
        GoldSpan("S3", "entity", "problem", 40, 50, "", "absent", code, {}),
    )
    text = "Lives alone. Smokes a pack a day."
    assert determinants_in(GoldNote("n", "chart", "", text, spans, ())) == [
        Labelled(Span(0, 11), "HOUSING", "alone"),
        Labelled(Span(20, 30), "TOBACCO", "current"),
    ]
    assert {(one.label, one.status) for one in found_in(text, Social())} == {
        ("HOUSING", "alone"),
        ("TOBACCO", "current"),
    }


def test_words_for_sex_and_race_are_changed() -> None:
    assert changed_people("He lives alone.")[0] == "She lives alone."
    assert "The Black patient is homeless." in changed_people("The patient is homeless.")


def test_the_sentences_kept_for_evaluation_are_read_as_told() -> None:
    read = list(social_sentences("evaluate"))
    assert (Scores(tuple(one.labels for one in read)).total.f1 or 0) >= 0.92
    assert (Scores(tuple(one.adverse for one in read)).total.f1 or 0) >= 0.9
    assert not any(one.is_changed for one in read)


def test_the_tone_of_the_sentences_kept_for_evaluation_is_as_told() -> None:
    read = list(tone_sentences("evaluate"))
    assert all((Scores(tuple(one.tone[label] for one in read)).total.f1 or 0) >= 0.9 for label in TONE)
    assert [one.is_score_right for one in read].count(False) <= 1
