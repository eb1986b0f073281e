"""The words for concepts: diseases, symptoms, findings, drugs, tests, as clinicians write them; from words.toml."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from careloom.runtime import packaged
from careloom.simulate.history import Code
from careloom.simulate.narrative.draft import Codes
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, SNOMED_CT

REGISTERS = ("formal", "short", "plain")
_SYSTEMS = {"icd10cm": ICD_10_CM, "loinc": LOINC, "snomed": SNOMED_CT, "cvx": CVX}


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that notes speak of.

    label     entity label of the gold: problem, symptom, test...
    codes     of the gold where no record stands behind the mention
    names     register -> what it is called there; never empty
    symptoms  what a patient with it complains of; `signs` what an examiner finds; `suspects` what else is thought of
    system    organ system that asks and looks for it
    covers    how the ICD-10-CM codes of its kinds begin
    """

    name: str
    label: str
    codes: Codes
    names: MappingProxyType[str, tuple[str, ...]] = field(compare=False)
    symptoms: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    system: str = ""
    covers: tuple[str, ...] = ()

    def is_told_by(self, codes: Iterable[str]) -> bool:
        """True where one of some ICD-10-CM codes is it, or a kind of it."""
        own = tuple(code for _, code in self.codes)
        return any(code in own or code.startswith(self.covers) for code in codes)

    def words(self, register: str) -> tuple[str, ...]:
        """Its names in a register, else in the next one that has any."""
        for each in (register, *REGISTERS):
            if found := self.names.get(each):
                return found
        raise LookupError(f"words.toml: {self.name} has no name")


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(packaged("simulate", "narrative/words.toml").decode("utf-8"))


@cache
def concepts() -> MappingProxyType[str, Concept]:
    """All concepts by their names."""
    out = {}
    for label, entries in _tables()["concept"].items():
        for name, entry in entries.items():
            own = tuple((system, code) for key, system in _SYSTEMS.items() for code in entry.get(key, ()))
            names = {register: tuple(entry[register]) for register in REGISTERS if register in entry}
            lists = {key: tuple(entry.get(key, ())) for key in ("symptoms", "signs", "suspects", "covers")}
            out[name] = Concept(name, label, own[:1], MappingProxyType(names), system=entry.get("system", ""), **lists)
    return MappingProxyType(out)


@cache
def _by_code() -> tuple[dict[str, str], dict[str, str]]:
    exact: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    for entries in _tables()["concept"].values():
        for name, entry in entries.items():
            for key in _SYSTEMS:
                for code in entry.get(key, ()):
                    exact.setdefault(code, name)
            for prefix in entry.get("covers", ()):
                prefixes.setdefault(prefix, name)
    return exact, prefixes


def concept_of(codes: Sequence[Code]) -> Concept | None:
    """The concept that codes of a record stand for: exact code first, then the longest prefix; None for none."""
    exact, prefixes = _by_code()
    for code in codes:
        if code.code in exact:
            return concepts()[exact[code.code]]
    for code in codes:
        for length in range(len(code.code), 2, -1):
            if code.system == ICD_10_CM and code.code[:length] in prefixes:
                return concepts()[prefixes[code.code[:length]]]
    return None


@cache
def table(name: str) -> MappingProxyType[str, tuple[str, ...]]:
    """A table of words.toml by its name: key -> the ways to write it."""
    return MappingProxyType({key: tuple(ways) for key, ways in _tables()[name].items()})


@cache
def section_codes() -> MappingProxyType[str, Codes]:
    """Kind of section -> its LOINC code; none: no code."""
    found = _tables()["section"].items()
    return MappingProxyType({kind: tuple((LOINC, code) for code in entry.get("loinc", ())) for kind, entry in found})


@cache
def concepts_of(system: str, label: str) -> tuple[Concept, ...]:
    """The concepts with a label that belong to an organ system."""
    return tuple(one for one in concepts().values() if one.system == system and one.label == label)


_BRACKETS = re.compile(r"\s*\((disorder|finding|situation|procedure|substance|observable entity|event)\)$")
_PACKAGE = re.compile(r"^\d[\d.]*\s*(ML|ACTUAT|HR|MG|G)\s+", re.IGNORECASE)
_STRENGTH = re.compile(
    r"\s*\d[\d.,]*\s*(mg|mcg|ug|g|ml|unt|units?|meq|%|\[|hour|hr|actuat)\b.*$", re.DOTALL | re.IGNORECASE
)
_SALT = re.compile(
    r"\s+(hydrochloride|sodium|potassium|calcium|tartrate|succinate|besylate|maleate|fumarate|sulfate|mesylate|"
    r"bromide|bitartrate|etexilate|medoxomil|acetate|phosphate|citrate|propionate|monohydrate)\b",
    re.IGNORECASE,
)


def plain_display(display: str) -> str:
    """A display as in a sentence: without its semantic tag, its first letter small unless capitals follow."""
    name = _BRACKETS.sub("", display).strip()
    return name if name[1:2].isupper() or not name[1:2].isalpha() else name[:1].lower() + name[1:]


def ingredient(display: str) -> str:
    """The drug in the display of a product: ``metformin`` of ``Metformin hydrochloride 500 MG Oral Tablet``."""
    parts = [
        _SALT.sub("", _STRENGTH.sub("", _PACKAGE.sub("", part))).strip(" ,")
        for part in _BRACKETS.sub("", display).split(" / ")
    ]
    return " / ".join(part.removesuffix(", porcine") for part in parts if part).lower() or display.lower()
