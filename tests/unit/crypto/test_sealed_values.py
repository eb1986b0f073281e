"""Short texts that only their key can read back."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.crypto.sealed_values import MOST_BYTES, MOST_LETTERS, SealedValues
from careloom.errors import IntegrityError

MINE, OTHERS = SealedValues(bytes(range(64)), "test"), SealedValues(bytes(range(1, 65)), "test")


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_is_sealed_opens_to_the_same_text(text: str) -> None:
    sealed = MINE.seal(text)
    assert MINE.open(sealed) == text
    assert MINE.seal(text) == sealed
    assert re.fullmatch(r"[a-z2-7]{77,}", sealed)


def test_it_opens_under_no_other_key_and_for_no_other_purpose() -> None:
    sealed = MINE.seal("MRN-730014")
    assert OTHERS.seal("MRN-730014") != sealed
    for one in (OTHERS, SealedValues(bytes(range(64)), "another")):
        with pytest.raises(IntegrityError):
            one.open(sealed)


@pytest.mark.parametrize("changed", ["", "a", "abc!", "Ä" * 77, "a" * 77, "a" * 78])
def test_what_was_never_sealed_does_not_open(changed: str) -> None:
    with pytest.raises(IntegrityError):
        MINE.open(changed)


def test_a_changed_letter_does_not_open_and_the_length_tells_little() -> None:
    sealed = MINE.seal("MRN-730014")
    for place in (0, 20, len(sealed) - 1):
        with pytest.raises(IntegrityError):
            MINE.open(sealed[:place] + ("b" if sealed[place] != "b" else "c") + sealed[place + 1 :])
    assert {len(MINE.seal("x" * size)) for size in range(32)} == {77}


def test_a_key_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        SealedValues(bytes(32), "test")


def test_the_longest_text_has_a_seal_of_no_more_letters_than_can_be_asked() -> None:
    assert len(MINE.seal("x" * MOST_BYTES)) <= MOST_LETTERS < len(MINE.seal("x" * (MOST_BYTES + 1)))
