"""The last look before anything is written: what it must see, and what it must leave alone."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.leaks import has_name, has_number, has_street, names_of, numbers_of, streets_of
from careloom.deid.text_known import known_from

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "name": [{"family": "Quillfeather", "given": ["Zoë", "May"]}],
    "identifier": [{"system": "urn:mrn", "value": "MRN-00471199"}, {"value": "x7"}],
    "telecom": [{"system": "phone", "value": "(617) 555-0142"}, {"system": "email", "value": "zoe@quill.example"}],
    "address": [{"line": ["12 Elm Street"], "city": "Salem", "postalCode": "01970"}],
}
KNOWN = known_from([PATIENT])
NUMBERS, NAMES = numbers_of([KNOWN]), names_of(KNOWN)
SEEN: list[tuple[str, str]] = [
    ("a number as it is", "MRN-00471199"),
    ("in other case and punctuation", "mrn.00471199"),
    ("within a sentence", "seen as MRN-00471199, twice"),
    ("a telephone in other punctuation", "call 617.555.0142 today"),
    ("a telephone with a space", "(617) 555 0142"),
    ("a telephone behind the country code in one piece", "+16175550142"),
    ("a telephone behind the country code with dashes", "1-617-555-0142"),
    ("a telephone behind the country code with brackets", "call +1 (617) 555-0142, please"),
    ("a telephone as dialled abroad", "0016175550142"),
    ("a telephone behind another country's code", "+446175550142"),
    ("a telephone behind digits that stand apart", "room 4 (617) 555-0142"),
    ("a telephone as a link", "tel:+16175550142"),
    ("a mail address without a digit", "write to ZOE@quill.example, please"),
    ("at the end of an address of the net", "https://portal.example/p/mrn00471199"),
]
LEFT: list[tuple[str, str]] = [
    ("a part of a longer number", "9900471199000"),
    ("a telephone as a part of a longer number", "296175550142"),
    ("a telephone behind too long a code", "+12346175550142"),
    ("another number behind a country code", "+1 00471199"),
    ("an identifier that is too short to tell", "x7"),
    ("a town, which may be a word", "Salem"),
    ("another number", "MRN-00471198"),
    ("nothing", ""),
]


@pytest.mark.parametrize(("what", "text"), SEEN, ids=[row[0] for row in SEEN])
def test_an_identifier_is_seen_wherever_a_string_stands(what: str, text: str) -> None:
    places: list[Any] = [
        {"code": text},
        {"a": [{"b": {"c": text}}]},
        {"content": [{"attachment": {"data": b64encode(text.encode()).decode()}}]},
    ]
    assert [has_number(place, NUMBERS) for place in places] == [True, True, True]


@pytest.mark.parametrize(("what", "text"), LEFT, ids=[row[0] for row in LEFT])
def test_what_is_no_identifier_is_left(what: str, text: str) -> None:
    assert not has_number({"a": [text, None, 7, True]}, NUMBERS)


@pytest.mark.parametrize("registered", ["+1 617 555 0142", "16175550142", "001-617-555-0142", "(617) 555-0142"])
@pytest.mark.parametrize("system", ["phone", "fax"])
def test_a_telephone_is_seen_with_and_without_the_country_code_of_the_record(registered: str, system: str) -> None:
    telecom = [{"system": system, "value": registered}]
    numbers = numbers_of([known_from([{"resourceType": "Patient", "id": "p", "telecom": telecom}])])
    for written in ("6175550142", "617-555-0142", "1 (617) 555-0142", "+16175550142", "0016175550142"):
        assert has_number({"text": f"call {written}."}, numbers), written
    assert not has_number({"text": "call 617-555-0143."}, numbers)


@pytest.mark.parametrize("text", ["quillfeather", "QUILLFEATHER's", "Dr. Quillfeather,", "zoe came", "Zoé"])
def test_a_name_of_the_patient_is_seen_in_any_case_and_accent(text: str) -> None:
    assert has_name(text, NAMES)


@pytest.mark.parametrize("text", ["She may come in May.", "Quill feather", "quillfeathers"])
def test_a_name_that_is_a_word_is_left_to_the_detector(text: str) -> None:
    assert not has_name(text, NAMES)


@pytest.mark.parametrize("text", ["lives at 12 Elm Street.", "12 ELM\nSTREET", "12, Elm-Street"])
def test_a_street_of_the_patient_is_seen_in_any_spacing(text: str) -> None:
    assert has_street(text, streets_of(KNOWN))
    assert not has_street("lives at 14 Elm Street", streets_of(KNOWN))


def test_nobody_is_found_where_nobody_is_known() -> None:
    assert not has_number({"a": "MRN-00471199"}, numbers_of([]))
    assert not has_name("Quillfeather", frozenset())


@given(st.text(max_size=20), st.text(max_size=20))
def test_words_around_an_identifier_do_not_hide_it(before: str, after: str) -> None:
    assert has_number({"text": f"{before} MRN-00471199 {after}"}, NUMBERS)


@given(st.text(max_size=40))
def test_data_that_is_no_base64_is_read_as_it_is(text: str) -> None:
    assert has_number({"data": f"# MRN-00471199 {text}"}, NUMBERS)
