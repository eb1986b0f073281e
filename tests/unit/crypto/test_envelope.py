"""Sealing: opens under the same key and context only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.crypto.envelope import OVERHEAD_BYTES, Sealer, context_of, nonces, seal, unseal
from careloom.errors import IntegrityError

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("key", "nonce", "plain", "context", "expected"),
    [
        # NIST GCM test vectors (McGrew and Viega, 2005), AES-256: test cases 13, 14 and 16
        ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
        ("00" * 32, "00" * 12, "00" * 16, "", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        ),
    ],
)
def test_known_answers(key: str, nonce: str, plain: str, context: str, expected: str) -> None:
    sealer = Sealer(bytes.fromhex(key))
    sealed = sealer.seal(bytes.fromhex(plain), bytes.fromhex(context), bytes.fromhex(nonce))
    assert sealed.hex() == nonce + expected
    assert sealer.open(sealed, bytes.fromhex(context)) == bytes.fromhex(plain)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens_again(plain: bytes, context: bytes) -> None:
    sealed = seal(KEY, plain, context)
    assert len(sealed) == len(plain) + OVERHEAD_BYTES
    assert unseal(KEY, sealed, context) == plain


@given(st.binary(max_size=40), st.data())
def test_a_change_of_any_byte_is_refused(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, plain, b"c"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(IntegrityError):
        unseal(KEY, bytes(sealed), b"c")


@given(st.binary(max_size=40), st.integers(0, 27))
def test_a_cut_value_is_refused(plain: bytes, length: int) -> None:
    with pytest.raises(IntegrityError):
        unseal(KEY, seal(KEY, plain, b"c")[:length], b"c")


def test_another_context_or_key_is_refused() -> None:
    sealed = seal(KEY, b"x", b"one")
    with pytest.raises(IntegrityError):
        unseal(KEY, sealed, b"two")
    with pytest.raises(IntegrityError):
        unseal(KEY[::-1], sealed, b"one")


def test_nonces_are_fresh() -> None:
    drawn = nonces(1000) + nonces(1000)
    assert len(set(drawn)) == 2000
    assert {len(nonce) for nonce in drawn} == {12}
    assert nonces(0) == []


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Sealer(b"short")


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_names_make_different_contexts(one: list[str], other: list[str]) -> None:
    assert (context_of(one) == context_of(other)) == (one == other)
