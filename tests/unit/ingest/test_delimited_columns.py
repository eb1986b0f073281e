"""Cells to typed values."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import SetupError
from careloom.ingest.delimited_columns import BadCell, compile_column, time_zone
from careloom.ingest.delimited_mapping import Column

VALUES = [
    (Column("x", "string"), "  Ada  ", "Ada"),
    (Column("x", "string"), "   ", None),
    (Column("x", "string", null=frozenset({"NULL"})), "NULL", None),
    (Column("x", "code"), "a b", "a b"),
    (Column("x", "uri"), "urn:x", "urn:x"),
    (Column("x", "date"), "2024-02-29", "2024-02-29"),
    (Column("x", "date"), "2024-02-29T10:00:00Z", "2024-02-29"),
    (Column("x", "date", formats=("%m/%d/%Y",)), "02/29/2024", "2024-02-29"),
    (Column("x", "date", formats=("%Y",)), "1984", "1984"),
    (Column("x", "date", formats=("%m.%Y",)), "05.1984", "1984-05"),
    (Column("x", "date", formats=("%d.%m.%y", "%d.%m.%Y")), "01.02.1984", "1984-02-01"),
    (Column("x", "datetime"), "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
    (Column("x", "datetime"), "2024-01-02 03:04:05+0200", "2024-01-02T03:04:05+02:00"),
    (Column("x", "datetime"), "2024-01-02T03:04:05.123Z", "2024-01-02T03:04:05.123000Z"),
    (Column("x", "datetime"), "2024-01-02", "2024-01-02"),
    (Column("x", "datetime", timezone="UTC"), "2024-01-02 03:04", "2024-01-02T03:04:00Z"),
    (Column("x", "datetime", timezone="-05:00"), "2024-01-02 03:04", "2024-01-02T03:04:00-05:00"),
    (Column("x", "datetime", timezone="Europe/Berlin"), "2024-07-02 03:04", "2024-07-02T03:04:00+02:00"),
    (Column("x", "datetime", timezone="Europe/Berlin"), "2024-10-27 02:30", "2024-10-27T02:30:00+02:00"),
    (Column("x", "datetime", timezone="Europe/Berlin"), "1890-01-01 00:00", "1889-12-31T23:06:32Z"),
    (Column("x", "datetime", formats=("%Y",)), "1999", "1999"),
    (Column("x", "datetime", formats=("%d.%m.%Y %H:%M",), timezone="UTC"), "02.01.2024 03:04", "2024-01-02T03:04:00Z"),
    (Column("x", "decimal"), "127.9", 127.9),
    (Column("x", "decimal"), "-0.5e2", -50.0),
    (Column("x", "decimal"), "5", 5),
    (Column("x", "decimal"), "+.5", 0.5),
    (Column("x", "decimal", decimal_comma=True), "1.234,5", 1234.5),
    (Column("x", "decimal", comparator="y"), "< 2.5", 2.5),
    (Column("x", "decimal", or_text=True), "positive", None),
    (Column("x", "comparator"), "<=2.5", "<="),
    (Column("x", "comparator"), "≥ 2", ">="),
    (Column("x", "comparator"), "2", None),
    (Column("x", "integer"), "007", 7),
    (Column("x", "boolean"), "Yes", True),
    (Column("x", "boolean", false=frozenset({"nein"})), "NEIN", False),
]


@pytest.mark.parametrize(("column", "text", "value"), VALUES)
def test_a_cell_becomes_its_typed_value(column: Column, text: str, value: Any) -> None:
    parse = compile_column(column)
    assert parse(text) == value
    assert parse(text) == value, "also when it comes from the cache"
    assert type(parse(text)) is type(value)


BAD = [
    ("code", "a  b", "delimited.bad-code"),
    ("code", "a\tb", "delimited.bad-code"),
    ("uri", "urn: x", "delimited.bad-uri"),
    ("date", "2023-02-29", "delimited.bad-date"),
    ("date", "2023-W01-1", "delimited.bad-date"),
    ("date", "２０２３-01-01", "delimited.bad-date"),
    ("date", "0000-01-01", "delimited.bad-date"),
    ("datetime", "2023-02-29T00:00:00Z", "delimited.bad-date"),
    ("datetime", "2023-01-01T25:00:00Z", "delimited.bad-date"),
    ("datetime", "2023-01-01T10:00:00", "delimited.no-timezone"),
    ("datetime", "2023-13-01", "delimited.bad-date"),
    ("decimal", "NaN", "delimited.bad-number"),
    ("decimal", "1,5", "delimited.bad-number"),
    ("decimal", "1e999", "delimited.bad-number"),
    ("decimal", "inf", "delimited.bad-number"),
    ("decimal", "1_000.5", "delimited.bad-number"),
    ("decimal", "٣.٥", "delimited.bad-number"),
    ("integer", "1.0", "delimited.bad-number"),
    ("integer", "9" * 19, "delimited.bad-number"),
    ("boolean", "maybe", "delimited.unknown-value"),
]


@pytest.mark.parametrize(("kind", "text", "code"), BAD)
def test_a_cell_that_its_type_does_not_allow_is_refused_without_its_value(kind: str, text: str, code: str) -> None:
    with pytest.raises(BadCell) as caught:
        compile_column(Column("x", kind))(text)
    assert caught.value.code == code
    assert text not in caught.value.message


def test_a_time_that_the_clocks_skipped_is_refused() -> None:
    parse = compile_column(Column("x", "datetime", timezone="Europe/Berlin"))
    with pytest.raises(BadCell):
        parse("2024-03-31 02:30")


@given(st.dates())
def test_every_day_of_the_calendar_stays_itself(day: Any) -> None:
    assert compile_column(Column("x", "date"))(day.isoformat()) == day.isoformat()


@given(st.sampled_from(["date", "datetime", "decimal", "integer", "boolean", "code", "uri", "comparator"]), st.text())
def test_any_text_gives_a_value_or_is_refused(kind: str, text: str) -> None:
    with contextlib.suppress(BadCell):
        compile_column(Column("x", kind, timezone="UTC"))(text)


def test_the_cache_of_a_column_stays_bounded() -> None:
    parse = compile_column(Column("x", "integer"))
    assert [parse(str(number)) for number in range(20_000)] == list(range(20_000))


@pytest.mark.parametrize("name", ["Nowhere/Town", "../etc/passwd", "25"])
def test_an_unknown_time_zone_is_the_operators_fault(name: str) -> None:
    with pytest.raises(SetupError):
        time_zone(name, "x")
