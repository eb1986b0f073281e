"""Codings: systems by their canonical URI, codes in their system's form, and the codes that ConceptMaps add."""

import re
from collections.abc import Iterator

from careloom.quality.normalize_policy import Element, Rewriting
from careloom.terminology.concepts import Translation
from careloom.terminology.packaged import TABLES
from careloom.terminology.systems import ICD_10_CM, canonical

_NO_DOT = re.compile(r"([A-Za-z][0-9Aa][0-9A-Za-z])\.?([0-9A-Za-z]{1,4})")
_EXACT = ("equal", "equivalent")
_PUBLISHED = ("http://", "https://", "urn:iso:", "urn:ietf:")


def rewrite(work: Rewriting, path: str, element: Element) -> None:
    """Rewrites an element if it is a Coding or a CodeableConcept."""
    if isinstance(element.get("coding"), list):
        _translate(work, path, element)
    elif isinstance(element.get("system"), str) and isinstance(element.get("code"), str) and "value" not in element:
        _canonical(work, path, element)


def _canonical(work: Rewriting, path: str, coding: Element) -> None:
    if work.policy.systems:
        known = canonical(coding["system"])
        if known is not None and known != coding["system"]:
            coding["system"] = known
            work.changed("system-canonical", f"{path}.system", "the code system got its canonical URI")
    if work.policy.forms and coding["system"] == ICD_10_CM:
        made = _icd_form(work, coding["code"])
        if made is not None and made != coding["code"]:
            coding["code"] = made
            work.changed("code-form", f"{path}.code", "the code was written as its system writes it")


def _icd_form(work: Rewriting, code: str) -> str | None:
    """The code with its dot and in capitals, if the classification has that one and not the one that came."""
    found = _NO_DOT.fullmatch(code.strip())
    if found is None or work.terminology.find(ICD_10_CM, code) is not None:
        return None
    made = f"{found[1]}.{found[2]}".upper()
    return made if work.terminology.find(ICD_10_CM, made) is not None else None


def _translate(work: Rewriting, path: str, concept: Element) -> None:
    """Adds what a ConceptMap gives for a code of the concept, beside it; the code that came stays first."""
    codings = [one for one in concept["coding"] if isinstance(one, dict) and isinstance(one.get("system"), str)]
    have = {one["system"] for one in codings}
    for source, target in work.policy.translate:
        if target in have:
            continue
        for coding in codings:
            if not _is_from(coding["system"], source) or not isinstance(coding.get("code"), str):
                continue
            found = next(_exact(work, coding, target), None)
            if found is not None:
                concept["coding"].append(_coding(work, found))
                have.add(target)
                work.changed("code-translated", path, "a code was added by a ConceptMap, beside the one that came")
                break


def _is_from(system: str, source: str) -> bool:
    if source != "*":
        return system == source
    return system not in TABLES and not system.startswith(_PUBLISHED)


def _exact(work: Rewriting, coding: Element, target: str) -> Iterator[Translation]:
    for one in work.terminology.translations(coding["system"], coding["code"]):
        if one.system == target and one.equivalence in _EXACT:
            yield one


def _coding(work: Rewriting, found: Translation) -> Element:
    concept = work.terminology.find(found.system, found.code)
    coding: Element = {"system": found.system, "code": found.code}
    return coding | {"display": concept.name} if concept is not None and concept.name else coding
