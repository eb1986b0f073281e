"""JSON of resources keeps its numbers and its text; what is no JSON is told without a word of it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.microsoft_json import NotJson, read_exact, write_exact

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(-1000, 1000, places=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("text", ['{"a":1.50}', '{"a":0.0}', '{"a":[1E-10,-2]}', '{"a":"\u00e9\u4e00","b":{}}'])
def test_what_was_read_is_written_to_the_same_bytes(text: str) -> None:
    assert write_exact(read_exact(text.encode())) == text.encode()
    assert read_exact(b"\xef\xbb\xbf" + text.encode()) == read_exact(text.encode())


@given(VALUES, st.sampled_from([0, 2]))
def test_any_value_comes_back(value: object, indent: int) -> None:
    found = read_exact(write_exact({"value": value}, indent))
    assert found == {"value": value}


def test_people_get_a_level_a_line() -> None:
    assert write_exact({"a": [1, {"b": Decimal("1.0")}], "c": []}, 2) == (
        b'{\n  "a": [\n    1,\n    {\n      "b": 1.0\n    }\n  ],\n  "c": []\n}'
    )


def test_half_a_character_is_written_as_its_escape() -> None:
    assert write_exact(read_exact(b'{"a":"\\ud800"}')) == b'{"a":"\\ud800"}'


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"5", b'{"a": NaN}', b'{"a": 1e99999}', b'{"a": 1.0e-99999}', b'{"a": 1, "a": 2}', b'{"a": "Quill',
     b'{"a": 1,}', b"\xff", b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_without_a_word_of_it(raw: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        read_exact(raw)
    assert "Quill" not in caught.value.why
