"""Known names in a text: found whole, longest first, without regard to case."""

import pytest

from careloom.text.gazetteer import Gazetteer
from careloom.text.pieces import LOOKS, SPECIAL, Pieces, words

NAMES = [
    ("drug", "Aspirin"),
    ("disease", "heart failure"),
    ("disease", "congestive heart failure"),
    ("disease", "failure to thrive"),
    ("symptom", "aspirin"),
    ("disease", "one two three four five six seven eight nine"),
]


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("no aspirin today", [0, 1, 0]),
        ("ASPIRINS", [1]),
        ("congestive heart failure to thrive", [3, 4, 4, 0, 0]),
        ("heart failures", [0, 0]),
        ("heart", [0]),
        ("congestive heart", [0, 0]),
        ("heart-failure", [0, 0, 0]),
        ("heart\nfailure, aspirin", [3, 4, 0, 1]),
        ("", []),
    ],
)
def test_names_are_hinted(text: str, hints: list[int]) -> None:
    assert Gazetteer(NAMES).of(text, words(text)) == hints


def test_a_name_of_too_many_words_is_left_out_and_hints_are_counted() -> None:
    gazetteer = Gazetteer(NAMES)
    assert gazetteer.kinds == ("drug", "disease", "symptom")
    assert gazetteer.hints == 7


def test_hints_enter_the_looks_of_pieces_and_change_nothing_else() -> None:
    vocabulary = [*SPECIAL, "aspirin", "no"]
    (plain,) = Pieces(vocabulary).windows("no aspirin")
    (hinted,) = Pieces(vocabulary, Gazetteer(NAMES).of).windows("no aspirin")
    assert hinted.pieces == plain.pieces
    assert [ours - theirs for ours, theirs in zip(hinted.looks, plain.looks, strict=True)] == [0, 0, len(LOOKS), 0]
