"""The maps of the starter set: SNOMED CT, ICD-10-CM, Disease Ontology, MONDO and Symptom Ontology.

Used by make_starter.py. One line is ``system code system code equivalence origin``, systems by the letters of
`careloom.terminology.packaged_maps.SYSTEMS`. MONDO (CC0 mappings) says that a disease matches a code exactly: two
codes that match one disease are equivalent. A broader code of MONDO is wider. The Disease Ontology (CC0) lists
cross-references without saying how exact they are: relatedto. A symptom (Symptom Ontology, CC0) and a code of the
same name: relatedto.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from careloom.terminology.packaged import PACKAGED, lookup
from careloom.terminology.systems import ICD_10_CM, is_snomed_concept

TAG = re.compile(r" \([a-z][a-z /+-]*\)$")
Pair = tuple[str, str, str, str]


def codes(row: dict[str, Any]) -> dict[str, list[str]]:
    """letter -> codes of a MONDO row that match it exactly and that exist."""
    exact = row["exact"]
    return {
        "S": [code for code in exact.get("SCTID", []) if is_snomed_concept(code)],
        "I": [code for code in exact.get("ICD10CM", []) if lookup(ICD_10_CM, code)],
        "D": [f"DOID:{number}" for number in exact.get("DOID", [])],
        "M": [row["id"]],
    }


def pairs(found: dict[str, list[str]]) -> Iterator[Pair]:
    for left, right in (("S", "I"), ("S", "D"), ("S", "M"), ("I", "D"), ("I", "M"), ("D", "M")):
        for one, other in product(found.get(left, []), found.get(right, [])):
            yield left, one, right, other


def of_mondo(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Pair, str, str]]:
    for row in rows:
        found = codes(row)
        if not (found["S"] or found["I"]):
            continue
        for pair in pairs(found):
            yield pair, "equivalent", "MONDO"
        for code in row["broad"].get("ICD10CM", []):
            for snomed in found["S"]:
                if lookup(ICD_10_CM, code):
                    yield ("S", snomed, "I", code), "wider", "MONDO"


def of_diseases(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Pair, str, str]]:
    for row in rows:
        found = {
            "S": [code for code in row["xrefs"].get("SNOMEDCT_US", []) if is_snomed_concept(code)],
            "I": [code for code in row["xrefs"].get("ICD10CM", []) if lookup(ICD_10_CM, code)],
            "D": [row["id"]],
        }
        for pair in pairs(found):
            yield pair, "relatedto", "DO"


def of_symptoms(rows: Iterable[dict[str, Any]], synthea: Iterable[dict[str, Any]]) -> Iterator[tuple[Pair, str, str]]:
    icd10cm: dict[str, set[str]] = {}
    for block in PACKAGED.children(ICD_10_CM, "18"):  # chapter 18: symptoms, signs and abnormal findings
        waiting = [block]
        while waiting:
            code = waiting.pop()
            concept = lookup(ICD_10_CM, code)
            waiting += PACKAGED.children(ICD_10_CM, code)
            for name in (concept.name, *concept.names) if concept and "-" not in code else ():
                icd10cm.setdefault(name.lower(), set()).add(code)
    findings: dict[str, set[str]] = {}
    for row in synthea:
        if row["system"] == "SNOMED-CT" and is_snomed_concept(row["code"]):
            findings.setdefault(TAG.sub("", row["displays"][0]).lower(), set()).add(row["code"])
    for row in rows:
        names = {row["name"].lower(), *(each["text"].lower() for each in row["synonyms"] if each["type"] == "EXACT")}
        for letter, known in (("I", icd10cm), ("S", findings)):
            for code in sorted(set().union(*(known.get(name, set()) for name in names))):
                yield (letter, code, "Y", row["id"]), "relatedto", "same name"


def lines(
    mondo: Iterable[dict[str, Any]],
    diseases: Iterable[dict[str, Any]],
    symptoms: Iterable[dict[str, Any]],
    synthea: Iterable[dict[str, Any]],
) -> list[str]:
    """All mappings, sorted; where two sources map the same pair, the more exact one stands."""
    found: dict[Pair, tuple[str, str]] = {}
    for source in (of_mondo(mondo), of_diseases(diseases), of_symptoms(symptoms, synthea)):
        for pair, equivalence, origin in source:
            found.setdefault(pair, (equivalence, origin))
    return sorted("\t".join([*pair, *rest]) for pair, rest in found.items())
