import pytest

from careloom.ingest.detect import detect
from careloom.ingest.framing import frame
from careloom.ingest.framing_limits import FrameLimits
from careloom.ingest.source import Source
from careloom.issues import Issue
from careloom.pipeline.record import Record

MESSAGES = [
    b"MSH|^~\\&|LAB|H|EHR|H|20240101||ORU^R01|1|P|2.5\rPID|1||7\rOBX|1|TX|||MSH|F",
    b"MSH|^~\\&|LAB|H|EHR|H|20240101||ADT^A01|2|P|2.5\rPID|1||8",
    b"MSH|^~\\&|LAB|H|EHR|H|20240101||ADT^A08|3|P|2.5\rPID|1||9\rNTE|1||MSH|^~\\& quoted",
]


def framed(
    data: bytes, limits: FrameLimits | None = None, pieces: int = 1 << 20, issues: list[Issue] | None = None
) -> list[Record]:
    source = Source(iter([data[start : start + pieces] for start in range(0, len(data), pieces)]))
    return list(frame(source, detect(data[: 1 << 16], lambda _: None), limits or FrameLimits(), issues))


@pytest.mark.parametrize(
    "data",
    [
        b"\r".join(MESSAGES) + b"\r",
        b"\r\n".join(MESSAGES) + b"\r\n",
        b"\n\n".join(MESSAGES),
        b"".join(b"\x0b" + message + b"\r\x1c\r" for message in MESSAGES),
        b"\x1c\r\x0b".join(MESSAGES),
        b"\xef\xbb\xbf\n  " + b"\r\n\r\n  ".join(MESSAGES),
        b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + b"\r".join(MESSAGES) + b"\rBTS|3\rFTS|1\r",
    ],
)
@pytest.mark.parametrize(("pieces", "limit"), [(1 << 20, 64 << 20), (11, 64 << 20), (40, 300)])
def test_messages_come_apart_as_their_exact_bytes(data: bytes, pieces: int, limit: int) -> None:
    records = framed(data, FrameLimits(max_record_bytes=limit), pieces)
    assert [record.raw for record in records] == MESSAGES
    assert [(record.position, record.place) for record in records] == [
        (0, "message 1"), (1, "message 2"), (2, "message 3"),
    ]  # fmt: skip
    assert {record.context.format for record in records} == {"hl7v2"}


def test_a_batch_that_miscounts_is_a_warning_about_the_file() -> None:
    issues: list[Issue] = []
    records = framed(b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + MESSAGES[0] + b"\rBTS|7\rFTS|1\r", issues=issues)
    assert len(records) == 1
    assert [issue.code for issue in issues] == ["hl7v2.batch-count"]


def test_a_message_with_nul_bytes_is_refused_alone() -> None:
    records = framed(MESSAGES[0] + b"\r" + MESSAGES[1].replace(b"ADT", b"A\x00T") + b"\r" + MESSAGES[2])
    assert [record.problem[0] if record.problem else None for record in records] == [None, "ingest.nul-bytes", None]


def test_a_message_beyond_the_limit_is_refused_in_pieces_and_the_next_one_is_read() -> None:
    long = MESSAGES[1] + b"\rOBX|1|ED|||" + b"A" * 5000
    data = MESSAGES[0] + b"\r" + long + b"\r" + MESSAGES[2] + b"\r" + MESSAGES[0] + b"\r"
    records = framed(data, FrameLimits(max_record_bytes=500), pieces=100)
    good = [record.raw for record in records if record.problem is None]
    bad = [record for record in records if record.problem]
    assert good == [MESSAGES[0], MESSAGES[2], MESSAGES[0]]
    assert b"".join(record.raw for record in bad).strip() == long
    assert bad[0].problem is not None
    assert bad[0].problem[0] == "ingest.record-too-long"
    assert max(len(record.raw) for record in bad) <= 500


def test_an_envelope_without_messages_is_refused() -> None:
    [record] = framed(b"FHS|^~\\&|A\rFTS|0\r")
    assert record.problem is not None
    assert record.problem[0] == "ingest.hl7v2-no-message"
