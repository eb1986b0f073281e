"""How well sections and assertions are read: rows of gold and of what was found in, numbers out."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from careloom.nlp.assertion import Reader
from careloom.text.note import Section, Span


@dataclass(frozen=True, slots=True)
class Tally:
    """Right, found in vain, and missed."""

    right: int = 0
    vain: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 0 where nothing was found."""
        return self.right / max(1, self.right + self.vain)

    @property
    def recall(self) -> float:
        """Share of the gold that was found; 0 where there is none."""
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where nothing is right."""
        return 2 * self.right / max(1, 2 * self.right + self.vain + self.missed)


def accuracy(gold: Sequence[str], found: Sequence[str]) -> float:
    """Share of the rows whose label was found; 0 for no rows."""
    return sum(one == other for one, other in zip(gold, found, strict=True)) / max(1, len(gold))


def tallies(gold: Sequence[str], found: Sequence[str]) -> Mapping[str, Tally]:
    """Label -> its tally, of each label that stands in the gold or was found."""
    right = Counter(one for one, other in zip(gold, found, strict=True) if one == other)
    wanted, made = Counter(gold), Counter(found)
    return {
        label: Tally(right[label], made[label] - right[label], wanted[label] - right[label])
        for label in sorted(wanted | made)
    }


def macro_f1(gold: Sequence[str], found: Sequence[str]) -> float:
    """Mean F1 of the labels that stand in the gold; 0 where none does."""
    made = tallies(gold, found)
    labels = sorted(set(gold))
    return sum(made[label].f1 for label in labels) / max(1, len(labels))


def section_kinds(gold: Iterable[tuple[Span, str]], found: Sequence[Section]) -> list[str]:
    """For each gold section the kind that most of its characters got; empty where they got none.

    gold  span with its title, kind
    """
    kinds = []
    for span, _ in gold:
        held: Counter[str] = Counter()
        for one in found:
            held[one.kind] += max(0, min(span.end, one.body.end) - max(span.start, one.title.start))
        kind, most = max(held.items(), key=lambda item: item[1], default=("", 0))
        kinds.append(kind if most > 0 else "")
    return kinds


def phrase_in(sentence: str, phrase: str) -> Span:
    """Where a phrase of the NegEx kit stands in its sentence: in capitals there, or with other white space.

    The whole sentence where it does not: some phrases of the kit reach over the sentence.
    """
    at = sentence.find(phrase.upper())
    if at >= 0:
        return Span(at, at + len(phrase))
    words = re.search(r"\s+".join(re.escape(word) for word in phrase.split()), sentence, re.IGNORECASE)
    return Span(*words.span()) if words is not None else Span(0, len(sentence))


def kit_tallies(rows: Sequence[Mapping[str, str]], reader: Reader | None = None) -> Mapping[str, Tally]:
    """Tallies of ``negated`` and ``historical`` on rows of the NegEx kit, the phrase given.

    rows  with ``sentence``, ``phrase``, ``negation`` and ``temporality`` as in the kit
    """
    asked = reader if reader is not None else Reader()
    made: dict[str, list[tuple[bool, bool]]] = {"negated": [], "historical": []}
    for row in rows:
        sentence = row["sentence"]
        span = phrase_in(sentence, row["phrase"])
        (one,) = asked.assertions(sentence, Span(0, len(sentence)), [(span, "PROBLEM")])
        made["negated"].append((row["negation"] == "Negated", one.presence == "absent"))
        made["historical"].append((row["temporality"] == "Historical", one.temporality == "historical"))
    return {name: tally_of(pairs) for name, pairs in made.items()}


def tally_of(pairs: Iterable[tuple[bool, bool]]) -> Tally:
    """The tally of one yes-or-no question: gold and found of each row."""
    held = Counter(pairs)
    return Tally(held[True, True], held[False, True], held[True, False])
