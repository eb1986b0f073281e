"""Long texts in pieces: all of it, small enough, cut between words, with what is cut standing whole in the next."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.text_pieces import pieces

TEXTS = st.text(st.sampled_from("ab \n\u0001é\U0001f600\u0301,"), max_size=900)


@given(TEXTS)
def test_pieces_cover_the_text_are_small_enough_and_share_with_the_next(text: str) -> None:
    found = pieces(text, 240, 10)
    assert (found[0].start, found[-1].end) == (0, len(text))
    for before, after in pairwise(found):
        assert before.start < after.start <= before.end - 10
    assert all(len(orjson.dumps(piece.of(text))) <= 240 for piece in found)


@pytest.mark.parametrize("text", ["", "short", "é" * 50])
def test_a_short_text_is_one_piece(text: str) -> None:
    assert [(piece.start, piece.end) for piece in pieces(text, 240, 10)] == [(0, len(text))]


def test_pieces_begin_and_end_between_words() -> None:
    text = "word " * 200
    for piece in pieces(text, 240, 10):
        assert piece.of(text).startswith("word")
        assert piece.of(text).rstrip().endswith("word")


def test_a_name_at_any_place_stands_whole_in_a_piece() -> None:
    for place in range(300):
        text = f"{'x' * place} Jo Doe {'y' * 300}"
        assert any("Jo Doe" in piece.of(text) for piece in pieces(text, 240, 10))


def test_pieces_that_would_hold_little_more_than_they_share_are_refused() -> None:
    with pytest.raises(ValueError, match="several times"):
        pieces("text", 100, 10)
