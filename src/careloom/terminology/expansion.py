"""Which codes a ValueSet holds: its expansion, for what FHIR's commonest rules say.

Read: concepts listed by code; a whole code system; filters is-a, descendent-of, is-not-a, generalizes, = and in; value
sets named by their URL; exclude. Read too: the implicit value sets ``system?fhir_vs`` and ``?fhir_vs=isa/code`` of
SNOMED CT and ``http://loinc.org/vs``. A rule that is not read here, or a code system of which only a part is known, is
an error, never a smaller answer.

source  FHIR R4 4.0.1, ValueSet.compose, ValueSet $expand, "Using SNOMED CT with FHIR", "Using LOINC with FHIR"
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from careloom.errors import NotFound, QueryError, TooLarge
from careloom.terminology.concepts import Concept, Terminology
from careloom.terminology.operations import ancestors, descendants, known, newest
from careloom.terminology.systems import LOINC

Json = dict[str, Any]
CODES_AT_MOST = 20_000
"""A larger expansion is refused: FHIR calls it too costly."""
VALUE_SETS_AT_MOST = 20
"""How deep value sets may name each other."""


_CODE_PROPERTIES = ("concept", "code", "parent", "ancestor")
_REMEDY = "These are: is-a, descendent-of, is-not-a, generalizes, =, in."


@dataclass(frozen=True, slots=True)
class Member:
    """One code of an expansion, with the name by which the value set or the code system calls it."""

    system: str
    code: str
    name: str
    is_active: bool = True
    is_abstract: bool = False


def _member(concept: Concept, name: str = "") -> Member:
    return Member(concept.system, concept.code, name or concept.name, concept.is_active, concept.is_abstract)


class Expander:
    """Expands value sets over a terminology; `find` gives a ValueSet by its URL, None where there is none."""

    def __init__(self, terminology: Terminology, find: Callable[[str], Json | None]) -> None:
        self._terminology = terminology
        self._find = find

    def expand(self, value_set: Json) -> list[Member]:
        """The members in the order of the rules, each once.

        raises  NotFound if a value set or code that it names is not known; QueryError for a rule that is not read here;
                TooLarge if it has too many codes
        """
        return list(self._members(value_set, 0).values())

    def named(self, url: str) -> list[Member]:
        """The members of a value set named by its URL, an implicit one too. raises as `expand`."""
        return self.expand(self._resource(url))

    def _resource(self, url: str) -> Json:
        found = self._find(url)
        if found is not None:
            return found
        system, mark, rule = url.partition("?fhir_vs")
        if url == f"{LOINC}/vs":
            return {"compose": {"include": [{"system": LOINC}]}}
        if mark and not rule:
            return {"compose": {"include": [{"system": system}]}}
        if mark and rule.startswith("=isa/"):
            rules = [{"property": "concept", "op": "is-a", "value": rule.removeprefix("=isa/")}]
            return {"compose": {"include": [{"system": system, "filter": rules}]}}
        raise NotFound("no such value set is known here", "Load it: careloom terminology load FILE.")

    def _members(self, value_set: Json, depth: int) -> dict[tuple[str, str], Member]:
        if depth > VALUE_SETS_AT_MOST:
            raise QueryError("the value sets name each other in a circle", "Mend the one that was loaded last.")
        compose = value_set.get("compose") or {}
        if not compose.get("include"):
            raise QueryError("the value set has no rules (compose.include)", "Only rules can be expanded here.")
        found: dict[tuple[str, str], Member] = {}
        for rule in compose["include"]:
            for member in self._of(rule, depth):
                found.setdefault((member.system, member.code), member)
                if len(found) > CODES_AT_MOST:
                    remedy = "Narrow it by a filter, or ask whether single codes are in it."
                    raise TooLarge(f"the value set has more than {CODES_AT_MOST:,} codes", remedy)
        for rule in compose.get("exclude") or []:
            for member in self._of(rule, depth):
                found.pop((member.system, member.code), None)
        if compose.get("inactive") is False:
            found = {key: member for key, member in found.items() if member.is_active}
        return found

    def _of(self, rule: Json, depth: int) -> Iterator[Member]:
        """Members of one include or exclude: those of its system, and of all value sets that it names."""
        sets = [self._members(self._resource(str(url)), depth + 1) for url in rule.get("valueSet") or []]
        if "system" in rule:
            for member in self._of_system(rule):
                if all((member.system, member.code) in each for each in sets):
                    yield member
        elif sets:
            yield from (member for key, member in sets[0].items() if all(key in each for each in sets[1:]))

    def _of_system(self, rule: Json) -> Iterator[Member]:
        system, version = str(rule["system"]), rule.get("version")
        if rule.get("concept"):
            for entry in rule["concept"]:
                concept = self._terminology.find(system, str(entry.get("code")), version)
                name = str(entry.get("display") or "")
                yield _member(concept, name) if concept else Member(system, str(entry.get("code")), name)
            return
        filters = rule.get("filter") or []
        release = newest(self._terminology, system)
        if release is None or not release.is_whole:
            what = "a part of a code system" if release else "no release of a code system"
            raise NotFound(f"{what} that the value set needs is known here", "Load it: careloom terminology load PATH.")
        yield from (_member(each) for each in self._filtered(system, version, filters))

    def _filtered(self, system: str, version: str | None, filters: list[Json]) -> Iterable[Concept]:
        if not filters:
            every = (self._terminology.find(system, code, version) for code in self._terminology.codes(system, version))
            return (concept for concept in every if concept is not None)
        first, *rest = sorted(filters, key=lambda each: each.get("property") not in ("concept", "code"))
        found = self._by(system, version, first)
        for each in rest:
            kept = {concept.code for concept in self._by(system, version, each)}
            found = [concept for concept in found if concept.code in kept]
        return found

    def _by(self, system: str, version: str | None, rule: Json) -> list[Concept]:
        """The concepts that one filter selects."""
        name, operator, value = str(rule.get("property")), str(rule.get("op")), str(rule.get("value"))
        if name in ("concept", "code", "parent", "ancestor") and operator in (
            "is-a",
            "descendent-of",
            "generalizes",
            "=",
        ):
            top = known(self._terminology, system, value, version)
            if operator == "generalizes":
                codes = [value, *sorted(ancestors(self._terminology, top))]
            elif operator == "=":
                codes = [value] if name in ("concept", "code") else self._below(name, top)
            else:
                codes = [*([value] if operator == "is-a" else []), *descendants(self._terminology, top)]
            return self._all(system, version, codes)
        if name in ("concept", "code") and operator == "is-not-a":
            top = known(self._terminology, system, value, version)
            below = {value, *descendants(self._terminology, top)}
            return self._all(
                system, version, [each for each in self._terminology.codes(system, version) if each not in below]
            )
        if operator in ("=", "in"):
            wanted = set(value.split(",")) if operator == "in" else {value}
            every = self._all(system, version, self._terminology.codes(system, version))
            return [concept for concept in every if wanted & set(concept.properties.get(name, ()))]
        raise QueryError(
            "a filter of the value set is not read here", "Read: is-a, descendent-of, is-not-a, generalizes, =, in."
        )

    def _below(self, name: str, top: Concept) -> list[str]:
        if name == "parent":
            return list(self._terminology.children(top.system, top.code, top.version))
        return descendants(self._terminology, top)

    def _all(self, system: str, version: str | None, codes: Iterable[str]) -> list[Concept]:
        found = (self._terminology.find(system, code, version) for code in codes)
        return [concept for concept in found if concept is not None]
