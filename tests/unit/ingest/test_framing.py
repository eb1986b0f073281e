"""What every framer keeps: exact bytes, bounded memory, nothing lost."""

import gzip
import io
import tracemalloc
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.ingest.containers import open_members
from careloom.ingest.detect import Detection, Match, detect
from careloom.ingest.framing import detect_source, frame, refused_member
from careloom.ingest.framing_limits import FrameLimits
from careloom.ingest.source import Source, of_bytes
from careloom.pipeline.record import Record

SMALL = FrameLimits(max_record_bytes=4000, max_document_bytes=16_000, max_group_rows=3, max_quoted_bytes=2000)


def match_all(header: tuple[str, ...]) -> Match | None:
    return Match("own/file", header.index("PATIENT")) if "PATIENT" in header else None


def framed(data: bytes, limits: FrameLimits = SMALL, pieces: int = 700) -> list[Record]:
    source = Source(iter([data[start : start + pieces] for start in range(0, len(data), pieces)]))
    return list(frame(source, detect(data[: 1 << 16], match_all), limits))


def codes(records: list[Record]) -> list[str | None]:
    return [record.problem[0] if record.problem else None for record in records]


def assert_accounts_for(data: bytes, records: list[Record]) -> None:
    """Each byte is in exactly one record or in a separator: in order, and only separators stand between records."""
    place = 0
    between = []
    for record in sorted(records, key=lambda record: record.position):
        found = data.find(record.raw, place)
        assert found >= 0, record.place
        between.append(data[place:found])
        place = found + len(record.raw)
    between.append(data[place:])
    for gap in between:
        assert not gap.strip(b" \t\r\n\x0b\x0c\x1c\x00\xef\xbb\xbf,"), gap[:80]
    assert [record.position for record in sorted(records, key=lambda record: record.position)] == list(
        range(len(records))
    )


json_lines = st.lists(
    st.one_of(
        st.dictionaries(st.text(max_size=5), st.text(max_size=30), max_size=4).map(
            lambda content: msgspec.json.encode({"resourceType": "Basic", **content})
        ),
        st.sampled_from([b"", b"  ", b"{broken", b"\xff\xfe{}", b'{"a":"\x00"}', b'{"resourceType":"Basic"}\r', b"{}"]),
        st.binary(max_size=40).filter(lambda raw: b"\n" not in raw),
    ),
    max_size=30,
)


@given(lines=json_lines, ends=st.booleans(), pieces=st.integers(1, 300))
@settings(max_examples=200)
def test_every_byte_of_an_ndjson_file_is_in_one_record_or_between_two(
    lines: list[bytes], ends: bool, pieces: int
) -> None:
    data = b'{"resourceType":"Basic"}\n{"resourceType":"Basic"}\n' + b"\n".join(lines) + (b"\n" if ends else b"")
    assert_accounts_for(data, framed(data, pieces=pieces))


@given(
    cells=st.lists(
        st.lists(st.sampled_from(["p1", "p2", "x", '"', '"a""b"', '"two\nlines"', '"open', "5\"", "", "ü", "\r"]),
                 min_size=1, max_size=4),
        max_size=25,
    ),
    pieces=st.integers(1, 100),
    newline=st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
@settings(max_examples=300)
def test_every_byte_of_a_delimited_file_is_in_one_record_or_between_two(
    cells: list[list[str]], pieces: int, newline: str
) -> None:
    data = newline.join(["DATE,PATIENT,CODE", *(",".join(row) for row in cells)]).encode()
    assert_accounts_for(data, framed(data, pieces=pieces))


SEGMENTS = st.sampled_from(["MSH|^~\\&|A", "PID|1||7", "OBX|1|TX|MSH|x", "NTE|1||MSH is", "", "MSHX"])


@given(
    segments=st.lists(SEGMENTS, max_size=30),
    pieces=st.integers(1, 200),
    newline=st.sampled_from(["\r", "\n", "\r\n"]),
    wrap=st.booleans(),
)
@settings(max_examples=200)
def test_every_byte_of_a_message_file_is_in_one_record_or_between_two(
    segments: list[str], pieces: int, newline: str, wrap: bool
) -> None:
    data = newline.join(["MSH|^~\\&|LAB", *segments, ""]).encode()
    data = b"\x0b" + data + b"\x1c\r" if wrap else data
    assert_accounts_for(data, framed(data, FrameLimits(max_record_bytes=120), pieces=pieces))


@given(data=st.binary(max_size=3000), pieces=st.integers(1, 500))
@settings(max_examples=200)
def test_every_byte_of_a_file_of_anything_is_in_one_record_or_between_two(data: bytes, pieces: int) -> None:
    assert_accounts_for(data, framed(data, FrameLimits(max_record_bytes=500), pieces=pieces))


WIDE = st.characters(exclude_categories=["Cc"]) | st.sampled_from('\n\r"\ud800\udc00')


@given(
    data=st.text(WIDE, max_size=300),
    encoding=st.sampled_from(["utf-16-le", "utf-16-be"]),
    half=st.booleans(),
    pieces=st.integers(1, 100),
)
@settings(max_examples=200)
def test_every_byte_of_a_utf_16_table_is_in_one_record_or_between_two(
    data: str, encoding: str, half: bool, pieces: int
) -> None:
    raw = ("\ufeffDATE,PATIENT,CODE\n1,2,3\n1,2,4\n" + data).encode(encoding, "surrogatepass") + b"x" * half
    records = framed(raw, FrameLimits(), pieces)
    separators = "\ufeff \n\r\t\x0b\x0c".encode(encoding)
    place = 0
    for record in records:
        found = raw.find(record.raw, place)
        assert found >= 0
        gap = raw[place:found]
        assert all(gap[at : at + 2] in separators for at in range(0, len(gap), 2))
        place = found + len(record.raw)
    assert not raw[place:].decode(encoding, "surrogatepass").strip(" \n\r\t\x0b\x0c")


def test_a_refused_file_is_kept_whole_in_pieces_and_only_the_first_says_why() -> None:
    data = b"SQLite format 3\x00" + b"x" * 9000
    records = framed(data)
    assert b"".join(record.raw for record in records) == data
    assert codes(records) == ["ingest.database-not-read", "ingest.record-continued", "ingest.record-continued"]
    assert [len(record.raw) for record in records] == [4000, 4000, 1016]


def test_an_empty_file_is_one_refused_record() -> None:
    assert codes(framed(b"")) == ["ingest.empty-file"]


def test_a_note_is_one_record_with_its_encoding() -> None:
    raw = "Müde.\n\nKein Fieber.\n".encode("cp1252")
    [record] = framed(raw)
    assert (record.raw, record.context.format, record.context.options) == (raw, "notes", {"encoding": "cp1252"})
    assert codes(framed(b"Tired.\x00 " + b"No fever, and that is all there is to say about this visit. " * 5)) == [
        "ingest.nul-bytes"
    ]
    assert codes(framed(b"Tired. " * 1000)) == ["ingest.record-too-long", "ingest.record-continued"]


def members(data: bytes) -> Iterator[Record]:
    for member in open_members(io.BytesIO(data), "file"):
        if member.issue:
            yield from refused_member(member.source, member.issue)
        else:
            yield from frame(member.source, detect_source(member.source, match_all))


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % number for number in range(3000)), b"\n"),
        (b"DATE,PATIENT,CODE\n" + b"".join(b"2024,%d,x%d\n" % (n, n * n) for n in range(3000)), b"\n"),
        (b"".join(b"MSH|^~\\&|A\rPID|%d||%d\r" % (n, n * n) for n in range(3000)), b"\r"),
    ],
)
def test_what_a_cut_left_half_is_never_taken_for_a_record(data: bytes, end: bytes) -> None:
    records = list(members(gzip.compress(data)[:-2500]))
    assert len(records) > 500
    assert codes(records)[-1] == "ingest.gzip-truncated"
    good = b"".join(record.raw for record in records if record.problem is None)
    assert data.replace(b"\n", b"").replace(b"\r", b"").startswith(good.replace(b"\n", b"").replace(b"\r", b""))
    assert codes(records).count("ingest.gzip-truncated") == 1
    assert data.find(records[-2].raw.rpartition(b"\r")[2] + end) >= 0


def test_a_cut_document_and_a_cut_note_are_refused() -> None:
    document = b'{"resourceType":"Bundle","type":"collection","entry":[' + b'{"resource":{"a":"%d"}},' % 7 * 900
    for data in (document + b"]}", b"A long note about nothing in particular. " * 500):
        assert set(codes(list(members(gzip.compress(data)[:-20])))) <= {
            "ingest.gzip-truncated", "ingest.record-continued"
        }  # fmt: skip


def test_the_reason_of_a_damage_is_reported_even_if_nothing_is_left() -> None:
    packed = bytearray(gzip.compress(b'{"resourceType":"Patient"}\n' * 9))
    packed[-1] ^= 1
    records = list(members(bytes(packed)))
    assert codes(records) == [None] * 9 + ["ingest.gzip-checksum"]


def test_packed_bytes_behind_a_damage_are_kept() -> None:
    packed = gzip.compress(b'{"resourceType":"Patient"}\n' * 9) + b"and then something else"
    records = list(members(packed))
    assert records[-1].raw == b"and then something else"
    assert records[-1].problem is not None
    assert records[-1].position == 9


def test_a_very_long_line_is_refused_in_pieces_in_bounded_memory() -> None:
    limits = FrameLimits(max_record_bytes=1 << 20)
    good = b'{"resourceType":"Patient"}\n'

    def pieces() -> Iterator[bytes]:
        yield good * 2
        yield b'{"resourceType":"Binary","data":"'
        for _ in range(200):
            yield b"A" * 100_000
        yield b'"}\n' + good

    source = Source(pieces())
    detection = Detection("fhir")
    tracemalloc.start()
    seen = [(len(record.raw), record.problem, record.place) for record in frame(source, detection, limits)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert sum(size for size, problem, _ in seen if problem) == 20_000_000 + 35
    assert [place for _, problem, place in seen if not problem] == ["line 1", "line 2", "line 4"]
    assert {place for _, problem, place in seen if problem} == {"line 3"}
    assert [problem[0] for _, problem, _ in seen if problem][:2] == [
        "ingest.record-too-long",
        "ingest.record-continued",
    ]


def test_a_long_file_is_framed_in_bounded_memory() -> None:
    line = b'{"resourceType":"Patient","id":"x","text":"' + b"y" * 1000 + b'"}\n'
    source = Source(line * 900 for _ in range(60))
    tracemalloc.start()
    count = sum(1 for _ in frame(source, Detection("fhir")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 54_000
    assert peak < 12 << 20


def test_a_source_gives_back_what_was_peeked_and_unread() -> None:
    source = of_bytes(b"abc", b"defg")
    assert source.peek(5) == b"abcde"
    assert source.read(2) == b"ab"
    source.unread(b"ab")
    assert b"".join(source.chunks()) == b"abcdefg"
