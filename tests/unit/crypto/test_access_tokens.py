"""Signed claims: read back only as they were signed, by the key that signed them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.crypto.access_tokens import _REMEMBERED, TokenSigner, kid_of
from careloom.errors import Unauthenticated

SIGNER = TokenSigner(b"s" * 32)
CLAIMS = st.dictionaries(st.text(max_size=5), st.integers(0, 2**40) | st.text(max_size=20), max_size=6)


@given(CLAIMS)
def test_claims_are_read_as_they_were_signed_as_often_as_asked(claims: dict[str, object]) -> None:
    token = SIGNER.sign(claims)
    assert dict(SIGNER.read(token)) == dict(SIGNER.read(token)) == claims


def test_the_same_seed_is_the_same_key_and_another_is_another() -> None:
    token = SIGNER.sign({"a": 1})
    assert dict(TokenSigner(b"s" * 32).read(token)) == {"a": 1}
    with pytest.raises(Unauthenticated):
        TokenSigner(b"t" * 32).read(token)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_token_with_any_one_character_changed_is_refused(place: int, by: int) -> None:
    token = SIGNER.sign({"a": 1})
    at = place % (len(token) - 1)  # the last character has bits that stand for nothing
    changed = token[:at] + chr(ord(token[at]) ^ by) + token[at + 1 :]
    with pytest.raises(Unauthenticated):
        SIGNER.read(changed)


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_is_anything_but_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        SIGNER.read(text)


@given(st.text(st.characters(codec=None), max_size=60))
def test_the_kid_is_what_the_header_says_and_none_where_it_says_none(text: str) -> None:
    assert kid_of(SIGNER.sign({"a": 1})) == SIGNER.key_id
    assert kid_of(text) in ("", text)
    assert kid_of("e" * 5000) == ""


def test_what_was_read_cannot_be_changed_for_the_next_reader() -> None:
    token = SIGNER.sign({"a": 1})
    with pytest.raises(TypeError):
        SIGNER.read(token)["a"] = 2  # type: ignore[index]
    assert SIGNER.read(token)["a"] == 1


def test_only_so_many_signatures_are_remembered_however_many_read_at_once() -> None:
    signer = TokenSigner(b"u" * 32)
    tokens = [signer.sign({"n": number}) for number in range(_REMEMBERED + 50)]
    with ThreadPoolExecutor(4) as pool:
        assert [read["n"] for read in pool.map(signer.read, tokens)] == list(range(len(tokens)))
    assert len(signer._known) == _REMEMBERED
    assert signer.read(tokens[0])["n"] == 0


def test_the_public_half_is_public() -> None:
    key = SIGNER.public_key()
    assert "d" not in key
    assert key["kid"] == SIGNER.key_id
