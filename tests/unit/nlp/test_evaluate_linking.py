"""The measures of linking against cases that can be counted by hand."""

import pytest

from careloom.nlp.evaluate_linking import Answer, accuracy, bootstrapped, calibration_error, refusals

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


def test_bounds_enclose_the_measure() -> None:
    groups = [[RIGHT], [WRONG]] * 10
    low, high = bootstrapped(groups, lambda some: accuracy(some).at_1.share or 0.0, 100, 1)
    assert low <= 0.5 <= high
    with pytest.raises(ValueError, match="no documents"):
        bootstrapped([], lambda some: 0.0, 1, 1)
