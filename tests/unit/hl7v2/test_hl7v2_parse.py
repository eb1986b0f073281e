import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2 import parse
from careloom.hl7v2.delimiters import STANDARD, Delimiters, declared
from careloom.hl7v2.parse import Message, read
from careloom.issues import Issue

MESSAGE = b"MSH|^~\\&|A|B|C|D|2024||ADT^A01^ADT_A01|77|P|2.5\rPID|1||12^^^H^MR~13^^^H^PI||Doe^Jane&x\rZZ1|a\r"


def good(raw: bytes) -> Message:
    message, issues = read(raw)
    assert message is not None
    assert issues == []
    return message


def codes(raw: bytes) -> list[str]:
    return [issue.code for issue in read(raw)[1]]


def test_header_gives_type_trigger_and_control_id() -> None:
    message = good(MESSAGE)
    assert (message.code, message.trigger, message.control_id) == ("ADT", "A01", "77")


def test_fields_count_as_in_the_standard() -> None:
    message = good(MESSAGE)
    assert message.header.field(1) == "|"
    assert message.header.field(2) == "^~\\&"
    assert message.header.value(3) == "A"
    pid = message.first("PID")
    assert pid is not None
    assert pid.repetitions(3) == ["12^^^H^MR", "13^^^H^PI"]
    assert pid.value(3, 5, repetition=1) == "PI"
    assert (pid.value(5, 2, 1), pid.value(5, 2, 2), pid.value(5, 3), pid.value(99)) == ("Jane", "x", "", "")


def test_unknown_segments_are_kept() -> None:
    assert [segment.name for segment in good(MESSAGE).segments] == ["MSH", "PID", "ZZ1"]
    assert good(MESSAGE).first("PV1") is None


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\n\n\r"])
def test_every_kind_of_line_end_parts_segments(end: bytes) -> None:
    assert len(good(MESSAGE.replace(b"\r", end)).segments) == 3


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\r\n ", b"\x0b", b"\xef\xbb\xbf\x0b"])
@pytest.mark.parametrize("after", [b"", b"\x1c\x0d", b"\x1c", b"\r\r\n"])
def test_marks_and_frames_around_a_message_say_nothing(before: bytes, after: bytes) -> None:
    assert len(good(before + MESSAGE + after).segments) == 3


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_wide_text_is_recognised_by_its_first_bytes(codec: str) -> None:
    assert good(MESSAGE.decode().encode(codec)).code == "ADT"


def test_null_and_absent_are_told_apart() -> None:
    pid = good(b'MSH|^~\\&|\rPID|""||x').first("PID")
    assert pid is not None
    assert (pid.is_null(1), pid.is_null(2), pid.value(1), pid.value(2)) == (True, False, "", "")


def test_delimiters_are_those_of_the_header() -> None:
    message = good(b"MSH#*!\\%$#A\rPID###1*2!3*4%5")
    assert message.delimiters == Delimiters("#", "*", "!", "\\", "%", "$")
    pid = message.first("PID")
    assert pid is not None
    assert pid.value(3, 2, 2, repetition=1) == "5"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("^~\\\\&", STANDARD),
        ("^~\\", STANDARD),
        ("", STANDARD),
        ("^^^^", STANDARD),
        ("^~\\&#", Delimiters("|", "^", "~", "\\", "&", "#")),
        ("^~\\&&", STANDARD),
        ("abcd", STANDARD),
        ("^~\\|", STANDARD),
    ],
)
def test_contradicting_delimiters_are_repaired(encoding: str, expected: Delimiters) -> None:
    issues: list[Issue] = []
    assert declared("|", encoding, issues) == expected


def test_a_field_separator_that_is_a_standard_delimiter_leaves_that_one_out() -> None:
    issues: list[Issue] = []
    assert declared("^", "~", issues) == Delimiters("^", "~", "", "\\", "&")
    assert [issue.code for issue in issues] == ["hl7v2.delimiters-odd"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "hl7v2.msh-missing"),
        (b"\r\n \x00", "hl7v2.msh-missing"),
        (b"PID|1", "hl7v2.msh-missing"),
        (b"{}", "hl7v2.msh-missing"),
        (b"MSH", "hl7v2.msh-short"),
        (b"MSH|^~\\", "hl7v2.msh-short"),
        (b"MSHAAAAAAAAAA", "hl7v2.delimiters-unusable"),
        (b"MSH ^~\\&  a  b", "hl7v2.delimiters-unusable"),
        (b"MSH\xff^~\\&\xffA", "hl7v2.delimiters-unusable"),
        (MESSAGE + MESSAGE, "hl7v2.several-messages"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(raw: bytes, code: str) -> None:
    message, issues = read(raw)
    assert message is None
    assert issues[-1].code == code
    assert issues[-1].refuses


def test_a_message_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_MESSAGE_BYTES", len(MESSAGE) - 1)
    assert codes(MESSAGE) == ["hl7v2.message-too-large"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"junk\r" + MESSAGE, "hl7v2.text-before-msh"),
        (MESSAGE + b"no segment at all\r", "hl7v2.line-continued"),
        (MESSAGE.replace(b"Doe", b"D\x00oe"), "hl7v2.nul-bytes"),
        (MESSAGE.replace(b"Doe", b"D\x07oe"), "hl7v2.control-characters"),
    ],
)
def test_dirt_is_read_over_with_a_warning(raw: bytes, code: str) -> None:
    message, issues = read(raw)
    assert [(issue.code, issue.refuses) for issue in issues] == [(code, False)]
    pid = message.first("PID") if message is not None else None
    assert pid is not None
    assert pid.value(5) == "Doe"


def test_a_broken_line_continues_its_segment() -> None:
    message, _ = read(b"MSH|^~\\&|\rOBX|1|TX|||first\nsecond, 120|80\rNTE|1")
    assert message is not None
    assert message.segments[1].field(5) == "first\nsecond, 120"
    assert message.segments[2].name == "NTE"


def test_many_broken_lines_are_reported_once_for_each_segment() -> None:
    raw = MESSAGE + b"no segment at all\r" * 5000
    assert codes(raw) == ["hl7v2.line-continued"]


def test_text_without_components_is_read_whole() -> None:
    message = good(b"MSH|^~\\&|\rDG1|1|||Chest pain & cough\\T\\cold^x~y")
    assert message.segments[1].plain(4) == "Chest pain & cough&cold^x"


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    for data in (raw, b"MSH|^~\\&|" + raw, b"MSH" + raw):
        message, issues = read(data)
        assert (message is None) == any(issue.severity == "fatal" for issue in issues)
