import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2.batch import split
from careloom.hl7v2.frames import frame
from careloom.issues import Issue

ONE = b"MSH|^~\\&|A\rPID|1"
TWO = b"MSH|^~\\&|B\rPID|2\rOBX|1|TX|||MSH follows"


def parted(data: bytes) -> tuple[list[bytes], list[str]]:
    issues: list[Issue] = []
    return list(split(data, issues)), [issue.code for issue in issues]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n"])
def test_messages_are_given_as_their_exact_bytes(end: bytes) -> None:
    assert parted(ONE + end + TWO + end) == ([ONE, TWO], [])


def test_frames_part_messages() -> None:
    assert parted(frame(ONE + b"\r") + frame(TWO)) == ([ONE, TWO], [])


def test_a_batch_whose_counts_are_right_says_nothing() -> None:
    data = b"\r".join([b"FHS|^~\\&|x", b"BHS|^~\\&|x", ONE, TWO, b"BTS|2", b"FTS|1", b""])
    assert parted(data) == ([ONE, TWO], [])


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ([b"BHS|^~\\&", ONE, b"BTS|2"], ["hl7v2.batch-count"]),
        ([b"FHS|^~\\&", b"BHS|^~\\&", ONE, b"BTS|1", b"FTS|9"], ["hl7v2.batch-count"]),
        ([b"BHS|^~\\&", ONE], ["hl7v2.batch-not-closed"]),
        ([ONE, b"BTS|1"], ["hl7v2.batch-not-opened"]),
        ([b"BHS|^~\\&", ONE, b"BTS|many"], ["hl7v2.batch-count"]),
        ([b"BHS|^~\\&", ONE, b"BTS"], []),
        ([b"FHS", b"BHS|^~\\&", ONE, b"BTS|1", b"BHS|^~\\&", TWO, ONE, b"BTS|2", b"FTS|2"], []),
    ],
)
def test_envelopes_are_checked(lines: list[bytes], codes: list[str]) -> None:
    assert parted(b"\r".join(lines))[1] == codes


def test_text_before_the_first_header_is_a_piece_of_its_own() -> None:
    assert parted(b"PID|9\r" + ONE) == ([b"PID|9", ONE], [])
    assert parted(b"hello") == ([b"hello"], [])
    assert parted(b"\xef\xbb\xbf" + ONE) == ([ONE], [])
    assert parted(b"") == ([], [])


@given(st.lists(st.sampled_from([ONE, TWO, b"NTE|1", b"MSH", b"junk", b"MSHX|", b"BTS|1", b"FHS|", b" "])))
def test_every_byte_that_is_no_separator_stands_in_one_piece(lines: list[bytes]) -> None:
    pieces = list(split(b"\r".join(lines)))
    kept = b"".join(pieces).replace(b"\r", b"").replace(b" ", b"")
    sent = b"".join(line for line in lines if line not in (b"BTS|1", b"FHS|")).replace(b"\r", b"").replace(b" ", b"")
    if not any(mark in lines for mark in (b"BTS|1", b"FHS|")):
        assert kept == sent
    else:
        assert len(kept) <= len(sent)


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    list(split(data, []))
