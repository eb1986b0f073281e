"""What is made wrong on purpose: how often, what exactly, and the answer that tells of it."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, TypeVar, cast

from careloom.runtime import packaged
from careloom.simulate.answers import DirtAnswer, DirtKind

_OF_RECORDS: tuple[DirtKind, ...] = (
    "duplicate-record", "near-duplicate-record", "wrong-unit", "impossible-date", "impossible-value", "missing-field",
    "wrong-check-digit", "mangled-encoding", "truncated-message", "out-of-order-message",
)  # fmt: skip
Made = TypeVar("Made")
_ACCENTS = str.maketrans({"a": "á", "e": "é", "i": "í", "o": "ó", "u": "ü", "A": "Á", "E": "É", "O": "Ö", "U": "Ü"})
_TRAP = "twin"


@cache
def declared() -> dict[str, Any]:
    """simulate/dirt.toml."""
    return tomllib.loads(packaged("simulate", "dirt.toml").decode())


@dataclass(slots=True)
class Dirt:
    """The dirt of one feed of one chart: draws what happens to a record, and keeps the answers.

    rates    by kind
    answers  get one row for each thing that is made wrong
    insists  whether a record that is drawn gets another kind where it cannot have the first
    """

    patient_id: str
    rates: Mapping[str, float]
    random: Random
    answers: list[DirtAnswer] = field(default_factory=list)
    insists: bool = False

    def kinds(self) -> Iterator[DirtKind]:
        """What is to happen to the next record: nothing to most; to the others the first of these that it can have."""
        first = self.draw()
        if first is None:
            return
        yield first
        left = [kind for kind in _OF_RECORDS if kind != first and self.rates.get(kind)] if self.insists else []
        while left:
            kind = self.random.choices(left, [self.rates[kind] for kind in left])[0]
            left.remove(kind)
            yield kind

    def struck(self, make: Callable[[DirtKind], Made | None]) -> tuple[DirtKind, Made] | None:
        """What is made of the next record, and the kind; None where it stays as it is, as most do.

        make  makes a kind of the record; None where it cannot have it
        """
        for kind in self.kinds():
            made = make(kind)
            if made is not None:
                return kind, made
        return None

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


def rates_of(dirt: str | float) -> Mapping[str, float]:
    """The rates of a level; or those that hit a share of the records, in proportion to the level `some`."""
    levels = cast(Mapping[str, Mapping[str, float]], declared()["level"])
    if isinstance(dirt, str):
        return levels[dirt]
    usual = levels["some"]
    scale = dirt / sum(rate for kind, rate in usual.items() if kind in _OF_RECORDS)
    return {kind: min(1.0, rate * scale) for kind, rate in usual.items()}


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
