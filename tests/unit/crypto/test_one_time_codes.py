"""Codes that hold once: of an authenticator, as RFC 6238 has them, and of a recovery."""

import pytest

from careloom.crypto import one_time_codes as codes

SECRET = b"12345678901234567890"
PRINTED = [  # RFC 6238, appendix B, SHA-1: time, the last six of the eight digits
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
KEY = bytes(32)


@pytest.mark.parametrize(("seconds", "code"), PRINTED)
def test_the_codes_of_the_rfc_hold_at_their_time(seconds: int, code: str) -> None:
    assert codes.code_at(SECRET, seconds) == code
    assert codes.step_of(SECRET, code, seconds) == seconds // 30


@pytest.mark.parametrize(("off", "is_held"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_holds_one_step_before_and_after_its_own(off: int, is_held: bool) -> None:
    code = codes.code_at(SECRET, 1_700_000_010)
    assert (codes.step_of(SECRET, code, 1_700_000_010 + off) is not None) == is_held


def test_a_code_holds_only_after_the_step_that_was_used() -> None:
    code = codes.code_at(SECRET, 59)
    assert codes.step_of(SECRET, code, 59, after=0) == 1
    assert codes.step_of(SECRET, code, 59, after=1) is None


@pytest.mark.parametrize("code", ["", "28708", "2870822", "28708a", "٢٨٧٠٨٢", "-28708", " 28708"])
def test_what_is_no_six_digits_is_no_code(code: str) -> None:
    assert codes.step_of(SECRET, code, 59) is None


def test_a_code_is_the_same_however_it_is_typed_and_another_is_not() -> None:
    kept = [codes.code_hash(KEY, code) for code in ("abcd-efgh-ijkl-mnop", "qrst-uvwx-yz23-4567")]
    for typed in ("ABCDEFGHIJKLMNOP", " abcd efgh ijkl mnop ", "abcd-efgh-ijkl-mnop"):
        assert codes.matching(KEY, typed, kept) == kept[0]
    assert codes.matching(KEY, "abcd-efgh-ijkl-mnoq", kept) is None
    assert codes.matching(bytes(31) + b"x", "abcd-efgh-ijkl-mnop", kept) is None
    assert codes.matching(KEY, "", []) is None


def test_a_new_code_has_eighty_bits_and_no_two_are_the_same() -> None:
    made = {codes.new_code(lambda count, one=number: one.to_bytes(count, "big")) for number in range(100)}
    assert len(made) == 100
    assert {len(code.replace("-", "")) for code in made} == {16}
