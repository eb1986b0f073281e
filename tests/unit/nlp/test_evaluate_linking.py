"""The measures of linking against cases that can be counted by hand."""

import pytest

from careloom.nlp.evaluate_linking import Answer, accuracy, answers_of, calibration_error, refusals
from careloom.terminology.systems import ICD_10_CM, RXNORM, SNOMED_CT
from careloom.text.note import Annotation, Concept, Span

RIGHT = Answer((frozenset({"a"}),), frozenset({"a"}), 0.9, 3)
SECOND = Answer((frozenset({"b"}), frozenset({"a"})), frozenset({"a"}), 0.4)
WRONG = Answer((frozenset({"b"}),), frozenset({"a"}), 0.1)
NOTHING = Answer((), frozenset({"a"}), 0.0)
WITHOUT_GOLD = Answer((frozenset({"b"}),), frozenset(), 0.2)


def test_accuracy_counts_what_has_gold() -> None:
    score = accuracy([RIGHT, SECOND, WRONG, NOTHING, WITHOUT_GOLD])
    assert (score.at_1.successes, score.at_1.trials) == (1, 4)
    assert (score.at_5.successes, score.at_5.trials) == (2, 4)
    assert score.weighted == pytest.approx(3 / 6)


def test_refusals_are_right_where_the_best_answer_is_wrong() -> None:
    score = refusals([RIGHT, SECOND, WRONG, NOTHING, WITHOUT_GOLD], 0.3)
    assert score.precision.share == 1.0
    assert (score.recall.successes, score.recall.trials) == (3, 4)
    assert score.kept.share == 1.0


def test_scores_that_say_what_happens_are_calibrated() -> None:
    assert calibration_error([Answer((frozenset("a"),), frozenset("a"), 1.0)] * 4) == pytest.approx(0.0)
    assert calibration_error([Answer((frozenset("b"),), frozenset("a"), 0.95)] * 4) == pytest.approx(0.95)
    assert calibration_error([]) is None


def test_answers_for_an_entity_of_a_note_are_looked_at_by_system() -> None:
    told = (
        Concept(ICD_10_CM, "E11.9", "", 0.8, 1),
        Concept(SNOMED_CT, "44054006", "", 0.8, 1),
        Concept(ICD_10_CM, "E10.9", "", 0.1, 2),
    )
    found = Annotation(Span(0, 8), "PROBLEM", codes=told)
    answers = dict(answers_of(found, "problem", [(ICD_10_CM, "E11.65")]))
    assert set(answers) == {"ICD-10-CM", "category"}
    assert answers["category"] == Answer((frozenset({"E11"}), frozenset({"E10"})), frozenset({"E11"}), 0.8)
    assert not answers["ICD-10-CM"].is_right(5)


def test_a_drug_is_right_with_an_ingredient_of_what_the_record_says() -> None:
    metformin, tablet = "6809", "860975"
    found = Annotation(Span(0, 8), "MEDICATION", codes=(Concept(RXNORM, metformin, "", 0.9, 1),))
    ((wanted, answer),) = answers_of(found, "drug", [(RXNORM, tablet)])
    assert (wanted, answer.is_right()) == ("ingredient", True)
    assert list(answers_of(found, "stage", [(RXNORM, tablet)])) == []
