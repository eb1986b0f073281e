"""What may be said where too few patients share a name: nobody's names, and names put together from shared pieces.

Half of what real notes mention is named so by one patient or two. Such names are never kept. How many there are is
known, though, for each slot, and so many of the names that are written come from elsewhere:

names that nobody lends    of terminologies, as the caller gives them
names put together         words of names walk to words that follow them in names of enough patients
names of other slots       what enough patients are said to have, where this slot asks whether they may have it
names of other corpora     by the same rule

Words that too few share are not kept either. Where enough patients have such a word behind another one, a word of a
public list is written that looks alike: a note that has none tells whoever learns from it that a word never seen names
something.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from careloom.errors import StateError
from careloom.synth.notes_facts import Fact
from careloom.synth.notes_material import JOINT, Material, shape_of

WORDS = "WORD"
"""The label under which the caller gives common words."""
MOST_WORDS = 5
_TRIES = 8
SOURCES = {"joined": 0.45, "public": 0.4, "shared": 0.15}
"""How often each is asked first, where there are all."""


@dataclass(frozen=True, slots=True)
class PublicName:
    """A name that a terminology prints; code: ``system|code``; weight: how often it is drawn."""

    name: str
    code: str
    weight: int = 1


Public = Mapping[str, Sequence[PublicName]]
"""Label of a head -> names."""


def as_lists(names: Public) -> dict[str, dict[str, list[Any]]]:
    """Plain values: label -> names, codes and weights, each in one list."""
    return {
        label: {"names": [one.name for one in its], "codes": [one.code for one in its],
                "weights": [one.weight for one in its]}
        for label, its in sorted(names.items())
    }  # fmt: skip


def can_stand_in(material: Material, corpus: str, label: str) -> bool:
    """Whether there is any name for this label."""
    return bool(
        material.public.get(label, {}).get("names")
        or JOINT in material.joints.get(f"{corpus} {label}", {})
        or any(material.pool[each].get(slot) for each, slot in _alike(material, label))
    )


def stand_in(material: Material, corpus: str, slot: str, draw: np.random.Generator) -> Fact:
    """A fact for a slot that no few patients lent. raises StateError where `can_stand_in` says no"""
    label, _, status = slot.partition(":")
    ways = {"joined": _joined, "public": _public, "shared": _shared}
    order = np.log(np.array([SOURCES[way] for way in ways])) + draw.gumbel(size=len(ways))
    for at in np.argsort(-order):
        found = list(ways.values())[at](material, corpus, label, draw)
        if found is not None:
            name, code = found
            return Fact(label, name, status, code)
    raise StateError(f"there is no name for {slot}", "Ask can_stand_in first.")


def common_words(material: Material) -> dict[str, list[str]]:
    """Shape without case and space -> the common words that have it."""
    found: dict[str, list[str]] = {}
    for word in material.public.get(WORDS, {}).get("names", ()):
        found.setdefault(shape_of(word)[1:], []).append(word)
    return found


def common_word(
    material: Material, words: Mapping[str, Sequence[str]], corpus: str, before: str, draw: np.random.Generator
) -> str:
    """A word for a place where too few patients share one, with the space before it; empty where none is known.

    words   as `common_words`; before: the word that it stands behind, as it is in `Material.words`
    """
    shapes = material.unknowns.get(f"{corpus} {before}") or material.unknowns.get(f"{corpus} ")
    if not shapes:
        return ""
    counts = np.array(list(shapes.values()), float)
    shape = list(shapes)[int(draw.choice(len(counts), p=counts / counts.sum()))]
    space, kind = (" ", shape[1:]) if shape[0] == " " else ("", shape)
    if kind[0] == "9":
        return f"{space}{draw.integers(10 ** (len(kind) - 1), 10 ** len(kind))}"
    found = words.get(kind[1:]) or words.get("", ())
    if not found:
        return ""
    word = found[int(draw.integers(len(found)))]
    return space + (word.capitalize() if kind[0] == "X" else word)


def is_rare(material: Material, corpus: str, slot: str, draw: np.random.Generator) -> bool:
    """By lot, as often as notes name in this slot what too few patients share."""
    rare, every = material.rare.get(corpus, {}).get(slot, (0, 1))
    return bool(draw.random() * every < rare)


def _public(material: Material, _: str, label: str, draw: np.random.Generator) -> tuple[str, str] | None:
    its = material.public.get(label, {})
    if not its.get("names"):
        return None
    bounds = np.cumsum(its["weights"])
    at = int(np.searchsorted(bounds, draw.random() * bounds[-1], side="right"))
    return its["names"][at], its["codes"][at]


def _joined(material: Material, corpus: str, label: str, draw: np.random.Generator) -> tuple[str, str] | None:
    after = material.joints.get(f"{corpus} {label}", {})
    words: list[str] = []
    for _ in range(_TRIES):
        words = []
        now = JOINT
        while len(words) <= MOST_WORDS and (onward := after.get(now)):
            counts = np.array(list(onward.values()), float)
            now = list(onward)[int(draw.choice(len(counts), p=counts / counts.sum()))]
            if now == JOINT:
                return (" ".join(words), "") if words else None
            words.append(now)
    return (" ".join(words[:MOST_WORDS]), "") if words else None


def _shared(material: Material, corpus: str, label: str, draw: np.random.Generator) -> tuple[str, str] | None:
    places = sorted(_alike(material, label), key=lambda one: one[0] != corpus)
    own = [one for one in places if one[0] == corpus]
    found = [
        (max(names, key=names.__getitem__), concept if "|" in concept else "", count)
        for each, slot in (own or places)
        for concept, count in material.pool[each][slot].items()
        if (names := material.forms.get(each, {}).get(f"{label}|{concept}", {}))
    ]
    if not found:
        return None
    odds = np.sqrt(np.array([count for *_, count in found], float))
    name, code, _ = found[int(draw.choice(len(found), p=odds / odds.sum()))]
    return name, code


def _alike(material: Material, label: str) -> list[tuple[str, str]]:
    return [
        (corpus, slot)
        for corpus, slots in material.pool.items()
        for slot, concepts in slots.items()
        if concepts and slot.split(":")[0] == label
    ]
