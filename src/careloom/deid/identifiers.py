"""Which of the eighteen identifiers of Safe Harbor an element was that did not pass: counted, never told."""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from careloom.fhir.validate_tables import Element, type_table
from careloom.runtime import packaged

TEXT = "text"
"""Stands for what is free text and may hold any of them."""
_TEXTS = frozenset({"string", "markdown", "xhtml", "base64Binary", "Narrative", "Annotation", "Attachment"})
_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0203"
Count = Callable[[Any, Counter[str]], None]
"""Counts one removed value, or each value of a list."""


@cache
def _rules() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(packaged("deid", "policies/identifiers.toml").decode())
    return found


def letters() -> Mapping[str, str]:
    """(A) to (R) of 45 CFR 164.514(b)(2)(i) -> what the rule calls it."""
    return _rules()["letter"]


def letters_of(structure: str, key: str, element: Element) -> tuple[str, ...]:
    """The identifiers that an element can be; none where it identifies nobody, or is free text."""
    rules, kind = _rules(), element.kind
    letter = rules["element"].get(f"{structure}.{key}") or rules["type"].get(kind)
    if letter is None and kind in _TEXTS:
        letter = rules["within"].get(structure)
    if letter is not None:
        return (letter,)
    if kind == "ContactPoint":
        return tuple(sorted(set(rules["contact"].values())))
    if kind == "Identifier":
        return tuple(sorted({*rules["code"].values(), *rules["system"].values(), "R"}))
    return ()


def counter_of(structure: str, key: str, element: Element) -> Count | None:
    """What counts a value of an element that does not pass; None for an element that identifies nobody.

    structure, key  the structure of FHIR R4 and the element's JSON name in it
    """
    one = _one(structure, key, element)
    if one is None or not element.many:
        return one

    def each(value: Any, tally: Counter[str]) -> None:
        for item in value if type(value) is list else ():
            one(item, tally)

    return each


def _one(structure: str, key: str, element: Element) -> Count | None:
    rules, kind = _rules(), element.kind
    letter = rules["element"].get(f"{structure}.{key}") or rules["type"].get(kind)
    if letter is None and kind in _TEXTS:
        letter = rules["within"].get(structure, TEXT)
    if letter is not None:
        return _plain(letter)
    if kind == "ContactPoint":
        return _contact
    if kind == "Identifier":
        return _identifier
    return _deep(kind) if kind.startswith(f"{structure}.") else None


def _plain(letter: str) -> Count:
    def count(value: Any, tally: Counter[str]) -> None:
        tally[letter] += 1

    return count


def _contact(value: Any, tally: Counter[str]) -> None:
    system = value.get("system") if type(value) is dict else None
    tally[_rules()["contact"].get(str(system), "D")] += 1


def _identifier(value: Any, tally: Counter[str]) -> None:
    tally[identifier_letter(value)] += 1


def identifier_letter(value: Any) -> str:
    """The letter of an Identifier by its system or its type; R where neither tells."""
    if type(value) is not dict:
        return "R"
    kind = value.get("type")
    codings = kind.get("coding") if type(kind) is dict else None
    return letter_of(
        str(value.get("system")),
        [
            str(coding.get("code"))
            for coding in (codings if type(codings) is list else ())
            if type(coding) is dict and coding.get("system") == _TYPE_SYSTEM
        ],
    )


def letter_of(system: str, codes: Iterable[str]) -> str:
    """The letter of an identifier by its system or by codes of its type, whatever their system; R where none tells."""
    rules = _rules()
    told = (rules["system"].get(system), *(rules["code"].get(code) for code in codes))
    return next((letter for letter in told if letter is not None), "R")


@cache
def _deep(kind: str) -> Count | None:
    """Counts what stands within a structure that is removed as a whole."""
    found = {key: counter_of(kind, key, element) for key, element in type_table(kind).properties.items() if key != "id"}
    inner = {key: count for key, count in found.items() if count is not None}
    if not inner:
        return None

    def deep(value: Any, tally: Counter[str]) -> None:
        for key, item in value.items() if type(value) is dict else ():
            if key in inner:
                inner[key](item, tally)

    return deep
