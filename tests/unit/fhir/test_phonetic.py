"""Codes of how names sound, beside those of the published examples and of another implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir.phonetic import LENGTH, MOST_CODES, sounds, sounds_alike, sounds_of

# The first nine stand in the chart's examples (JewishGen, Soundex Coding); all were computed by abydos 0.5.0 too.
EXAMPLES = [
    ("Peters", "734000 739400"),
    ("Peterson", "734600 739460"),
    ("Moskowitz", "645740"),
    ("Auerbach", "097400 097500"),
    ("Uhrbach", "097400 097500"),
    ("Jackson", "145460 154600 445460 454600"),
    ("Lewinsky", "876450"),
    ("Berlin", "798600"),
    ("Ceniow", "467000 567000"),
    ("Szlamawicz", "486740"),
    ("Schwarzenegger", "474659 479465"),
    ("Halberstadt", "587433 587943"),
    ("Mannheim", "665600"),
    ("Chernowitz", "496740 596740"),
    ("Cherkassy", "495400 595400"),
    ("Topf", "370000"),
]


@pytest.mark.parametrize(("name", "codes"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_a_name_has_the_codes_of_the_chart(name: str, codes: str) -> None:
    assert " ".join(sounds(name.lower())) == codes


@pytest.mark.parametrize(
    ("one", "other"),
    [("Schmidt", "SMITH"), ("Meyer", "Maier"), ("Zoë", "zoe"), ("Łukasz", "Lukasz"), ("O'Brien", "obrien"),
     ("van der Berg", "Vanderberg"), ("Søren", "Soren")],
)  # fmt: skip
def test_names_that_sound_alike_share_a_code(one: str, other: str) -> None:
    assert set(sounds_alike(one)) & set(sounds_of(other))


def test_a_name_is_found_by_each_of_its_words_and_what_has_no_letter_by_nothing() -> None:
    assert set(sounds_alike("Berg")) <= set(sounds_of("van der Berg"))
    assert sounds_of("1234 -") == sounds_alike("北京") == ()


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=60))
def test_every_word_has_codes_of_six_digits_and_not_too_many(word: str) -> None:
    found = sounds(word)
    assert 1 <= len(found) <= MOST_CODES
    assert all(len(code) == LENGTH and code.isdigit() for code in found)
    assert sounds_of(word) == found


@given(st.text(max_size=40))
def test_no_text_is_too_odd_to_be_asked_for(text: str) -> None:
    assert set(sounds_alike(text)) <= set(sounds_of(text))
