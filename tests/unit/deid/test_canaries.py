import base64
import html
import json
import re
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.canaries import KINDS, Canary, canaries, plain, sightings
from careloom.errors import QueryError

PLANTED = canaries(20261128, 400)
EVERY = list(range(8))  # two of each kind


def text_of(places: list[int]) -> str:
    return "\n".join(f"Seen today: {PLANTED[place].text}, who reports no pain." for place in places)


def places(data: bytes) -> list[int]:
    return sorted({each.place for each in sightings(PLANTED, data)})


def test_a_seed_gives_the_same_canaries_and_each_is_unlike_any_other() -> None:
    assert canaries(20261128, 400) == PLANTED
    assert canaries(1, 400) != PLANTED
    needles = [needle for canary in PLANTED for needle in canary.needles]
    assert len(set(needles)) == len(needles)
    assert {canary.kind for canary in PLANTED} == set(KINDS)
    assert [place for place, canary in enumerate(PLANTED) if places(canary.text.encode()) != [place]] == []


def test_canaries_have_the_forms_that_they_say() -> None:
    forms = {"name": r"[A-Z][a-z]+ [A-Z][a-z]+", "mrn": r"ZQ\d{12}", "phone": r"\(\d{3}\) 555-01\d\d"}
    forms["email"] = r"[a-z]+@canary\.invalid"
    assert all(re.fullmatch(forms[canary.kind], canary.text) for canary in PLANTED)


def test_no_word_of_a_list_is_drawn_and_no_more_than_can_be_told_apart() -> None:
    words = {word.lower() for canary in PLANTED if canary.kind == "name" for word in canary.text.split()}
    again = canaries(20261128, 400, taken=words)
    assert words.isdisjoint(word.lower() for canary in again if canary.kind == "name" for word in canary.text.split())
    with pytest.raises(QueryError, match="told apart"):
        canaries(1, 10_000)


WAYS = {
    "as it is": str.encode,
    "in capitals": lambda text: text.upper().encode(),
    "in lower case": lambda text: text.lower().encode(),
    "spaced": lambda text: " ".join(text).encode(),
    "dashed": lambda text: "-".join(text).encode(),
    "broken into lines": lambda text: "\r\n".join(textwrap.wrap(text, 7)).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "JSON": lambda text: json.dumps(text).encode(),
    "JSON, spaces as escaped line breaks": lambda text: json.dumps(text.replace(" ", "\n")).encode(),
    "JSON, every letter escaped": lambda text: "".join(f"\\u{ord(each):04x}" for each in text).encode(),
    "a URL": lambda text: quote(text).encode(),
    "a URL, every letter escaped": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "HTML": lambda text: html.escape(text).replace(" ", "&nbsp;").encode(),
    "HTML, every letter escaped": lambda text: "".join(f"&#{ord(each)};" for each in text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, shifted by one": lambda text: base64.b64encode(b"x" + text.encode()),
    "base64, shifted by two": lambda text: base64.b64encode(b"xy" + text.encode()),
    "base64 without padding, URL-safe": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()),
    "base64 in lines in JSON": lambda text: json.dumps(base64.encodebytes(text.encode()).decode()).encode(),
    "base64 right after letters": lambda text: b"attachment" + base64.b64encode(text.encode()) + b"== end",
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "base64 of base64": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "capitals in base64": lambda text: base64.b64encode(text.upper().encode()),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_canary_is_seen_in_any_way_of_writing(way: str) -> None:
    assert places(b"\x00\xff before " + WAYS[way](text_of(EVERY)) + b" after \x00") == EVERY


def test_one_word_of_a_name_is_enough_and_half_a_word_is_not() -> None:
    given_name, family_name = PLANTED[0].text.split()
    assert places(f"{family_name}, {given_name[0]}.".encode()) == [0]
    assert places(f"Mr. {given_name}'s chart".encode()) == [0]
    assert places(family_name[:8].encode()) == []


def test_a_sighting_says_how_deep_it_lay_and_of_what_kind() -> None:
    (found,) = sightings(PLANTED, base64.b64encode(PLANTED[1].text.encode()))
    assert (found.place, found.kind, found.encoded) == (1, "mrn", 1)


def test_an_identifier_of_another_form_can_be_searched_for_too() -> None:
    own = [Canary("mrn", "MRN 00-17-4711")]
    assert [each.place for each in sightings(own, b"<id>mrn00174711</id>")] == [0]


@given(st.binary(max_size=400))
def test_bytes_without_a_canary_show_none(data: bytes) -> None:
    assert places(data) == []


@given(st.binary(max_size=60), st.binary(max_size=60), st.sampled_from(range(40)))
def test_a_canary_between_any_bytes_that_are_no_letters_is_seen(before: bytes, after: bytes, place: int) -> None:
    assert place in places(before + b"\n" + PLANTED[place].text.encode() + b"\n" + after)


def test_plain_keeps_letters_and_digits() -> None:
    assert plain(b"A-b C_9\x00\xc3\xa9!") == b"abc9"
