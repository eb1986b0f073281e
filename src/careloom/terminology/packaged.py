"""The terminologies that ship with the package, read when first asked for.

    lookup(ICD_10_CM, "E11.9").name           'Type 2 diabetes mellitus without complications'
    lookup(ICD_10_CM, "E11").is_abstract      True
    PACKAGED.search("chest pain", ICD_10_CM)  matches, best first

Each table is described in docs/reference/terminology.md, with its source and licence.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType

import zstandard

from careloom import runtime
from careloom.terminology.concept_table import ConceptTable
from careloom.terminology.concepts import Concept, Match, Release, Translation
from careloom.terminology.packaged_maps import mapped
from careloom.terminology.systems import (
    CVX,
    DISEASE_ONTOLOGY,
    ICD_10_CM,
    LOINC,
    RXNORM,
    SNOMED_CT,
    SYMPTOM_ONTOLOGY,
)

TABLES: Mapping[str, str] = MappingProxyType(
    {
        ICD_10_CM: "icd10cm",
        SNOMED_CT: "snomed",
        LOINC: "loinc",
        RXNORM: "rxnorm",
        CVX: "cvx",
        DISEASE_ONTOLOGY: "doid",
        SYMPTOM_ONTOLOGY: "symp",
    }
)
"""Code system -> its table in ``tables/``."""
NOTE_KINDS = ("includes", "excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso")


@cache
def _table(system: str) -> ConceptTable:
    return ConceptTable(runtime.packaged("terminology", f"tables/{TABLES[system]}.zst"))


@lru_cache(maxsize=16384)
def lookup(system: str, code: str) -> Concept | None:
    """The concept of a packaged table; None where there is no table of the system, or no such code in it.

    A None means nothing about the code where the table is a part of its system: see `Release.is_whole`.
    """
    return _table(system).find(code) if system in TABLES else None


@cache
def _icd10cm_notes() -> Mapping[str, tuple[tuple[str, str], ...]]:
    text = zstandard.ZstdDecompressor().decompress(runtime.packaged("terminology", "tables/icd10cm-notes.zst")).decode()
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        code, kind, note = line.split("\t")
        found.setdefault(code, []).append((kind, note))
    return {code: tuple(notes) for code, notes in found.items()}


def icd10cm_notes(code: str) -> tuple[tuple[str, str], ...]:
    """The notes that stand at an ICD-10-CM code itself in the tabular list: (kind of `NOTE_KINDS`, text).

    Notes of the categories above it hold for it too; ask for them by its parents.
    """
    return _icd10cm_notes().get(code, ())


@cache
def _drugs_by_ingredient() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    table = _table(RXNORM)
    for code in table.codes():
        concept = table.find(code)
        for ingredient in concept.properties.get("ingredient", ()) if concept else ():
            found.setdefault(ingredient, []).append(code)
    return {ingredient: tuple(codes) for ingredient, codes in found.items()}


def _ingredients(code: str) -> Iterator[Translation]:
    concept = lookup(RXNORM, code)
    for ingredient in concept.properties.get("ingredient", ()) if concept else ():
        yield Translation(RXNORM, ingredient, "wider", "RxNorm has_ingredient")
    for drug in _drugs_by_ingredient().get(code, ()):
        yield Translation(RXNORM, drug, "narrower", "RxNorm has_ingredient")


class Packaged:
    """The packaged tables behind the port `Terminology`."""

    def releases(self) -> Sequence[Release]:
        """The release of each table."""
        return [_table(system).release for system in TABLES]

    def find(self, system: str, code: str, version: str | None = None) -> Concept | None:
        """The concept with that code, where the table is of that version."""
        concept = lookup(system, code)
        return concept if concept is None or version in (None, concept.version) else None

    def children(self, system: str, code: str, version: str | None = None) -> tuple[str, ...]:
        """The codes directly below a code."""
        if system not in TABLES or version not in (None, _table(system).release.version):
            return ()
        return _table(system).children(code)

    def translations(self, system: str, code: str) -> Sequence[Translation]:
        """Mappings of the packaged maps, most exact first; of a drug of RxNorm, its ingredients and what holds it."""
        return [*mapped(system, code), *(_ingredients(code) if system == RXNORM else ())]

    def codes(self, system: str, version: str | None = None) -> Iterator[str]:
        """Every code of a table."""
        if system in TABLES and version in (None, _table(system).release.version):
            yield from _table(system).codes()

    def search(self, text: str, system: str | None = None, limit: int = 10) -> Sequence[Match]:
        """The concepts whose names fit a text, best first, of one table or of all."""
        tables = TABLES if system is None else [system] if system in TABLES else []
        found = [match for each in tables for match in _table(each).search(text, limit)]
        return sorted(found, key=lambda match: (-match.score, len(match.matched), match.concept.code))[:limit]


PACKAGED = Packaged()
