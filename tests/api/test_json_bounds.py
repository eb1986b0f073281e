"""Bodies in JSON have bounds on depth, members and elements, wherever they are read."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.api.json_bounds import MOST_DEPTH, MOST_ELEMENTS, MOST_MEMBERS, refuse_beyond
from careloom.errors import FormatError
from tests.api.kit import Installation
from tests.growth import refuse_worse_than_linear


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


CASES: list[tuple[str, bytes, bool]] = [
    ("as deep as may be", nested(MOST_DEPTH), True),
    ("one deeper", nested(MOST_DEPTH + 1), False),
    ("deep objects", b'{"a":' * (MOST_DEPTH + 1) + b"1" + b"}" * (MOST_DEPTH + 1), False),
    ("brackets inside a string", b'["' + b"[" * 5000 + b'"]', True),
    ("brackets behind an escaped quote", b'["\\"' + b"[" * 5000 + b'"]', True),
    ("brackets behind an escaped backslash", b'["\\\\",' + nested(MOST_DEPTH) + b"]", False),
    ("elements", json.dumps([0] * MOST_ELEMENTS).encode(), True),
    ("one element more", json.dumps([0] * (MOST_ELEMENTS + 1)).encode(), False),
    ("members", json.dumps({str(n): 0 for n in range(MOST_MEMBERS)}).encode(), True),
    ("one member more", json.dumps({str(n): 0 for n in range(MOST_MEMBERS + 1)}).encode(), False),
    ("many small things", json.dumps([[0, 1, 2]] * 50_000).encode(), True),
    ("no JSON at all", b"]]]],,,", True),
    ("never closed", b'{"a', True),
]


@pytest.mark.parametrize(("_", "raw", "is_within"), CASES, ids=[name for name, _, _ in CASES])
def test_bounds_are_where_they_are_said_to_be(_: str, raw: bytes, is_within: bool) -> None:
    if is_within:
        refuse_beyond(raw)
    else:
        with pytest.raises(FormatError):
            refuse_beyond(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=50,
)


@given(JSON)
def test_ordinary_json_is_within_bounds(value: Any) -> None:
    refuse_beyond(json.dumps(value).encode())
    refuse_beyond(json.dumps(value, ensure_ascii=False).encode())


@given(st.text(alphabet='"\\[]{},a\n\u00e9'), st.booleans())
def test_what_stands_in_strings_neither_counts_nor_hides_what_follows(text: str, is_ascii: bool) -> None:
    told = json.dumps(text * 50, ensure_ascii=is_ascii).encode()
    refuse_beyond(b"[" + told + b"," + nested(MOST_DEPTH - 1) + b"]")
    with pytest.raises(FormatError):
        refuse_beyond(b"[" + told + b"," + nested(MOST_DEPTH) + b"]")


@pytest.mark.parametrize("raw", [b"\\", b'"', b"[", b'["'])
def test_a_hostile_body_costs_no_time(raw: bytes) -> None:
    def read(body: bytes) -> None:
        with suppress(FormatError):
            refuse_beyond(body)

    refuse_worse_than_linear(read, lambda size: b'"' + raw * (size // len(raw)), 100_000)


PLACES = [
    ("/api/v1/quality/looks", "application/json"),
    ("/api/v1/scores/patient", "application/json"),
    ("/fhir/identified/Observation", "application/fhir+json"),
    ("/fhir/identified", "application/fhir+json"),
]


@pytest.mark.parametrize(("path", "kind"), PLACES)
def test_every_face_refuses_json_that_nests_too_deeply(installation: Installation, path: str, kind: str) -> None:
    raw = b'{"resourceType":"Observation","zone":' + nested(MOST_DEPTH) + b"}"
    headers = installation.bearer() | {"Content-Type": kind}
    answer = installation.client.post(path, headers=headers, data=raw)
    assert answer.status_code == 400
    assert "nests deeper" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":123456789012345678901234567890}',
        b'{"a":-9223372036854775809}',
        b'{"a":1e400}',
        b'{"a":"\\ud800"}',
        b'{"a":1,"a":2}',
    ],
)
def test_a_body_has_the_value_that_the_usual_reader_gives_it(installation: Installation, raw: bytes) -> None:
    assert installation.app.json.loads(raw) == json.loads(raw)


def test_what_nests_beyond_reading_is_told_though_it_has_a_long_number(installation: Installation) -> None:
    deep = b"[" * 100_000 + b"1" * 30 + b"]" * 100_000
    with pytest.raises(ValueError, match="nested too deeply"):
        installation.app.json.loads(deep)
