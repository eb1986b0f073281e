"""From a meaning to codes: the systems that a label may have codes of, one code of each, fit to be used."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from careloom.nlp.linking_table import SYSTEMS, Meaning
from careloom.nlp.linking_text import canonical, key
from careloom.terminology.concepts import Terminology
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT

LETTERS: Mapping[str, str] = MappingProxyType(
    {
        "PROBLEM": "SIDMHY",
        "SYMPTOM": "SIYDMH",
        "MEDICATION": "RCH",
        "ALLERGEN": "RCH",
        "TEST": "LS",
        "PROCEDURE": "S",
    }
)
"""Label -> letters of the systems whose codes its mentions may have, in the order of the codes. A drug has no code of a
disease, and a disease none of a drug, whatever they are called."""
_SEVERAL = "R"
"""Systems of which a meaning has more than one code at once: a salt or brand and its ingredients."""
_MAPPED = frozenset({"equal", "equivalent", "relatedto", "wider"})
"""How a mapped code may relate to the meaning: a code that says more than the mention is not given."""
_NARROWER = re.compile(
    r"\b(?:congenital|rheumatic|neonatal|newborn|gestational|postprocedural|postoperative|traumatic|drug[- ]induced)\b",
    re.IGNORECASE,
)
"""What a name says more than a meaning that does not have the word."""
_UNSAID = re.compile(
    r"\s*\([^)]*\)|\bunspecified\b|\buncomplicated\b|\bwithout (?:complications?|mention of.*|(?:\w+ )?macular edema.*)"
    r"|\bNOS\b|\bsite not specified\b|\bunspecified organism\b|\borganism\b|\btype\b(?! \d)",
    re.IGNORECASE,
)


def is_symptom(codes: str) -> bool:
    """True where a meaning's codes, as a table writes them, are of the Symptom Ontology or chapter 18 of ICD-10-CM."""
    return " Y" in f" {codes}" or " IR" in f" {codes}"


def _says_more(name: str | None, meant: str) -> bool:
    """True for a code's name with a word such as ``congenital`` that the meaning does not have: another's, then."""
    told = _NARROWER.search(name or "")
    return told is not None and told[0].lower() not in meant.lower()


def bare_name(name: str) -> str:
    """The key of an ICD-10-CM name without what it leaves unsaid."""
    return key(canonical(_UNSAID.sub(" ", name)))


class Coder:
    """Looks codes up in a terminology: names, and which code of a category a coder may use."""

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology
        self._billable = lru_cache(maxsize=4096)(self._find_billable)
        self._mapped = lru_cache(maxsize=4096)(self._find_mapped)
        self.name = lru_cache(maxsize=16384)(self._find_name)

    def _find_name(self, system: str, code: str) -> str | None:
        """The name of a code that is in use; None where the terminology lacks it; empty where it is retired."""
        concept = self._terminology.find(system, code)
        if concept is None:
            return None
        return concept.name if concept.is_active else ""

    def _find_mapped(self, snomed: str) -> tuple[str, ...]:
        """The ICD-10-CM codes that a map gives a SNOMED CT code, the most exact first."""
        found = self._terminology.translations(SNOMED_CT, snomed)
        return tuple(each.code for each in found if each.system == ICD_10_CM and each.equivalence in _MAPPED)

    def _find_billable(self, code: str) -> str:
        """The code itself, or the one below it that says no more than it does; the category where there is none."""
        for _ in range(4):
            concept = self._terminology.find(ICD_10_CM, code)
            if concept is None or not concept.is_abstract:
                return code
            below = [self._terminology.find(ICD_10_CM, child) for child in self._terminology.children(ICD_10_CM, code)]
            own = bare_name(concept.name)
            plain = [
                each.code
                for each in below
                if each is not None and bare_name(each.name) == own and not each.name.startswith("Other")
            ]
            open_ended = [
                each.code for each in below if each is not None and each.code[-1] in "90" and "nspecified" in each.name
            ]
            if not plain and not open_ended:
                return code
            code = (plain or open_ended)[0]
        return code

    def codes(self, meaning: Meaning, label: str) -> list[tuple[str, str, str]]:
        """(system, code, display) of a meaning, those that `label` may have, at most one of a system but for drugs."""
        found: list[tuple[str, str, str]] = []
        for letter in LETTERS.get(label, ""):
            system, prefix = SYSTEMS[letter]
            held = [prefix + code for of, code in meaning.codes if of == letter]
            if letter == "I" and not held and found and found[0][0] == SNOMED_CT:
                held = list(self._mapped(found[0][1]))
            named = [(code, self.name(system, code)) for code in held]
            usable = [(code, name) for code, name in named if name != "" and not _says_more(name, meaning.display)]
            own = key(canonical(meaning.display)) if system == ICD_10_CM else ""
            usable.sort(key=lambda item: (bool(own) and bare_name(item[1] or "") != own, item[1] is None))
            for code, name in usable if letter in _SEVERAL else usable[:1]:
                chosen = self._billable(code) if system == ICD_10_CM else code
                display = name if chosen == code else self.name(system, chosen)
                found.append((system, chosen, display or meaning.display))
        return found
