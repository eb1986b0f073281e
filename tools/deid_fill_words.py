"""Words for templates that identify nobody and stay: titles, trades, drugs, diseases, findings, figures.

Those of tools/deid_words.toml, and names of the packaged terminologies: they are full of eponyms that must stay.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from random import Random

from careloom.deid import name_lists as lists
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import CVX, DISEASE_ONTOLOGY, ICD_10_CM, LOINC, RXNORM, SYMPTOM_ONTOLOGY

LISTS: dict[str, tuple[str, ...]] = {
    kind: tuple(values)
    for kind, values in tomllib.loads(Path(__file__).with_name("deid_words.toml").read_text("utf-8")).items()
}
_FROM_TERMS = {"disease": DISEASE_ONTOLOGY, "symptom": SYMPTOM_ONTOLOGY, "drug": RXNORM}
_TERMS = 0.3
_BRAND = re.compile(r"\[([^\]]+)\]$")
_LONGEST = 60


def word(kind: str, rng: Random) -> str:
    """A word of a kind; of diseases, symptoms and drugs sometimes a name of a terminology."""
    if kind in _FROM_TERMS and rng.random() < _TERMS:
        return term(_FROM_TERMS[kind], rng)
    return rng.choice(LISTS[kind])


@cache
def _codes(system: str) -> tuple[str, ...]:
    return tuple(PACKAGED.codes(system))


def term(system: str, rng: Random) -> str:
    """The name of a concept that is not too long; of a drug its brand or its ingredient."""
    while True:
        concept = PACKAGED.find(system, rng.choice(_codes(system)))
        if concept is None or len(concept.name) > _LONGEST:
            continue
        if system != RXNORM:
            return concept.name
        brand = _BRAND.search(concept.name)
        if brand or not any(letter.isdigit() for letter in concept.name):
            return brand[1] if brand else concept.name


def diagnosis(rng: Random) -> str:
    """A diagnosis as classifications name it."""
    return term(ICD_10_CM, rng)


def laboratory_test(rng: Random) -> str:
    """A test of a laboratory, with or without what it is measured in."""
    name = term(LOINC, rng)
    return name if rng.random() < 0.3 else re.split(r" \[| in | by ", name)[0]


def vaccine(rng: Random) -> str:
    """A vaccine."""
    return term(CVX, rng)


@cache
def _plain() -> tuple[str, ...]:
    """Words of the language and of medicine that are no name and no place."""
    known = lists.names()
    return tuple(
        sorted(one for one in lists.words() if len(one) > 2 and not known.get(one, 0) & (lists.PERSON | lists.PLACE))
    )


def plain(rng: Random) -> str:
    """A word in lower case."""
    return rng.choice(_plain())


def heading(rng: Random) -> str:
    """One to four words with capitals, as headings have them."""
    words = " ".join(plain(rng).capitalize() for _ in range(rng.choice((1, 2, 2, 3, 4))))
    return words.upper() if rng.random() < 0.3 else words


def age(rng: Random) -> str:
    """An age up to 89."""
    return str(rng.randint(1, 89))


def age_over_89(rng: Random) -> str:
    """An age of 90 or more."""
    spelt = ("ninety-two", "ninety-five", "one hundred and one")
    return rng.choice(
        (str(rng.randint(90, 104)), str(rng.randint(90, 99)), str(rng.randint(90, 99)), rng.choice(spelt))
    )


def number(rng: Random) -> str:
    """A number that counts something."""
    counted = ("two", "three", "five", "a dozen")
    return rng.choice(
        (str(rng.randint(2, 20)), str(rng.randint(2, 400)), rng.choice(counted), f"{rng.uniform(0.1, 40):.1f}")
    )
