"""The tests of quantities.toml: by which names they are told, and which values they may have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import inf

from careloom.nlp.quantities_values import Measured, assumed_unit, declared

WORD = re.compile(r"(?<![a-z0-9])[a-z][a-z0-9]*")
"""The first word of a name, in small letters."""
_SCORE = "{score}"
_UNIT_BEHIND = re.compile(r"\s*[(\[][^()\[\]]{1,16}[)\]]\Z|\s*[:%]\Z")


@dataclass(frozen=True, slots=True)
class Test:
    """A test of quantities.toml under one of its names."""

    key: str
    name: str
    is_short: bool
    loinc: str
    unit: str
    low: float
    high: float
    assumed_from: float = -inf


@cache
def tests() -> Mapping[str, tuple[Test, ...]]:
    """First word, in small letters -> the tests that begin with it, the longest name first."""
    out: dict[str, list[Test]] = {}
    for key, one in declared()["tests"].items():
        for names, is_short in ((one["names"], False), (one["short"], True)):
            for name in names:
                first = WORD.match(name.lower())
                test = Test(
                    key,
                    name,
                    is_short,
                    one["loinc"],
                    one["unit"],
                    one["low"],
                    one["high"],
                    one.get("assumed_from", -inf),
                )
                out.setdefault(first[0] if first else name, []).append(test)
    return {
        first: tuple(sorted(some, key=lambda test: (-len(test.name), test.is_short))) for first, some in out.items()
    }


def is_named(test: Test, text: str, lower: str, start: int, end: int) -> bool:
    """True where the test's name stands at a place: long names in any case, short ones as they are written.

    lower  `text` in small letters
    """
    if end < len(lower) and (lower[end].isalnum() or lower[end] == "'"):
        return False
    if not test.is_short:
        return lower[start:end].replace("\n", " ") == test.name
    written = text[start:end]
    return written == test.name or (len(written) > 2 and written.lower() == test.name.lower())


def test_of(cell: str) -> Test | None:
    """The test whose name is all that `cell` says, but for a unit in brackets; None where there is none."""
    bare = _UNIT_BEHIND.sub("", cell.strip())
    lower = bare.lower()
    first = WORD.match(lower)
    for test in tests().get(first[0] if first else "", ()):
        if len(test.name) == len(bare) and is_named(test, bare, lower, 0, len(bare)):
            return test
    return None


def unit_of_test(key: str) -> str:
    """The UCUM unit in which a test of quantities.toml is usually told; empty for no test, and where it has none."""
    return str(declared()["tests"].get(key, {}).get("unit", ""))


def is_possible(test: Test, found: Measured) -> bool:
    """True where the value may be one of the test: pressures have two numbers, and a bare number lies in its limits."""
    attributes = found.attributes
    if "systolic" in attributes:
        return test.key == "blood_pressure" and 30 <= int(attributes["systolic"]) <= 320
    if test.key == "blood_pressure" or ("scale" in attributes and test.unit != _SCORE):
        return False
    if "unit" in attributes:
        return True
    try:
        number = float(attributes.get("low", attributes.get("value", "")))
    except ValueError:
        return True
    return test.low <= number <= test.high


def assumed(test: Test, attributes: Mapping[str, str]) -> str:
    """The unit that a value without one has; empty where that cannot be told."""
    try:
        number = float(attributes.get("low", attributes["value"]))
    except ValueError:
        return test.unit if "systolic" in attributes else ""
    if number < test.assumed_from:
        return ""
    return assumed_unit(test.unit, number, is_temperature=test.key == "temperature")
