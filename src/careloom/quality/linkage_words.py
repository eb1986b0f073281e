"""How words of a person are written alike: names, sounds, streets, numbers. Pure; its lists are in words.toml."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from careloom.runtime import packaged

_NOT_LETTERS = re.compile(r"[^a-z]+")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_LIGATURES = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d"})
_SOUNDS = {
    letter: digit
    for letters, digit in (("bfpv", "1"), ("cgjkqsxz", "2"), ("dt", "3"), ("l", "4"), ("mn", "5"), ("r", "6"))
    for letter in letters
}
_KEPT = 65536


@dataclass(frozen=True, slots=True)
class Words:
    """The lists of ``linkage/words.toml`` and ``linkage/nicknames.toml``.

    nicknames  given name -> the names that it may stand for, itself among them
    """

    no_names: frozenset[str]
    no_digits: frozenset[str]
    no_dates: frozenset[str]
    generations: dict[str, int]
    titles: frozenset[str]
    street: dict[str, str]
    units: frozenset[str]
    person_systems: frozenset[str]
    person_types: frozenset[str]
    nicknames: dict[str, tuple[str, ...]]


@cache
def words() -> Words:
    """The packaged lists, read once."""
    read = tomllib.loads(packaged("quality", "linkage/words.toml").decode())
    names = tomllib.loads(packaged("quality", "linkage/nicknames.toml").decode())["nicknames"]
    stands_for: dict[str, set[str]] = {}
    for name, short_forms in names.items():
        for short in short_forms.split():
            stands_for.setdefault(short, {short}).add(name)
    return Words(
        no_names=frozenset(read["placeholder"]["names"]),
        no_digits=frozenset(read["placeholder"]["digits"]),
        no_dates=frozenset(read["placeholder"]["dates"]),
        generations=read["generation"],
        titles=frozenset(read["titles"]["words"]),
        street=read["street"],
        units=frozenset(read["unit"]["words"]),
        person_systems=frozenset(read["person"]["systems"]),
        person_types=frozenset(read["person"]["types"]),
        nicknames={short: tuple(sorted(full)) for short, full in stands_for.items()},
    )


@lru_cache(_KEPT)
def plain(text: str) -> str:
    """Lower case without accents: what is left of ``Łukasz Ångström`` is ``lukasz angstrom``."""
    if text.isascii():
        return text.lower()
    lowered = text.casefold().translate(_LIGATURES)
    return "".join(letter for letter in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(letter))


@lru_cache(_KEPT)
def name_word(text: str) -> str:
    """A name as one run of letters, spaces and hyphens taken out; "" if it names nobody (``Unknown``, ``Baby Boy``)."""
    letters = _NOT_LETTERS.sub("", plain(text))
    return "" if letters in words().no_names else letters


def name_parts(text: str) -> list[str]:
    """The words of a name that are names: without titles, suffixes of generation and placeholders."""
    known = words()
    parts = (part for part in _NOT_LETTERS.split(plain(text)) if part)
    return [
        part
        for part in parts
        if part not in known.titles and part not in known.generations and part not in known.no_names
    ]


def generation(text: str) -> int | None:
    """Which of the namesakes a suffix means (``Jr.`` 2, ``III`` 3); None if it means none."""
    return words().generations.get(_NOT_ALPHANUMERIC.sub("", plain(text)))


def full_names(given: str) -> list[str]:
    """The names that a given name may stand for, itself among them, sorted."""
    return list(words().nicknames.get(given, (given,)))


@lru_cache(_KEPT)
def sound(name: str) -> str:
    """The American Soundex of a name of letters a to z: ``robert`` and ``rupert`` are ``r163``; "" for "".

    source  US National Archives, The Soundex Indexing System (2007): h and w do not part two letters of one code
    """
    if not name:
        return ""
    digits = []
    last = _SOUNDS.get(name[0], "")
    for letter in name[1:]:
        digit = _SOUNDS.get(letter, "")
        if digit and digit != last:
            digits.append(digit)
        if letter not in "hw":
            last = digit
    return (name[0] + "".join(digits) + "000")[:4]


def street_of(line: str) -> tuple[str, str]:
    """(house number, street) of an address line, in the spelling of USPS Publication 28; the flat is left out."""
    known = words()
    parts: list[str] = []
    for part in _NOT_ALPHANUMERIC.split(plain(line)):
        if part in known.units:
            break
        if part:
            parts.append(known.street.get(part, part))
    house = parts.pop(0) if parts and parts[0][0].isdigit() else ""
    return house, "".join(parts)


def digits_of(text: str) -> str:
    """The digits of a text; "" if they are a placeholder, or one digit over and over."""
    digits = _NOT_DIGITS.sub("", text)
    return "" if digits in words().no_digits or len(set(digits)) < 2 else digits


def phone_of(text: str) -> str:
    """The last ten digits of a telephone number; "" if there are fewer than seven."""
    digits = digits_of(text)[-10:]
    return digits if len(digits) >= 7 and len(set(digits)) > 1 and digits not in words().no_digits else ""


def number_of(text: str) -> str:
    """A person's number as letters and digits; "" for placeholders and for Social Security numbers never issued."""
    number = _NOT_ALPHANUMERIC.sub("", plain(text))
    if len(set(number)) < 2 or number in words().no_digits:
        return ""
    if len(number) == 9 and number.isdigit():
        never = number[:3] in ("000", "666") or number[3:5] == "00" or number[5:] == "0000"
        return "" if never else number
    return number


def birth_of(text: str) -> str:
    """A whole birth date as YYYYMMDD; "" if it is partial or a placeholder."""
    digits = text[:10].replace("-", "")
    return digits if len(digits) == 8 and digits.isdigit() and digits not in words().no_dates else ""


def swapped(birth: str) -> str:
    """The birth date with day and month exchanged; "" where that is no other date."""
    if not birth or int(birth[6:]) > 12 or birth[4:6] == birth[6:]:
        return ""
    return birth[:4] + birth[6:] + birth[4:6]
