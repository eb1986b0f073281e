"""Which passwords may be chosen."""

import pytest

from careloom.errors import QueryError
from careloom.services.passwords import check_password, common, kept_form

CHOSEN = [
    "correct horse battery staple",
    "tr0mbone-kettle-94",
    "πέντε μικρά καΐκια",
    "öffnet den Schrank am See",
    "a" * 3 + "kq7Zp2mWx9Lr",
    "x9$kQ2!vBn8#",
    "mara walks to the red lighthouse",
]
REFUSED = [
    ("short", "x9$kQ2!vBn8"),
    ("too long", "correct horse " * 10),
    ("leaked", "1qaz2wsx3edc"),
    ("leaked, in capitals", "1QAZ2WSX3EDC"),
    ("a leaked word with digits", "football2026!!"),
    ("a leaked word in disguise", "P@$$w0rd123456"),
    ("a leaked word among signs", "***dragon***"),
    ("one thing over and over", "kiwikiwikiwi"),
    ("hardly two letters", "ababbabbbaabab"),
    ("a row of the keyboard", "qwertyuiopasdf"),
    ("the alphabet backwards", "zyxwvutsrqponm"),
    ("digits in a row", "0123456789012"),
    ("the product", "careloom-2026"),
    ("the house", "hospital clinic 7"),
    ("the person", "mara.lind.2026"),
    ("the person and the product", "MaraLind@Careloom"),
]


@pytest.mark.parametrize("password", CHOSEN)
def test_a_long_password_may_be_chosen_whatever_its_letters(password: str) -> None:
    check_password(password, ("mara.lind", "Mara", "Lind"))


@pytest.mark.parametrize(("why", "password"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_password_that_is_guessed_first_is_refused_and_not_repeated(why: str, password: str) -> None:
    with pytest.raises(QueryError) as refused:
        check_password(password, ("mara.lind", "Mara", "Lind"))
    assert password not in str(refused.value)


def test_more_than_three_thousand_leaked_passwords_are_known() -> None:
    assert len(common()) > 29_000


def test_a_password_is_kept_the_same_however_its_letters_were_composed() -> None:
    assert kept_form("cafe\u0301 on the corner") == kept_form("caf\u00e9 on the corner")
