"""Names, sounds, streets and numbers, written alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.quality import linkage_words as words

NAMES = [
    ("O'Brien", "obrien"),
    ("De La Cruz", "delacruz"),
    ("García-Márquez", "garciamarquez"),
    ("Łukasz", "lukasz"),
    ("Strauß", "strauss"),
    ("Unknown", ""),
    ("BABY BOY", ""),
    ("李", ""),
]


@pytest.mark.parametrize(("written", "kept"), NAMES)
def test_a_name_is_one_run_of_letters(written: str, kept: str) -> None:
    assert words.name_word(written) == kept


SOUNDS = [  # US National Archives, The Soundex Indexing System
    ("washington", "w252"),
    ("lee", "l000"),
    ("gutierrez", "g362"),
    ("pfister", "p236"),
    ("jackson", "j250"),
    ("tymczak", "t522"),
    ("ashcraft", "a261"),
    ("", ""),
]


@pytest.mark.parametrize(("name", "code"), SOUNDS)
def test_sounds_are_those_of_the_national_archives(name: str, code: str) -> None:
    assert words.sound(name) == code


STREETS = [
    ("12 Maple Street", ("12", "maplest")),
    ("12 MAPLE ST.", ("12", "maplest")),
    ("12 Maple St Apt 4B", ("12", "maplest")),
    ("12-B North Oak Avenue", ("12", "bnoakave")),
    ("PO Box 7", ("", "pobox7")),
    ("", ("", "")),
]


@pytest.mark.parametrize(("line", "parts"), STREETS)
def test_a_street_is_written_as_the_postal_service_does(line: str, parts: tuple[str, str]) -> None:
    assert words.street_of(line) == parts


@pytest.mark.parametrize(
    ("written", "kept"),
    [("123-45-6780", "123456780"), ("000-12-3456", ""), ("666121234", ""), ("123-00-1234", ""), ("999-99-9999", ""),
     ("078-05-1120", ""), ("A12", "a12"), ("1", "")],
)  # fmt: skip
def test_numbers_that_were_never_issued_are_missing(written: str, kept: str) -> None:
    assert words.number_of(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"), [("+1 (617) 555-0123", "6175550123"), ("555-0123", "5550123"), ("0000000000", ""), ("12", "")]
)
def test_a_telephone_number_is_its_last_ten_digits(written: str, kept: str) -> None:
    assert words.phone_of(written) == kept


@pytest.mark.parametrize(
    ("written", "birth", "swapped"),
    [("1980-05-07", "19800507", "19800705"), ("1980-05-31", "19800531", ""), ("1980-05-05", "19800505", ""),
     ("1980-05", "", ""), ("1980", "", ""), ("1900-01-01", "", ""), ("", "", "")],
)  # fmt: skip
def test_day_and_month_exchange_only_to_another_date(written: str, birth: str, swapped: str) -> None:
    assert words.birth_of(written) == birth
    assert words.swapped(birth) == swapped


@given(st.dates())
def test_to_exchange_day_and_month_twice_gives_the_date_again(day) -> None:
    birth = words.birth_of(day.isoformat())
    other = words.swapped(birth)
    assert not other or words.swapped(other) == birth


def test_short_names_stand_for_full_ones() -> None:
    assert {"william", "bill"} <= set(words.full_names("bill"))
    assert set(words.full_names("bill")) & set(words.full_names("william"))
    assert words.full_names("quetzalcoatl") == ["quetzalcoatl"]


def test_suffixes_tell_generations() -> None:
    assert [words.generation(text) for text in ("Jr.", "SR", "III", "MD", "")] == [2, 1, 3, None, None]


@given(st.text(max_size=40))
def test_any_text_is_taken(text: str) -> None:
    for reader in (words.name_word, words.name_parts, words.generation, words.street_of, words.phone_of,
                   words.number_of, words.birth_of):  # fmt: skip
        reader(text)
    assert len(words.sound(words.name_word(text))) in (0, 4)
