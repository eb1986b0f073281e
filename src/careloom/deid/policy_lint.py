"""What is odd about a policy before it is used: names unknown to FHIR, entries in vain, identifiers that pass."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from careloom.deid.identifiers import letters, letters_of
from careloom.deid.policy import CODED, MOMENTS, QUANTITIES, Kept, Policy
from careloom.fhir.validate_tables import resource_types, type_table

Json = dict[str, Any]
Level = Literal["error", "warning", "note"]
_LARGEST_INTEGER, _LARGEST_NUMBER = 999_999, 1e9
_WORD_FOR_WORD = "stated"


@dataclass(frozen=True, slots=True)
class Oddity:
    """One finding; an error refuses the policy."""

    level: Level
    code: str
    place: str
    message: str


@dataclass(frozen=True, slots=True)
class Treated:
    """How a policy treats one of the eighteen identifiers.

    removed  elements by which it can enter and that do not pass
    changed  those that pass changed, with their treatment
    kept     those that pass as they are
    """

    letter: str
    name: str
    removed: int
    changed: tuple[str, ...]
    kept: tuple[str, ...]


def unknown_names(source: Mapping[str, Any]) -> Iterator[Oddity]:
    """Every structure and element of a policy file that FHIR R4 does not have."""
    for name, decisions in source.get("structure", {}).items():
        if name == "*":
            continue
        try:
            properties = type_table(name).properties
        except KeyError:
            yield Oddity("error", "unknown-structure", name, "FHIR R4 has no such structure.")
            continue
        known = set(properties) | {element.name for element in properties.values()}
        for entries in decisions.values():
            for entry in (one.strip().partition(" as ")[0] for names in entries for one in names.split(",")):
                if entry not in known:
                    yield Oddity("error", "unknown-element", f"{name}.{entry}", "The structure has no such element.")
    for kind in [*source.get("refuse", {}), *source.get("patient", {})]:
        if kind not in resource_types():
            yield Oddity("error", "unknown-type", kind, "FHIR R4 has no such resource type.")


def oddities(policy: Policy, source: Mapping[str, Any]) -> Iterator[Oddity]:
    """What is odd about a policy that can be read.

    source  its own file; what it extends may decide more than it needs
    """
    reached = reachable(policy)
    yield from _in_vain(policy, source, reached)
    yield from _loose(policy, reached)
    for one in treated(policy):
        if one.kept:
            yield Oddity(
                "warning", "identifier-kept", f"({one.letter}) {', '.join(one.kept)}", f"Passes as it is: {one.name}."
            )


def reachable(policy: Policy) -> frozenset[str]:
    """Structures that something of a type that passes, or whose outline is told, can hold."""
    found: set[str] = set()
    waiting = [name for name in policy.structures if name in resource_types()]
    while waiting:
        name = waiting.pop()
        if name not in found and name in policy.structures:
            found.add(name)
            waiting += [kept.kind for kept in policy.structures[name].kept.values() if not kept.as_]
    return frozenset(found)


def treated(policy: Policy) -> tuple[Treated, ...]:
    """For each of (A) to (R) the elements by which it can enter, and what the policy does with them."""
    removed: Counter[str] = Counter()
    changed: dict[str, list[str]] = {letter: [] for letter in letters()}
    kept: dict[str, list[str]] = {letter: [] for letter in letters()}
    for name in sorted(reachable(policy)):
        structure = policy.structures[name]
        for key, element in type_table(name).properties.items():
            for letter in letters_of(name, key, element):
                how = structure.kept.get(key)
                if how is None:
                    removed[letter] += 1
                elif how.as_ or how.kind not in policy.structures:
                    to = changed if _is_changed(policy, how) else kept
                    to[letter].append(f"{name}.{key}" + (f" as {how.as_}" if how.as_ else ""))
    return tuple(
        Treated(letter, what, removed[letter], tuple(changed[letter]), tuple(kept[letter]))
        for letter, what in letters().items()
    )


def never_matched(policy: Policy, resources: Iterable[Json]) -> Iterator[Oddity]:
    """Kept elements, extensions and types that no resource had, and types of which nothing is decided."""
    seen: Counter[tuple[str, str]] = Counter()
    types: Counter[str] = Counter()
    for resource in resources:
        kind = str(resource.get("resourceType"))
        types[kind if kind in resource_types() else "no type of FHIR"] += 1
        if kind in policy.structures:
            _look(policy, kind, resource, seen)
    for kind, count in sorted(types.items()):
        if kind not in policy.passing and kind not in policy.refused:
            yield Oddity("note", "type-not-decided", kind, f"{count:,} resources are held back: no entry decides it.")
    for name, structure in sorted(policy.structures.items()):
        silent = [key for key in structure.kept if not seen[name, key]]
        if silent and len(silent) == len(structure.kept):
            yield Oddity("note", "never-matched", name, "Nothing in the zone has any element that it keeps.")
        elif silent:
            yield Oddity("note", "never-matched", f"{name}.{', '.join(silent)}", "Nothing in the zone has it.")
    for name, allowed in sorted(policy.extensions.items()):
        for url in allowed:
            if not seen[name, url]:
                yield Oddity("note", "never-matched", f"{name}: extension {url}", "Nothing in the zone has it.")


def _look(policy: Policy, name: str, value: Any, seen: Counter[tuple[str, str]]) -> None:
    kept = policy.structures[name].kept
    for key, item in value.items() if type(value) is dict else ():
        seen[name, key] += 1
        inner = kept[key].kind if key in kept else ""
        for one in item if type(item) is list else [item]:
            if key == "extension" and type(one) is dict:
                seen[name, str(one.get("url"))] += 1
            elif inner in policy.structures:
                _look(policy, inner, one, seen)


def _in_vain(policy: Policy, source: Mapping[str, Any], reached: frozenset[str]) -> Iterator[Oddity]:
    used = {kept.as_ for one in policy.structures.values() for kept in one.kept.values()}
    used |= {"small-zip3"} if "zip3" in used else set()
    for table in ("lists", "treatment"):
        for name in sorted(set(source.get(table, {})) - used):
            yield Oddity("warning", "unused", f"{table} {name}", "No entry names it.")
    for name in sorted(set(policy.structures) - reached):
        yield Oddity("warning", "unreachable", name, "No structure that passes holds it: its entries never apply.")
    for name, allowed in policy.extensions.items():
        for url, one in allowed.items():
            if name not in reached:
                yield Oddity("warning", "unreachable", f"extension {url}", f"It stands on {name}, which does not pass.")
            elif not one.codes and not one.parts:
                yield Oddity("warning", "never-allowed", f"extension {url}", "Without codes or parts it never passes.")
    decided = source.get("structure", {})
    everywhere = {one.strip() for names in decided.get("*", {}).get("remove", {}) for one in names.split(",")}
    for name, decisions in decided.items():
        twice = {one.strip() for names in decisions.get("remove", {}) for one in names.split(",")} & everywhere
        if name != "*" and twice:
            yield Oddity("note", "shadowed", f"{name}.{', '.join(sorted(twice))}", "It is removed everywhere already.")


def _loose(policy: Policy, reached: frozenset[str]) -> Iterator[Oddity]:
    if policy.moments == "keep":
        yield Oddity("warning", "dates-kept", "moments", "Dates and times pass as they are.")
    if policy.largest_integer > _LARGEST_INTEGER or policy.largest_number > _LARGEST_NUMBER:
        yield Oddity(
            "warning",
            "long-numbers",
            "largest_integer, largest_number",
            "Numbers may pass that are as long as identifiers.",
        )
    for name in sorted(reached):
        for key, kept in policy.structures[name].kept.items():
            if kept.as_ == _WORD_FOR_WORD:
                yield Oddity(
                    "warning", "text-kept", f"{name}.{key}", "A text passes word for word, without the detector."
                )
    if policy.reads_text and policy.text == "surrogate" and policy.moments == "keep":
        yield Oddity("note", "dates-in-text", "text", "Dates in texts are moved, dates of elements are not.")


def _is_changed(policy: Policy, kept: Kept) -> bool:
    """True where what passes is not what was there."""
    if kept.as_ == _WORD_FOR_WORD:
        return False
    if kept.as_ or kept.kind in CODED or kept.kind in QUANTITIES:
        return True
    return kept.kind not in MOMENTS | {"Period"} or policy.moments != "keep"


def worst(found: Sequence[Oddity]) -> Level | None:
    """The gravest level among findings; None without any."""
    levels: tuple[Level, ...] = ("error", "warning", "note")
    return next((level for level in levels if any(one.level == level for one in found)), None)
