"""Texts as a tagger sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.text.pieces import BEGIN, END, LONGEST, LOOKS, SPECIAL, UNKNOWN, Pieces, words

VOCABULARY = (*SPECIAL, *"abcdeéinorst.,", "##s", "##t", "##e", "##n", "note", "##book", "was", "1", "##2")


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("note", ["'\\n' lower"]),
        ("a Note", ["'\\n' lower", "' ' Title"]),
        ("NOTE\n  Note", ["'\\n' UPPER", "'\\n' Title"]),
        ("O'Neill", ["'\\n' X", "'' other", "'' Title"]),
        ("McCoy b12 12", ["'\\n' miXed", "' ' a1", "' ' number"]),
        ("", []),
    ],
)
def test_a_word_tells_how_it_is_written_and_what_stands_before_it(text: str, looks: list[str]) -> None:
    assert [LOOKS[word.look] for word in words(text)] == looks


def test_the_first_word_of_a_part_looks_as_it_stands_in_its_text() -> None:
    text = "a note\nwas"
    assert [LOOKS[word.look] for word in words(text, 2, 6)] == ["' ' lower"]
    assert [LOOKS[word.look] for word in words(text, 7)] == ["'\\n' lower"]


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("notes", ["note", "##s"]),
        ("Notebook", ["note", "##book"]),
        ("12", ["1", "##2"]),
        ("é", ["e"]),
        ("noteq", ["[UNK]"]),
        ("x" * 100, ["[UNK]"]),
    ],
)
def test_words_fall_into_the_longest_pieces_from_their_front(word: str, pieces: list[str]) -> None:
    assert [VOCABULARY[place] for place in Pieces(VOCABULARY).of(word)] == pieces


def test_a_vocabulary_that_lacks_the_special_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match="special"):
        Pieces(["a", "b"])


@given(st.text(alphabet="notes was.\n,12Éé–", max_size=1500), st.integers(0, 200))
def test_windows_hold_every_word_once_in_order(text: str, start: int) -> None:
    windows = Pieces(VOCABULARY).windows(text, min(start, len(text)))
    held = [word for window in windows for word in window.words]
    assert held == words(text, min(start, len(text)))
    for window in windows:
        assert len(window.pieces) == len(window.looks) <= LONGEST
        assert (window.pieces[0], window.pieces[-1]) == (BEGIN, END)
        assert list(window.first) == sorted(set(window.first))
        assert all(0 < place < len(window.pieces) - 1 for place in window.first)


@given(st.text(st.sampled_from("note 1\n.q" + "x" * 3), max_size=400), st.integers(0, 5))
def test_pieces_are_counted_as_windows_hold_them(text: str, start: int) -> None:
    pieces = Pieces(VOCABULARY)
    windows = pieces.windows(text, start, len(text))
    assert pieces.count(text, start, len(text)) == sum(len(window.pieces) - 2 for window in windows)


def test_a_long_text_is_parted_where_a_line_ends() -> None:
    text = ("note was " * 30 + "\n") * 5
    first, second, *_ = Pieces(VOCABULARY).windows(text)
    assert text[first.words[-1].end : second.words[0].start].count("\n") == 1


def test_no_window_is_longer_than_a_model_reads_when_long_words_follow_a_line_end() -> None:
    word = "1" + "2" * 59  # 60 pieces
    text = "was " * 30 + "\n" + f"{word} " * 2 + "was " * 3 + word
    windows = Pieces(VOCABULARY).windows(text)
    assert [word for window in windows for word in window.words] == words(text)
    assert max(len(window.pieces) for window in windows) <= LONGEST


def test_a_word_longer_than_any_is_unknown_and_is_not_remembered() -> None:
    pieces = Pieces(VOCABULARY)
    (window,) = pieces.windows("n" * 1000)
    assert window.pieces == [BEGIN, UNKNOWN, END]
    assert pieces.of.cache_info().currsize == 0


def test_word_pieces_are_those_of_the_tokenizer_that_the_base_model_was_trained_with() -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the extra ml is not installed")
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer

    theirs = tokenizers.Tokenizer(WordPiece({piece: n for n, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    normal, ours = BertNormalizer(lowercase=True), Pieces(VOCABULARY)
    for word in ("notes", "Notés", "NOTEBOOKS", "12", "2", "ntn", "ΑΓΙΟΣ", "é", "sets"):
        assert ours.of(word) == tuple(theirs.encode(normal.normalize_str(word)).ids or (UNKNOWN,)), word
