"""Surrogates: for each identifier another one of the same kind and form, the same for the same patient and key.

Hiding in plain sight: what a detector missed looks like what it replaced (Carrell et al., JAMIA 2013;20:342-348).
A surrogate depends on the key, the patient and the identifier as it is said, not on case, accents, spacing or place.
The key makes surrogates of one project unlinkable to those of another. None equals what it stands for, nor anything
that the record of the patient knows.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from careloom.deid.date_forms import moved, moved_birth, moved_holiday
from careloom.deid.surrogate_names import NameSurrogates
from careloom.deid.surrogate_numbers import (
    email,
    internet_address,
    number_layout,
    postal_code,
    ssn,
    telephone,
    web_address,
)  # fmt: skip
from careloom.deid.surrogate_places import city, organization, street
from careloom.deid.text_known import Known
from careloom.deid.text_record import squeezed
from careloom.deid.text_shadow import shadow
from careloom.deid.text_spans import (
    AGE_OVER_89,
    DATE,
    EMAIL,
    FAX,
    IP,
    LOCATION,
    NAME,
    ORGANIZATION,
    PHONE,
    SSN,
    URL,
    Found,
)  # fmt: skip

_MOST_TRIES = 64


@dataclass(frozen=True, slots=True)
class Draw:
    """Numbers that look drawn by chance and depend on key, patient and what is asked for alone."""

    key: bytes
    patient_id: str

    def __post_init__(self) -> None:
        if not 16 <= len(self.key) <= 64:
            raise ValueError("surrogates need a key of 16 to 64 bytes")

    def number(self, kind: str, value: str, below: int) -> int:
        """A number from 0 up to, not including, `below`."""
        data = "\0".join((self.patient_id, kind, value)).encode()
        digest = hashlib.blake2b(data, digest_size=16, key=self.key, person=b"deid.surrogate").digest()
        return int.from_bytes(digest, "big") % below


@dataclass(frozen=True, slots=True)
class Surrogates:
    """Writes surrogates for one patient.

    draw            bound to the project's key and the patient
    known           what the record knows: never written
    days            by which dates move
    small_zip3      first three digits of ZIP codes with 20,000 people or fewer: they become 000, others keep theirs
                    (45 CFR 164.514(b)(2)(i)(B)); None: no digit of a ZIP code is kept
    reference_year  the year in which dates without a year lie; None: 2023
    """

    draw: Draw
    known: Known
    days: int
    small_zip3: frozenset[str] | None = None
    reference_year: int | None = None
    _forbidden: frozenset[str] = field(init=False)
    _names: NameSurrogates = field(init=False)

    def __post_init__(self) -> None:
        if not self.days:
            raise ValueError("dates must move by at least one day")
        object.__setattr__(self, "_forbidden", _forbidden(self.known))
        object.__setattr__(self, "_names", NameSurrogates(self.draw.number, self.known))

    def write(self, found: Found, original: str) -> str:
        """What stands in place of `original`, which was found as `found`."""
        seen = shadow(original).text
        if found.label == NAME:
            return self._names.write(seen, found.part)
        if found.label == DATE:
            return self._date(seen)
        if found.label == AGE_OVER_89:
            return "90+" if any(letter.isdigit() for letter in seen) else "ninety or older"
        return self._tried(_WRITERS.get(found.label, _numbers), found, seen)

    def name_in_address(self, word: str) -> str | None:
        """The surrogate of a name inside an e-mail address; None where `word` is none."""
        return self._names.write(word) if len(word) > 2 and self._names.knows(word) else None

    def _tried(self, write: "Callable[[Surrogates, Found, str, str], str]", found: Found, seen: str) -> str:
        """The first surrogate that is neither the original nor known."""
        for attempt in range(_MOST_TRIES):
            new = write(self, found, seen, str(attempt) if attempt else "")
            plain = squeezed(new)
            if plain != squeezed(seen) and plain not in self._forbidden:
                return new
        return f"[{found.label}]"

    def _date(self, seen: str) -> str:
        return (
            moved(seen, self.days, self.reference_year)
            or moved_holiday(seen, self.days, self.reference_year)
            or moved_birth(seen, self.days, self.known.birth_dates)
            or "[DATE]"
        )


def _forbidden(known: Known) -> frozenset[str]:
    """Everything that the record knows, squeezed."""
    words = {squeezed(value) for _, value in known.values}
    for address in known.addresses:
        words |= {squeezed(part) for part in (*address.lines, address.city, address.postal_code)}
    return frozenset(word for word in words if word)


def _numbers(of: Surrogates, found: Found, seen: str, attempt: str) -> str:
    return number_layout(of.draw.number, found.label, seen, attempt)


def _place(of: Surrogates, found: Found, seen: str, attempt: str) -> str:
    if found.part == "zip":
        return postal_code(of.draw.number, seen, attempt, of.small_zip3)
    write = street if found.part == "street" or any(letter.isdigit() for letter in seen) else city
    return write(of.draw.number, seen, attempt, found.part)


_WRITERS: Mapping[str, Callable[[Surrogates, Found, str, str], str]] = {
    PHONE: lambda of, found, seen, attempt: telephone(of.draw.number, seen, attempt),
    FAX: lambda of, found, seen, attempt: telephone(of.draw.number, seen, attempt),
    SSN: lambda of, found, seen, attempt: ssn(of.draw.number, seen, attempt),
    EMAIL: lambda of, found, seen, attempt: email(of.draw.number, seen, attempt, of.name_in_address),
    URL: lambda of, found, seen, attempt: web_address(of.draw.number, seen, attempt),
    IP: lambda of, found, seen, attempt: internet_address(of.draw.number, seen, attempt),
    LOCATION: _place,
    ORGANIZATION: lambda of, found, seen, attempt: organization(of.draw.number, seen, attempt),
}
