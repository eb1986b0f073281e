"""Scores of relations: counted by hand."""

import pytest

from careloom.nlp.corpora_ade import Sentence
from careloom.nlp.evaluate_relations import by_abstract, errors_of, every_pair, of_sentence, scores
from careloom.nlp.evaluation import Tally

A, B, C = (0, 4), (5, 9), (10, 14)


def test_a_relation_is_right_only_with_both_places_and_its_type() -> None:
    gold = [{("drug-dose", A, B), ("drug-route", A, C)}, {("drug-dose", A, B)}]
    found = [{("drug-dose", A, B), ("drug-dose", A, C)}, {("drug-dose", A, (5, 8))}]
    told = scores(gold, found)
    assert told.labels == {"drug-dose": Tally(1, 2, 1), "drug-route": Tally(0, 0, 1)}
    assert told.total == Tally(1, 2, 2)
    assert errors_of(["a", "b"], gold, found) == {
        "missed": [("a", 0, 14, "drug-route", ""), ("b", 0, 9, "drug-dose", "")],
        "spurious": [("a", 0, 14, "", "drug-dose"), ("b", 0, 8, "", "drug-dose")],
    }


def test_as_many_notes_are_found_as_are_known() -> None:
    with pytest.raises(ValueError, match="zip"):
        scores([set()], [])


def test_sentences_of_one_abstract_are_one_document() -> None:
    told = (("zinc rash", "1"), ("iron ache", "1"), ("gold itch", "2"))
    sentences = [Sentence(text, pmid, {(A, B)}) for text, pmid in told]
    scored = by_abstract(sentences, [every_pair(sentences)[0], set(), set()])
    assert [one["drug-adverse-event"] for one in scored.documents] == [Tally(1, 0, 1), Tally(0, 0, 1)]
    assert [one.label for one in of_sentence(sentences[0]).note.annotations] == ["MEDICATION", "PROBLEM"]
