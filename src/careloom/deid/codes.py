"""Which codes and units pass: closed lists, check digits and shapes, because a code can carry a name as text can."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from careloom.errors import SetupError
from careloom.fhir.validate_tables import codes_of
from careloom.terminology.systems import is_loinc, is_snomed_concept

_CHECKS: Mapping[str, Callable[[str], bool]] = {"snomed": is_snomed_concept, "loinc": is_loinc}
_MOST_REMEMBERED = 65_536
_MOST_TERMS = 4


class CodeBook:
    """The codes and units of a ``codes.toml``: answers are remembered, so the same code costs a look-up."""

    def __init__(self, source: Mapping[str, Any], where: str) -> None:
        self._systems = _systems(source, where)
        self._unit = _unit_pattern(source["units"])
        self._variants = frozenset(source["units"]["variants"])
        self._identifying = {(uri, code) for uri, codes in source["identifying"].items() for code in codes}
        self._codes: dict[tuple[str, str], bool] = {}
        self._units: dict[str, bool] = {}

    def passes(self, system: object, code: object) -> bool:
        """True when the code system is listed and the code is one that the system can have."""
        try:
            return self._codes[system, code]  # type: ignore[index]
        except (KeyError, TypeError):
            return self._remember(system, code)

    def passes_unit(self, code: object) -> bool:
        """True for a UCUM code that holds nothing but known atoms and annotations, and for the listed variants."""
        try:
            return self._units[code]  # type: ignore[index]
        except (KeyError, TypeError):
            pass
        if not isinstance(code, str):
            return False
        if len(self._units) >= _MOST_REMEMBERED:
            self._units.clear()
        self._units[code] = found = code in self._variants or self._unit.fullmatch(code) is not None
        return found

    def is_identifying(self, system: str, code: str) -> bool:
        """True for a code of an observation whose value is itself an identifier."""
        return (system, code) in self._identifying

    def _remember(self, system: object, code: object) -> bool:
        if not (isinstance(system, str) and isinstance(code, str)):
            return False
        check = self._systems.get(system)
        if check is None:
            return False
        if len(self._codes) >= _MOST_REMEMBERED:
            self._codes.clear()
        self._codes[system, code] = found = check(code)
        return found


def _systems(source: Mapping[str, Any], where: str) -> dict[str, Callable[[str], bool]]:
    found: dict[str, Callable[[str], bool]] = {}
    for uri, rule in source["system"].items():
        if set(rule) - {"check", "shape", "also", "because"} or not rule.get("because"):
            raise SetupError(f"{where}: system {uri}", "Write check or shape, perhaps also, and because; nothing else.")
        found[uri] = _test(rule, f"{where}: system {uri}")
    for uri in source["listed"]["uris"]:
        codes = codes_of(uri)
        if codes is None:
            raise SetupError(f"{where}: listed {uri}", "FHIR R4 does not list this code system; give it a shape.")
        found[uri] = codes.__contains__
    return found


def _test(rule: Mapping[str, str], where: str) -> Callable[[str], bool]:
    if ("check" in rule) == ("shape" in rule) or rule.get("check", "snomed") not in _CHECKS:
        raise SetupError(where, f"Write either a shape or a check of {sorted(_CHECKS)}.")
    also = re.compile(rule["also"], re.ASCII).fullmatch if "also" in rule else None
    if "shape" in rule:
        shape = re.compile(rule["shape"], re.ASCII).fullmatch
        return lambda code: shape(code) is not None or (also is not None and also(code) is not None)
    check = _CHECKS[rule["check"]]
    return lambda code: check(code) or (also is not None and also(code) is not None)


def _unit_pattern(units: Mapping[str, Any]) -> re.Pattern[str]:
    def any_of(words: str) -> str:
        return "|".join(re.escape(word) for word in sorted(words.split(), key=len, reverse=True))

    annotation = rf"\{{(?:{any_of(units['annotations'])})\}}"
    atom = rf"(?:(?:{any_of(units['prefixes'])})?(?:{any_of(units['atoms'])})|{any_of(units['plain'])})"
    number = rf"(?:{any_of(units['numbers'])})"
    term = rf"(?:(?:{atom}|{number})(?:[+-]?[0-9])?(?:{annotation})?|{annotation})"
    return re.compile(rf"/?{term}(?:[./]{term}){{0,{_MOST_TERMS - 1}}}", re.ASCII)
