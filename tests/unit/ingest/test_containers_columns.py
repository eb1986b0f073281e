"""Parquet and Arrow files as rows of delimited text."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as arrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from careloom.ingest.containers import Member, open_members
from careloom.ingest.containers_inflate import ContainerLimits
from careloom.ingest.detect import Match
from careloom.ingest.framing import detect_source, frame

TABLE = arrow.table(
    {
        "PATIENT": ["p1", "p1", "p2"],
        "DAY": [date(2024, 1, 2), None, date(2024, 2, 29)],
        "TIME": arrow.array([datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), None, None], arrow.timestamp("us", "UTC")),
        "TEXT": ['a, "b"', "line\nline", ""],
        "NUMBER": [1.5, 2.0, float("nan")],
        "EXACT": [Decimal("1.50"), None, Decimal("-2.00")],
        "YES": [True, False, None],
        "COUNT": [1, None, 3],
        "BYTES": [b"\x00\xff", None, b""],
    }
)
LINES = [
    ["PATIENT", "DAY", "TIME", "TEXT", "NUMBER", "EXACT", "YES", "COUNT", "BYTES"],
    ["p1", "2024-01-02", "2024-01-02T03:04:05+00:00", 'a, "b"', "1.5", "1.50", "true", "1", "AP8="],
    ["p1", "", "", "line\nline", "2", "", "false", "", ""],
    ["p2", "2024-02-29", "", "", "", "-2.00", "", "3", ""],
]


def as_parquet(table: arrow.Table, **more: object) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out, **more)
    return out.getvalue()


def as_arrow(table: arrow.Table) -> bytes:
    out = io.BytesIO()
    with ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def opened(raw: bytes, limits: ContainerLimits | None = None) -> tuple[Member, bytes]:
    (member,) = open_members(io.BytesIO(raw), "table", limits)
    return member, b"".join(member.source.chunks())


@pytest.mark.parametrize("raw", [as_parquet(TABLE), as_parquet(TABLE, row_group_size=1), as_arrow(TABLE)])
def test_every_row_is_a_line_and_every_value_is_written_as_it_can_be_read_again(raw: bytes) -> None:
    member, text = opened(raw)
    assert member.source.damage is None
    assert list(csv.reader(io.StringIO(text.decode(), newline=""))) == LINES


def test_rows_of_one_patient_are_one_record() -> None:
    (member,) = open_members(io.BytesIO(as_parquet(TABLE)), "table")
    detection = detect_source(member.source, lambda header: Match("own/rows", header.index("PATIENT")))
    records = list(frame(member.source, detection))
    assert [record.place for record in records] == ["line 1", "lines 2-4", "line 5"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (as_parquet(TABLE)[:-20], "ingest.columns-damaged"),
        (b"PAR1" + b"x" * 100 + b"PAR1", "ingest.columns-damaged"),
        (b"ARROW1\x00\x00" + b"x" * 100, "ingest.columns-damaged"),
        (as_parquet(arrow.table({"a": [[1, 2]], "b": ["x"]})), "ingest.columns-nested"),
    ],
)
def test_a_table_that_cannot_be_read_is_kept_whole_with_its_reason(raw: bytes, code: str) -> None:
    member, _ = opened(raw)
    assert member.source.damage is not None
    assert member.source.damage.issue.code == code
    assert b"".join(member.source.damage.rest) == raw


def test_a_table_that_unfolds_without_end_is_stopped() -> None:
    raw = as_parquet(arrow.table({"a": ["x" * 1000] * 200_000}))
    member, text = opened(raw, ContainerLimits(free_bytes=1 << 20, max_ratio=50))
    assert member.source.damage is not None
    assert member.source.damage.issue.code == "ingest.archive-bomb"
    assert len(text) < 10 << 20


def test_a_table_that_is_too_large_to_be_held_is_refused() -> None:
    member, rest = opened(as_parquet(TABLE), ContainerLimits(max_buffered_bytes=100))
    assert member.issue is not None
    assert (member.issue.code, rest) == ("ingest.archive-too-large", as_parquet(TABLE))


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(-(2**40), 2**40), st.floats(allow_nan=False))), st.data())
def test_what_polars_writes_is_read_and_damage_never_raises(
    rows: list[tuple[str, int, float]], data: st.DataObject
) -> None:
    out = io.BytesIO()
    frame_of = pl.DataFrame(rows, schema={"t": pl.String, "i": pl.Int64, "f": pl.Float64}, orient="row")
    frame_of.write_parquet(out)
    member, text = opened(out.getvalue())
    assert member.source.damage is None
    lines = list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert [(line[0], int(line[1])) for line in lines[1:]] == [row[:2] for row in rows]
    at = data.draw(st.integers(4, len(out.getvalue()) - 1))
    broken = out.getvalue()[:at] + bytes([out.getvalue()[at] ^ 0xFF]) + out.getvalue()[at + 1 :]
    member, _ = opened(broken)
    assert member.source.damage is None or b"".join(member.source.damage.rest) == broken


def test_a_parquet_extract_becomes_resources(tmp_path: Path) -> None:
    from tests.journeys.hospital import CommandLine

    line = CommandLine(tmp_path)
    columns = (
        "Id BIRTHDATE DEATHDATE SSN DRIVERS PASSPORT PREFIX FIRST LAST SUFFIX MAIDEN MARITAL RACE ETHNICITY GENDER "
        "BIRTHPLACE ADDRESS"
    )
    known = {"Id": "p1", "BIRTHDATE": date(1961, 4, 5), "FIRST": "Oda", "LAST": "Quillfeather", "GENDER": "F"}
    table = pl.DataFrame({name: [known.get(name)] for name in columns.split()}, schema_overrides={"SSN": pl.String})
    table.write_parquet(tmp_path / "patients.parquet")
    (file,) = line.json("ingest", "patients.parquet", "--source", "north")["files"]
    assert (file["format"], file["stored"], file["quarantined"]) == ("csv", 1, 0)
    (entry,) = line.json("search", "Patient?family=Quillfeather")["entry"]
    assert entry["resource"]["birthDate"] == "1961-04-05"
