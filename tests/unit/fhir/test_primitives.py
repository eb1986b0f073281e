import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir.primitives import PRIMITIVES, base64_size

GOOD_AND_BAD = {
    "date": (
        ["1970", "1970-01", "1970-01-31", "2020-02-29"],
        ["70", "1970-13", "1970-02-30", "2019-02-29", "1900-02-29", "0000", "1970-1-1", "1970-01-01T00:00:00Z"],
    ),
    "dateTime": (
        ["1970", "1970-01-31", "2020-02-29T10:00:00Z", "2020-02-29T10:00:00.5+14:00", "2016-12-31T23:59:60Z"],
        [
            "2020-02-29T10:00Z",
            "2020-02-29T10:00:00",
            "2020-02-29T24:00:00Z",
            "2020-02-29T10:00:00+15:00",
            "2020-02-29 10:00:00Z",
            "2020-02-30T10:00:00Z",
            "2020-02-29T10:00:00.Z",
            "2020-W09-6T10:00:00Z",
            "2020-02-29T10:00:00+0100",
            "２020-02-29T10:00:00Z",
        ],
    ),
    "instant": (["2020-02-29T10:00:00.123456789Z"], ["2020-02-29", "2020-02-29T10:00:00"]),
    "time": (["23:59:59", "00:00:00.1"], ["24:00:00", "1:00:00", "10:00", "10:00:00Z"]),
    "id": (["a", "A-1.b", "x" * 64], ["", "x" * 65, "a_b", "a b", "é"]),
    "code": (["a", "a b", "a-b"], ["", " a", "a ", "a  b", "\t"]),
    "uri": (
        ["http://a.b", "urn:oid:1.2.3", "urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13", "rel", "#x"],
        [
            "",
            "a b",
            "oid:1.2.3",
            "uuid:1",
            "urn:oid:1.2.03",
            "urn:oid:x",
            "urn:uuid:8CE7DB7B-9B9B-41AE-B1D7-3F2D1C728A13",
            "urn:uuid:1",
        ],
    ),
    "oid": (["urn:oid:2.16.840"], ["2.16.840", "urn:oid:3.1", "urn:oid:1"]),
    "uuid": (["urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13"], ["8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13"]),
    "boolean": ([True, False], [0, 1, "true", None]),
    "integer": ([0, -2147483648, 2147483647], [2147483648, -2147483649, 1.0, True, "1"]),
    "unsignedInt": ([0, 2147483647], [-1, 2147483648, True]),
    "positiveInt": ([1], [0, -1, False]),
    "decimal": ([0, 1.5, -3, 1e-9], [True, "1", float("nan"), float("inf"), None]),
    "string": (["a", " a", "line\nline\t", "名"], ["", " ", "\n", "\x00", "a\x0bb", "x" * 1_048_577, 1]),
    "markdown": (["# a"], ["", 3]),
    "base64Binary": (["aGVsbG8=", "aGVs bG8=\n"], ["", "aGVsbG8", "a", "%%%%", "aGVsbG8==", 1]),
}
ROWS = [
    (kind, value, good)
    for kind, both in GOOD_AND_BAD.items()
    for values, good in zip(both, (True, False), strict=True)
    for value in values
]


@pytest.mark.parametrize(("kind", "value", "good"), ROWS, ids=[f"{k}-{str(v)[:24]!r}" for k, v, _ in ROWS])
def test_a_primitive_is_judged_by_its_format(kind, value, good):
    assert PRIMITIVES[kind](value) is good


@pytest.mark.parametrize("kind", PRIMITIVES)
@given(
    value=st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text()
    | st.lists(st.text(), max_size=2)
    | st.dictionaries(st.text(), st.text(), max_size=2)
)
def test_any_json_value_gets_an_answer(kind, value):
    assert PRIMITIVES[kind](value) in (True, False)


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_every_moment_as_iso_text_is_a_datetime_and_an_instant(moment, offset_minutes):
    text = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes))).isoformat()

    assert PRIMITIVES["dateTime"](text)
    assert PRIMITIVES["instant"](text)


@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
def test_a_date_is_accepted_exactly_when_the_calendar_has_it(year, month, day):
    try:
        datetime(year, month, day, tzinfo=UTC)
        real = True
    except ValueError:
        real = False

    assert PRIMITIVES["date"](f"{year:04}-{month:02}-{day:02}") is real


@given(st.binary(min_size=1, max_size=200))
def test_base64_has_the_size_of_what_it_stands_for(data):
    assert base64_size(base64.b64encode(data).decode()) == len(data)
