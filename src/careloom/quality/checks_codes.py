"""Checks of codes: that there is one, that it exists, that it fits its place and the patient."""

import re
from collections.abc import Callable

from careloom.fhir.drafts import Resource
from careloom.quality.checking import Check, Setting
from careloom.quality.paths import codings_of, compiled
from careloom.terminology import systems

Known = Callable[[str], bool]
_DIGITS = re.compile(r"[0-9]+")
_LOINC_PART = re.compile(r"L[ALPG]([0-9]{1,7}-[0-9])")
"""Answers, answer lists, parts and groups of LOINC carry the same check digit behind two letters."""


def _is_loinc(code: str) -> bool:
    part = _LOINC_PART.fullmatch(code)
    return systems.is_loinc(part[1] if part else code)


SHAPES: dict[str, Known] = {
    systems.LOINC: _is_loinc,
    systems.SNOMED_CT: systems.is_snomed_concept,
    systems.ICD_10_CM: systems.is_icd10cm,
    systems.RXNORM: lambda code: _DIGITS.fullmatch(code) is not None and len(code) <= 8,
    systems.CVX: lambda code: _DIGITS.fullmatch(code) is not None and len(code) <= 3,
}
"""System -> whether a code can be one of it: check digits of LOINC (mod 10) and SNOMED CT (Verhoeff), else its form."""


def coded(setting: Setting) -> Check:
    """The concept at the path has a coding with system and code, from one of `systems` where these are named."""
    find = compiled(setting.path)
    wanted = frozenset(systems.canonical(name) or name for name in setting.rule.parameters.get("systems", ()))

    def check(resource: Resource) -> bool | None:
        found = find(resource)
        if not found:
            return None
        for value in found:
            codings = [coding for coding in codings_of(value) if coding.get("code") and coding.get("system")]
            if not any(not wanted or coding["system"] in wanted for coding in codings):
                return False
        return True

    return check


def known_codes(setting: Setting) -> Check:
    """No code at the path contradicts the form and check digit of its system."""
    find = compiled(setting.path)

    def check(resource: Resource) -> bool | None:
        is_any = False
        for coding in codings_of(find(resource)):
            known = SHAPES.get(coding.get("system", ""))
            if known is not None and isinstance(coding.get("code"), str):
                is_any = True
                if not known(coding["code"]):
                    return False
        return True if is_any else None

    return check


def listed_codes(setting: Setting) -> Check:
    """Every code of a system whose whole release is at hand stands in it, and no known code has been retired."""
    find, is_listed = compiled(setting.path), setting.scene.is_listed

    def check(resource: Resource) -> bool | None:
        is_any = False
        for coding in codings_of(find(resource)):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str) and code:
                verdict = is_listed(system, code)
                if verdict is False:
                    return False
                is_any = is_any or verdict is True
        return True if is_any else None

    return check


def codes_of_sex(setting: Setting) -> Check:
    """A code that only one sex can have belongs to a patient of that administrative gender."""
    find, scene, tables = compiled(setting.path), setting.scene, setting.book.codes["sex"]
    exact: dict[tuple[str, str], str] = {
        (systems.SNOMED_CT, code): sex for sex in tables for code in tables[sex]["snomed"]
    }
    begins: list[tuple[str, str, tuple[str, ...]]] = [
        (systems.ICD_10_CM, sex, tuple(tables[sex]["icd10cm"])) for sex in tables
    ]

    def sex_of(system: object, code: object) -> str | None:
        if not isinstance(code, str) or not isinstance(system, str):
            return None
        for named, sex, starts in begins:
            if system == named and code.startswith(starts):
                return sex
        return exact.get((system, code))

    def check(resource: Resource) -> bool | None:
        sexes = {sex_of(coding.get("system"), coding.get("code")) for coding in codings_of(find(resource))} - {None}
        if not sexes:
            return None
        person = scene.person(resource)
        if person is None or person.gender not in ("male", "female"):
            return None
        return sexes == {person.gender}

    return check


def category_of_code(setting: Setting) -> Check:
    """A code of the list `code_list` stands in a resource of the category `belongs_to`."""
    wanted = setting.rule.parameters["belongs_to"]
    codes = frozenset(setting.book.codes[setting.rule.parameters["code_list"]])
    find, categories = compiled(setting.path), compiled("category")

    def check(resource: Resource) -> bool | None:
        if not any(coding.get("code") in codes for coding in codings_of(find(resource))):
            return None
        return any(coding.get("code") == wanted for coding in codings_of(categories(resource)))

    return check
