"""The last look before anything is written: no identifier of the batch's patients stands in what would pass.

Numbers, addresses of the net and the like (from `SHORTEST` letters and digits on) are looked for in every string of a
resource, for every patient of the batch, in any case and punctuation; the names of a patient only in the texts about
that patient, because a surrogate may well be the name of somebody else.
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from careloom.deid.name_lists import folded, words
from careloom.deid.text_known import Known
from careloom.deid.text_record import squeezed

TELEPHONES = ("PHONE", "FAX")
SHORTEST = 6
"""A shorter identifier stands by chance in codes and dates."""
_SHORTEST_NAME = 3
_REMEMBERED_LENGTH = 64
_PIECE = re.compile(r"[^\W_](?:[^\W_]|[-._@+/](?=[^\W_]))+")
_RUN = re.compile(r"[^\W_]{6,}")
_NUMBER = re.compile(r"\+?\(?[0-9][0-9 ().-]{4,30}[0-9]")
_WORD = re.compile(r"[^\W\d_]+")
_NATIONAL = re.compile(r"(?:001|1)?([0-9]{10})")
_NATIONAL_DIGITS = 10
_ABROAD = "+"
"""Before the digits of a telephone number: that number behind a country code."""
_MOST_OF_A_COUNTRY = 3


def numbers_of(known: Iterable[Known]) -> frozenset[str]:
    """What must stand in no string: identifiers, telephone numbers and mail addresses, squeezed.

    A telephone number of ten digits stands there with each country code, too, also where the record knows it with 1.
    """
    found = {(label, squeezed(value)) for one in known for label, value in one.values if label != "ORGANIZATION"}
    found |= {form for label, term in found if label in TELEPHONES for form in _with_country_codes(term)}
    return frozenset(
        term
        for label, term in found
        if len(term) >= SHORTEST and (label == "EMAIL" or any(letter.isdigit() for letter in term))
    )


def national_number(digits: str) -> str:
    """The ten digits of a telephone number that may have 1 or 001 before them; empty where it is none of these."""
    match = _NATIONAL.fullmatch(digits)
    return match[1] if match else ""


def _with_country_codes(term: str) -> Iterator[tuple[str, str]]:
    if bare := national_number(term):
        yield from (("PHONE", before + bare) for before in ("", "1", "001", _ABROAD))


def names_of(known: Known) -> frozenset[str]:
    """What must stand in no text about the patient: names that are no words of the language."""
    plain = words()
    found = {folded(word).strip(".,") for name in known.names for part in name.words() for word in _WORD.findall(part)}
    return frozenset(name for name in found if len(name) >= _SHORTEST_NAME and name not in plain)


def streets_of(known: Known) -> frozenset[str]:
    """The lines of addresses that must stand in no text about the patient, squeezed."""
    found = {squeezed(line) for address in known.addresses for line in address.lines}
    return frozenset(line for line in found if len(line) >= SHORTEST)


def has_street(text: str, streets: frozenset[str]) -> bool:
    """True when a text holds one of `streets_of`, in any case, spacing and punctuation."""
    plain = squeezed(text) if streets else ""
    return any(street in plain for street in streets)


def has_number(resource: Any, numbers: frozenset[str]) -> bool:
    """True when a string of the resource, or a text in base64, holds one of `numbers_of`."""
    return bool(numbers) and any(
        not numbers.isdisjoint(_pieces(text)) for text in strings_of(resource) if len(text) >= SHORTEST
    )


def has_name(text: str, names: frozenset[str]) -> bool:
    """True when a text holds one of `names_of` as a whole word."""
    return bool(names) and any(folded(word) in names for word in _WORD.findall(text))


def strings_of(value: Any) -> Iterator[str]:
    """Every string of a JSON value; what stands in `data` as base64 is read too."""
    if type(value) is str:
        yield value
    elif type(value) is list:
        for item in value:
            yield from strings_of(item)
    elif type(value) is dict:
        for key, item in value.items():
            if key == "data" and type(item) is str:
                yield from _decoded(item)
            else:
                yield from strings_of(item)


def _decoded(data: str) -> Iterator[str]:
    """What stands there as it is, and what it says where it is base64."""
    yield data
    with suppress(ValueError):
        yield b64decode(data, validate=True).decode("utf-8", "replace")


def _pieces(text: str) -> frozenset[str]:
    return _short_pieces(text) if len(text) <= _REMEMBERED_LENGTH else _pieces_of(text)


def _pieces_of(text: str) -> frozenset[str]:
    numbers = _NUMBER.findall(text)
    found = {squeezed(piece) for pieces in (_PIECE.findall(text), _RUN.findall(text), numbers) for piece in pieces}
    found.update(behind for number in numbers if (behind := _behind_a_country_code(number)))
    return frozenset(piece for piece in found if len(piece) >= SHORTEST)


def _behind_a_country_code(number: str) -> str:
    """The last ten digits as `numbers_of` has them, where +NN comes before them, or digits that stand apart."""
    places = [place for place, letter in enumerate(number) if letter.isdigit()]
    more = len(places) - _NATIONAL_DIGITS
    if more <= 0:
        return ""
    first = places[more]
    is_behind = (number.startswith("+") and more <= _MOST_OF_A_COUNTRY) or not number[first - 1].isdigit()
    return _ABROAD + squeezed(number[first:]) if is_behind else ""


_short_pieces = lru_cache(16_384)(_pieces_of)  # systems, codes and dates come again and again
