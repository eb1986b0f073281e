"""Words that say something about what stands near them, found in a sentence: ConText's triggers, read from a table.

source  Harkema et al., ConText: an algorithm for determining negation, experiencer, and temporal status from clinical
        reports, J Biomed Inform 2009; the table names the sources of its words
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from careloom.runtime import packaged

PRESENCE = frozenset({"absent", "possible", "conditional", "hypothetical"})
TEMPORALITY = frozenset({"historical", "future"})
EXPERIENCER = frozenset({"family", "other"})
_DIMENSION = {
    **dict.fromkeys(PRESENCE, "presence"),
    **dict.fromkeys(TEMPORALITY, "temporality"),
    **dict.fromkeys(EXPERIENCER, "experiencer"),
    "nothing": "nothing",
    "end": "end",
}
_WORD = re.compile(r"[^\W\d_]/[^\W\d_](?![^\W_])|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*|[^\w\s]|_")
_YEAR = re.compile(r"(?:19|20)\d\d")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_FAR = 1 << 20


@dataclass(frozen=True, slots=True)
class Effect:
    """What words do: as in the table.

    reach  in words and marks; a number beyond every sentence where it has no bound
    ends   kinds of triggers whose reach the words end; of a pseudo-trigger the dimensions in which it hides triggers
    labels  annotations that it speaks of; of all where empty
    when, unless  notes that it is there in only, or not there in
    """

    says: str
    where: str
    reach: int
    sure: str
    ends: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    when: str = ""
    unless: str = ""

    def holds(self, about: Collection[str]) -> bool:
        """True in notes about such a patient."""
        return (not self.when or self.when in about) and self.unless not in about


@dataclass(frozen=True, slots=True)
class Hit:
    """A trigger in a sentence: it covers the words from `first` up to, not including, `last`."""

    first: int
    last: int
    effect: Effect


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text with their places: lower case, straight apostrophes."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def words_of(text: str, start: int = 0, end: int | None = None) -> Words:
    """The words and marks between two offsets of `text`."""
    words, starts, ends = [], [], []
    for found in _WORD.finditer(text, start, len(text) if end is None else end):
        words.append(found[0].lower().replace("’", "'"))
        starts.append(found.start())
        ends.append(found.end())
    return Words(tuple(words), tuple(starts), tuple(ends))


@dataclass(slots=True)
class _Node:
    """A place in the tree of triggers: what may follow, and what ends here."""

    then: dict[str, "_Node"] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)


class Triggers:
    """A table of triggers, ready to be looked for.

    sections  kind of a section -> what holds in it, as the table writes it
    lasting   conditions, as words, that a list of known conditions may name without more
    about     whose note is read, words as `when` and `unless` of the table have them; empty for any patient's
    raises    ValueError where the table does not keep to its grammar
    """

    def __init__(self, table: Mapping[str, Any], about: Collection[str] = ()) -> None:
        self._root, self._about = _Node(), frozenset(about)
        for group in table["set"]:
            says = group["says"]
            effect = Effect(
                says,
                group.get("where", ""),
                group.get("reach", _FAR),
                group.get("sure", ""),
                frozenset(group.get("ends", group.get("hides", ()))),
                frozenset(group.get("labels", ())),
                group.get("when", ""),
                group.get("unless", ""),
            )
            if says not in _DIMENSION or (says in PRESENCE | TEMPORALITY | EXPERIENCER) != bool(effect.where):
                raise ValueError(f"a trigger cannot say {says} there")
            for pattern in group["words"]:
                for words in _spelled(pattern):
                    self._add(words, effect)
        self.sections: Mapping[str, Mapping[str, Any]] = MappingProxyType(table["sections"])
        self.lasting = frozenset(words for pattern in table["lasting"] for words in _spelled(pattern))

    def of(self, about: Collection[str]) -> "Triggers":
        """The same table for notes about such a patient."""
        made = copy(self)
        made._about = frozenset(about)
        return made

    def _add(self, words: Sequence[str], effect: Effect) -> None:
        if not words:
            raise ValueError("a trigger has words")
        node = self._root
        for word in words:
            node = node.then.setdefault(word, _Node())
        if effect not in node.effects:
            node.effects.append(effect)

    def hits(self, words: Sequence[str]) -> list[Hit]:
        """What stands in a sentence, by place: the longest of each dimension, nothing that a pseudo-trigger hides."""
        found: list[Hit] = []
        words = [*words, "."]  # what a trigger asks for after itself, the end of a sentence is, too
        for first, word in enumerate(words):
            if word in self._root.then or word[0].isdigit():
                found += self._from(words, first)
        found.sort(key=_weight)
        taken: dict[tuple[str, str], set[int]] = {}
        exact: set[tuple[str, int, int]] = set()
        kept: list[Hit] = []
        for hit in found:
            dimension, where = _DIMENSION[hit.effect.says], hit.effect.where
            places = range(hit.first, hit.last)
            is_same = (dimension, hit.first, hit.last) in exact  # one phrase may have several effects
            if dimension != "end" and not is_same and _is_hidden(places, taken, dimension, where):
                continue
            kept.append(hit)
            exact.add((dimension, hit.first, hit.last))
            for one in hit.effect.ends if hit.effect.says == "nothing" else (dimension,):
                taken.setdefault((one, where), set()).update(places)
        return sorted((hit for hit in kept if hit.effect.says != "nothing"), key=lambda hit: hit.first)

    def _from(self, words: Sequence[str], first: int) -> Iterator[Hit]:
        nodes = [self._root]
        for last in range(first, len(words)):
            nodes = [after for node in nodes for key in _keys(words[last]) if (after := node.then.get(key)) is not None]
            if not nodes:
                return
            for node in nodes:
                for effect in node.effects:
                    if effect.holds(self._about):
                        yield Hit(first, last + 1, effect)


def _weight(hit: Hit) -> tuple[int, int]:
    """The longest first; a pseudo-trigger before what begins two words earlier, as in ``there was no change``."""
    return hit.first - hit.last - (2 if hit.effect.says == "nothing" else 0), hit.first


def _is_hidden(places: range, taken: Mapping[tuple[str, str], set[int]], dimension: str, where: str) -> bool:
    """True where a longer trigger shares a word with one: of the same side any, of the other side all its words."""
    for (other, side), held in taken.items():
        if other == dimension and not held.isdisjoint(places) and (side in ("", where) or held.issuperset(places)):
            return True
    return False


def _keys(word: str) -> tuple[str, ...]:
    if not word[0].isdigit():
        return (word,)
    return (word, "#", "####") if _YEAR.fullmatch(word) else (word, "#")


def _spelled(pattern: str) -> Iterator[tuple[str, ...]]:
    """Every spelling of a pattern, as words; ``#`` and ``####`` stay one word."""
    choice = _CHOICE.search(pattern)
    if choice is not None:
        for option in choice[1].split("|"):
            yield from _spelled(pattern[: choice.start()] + option + pattern[choice.end() :])
        return
    words: list[str] = []
    for part in pattern.split():
        words += [part] if part in ("#", "####") or (part.isalpha() and part.islower()) else words_of(part).words
    yield tuple(words)


@cache
def packaged_triggers(about: frozenset[str] = frozenset()) -> Triggers:
    """The triggers of the package for notes about such a patient: of [subjects] and [sexes] what holds."""
    return Triggers(_table()) if not about else packaged_triggers().of(about)


@cache
def packaged_subjects() -> Mapping[str, re.Pattern[str]]:
    """Kind of a patient, ``mother`` or ``newborn`` -> words of notes about one, as the table lists them."""
    return {kind: re.compile(written, re.IGNORECASE) for kind, written in _table()["subjects"].items()}


@cache
def packaged_sexes() -> Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    """``male`` and ``female`` -> nouns and pronouns of notes about one, as the table lists them."""
    return {
        sex: (re.compile(written["noun"], re.IGNORECASE), re.compile(written["pronoun"], re.IGNORECASE))
        for sex, written in _table()["sexes"].items()
    }


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", "assertion.toml").decode())
