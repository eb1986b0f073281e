from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2.frames import FrameDecoder, frame

BODY = st.binary(max_size=40).map(lambda raw: raw.replace(b"\x0b", b"").replace(b"\x1c", b""))


@given(st.lists(BODY, max_size=6), st.integers(1, 17))
def test_messages_come_out_however_the_stream_is_cut(messages: list[bytes], step: int) -> None:
    stream = b"".join(frame(message) for message in messages)
    decoder = FrameDecoder()
    out: list[bytes] = []
    for start in range(0, len(stream), step):
        out += decoder.feed(stream[start : start + step])
    assert out == messages
    assert decoder.issues == []
    assert not decoder.is_waiting


def test_bytes_outside_of_frames_are_dropped_and_reported() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(b"\r\n" + frame(b"a")) == [b"a"]
    assert decoder.issues == []
    assert decoder.feed(b"junk" + frame(b"b")) == [b"b"]
    assert [issue.code for issue in decoder.issues] == ["hl7v2.bytes-outside-frame"]


def test_a_frame_that_grows_too_long_is_dropped_and_the_next_one_read() -> None:
    decoder = FrameDecoder(max_bytes=10)
    assert decoder.feed(b"\x0b" + b"x" * 50) == []
    assert decoder.feed(b"y" * 50) == []
    assert decoder.feed(b"\x1c\x0d" + frame(b"b")) == [b"b"]
    assert [issue.code for issue in decoder.issues] == ["hl7v2.frame-too-large"]


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_no_stream_raises(pieces: list[bytes]) -> None:
    decoder = FrameDecoder(max_bytes=20)
    for piece in pieces:
        decoder.feed(piece)
