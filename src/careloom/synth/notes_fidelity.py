"""How near synthetic notes are to real ones, and how much of real ones they repeat: each number beside real notes.

Words are runs of letters and digits without case. What reads notes comes from the caller.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from careloom.synth.notes_facts import HEADS, Fact, SourceNote, facts_of
from careloom.synth.notes_material import is_identifier
from careloom.synth.notes_slots import slot_of, words_in
from careloom.synth.notes_verbatim import Longest

_GRAM = 4
_NEAR = 0.005


@dataclass(frozen=True, slots=True)
class TextReport:
    """One set of notes against training notes.

    notes, words       how many
    longest_run        words of the longest run that one training note has
    median_run         the same of the middle note
    known_grams        share of distinct runs of four words that training notes have
    distinct_grams     distinct runs of four words among all
    entity_distance    Jensen-Shannon distance (root, base 2, 0 to 1) of labels and statuses to the training notes
    name_distance      the same of label, status and concept
    perplexity         of a word, under a model of three words learnt from training notes
    """

    notes: int
    words: int
    longest_run: int
    median_run: int
    known_grams: float
    distinct_grams: float
    entity_distance: float
    name_distance: float
    perplexity: float

    def as_json(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class TextJudge:
    """What training notes look like, learnt once."""

    longest: Longest
    grams: frozenset[tuple[str, ...]]
    slots: Counter[str]
    names: Counter[str]
    model: "WordModel"

    @staticmethod
    def of(notes: Sequence[SourceNote]) -> "TextJudge":
        """Of the training notes."""
        texts = [note.text for note in notes]
        grams = frozenset(gram for text in texts for gram in _grams(text))
        return TextJudge(Longest(texts), grams, slots_of(notes), names_of(notes), WordModel(texts))

    def judge(self, notes: Sequence[SourceNote]) -> TextReport:
        """Of other notes, read by the same reader."""
        texts = [note.text for note in notes]
        runs = sorted(len(self.longest.run(text)) for text in texts)
        every = [gram for text in texts for gram in _grams(text)]
        grams = set(every)
        return TextReport(
            len(notes), sum(len(words_in(text)) for text in texts), runs[-1], runs[len(runs) // 2],
            len(grams & self.grams) / max(1, len(grams)), len(grams) / max(1, len(every)),
            distance(self.slots, slots_of(notes)), distance(self.names, names_of(notes)), self.model.perplexity(texts),
        )  # fmt: skip


def _grams(text: str) -> list[tuple[str, ...]]:
    words = words_in(text)
    return list(zip(*(words[at:] for at in range(_GRAM)), strict=False))


def slots_of(notes: Iterable[SourceNote]) -> Counter[str]:
    """Mentions by label and status; identifiers are none."""
    return Counter(slot_of(one) for note in notes for one in note.mentions if not is_identifier(slot_of(one)))


def names_of(notes: Iterable[SourceNote]) -> Counter[str]:
    """Heads by label, status and concept."""
    return Counter(f"{slot_of(one)} {fact.concept}" for note in notes for one, fact in facts_of(note))


def distance(one: Counter[str], other: Counter[str]) -> float:
    """Root of the Jensen-Shannon divergence in bits, 0 (the same) to 1 (nothing shared)."""
    totals = max(1, one.total()), max(1, other.total())
    sum_ = 0.0
    for key in one.keys() | other.keys():
        p, q = one[key] / totals[0], other[key] / totals[1]
        middle = (p + q) / 2
        sum_ += sum(x * math.log2(x / middle) for x in (p, q) if x > 0) / 2
    return math.sqrt(max(0.0, sum_))


class WordModel:
    """Odds of a word by the two before it, interpolated as Witten and Bell (1991); independent of every generator."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._counts: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(3)]
        self._before: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(3)]
        self._kinds: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(3)]
        for text in texts:
            words = ["", "", *words_in(text)]
            for at in range(2, len(words)):
                for order in range(3):
                    gram = tuple(words[at - order : at + 1])
                    self._kinds[order][gram[:-1]] += gram not in self._counts[order]
                    self._counts[order][gram] += 1
                    self._before[order][gram[:-1]] += 1
        self._size = len(self._counts[0]) + 1

    def odds(self, words: Sequence[str]) -> float:
        """Of the last of three words."""
        found = 1 / self._size
        for order in range(3):
            gram = tuple(words[2 - order :])
            total, kinds = self._before[order][gram[:-1]], self._kinds[order][gram[:-1]]
            if total:
                found = (self._counts[order][gram] + kinds * found) / (total + kinds)
        return found

    def perplexity(self, texts: Iterable[str]) -> float:
        """Of a word; 1 is certainty."""
        cost, count = 0.0, 0
        for text in texts:
            words = ["", "", *words_in(text)]
            cost -= sum(math.log(self.odds(words[at - 2 : at + 1])) for at in range(2, len(words)))
            count += len(words) - 2
        return math.exp(cost / max(1, count))


@dataclass(frozen=True, slots=True)
class Agreement:
    """A note against its record, as an independent reader reads the note.

    told        facts of the record that the reader finds in the note, of all
    true        what the reader finds in the note that the record says, of all
    statuses    of facts found: those with the status of the record
    parts       doses, routes, frequencies, values and units of facts found: those that the note has so
    """

    told: float
    true: float
    statuses: float
    parts: float
    facts: int
    found: int

    @property
    def f1(self) -> float:
        """Harmonic mean of `told` and `true`."""
        return 2 * self.told * self.true / (self.told + self.true) if self.told + self.true else 0.0


@dataclass(slots=True)
class _Sums:
    told: int = 0
    facts: int = 0
    true: int = 0
    found: int = 0
    statuses: int = 0
    parts: int = 0
    all_parts: int = 0


def agreement(
    pairs: Iterable[tuple[Sequence[Fact], SourceNote]],
    labels: Sequence[str] = HEADS,
    names: Callable[[Fact], Iterable[str]] = lambda fact: (),
) -> Agreement:
    """Records against notes that were read.

    pairs   the facts that a note was written from, and the note with the mentions that the reader found
    labels  those that are compared
    names   what else a fact is called
    """
    sums = _Sums()
    for facts, note in pairs:
        read = [fact for _, fact in facts_of(note) if fact.label in labels]
        asked = [
            (fact, [words_in(name) for name in (fact.name, *names(fact))]) for fact in facts if fact.label in labels
        ]
        for fact, called in asked:
            same = [one for one in read if _is_same(one, fact, called)]
            sums.facts += 1
            sums.told += bool(same)
            sums.statuses += any(one.status == fact.status for one in same)
            if same:
                sums.parts += max(_parts(one, fact) for one in same)
                sums.all_parts += len(fact.parts)
        sums.found += len(read)
        sums.true += sum(any(_is_same(one, fact, called) for fact, called in asked) for one in read)
    return Agreement(
        sums.told / max(1, sums.facts), sums.true / max(1, sums.found), sums.statuses / max(1, sums.told),
        sums.parts / max(1, sums.all_parts), sums.facts, sums.found,
    )  # fmt: skip


def _is_same(read: Fact, fact: Fact, called: Sequence[Sequence[str]]) -> bool:
    """One code, or names of which one holds the words of the other."""
    if read.code and read.code == fact.code:
        return True
    one = set(words_in(read.name))
    return bool(one) and any(words and (one <= set(words) or set(words) <= one) for words in called)


def _parts(read: Fact, fact: Fact) -> int:
    return sum(words_in(read.parts.get(part, "")) == words_in(said) for part, said in fact.parts.items())
