import pytest

from careloom.ingest.detect import Match, detect
from careloom.ingest.framing import frame
from careloom.ingest.framing_limits import FrameLimits
from careloom.ingest.source import Source
from careloom.pipeline.record import Record

HEADER = b"DATE,PATIENT,CODE,TEXT\n"


def framed(data: bytes, limits: FrameLimits | None = None, pieces: int = 50, patient: str = "PATIENT") -> list[Record]:
    source = Source(iter([data[start : start + pieces] for start in range(0, len(data), pieces)]))

    def recognise(header: tuple[str, ...]) -> Match | None:
        return Match("own/file", header.index(patient) if patient in header else None) if "DATE" in header else None

    return list(frame(source, detect(data[: 1 << 16], recognise), limits or FrameLimits()))


def told(records: list[Record]) -> list[tuple[str, bytes, str | None]]:
    return [(record.place, record.raw, record.problem[0] if record.problem else None) for record in records]


def test_consecutive_rows_of_one_patient_travel_together() -> None:
    records = framed(HEADER + b"1,a,x,\n2,a,y,\n3,b,z,\n4,a,w,\n")
    assert told(records) == [
        ("line 1", HEADER[:-1], None),
        ("lines 2-3", b"1,a,x,\n2,a,y,", None),
        ("line 4", b"3,b,z,", None),
        ("line 5", b"4,a,w,", None),
    ]
    assert [record.position for record in records] == [0, 1, 2, 3]
    context = records[1].context
    assert (context.format, context.mapping, context.header) == ("csv", "own/file", ("DATE", "PATIENT", "CODE", "TEXT"))
    assert context.options == {"encoding": "utf-8", "delimiter": ","}
    assert records[0].context.options == {"encoding": "utf-8", "delimiter": ",", "part": "header"}


def test_a_group_has_a_largest_number_of_rows() -> None:
    records = framed(HEADER + b"1,a,x,\n" * 7, FrameLimits(max_group_rows=3))
    assert [record.raw.count(b"\n") + 1 for record in records[1:]] == [3, 3, 1]


def test_rows_without_a_patient_stand_alone() -> None:
    assert len(framed(HEADER + b"1,a,x,\n" * 3, patient="NOBODY")) == 4
    assert [place for place, _, _ in told(framed(HEADER + b"1\n1\n1,a,,\n1,a,,\n"))] == [
        "line 1", "line 2", "line 3", "lines 4-5",
    ]  # fmt: skip


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end_parts_rows(newline: bytes) -> None:
    data = (HEADER + b"1,a,x,\n2,a,y,\n\n3,b,z,\n").replace(b"\n", newline)
    assert [raw for _, raw, _ in told(framed(data, pieces=1000))] == [
        HEADER[:-1], b"1,a,x," + newline + b"2,a,y,", b"3,b,z,",
    ]  # fmt: skip


def test_a_row_may_run_over_lines_inside_quotes() -> None:
    data = HEADER + b'1,a,x,"one\ntwo, ""three""\n\nfour"\n2,a,y,"z"\n3,b,,\n'
    for pieces in (3, 17, 1000):
        assert told(framed(data, pieces=pieces))[1:] == [
            ("lines 2-6", b'1,a,x,"one\ntwo, ""three""\n\nfour"\n2,a,y,"z"', None),
            ("line 7", b"3,b,,", None),
        ]


def test_the_patient_is_found_behind_quoted_cells() -> None:
    data = HEADER + b'"1, or 2",a,x,\n"1",a,x,\n1,"a",x,\n1,"b",x,\n'
    assert [place for place, _, _ in told(framed(data))] == ["line 1", "lines 2-4", "line 5"]


def test_a_quote_inside_an_unquoted_cell_is_a_plain_character() -> None:
    data = HEADER + b'1,a,5" tube,\n2,b,6" tube,\n3,b,x"y,"q"\n'
    assert [place for place, _, _ in told(framed(data))] == ["line 1", "line 2", "lines 3-4"]


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    rows = b"".join(b"%d,a,x,\n" % number for number in range(40))
    records = framed(HEADER + b'0,z,"open,\n' + rows)
    assert told(records)[1] == ("line 2", b'0,z,"open,', "ingest.csv-unterminated-quote")
    assert told(records)[2][0] == "lines 3-42"


def test_a_stray_quote_that_finds_a_partner_far_below_costs_two_rows() -> None:
    rows = b"".join(b"%d,a,x,\n" % number for number in range(40))
    records = framed(HEADER + b'0,z,"open,\n' + rows + b'0,y,"also,\n' + rows)
    assert [(place, problem) for place, _, problem in told(records)] == [
        ("line 1", None),
        ("line 2", "ingest.csv-unterminated-quote"),
        ("lines 3-42", None),
        ("line 43", "ingest.csv-unterminated-quote"),
        ("lines 44-83", None),
    ]


def test_text_inside_a_quote_that_never_closes_is_one_refused_record() -> None:
    text = b"no rows here\n" * 30
    records = framed(HEADER + b'0,z,x,"open\n' + text, FrameLimits(max_quoted_bytes=200))
    problems = [problem for _, _, problem in told(records)]
    assert problems[1] == "ingest.csv-unterminated-quote"
    assert len(records[1].raw) > 200
    assert b"".join(record.raw for record in records).replace(b"\n", b"") == (HEADER + b'0,z,x,"open\n' + text).replace(
        b"\n", b""
    )


def test_lines_that_close_and_open_quotes_for_ever_take_linear_time() -> None:
    data = HEADER + b'x","y\n' * 60_000
    records = framed(data, FrameLimits(max_quoted_bytes=20_000), pieces=1 << 16)
    assert sum(len(record.raw.replace(b"\n", b"")) for record in records) == len(data.replace(b"\n", b""))


def test_a_row_with_nul_bytes_is_refused_alone() -> None:
    records = framed(HEADER + b"1,a,x,\n2,a,\x00,\n3,a,y,\n")
    assert [problem for _, _, problem in told(records)] == [None, None, "ingest.nul-bytes", None]


def test_an_excel_hint_and_a_byte_order_mark_are_no_row() -> None:
    records = framed(b"\xef\xbb\xbfsep=;\r\nDATE;PATIENT\r\n1;a\r\n")
    assert [raw for _, raw, _ in told(records)] == [b"DATE;PATIENT", b"1;a"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be"])
def test_other_encodings_keep_their_bytes(encoding: str) -> None:
    rows = ["DATE,PATIENT,CODE,TEXT", "1,a,x,Zoë", '2,b,x,"ü\nö"']
    bom = "" if encoding == "cp1252" else "\ufeff"
    records = framed((bom + "\n".join(rows) + "\n").encode(encoding))
    assert [record.raw.decode(encoding) for record in records] == rows
    assert records[1].context.options is not None
    assert records[1].context.options["encoding"] == encoding


def test_a_header_alone_is_a_header() -> None:
    assert told(framed(HEADER)) == [("line 1", HEADER[:-1], None)]


def test_an_unknown_header_refuses_the_file_with_the_way_out() -> None:
    data = b"A,B,C\n1,2,3\n4,5,6\n"
    [record] = framed(data)
    assert record.raw == data
    assert record.problem is not None
    assert record.problem[0] == "ingest.csv-unknown-header"
    assert "--mapping" in record.problem[2]
