"""What is made wrong on purpose: how often, what exactly, and the answer that tells of it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, cast

from careloom.runtime import packaged
from careloom.simulate.answers import DirtAnswer, DirtKind

_OF_RECORDS: tuple[DirtKind, ...] = (
    "duplicate-record", "near-duplicate-record", "wrong-unit", "impossible-date", "impossible-value", "missing-field",
    "wrong-check-digit", "mangled-encoding", "truncated-message", "out-of-order-message",
)  # fmt: skip
_ACCENTS = str.maketrans({"a": "á", "e": "é", "i": "í", "o": "ó", "u": "ü", "A": "Á", "E": "É", "O": "Ö", "U": "Ü"})
_TRAP = "twin"


@cache
def declared() -> dict[str, Any]:
    """simulate/dirt.toml."""
    return tomllib.loads(packaged("simulate", "dirt.toml").decode())


@dataclass(slots=True)
class Dirt:
    """The dirt of one feed of one chart: draws what happens to a record, and keeps the answers.

    rates    of one level
    answers  get one row for each thing that is made wrong
    """

    patient_id: str
    rates: Mapping[str, float]
    random: Random
    answers: list[DirtAnswer] = field(default_factory=list)

    def draw(self) -> DirtKind | None:
        """What is to happen to the next record; None for most."""
        chance = self.random.random()
        for kind in _OF_RECORDS:
            chance -= self.rates.get(kind, 0.0)
            if chance < 0.0:
                return kind
        return None

    def tell(self, kind: DirtKind, *, file: str, record: str, place: str, detail: str) -> None:
        """Keeps an answer."""
        self.answers.append(DirtAnswer(kind, self.patient_id, file, record, place, detail))

    def strikes(self, kind: str) -> bool:
        """Whether something happens that is drawn by itself: ``duplicate-patient``, ``twin``."""
        return self.random.random() < self.rates.get(kind, 0.0)


def rates_of(level: str) -> Mapping[str, float]:
    """The rates of a level."""
    return cast(Mapping[str, float], declared()["level"][level])


def wrong_unit(unit: str) -> str | None:
    """The unit that stands in the place of this one; None where none is declared."""
    found: str | None = declared()["units"].get(unit)
    return found


def impossible_value(loinc: str) -> str | None:
    """A value that no body has; None where none is declared."""
    found = declared()["values"].get(loinc)
    return None if found is None else str(found)


def nickname(given: str) -> str | None:
    """What people say in the place of a given name; None where there is none."""
    found: str | None = declared()["nicknames"].get(given)
    return found


def with_wrong_digit(code: str, random: Random) -> str:
    """A code of LOINC with another last digit."""
    wrong = (int(code[-1]) + random.randint(1, 9)) % 10
    return f"{code[:-1]}{wrong}"


def accented(word: str) -> str:
    """The word with an accent on its first vowel that can have one; é behind it where none can."""
    for place, letter in enumerate(word):
        changed = letter.translate(_ACCENTS)
        if changed != letter:
            return word[:place] + changed + word[place + 1 :]
    return f"{word}é"


def misread(word: str) -> str:
    """The accented word as it looks after UTF-8 was read as ISO 8859-1."""
    return accented(word).encode().decode("latin-1")
