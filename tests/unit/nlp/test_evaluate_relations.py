"""Scores of relations: counted by hand."""

import pytest

from careloom.nlp.evaluate_relations import Score, scores

A, B, C = (0, 4), (5, 9), (10, 14)


def test_a_relation_is_right_only_with_both_places_and_its_type() -> None:
    gold = [{("drug-dose", A, B), ("drug-route", A, C)}, {("drug-dose", A, B)}]
    found = [{("drug-dose", A, B), ("drug-dose", A, C)}, {("drug-dose", A, (5, 8))}]
    told = scores(gold, found)
    assert told["drug-dose"] == Score(right=1, wrong=2, missed=1)
    assert told["drug-route"] == Score(0, 0, 1)
    assert told["all"] == Score(1, 2, 2)
    assert told["all"].precision == pytest.approx(1 / 3)
    assert told["all"].recall == pytest.approx(1 / 3)
    assert told["all"].f1 == pytest.approx(1 / 3)


def test_where_there_is_nothing_no_rate_is_told() -> None:
    told = scores([set()], [set()])
    assert told == {"all": Score(0, 0, 0)}
    assert (told["all"].precision, told["all"].recall, told["all"].f1) == (None, None, None)


def test_as_many_notes_are_found_as_are_known() -> None:
    with pytest.raises(ValueError, match="zip"):
        scores([set()], [])
