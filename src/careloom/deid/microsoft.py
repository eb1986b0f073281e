"""Configurations of Microsoft's FHIR anonymizer (Tools for Health Data Anonymization), read and checked.

Such a configuration is a deny-list: what no rule reaches stays as it is. Careloom's own policies are allow-lists.

source  github.com/microsoft/Tools-for-Health-Data-Anonymization, docs/FHIR-anonymization.md
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from careloom.deid.microsoft_json import NotJson, read_lenient
from careloom.deid.microsoft_paths import compiled
from careloom.errors import SetupError
from careloom.fhir.fhirpath import Expression
from careloom.fhir.fhirpath_errors import PathError

Method = Literal["keep", "redact", "dateShift", "cryptoHash", "encrypt", "substitute", "perturb", "generalize"]
METHODS: tuple[Method, ...] = (
    "keep", "redact", "dateShift", "cryptoHash", "encrypt", "substitute", "perturb", "generalize",
)  # fmt: skip
Scope = Literal["resource", "file", "folder"]
_WHERE = "Microsoft anonymizer configuration"
_ROOT = re.compile(r"([A-Z][A-Za-z]*)?\.?(.*)", re.DOTALL)
_LOOK_UP = re.compile(r"nodesBy(Type|Name)\(['\"]([A-Za-z0-9]+)['\"]\)(?:\.([A-Za-z0-9]+))?")
_SETTINGS = frozenset({"fhirVersion", "processingErrors", "fhirPathRules", "parameters"})
_MOST_PLACES = 28
_AES_KEY_BYTES = (16, 24, 32)


@dataclass(frozen=True, slots=True)
class Perturb:
    """Noise from -span/2 to span/2, or that share of the value where it is proportional, rounded to so many places."""

    span: Decimal
    proportional: bool
    places: int


@dataclass(frozen=True, slots=True)
class Generalize:
    """(condition, value) pairs of which the first that holds wins; what none fits is kept or removed."""

    cases: tuple[tuple[Expression, Expression], ...]
    keeps_others: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    number         its place in the configuration, from 1
    resource_type  the type that its path begins with, or ""
    look_ups       (``Type`` or ``Name``, which, child or "") of each arm of a path that is nothing but
                   ``nodesByType('X').child | ...``
    expression     the path below the resource; None where it names the resource itself
    """

    number: int
    path: str
    method: Method
    resource_type: str
    look_ups: tuple[tuple[str, str, str], ...]
    expression: Expression | None
    perturb: Perturb | None = None
    generalize: Generalize | None = None
    replace_with: Any = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What affects methods everywhere; an empty key is a key that somebody else must give."""

    date_shift_key: str = ""
    date_shift_scope: Scope = "resource"
    date_shift_days: int | None = None
    crypto_hash_key: str = ""
    encrypt_key: str = ""
    partial_ages: bool = False
    partial_dates: bool = False
    partial_zip_codes: bool = False
    restricted_zip_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole configuration.

    skips_errors  True where a resource whose processing fails becomes an empty one; else the run stops
    notes         what the configuration says that has no effect
    """

    rules: tuple[Rule, ...]
    parameters: Parameters
    skips_errors: bool
    notes: tuple[str, ...]


def read_configuration(raw: bytes) -> Configuration:
    """A configuration for FHIR R4.

    raises  SetupError naming the place and the remedy
    """
    try:
        found = read_lenient(raw)
    except NotJson as error:
        place = f"{_WHERE}, line {error.line}" if error.line else _WHERE
        raise SetupError(place, f"Mend the file: {error.why}.") from None
    version = found.get("fhirVersion")
    if version not in (None, "") and str(version).upper() != "R4":
        raise _bad("fhirVersion", "only R4 is read here; use R4, or leave it out")
    errors = _choice("processingErrors", found.get("processingErrors"), ("raise", "skip"))
    rules = found.get("fhirPathRules")
    if not isinstance(rules, list):
        raise _bad("fhirPathRules", "give a list of rules, each with path and method")
    given = found.get("parameters")
    parameters, ignored = _parameters({} if given is None else given)
    notes = [f"{name} has no effect" for name in [*(set(found) - _SETTINGS), *ignored]]
    return Configuration(
        tuple(_rule(number, rule) for number, rule in enumerate(rules, 1)), parameters, errors == "skip",
        tuple(sorted(notes)),
    )  # fmt: skip


def _bad(place: str, remedy: str) -> SetupError:
    return SetupError(f"{_WHERE}: {place}", remedy)


def _choice(place: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value is None:
        return allowed[0]
    for choice in allowed:
        if isinstance(value, str) and value.lower() == choice.lower():
            return choice
    raise _bad(place, f"use one of {', '.join(allowed)}")


def _rule(number: int, rule: Any) -> Rule:
    place = f"fhirPathRules[{number}]"
    if not isinstance(rule, dict):
        raise _bad(place, "give an object with path and method")
    for key in ("path", "method"):
        if not isinstance(rule.get(key), str) or not rule[key]:
            raise _bad(f"{place}.{key}", f"give the {key} of this rule")
    path: str = rule["path"].strip()
    method = {name.lower(): name for name in METHODS}.get(rule["method"].lower())
    if method is None:
        raise _bad(f"{place}.method", f"use one of {', '.join(METHODS)}; processors of your own are not run here")
    _checked(f"{place}.path", path)
    root = _ROOT.fullmatch(path)
    kind, below = (root[1] or "", root[2]) if root else ("", path)
    return Rule(
        number, path, method, kind,
        _look_ups(path),
        None if path == kind else _checked(f"{place}.path", below),
        _perturb(place, rule) if method == "perturb" else None,
        _generalize(place, rule) if method == "generalize" else None,
        _replacement(place, rule) if method == "substitute" else None,
    )  # fmt: skip


def _look_ups(path: str) -> tuple[tuple[str, str, str], ...]:
    found = [_LOOK_UP.fullmatch(arm.strip()) for arm in path.split("|")]
    return tuple((one[1], one[2], one[3] or "") for one in found if one) if all(found) else ()


def _checked(place: str, text: str) -> Expression:
    try:
        return compiled(text)
    except PathError as error:
        raise _bad(place, f"mend the expression: {error.where}. {error.remedy}") from None


def _replacement(place: str, rule: dict[str, Any]) -> Any:
    if "replaceWith" not in rule:
        raise _bad(f"{place}.replaceWith", "give what stands in the place of the value")
    return rule["replaceWith"]


def _perturb(place: str, rule: dict[str, Any]) -> Perturb:
    if "span" not in rule:
        raise _bad(f"{place}.span", "give the width of the noise: a number from 0 on")
    span = _number(rule["span"])
    if span is None or span < 0:
        raise _bad(f"{place}.span", "use a number from 0 on")
    places = 2
    if "roundTo" in rule:
        given = _number(rule["roundTo"])
        if given is None or given != int(given) or not 0 <= given <= _MOST_PLACES or "." in str(rule["roundTo"]):
            raise _bad(f"{place}.roundTo", f"use a whole number from 0 to {_MOST_PLACES}")
        places = int(given)
    if "rangeType" in rule and rule["rangeType"] is None:
        raise _bad(f"{place}.rangeType", "use fixed or proportional")
    kind = _choice(f"{place}.rangeType", rule.get("rangeType"), ("fixed", "proportional"))
    return Perturb(span, kind == "proportional", places)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _generalize(place: str, rule: dict[str, Any]) -> Generalize:
    cases = rule.get("cases")
    if isinstance(cases, str):  # an object written as text is taken too
        try:
            cases = read_lenient(cases.encode())
        except NotJson:
            cases = None
    if not isinstance(cases, dict):
        raise _bad(f"{place}.cases", "give an object of conditions and the values that they lead to")
    pairs = []
    for number, (condition, value) in enumerate(cases.items(), 1):
        where = f"{place}.cases[{number}]"
        pairs.append((_checked(where, condition), _checked(where, _as_text(value))))
    if "otherValues" in rule and rule["otherValues"] is None:
        raise _bad(f"{place}.otherValues", "use redact or keep, or leave it out")
    others = _choice(f"{place}.otherValues", rule.get("otherValues"), ("redact", "keep"))
    return Generalize(tuple(pairs), others == "keep")


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _parameters(given: Any) -> tuple[Parameters, list[str]]:
    if not isinstance(given, dict):
        raise _bad("parameters", "give an object, or leave it out")
    encrypt = _text(given, "encryptKey")
    if encrypt and len(encrypt.encode()) not in _AES_KEY_BYTES:
        raise _bad("parameters.encryptKey", "use a key of 128, 192 or 256 bits: 16, 24 or 32 bytes of UTF-8")
    zips = given.get("restrictedZipCodeTabulationAreas")
    if zips is not None and not (isinstance(zips, list) and all(isinstance(area, str) and area for area in zips)):
        raise _bad("parameters.restrictedZipCodeTabulationAreas", "give a list of texts, such as 036")
    days = given.get("dateShiftFixedOffsetInDays")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int)):
        raise _bad("parameters.dateShiftFixedOffsetInDays", "give a whole number of days, or leave it out")
    scope = _choice("parameters.dateShiftScope", given.get("dateShiftScope"), ("resource", "file", "folder"))
    return Parameters(
        _text(given, "dateShiftKey"), scope, days, _text(given, "cryptoHashKey"), encrypt,  # type: ignore[arg-type]
        _truth(given, "enablePartialAgesForRedact"), _truth(given, "enablePartialDatesForRedact"),
        _truth(given, "enablePartialZipCodesForRedact"), tuple(zips or ()),
    ), [f"parameters.{name}" for name in given if name not in _KNOWN]  # fmt: skip


_KNOWN = frozenset(
    "dateShiftKey dateShiftScope dateShiftFixedOffsetInDays cryptoHashKey encryptKey enablePartialAgesForRedact "
    "enablePartialDatesForRedact enablePartialZipCodesForRedact restrictedZipCodeTabulationAreas".split()
)


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise _bad(f"parameters.{name}", "give a text, or leave it out")
    return value or ""


def _truth(given: dict[str, Any], name: str) -> bool:
    value = given.get(name)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is not None and not isinstance(value, bool):
        raise _bad(f"parameters.{name}", "use true or false")
    return bool(value)
