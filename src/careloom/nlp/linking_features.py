"""How a mention and a name are alike, as numbers for the scorer.

`FEATURES` names them in order; each is between -1 and about 6, and 0 where it says nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from careloom.nlp.linking_table import NameTable
from careloom.nlp.linking_text import alike, word_list

FEATURES = (
    "cosine", "cosine_gap", "place", "is_short", "names_found", "is_expanded", "is_listed", "is_reduced",
    "preferred", "synonym", "loose", "mention_of_corpus", "times_by_name", "times", "share_of_form",
    "has_snomed", "has_icd10cm", "has_mondo", "has_mesh", "has_doid",
    "same_form", "same_words", "ratio", "sorted_ratio", "set_ratio", "mention_covered", "name_covered",
    "mention_covered_softly", "name_covered_softly", "head_same", "head_alike", "first_same",
    "number_differs", "number_added", "number_missed", "words_added", "words_missed", "one_word",
    "added_are_light", "missed_are_light", "added_rarity", "missed_rarity",
)  # fmt: skip
Rows = npt.NDArray[np.float32]
_PREFIX = 5
"""Letters at the beginning that make two words alike: hypertens-ive, hypertens-ion."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name that may be meant, and how it was found.

    number   of the name in its table
    cosine   likeness of the runs of letters
    variant  the form of the mention that found it: index into `Query.forms`
    """

    number: int
    cosine: float
    variant: int


@dataclass(frozen=True, slots=True)
class Query:
    """A mention in the canonical forms it is looked for in.

    forms     the mention itself first
    variants  for each form where it comes from: ``mention``, ``expanded``, ``listed``, ``reduced``
    is_short  it looks like an abbreviation
    plain     its words of everyday English that are names in capitals only, and are not in capitals
    """

    forms: tuple[str, ...]
    variants: tuple[str, ...]
    is_short: bool
    plain: frozenset[str] = frozenset()


@lru_cache(maxsize=65536)
def _are_alike(one: str, other: str) -> bool:
    if one[:_PREFIX] == other[:_PREFIX] and min(len(one), len(other)) > _PREFIX:
        return True
    shared = alike().get(one)
    return shared is not None and not shared.isdisjoint(alike().get(other, ()))


def _unlike(words: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """The words that are alike none of the others."""
    return frozenset(word for word in words if not any(_are_alike(word, other) for other in others))


@lru_cache(maxsize=16384)
def _split(form: str) -> tuple[tuple[str, ...], frozenset[str], frozenset[str], str]:
    """Words with weight, the same as a set, numbers, and the head of a canonical form."""
    noise = word_list("noise")
    every = form.split(" ")
    kept = tuple(word for word in every if word not in noise) or tuple(every)
    before = every[: every.index("of")] if "of" in every[1:] else every
    inner = [word for word in before if word not in noise]
    return kept, frozenset(kept), frozenset(word for word in kept if word.isdigit()), inner[-1] if inner else kept[-1]


class Measurer:
    """Measures names of one table against mentions."""

    def __init__(self, table: NameTable) -> None:
        self._table = table
        self._total = math.log(len(table.names) + 1)
        self._rarities: dict[str, float] = {}
        self._light = word_list("noise") | word_list("generic") | word_list("modifiers")

    def _rarity(self, word: str) -> float:
        """Between 0 (in every name) and 1 (in none)."""
        known = self._rarities.get(word)
        if known is None:
            known = self._rarities[word] = 1 - math.log(self._table.words.get(word, 0) + 1) / self._total
        return known

    def _weight(self, words: Iterable[str]) -> float:
        return sum([self._rarity(word) for word in words])

    def rows(self, query: Query, candidates: Sequence[Candidate]) -> Rows:
        """[candidates, FEATURES]."""
        table = self._table
        best = max((each.cosine for each in candidates), default=0.0)
        found = Counter(table.meaning[each.number] for each in candidates)
        by_form = [sum(table.times[number] for number in table.exact(form)) for form in query.forms]
        rows = []
        for place, each in enumerate(candidates):
            form, name = query.forms[each.variant], table.names[each.number]
            variant = query.variants[each.variant]
            rows.append(
                (
                    each.cosine,
                    best - each.cosine,
                    1 / (1 + place),
                    query.is_short,
                    math.log(found[table.meaning[each.number]]),
                    variant == "expanded",
                    variant == "listed",
                    variant == "reduced",
                    *self._owner(each.number, by_form[each.variant] if form == name else 0),
                    *self._texts(form, name),
                )
            )
        return np.array(rows, dtype=np.float32).reshape(len(candidates), len(FEATURES))

    def _owner(self, number: int, of_form: int) -> tuple[float, ...]:
        """What is known of a name and its meaning, whatever the mention looks like."""
        table, meaning = self._table, self._table.meaning[number]
        codes, kind, times = " " + table.codes_of(meaning), table.kinds[number], table.times[number]
        return (
            kind == 0,
            kind == 1,
            kind == 2,
            kind == 3,
            math.log1p(times) if of_form else 0.0,
            math.log1p(table.mentioned[meaning]),
            times / of_form if of_form else 0.0,
            " S" in codes,
            " I" in codes,
            " M" in codes,
            " H" in codes,
            " D" in codes,
        )

    def _texts(self, form: str, name: str) -> tuple[float, ...]:
        """How the words of the mention and of the name are alike."""
        words, bag, numbers, head = _split(form)
        others, other_bag, other_numbers, other_head = _split(name)
        missed, added = bag - other_bag, other_bag - bag
        near_missed, near_added = missed, added
        if missed and added:
            near_missed = _unlike(missed, added)
            near_added = _unlike(added, missed)
        weight, other_weight = self._weight(bag) or 1.0, self._weight(other_bag) or 1.0
        return (
            form == name,
            not missed and not added,
            fuzz.ratio(form, name) / 100,
            fuzz.token_sort_ratio(form, name) / 100,
            fuzz.token_set_ratio(form, name) / 100,
            1 - self._weight(missed) / weight,
            1 - self._weight(added) / other_weight,
            1 - self._weight(near_missed) / weight,
            1 - self._weight(near_added) / other_weight,
            head == other_head,
            head == other_head or _are_alike(head, other_head),
            words[0] == others[0],
            bool(numbers) and bool(other_numbers) and numbers != other_numbers,
            bool(other_numbers) and not numbers,
            bool(numbers) and not other_numbers,
            min(len(added), 5) / 2,
            min(len(missed), 5) / 2,
            len(words) == 1,
            bool(added) and added <= self._light,
            bool(missed) and missed <= self._light,
            max([self._rarity(word) for word in added], default=0.0),
            max([self._rarity(word) for word in missed], default=0.0),
        )
