"""Words found in texts whatever their case and accents, each at the characters where it stands."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as made

from careloom.text.word_search import word_query

TEXT = "Caf\u00e9 visit. Short of breath; no short-of-breath at night. STRASSE. Dyspnoea, dyspneic \U0001f600 x_ray"


@pytest.mark.parametrize(
    ("query", "phrase", "found"),
    [
        ("breath", False, ["breath", "breath"]),
        ("BREATH cafe", False, ["Caf\u00e9", "breath", "breath"]),
        ("cafe\u0301", False, ["Caf\u00e9"]),
        ("breat", False, []),
        ("dysp*", False, ["Dyspnoea", "dyspneic"]),
        ("breath fever", False, []),
        ("short of breath", True, ["Short of breath", "short-of-breath"]),
        ("breath short", True, []),
        ("of bre*", True, ["of breath", "of-breath"]),
        ("stra\u00dfe", False, ["STRASSE"]),
        ("x-ray", True, ["x_ray"]),
        ("", False, []),
        ("--- *", False, []),
    ],
)
def test_a_query_finds_the_characters(query: str, phrase: bool, found: list[str]) -> None:
    assert [span.of(TEXT) for span in word_query(query, is_phrase=phrase).find(TEXT)] == found


def test_a_text_that_is_not_composed_shows_its_own_characters() -> None:
    text = unicodedata.normalize("NFD", "Visite: n\u00e9vralgie")
    (span,) = word_query("NEVRALGIE").find(text)
    assert span.of(text) == unicodedata.normalize("NFD", "n\u00e9vralgie")


def test_a_word_that_stands_twice_in_a_query_is_looked_for_once_but_in_a_phrase() -> None:
    assert len(word_query("pain pain").terms) == 1
    assert word_query("pain pain", is_phrase=True).find("pain") == []


@given(made.text(), made.text(max_size=5))
def test_any_text_is_cut_at_half_open_places_in_order(text: str, query: str) -> None:
    spans = word_query(query).find(text)
    assert spans == sorted(spans)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


@given(made.text(alphabet=made.characters(categories=["Ll", "Lu", "Nd", "Mn", "Zs"]), min_size=1))
def test_every_word_of_a_text_is_found_in_it(text: str) -> None:
    query = word_query(text)
    assert not query.terms or query.find(text)
