"""What is kept of training notes beside the language model: only what enough patients share.

words       pieces that the language model may write
forms       style -> label and concept -> what it is called there
pool        corpus -> slot -> concept: what may be said where the record is silent
parts       corpus -> label and concept -> part -> what was said of it: words, or shapes of numbers with their values
free        style -> slot without a fact -> words: dates as formats, ages as ``{age}``
chain       style and kind -> section -> the section after it
homes       style and slot -> the sections that have it
again       corpus and slot -> [mentions of what the note had said before, all mentions]
shares      corpus -> slot: mentions in all notes
rare        corpus and slot -> [mentions whose name or concept too few patients share, all mentions]
joints      corpus with label -> word of a name -> the word after it in names of enough patients; JOINT begins and ends
usual       corpus and label -> part -> words that were said of any of this label
paces       corpus -> [pieces of text, slots] in all notes
public      label -> names that no patient lent, with codes and weights (`notes_public`)
unknowns    corpus and word -> shape of words that too few patients share and that stood behind it (`shape_of`)
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from careloom.errors import FormatError
from careloom.synth.notes_dates import format_of
from careloom.synth.notes_facts import HEADS, PARTS, Fact, SourceNote, facts_of
from careloom.synth.notes_slots import Block, slot_of

ENOUGH = 3
"""Patients that have to share a word, a name, a form or a sequence of sections."""
ENOUGH_VALUES = 5
"""Patients whose values make a distribution."""
START, STOP = "(start)", "(stop)"
JOINT = ""
FREE = ("DURATION", "DATE_TIME", "AGE", "FREQUENCY", "FORM")
"""Slots that need no fact."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")
Counts = dict[str, int]
Nested = dict[str, dict[str, Counts]]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """As the head of the file says."""

    words: tuple[str, ...]
    slots: tuple[str, ...]
    styles: dict[str, Counts]
    forms: Nested
    pool: Nested
    parts: dict[str, dict[str, dict[str, Any]]]
    free: Nested
    chain: Nested
    homes: Nested
    again: dict[str, dict[str, list[int]]]
    shares: dict[str, Counts] = field(default_factory=dict)
    rare: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    joints: Nested = field(default_factory=dict)
    usual: dict[str, Nested] = field(default_factory=dict)
    public: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    unknowns: dict[str, Counts] = field(default_factory=dict)
    paces: dict[str, list[int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Material":
        """The inverse of `as_json`. raises FormatError"""
        try:
            return Material(**{**told, "words": tuple(told["words"]), "slots": tuple(told["slots"])})
        except (TypeError, KeyError):
            raise FormatError("this is no material of a note generator", "Fit the generator anew.") from None


class _Shared:
    """Counts that remember the patients: what fewer than enough have is left out."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._patients: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self._count: Counter[tuple[str, ...]] = Counter()

    def add(self, patient: str, *key: str) -> None:
        """One more, of a patient."""
        self._patients[key].add(patient)
        self._count[key] += 1

    def nested(self) -> Nested:
        """Keys of three."""
        found: Nested = {}
        for (first, second, third), count in sorted(self._count.items()):
            if len(self._patients[first, second, third]) >= self._enough:
                found.setdefault(first, {}).setdefault(second, {})[third] = count
        return found

    def kept(self) -> list[tuple[str, ...]]:
        """Keys that enough have."""
        return sorted(key for key, who in self._patients.items() if len(who) >= self._enough)


def gather(
    notes: Sequence[SourceNote], of: Sequence[Sequence[Block]], enough: int = ENOUGH,
    public: Mapping[str, Mapping[str, list[Any]]] | None = None,
) -> Material:  # fmt: skip
    """What enough patients share in notes, given with their blocks; `public`: as `Material.public`."""
    words, styles, pool = _Shared(enough), _Shared(enough), _Shared(enough)
    free, chain, homes = _Shared(enough), _Shared(enough), _Shared(enough)
    again: dict[str, dict[str, list[int]]] = {}
    slots: set[str] = set()
    for note, its in zip(notes, of, strict=True):
        styles.add(note.patient, note.style, "kinds", note.kind)
        places = [START, *(block.place for block in its), STOP]
        for last, following in pairwise(places):
            chain.add(note.patient, f"{note.style} {note.kind}", last, following)
        for block in its:
            for piece in block.pieces:
                if isinstance(piece, str):
                    words.add(note.patient, piece)
            for slot, mention in block.slots:
                slots.add(slot)
                homes.add(note.patient, note.style, slot, block.section)
                if slot in FREE:
                    free.add(note.patient, note.style, slot, _pattern(slot, note.said(mention)))
        _facts(note, pool, again)
    forms = _forms(notes, enough)
    named = _named(pool.nested(), forms)
    return Material(
        tuple(key[0] for key in words.kept()), tuple(sorted(slots)),
        {style: each["kinds"] for style, each in styles.nested().items()},
        forms, named, _parts(notes, enough), free.nested(), chain.nested(), homes.nested(),
        again, _shares(notes, enough), _rare(notes, named, forms), _joints(notes, enough), _usual(notes, enough),
        {label: dict(its) for label, its in (public or {}).items()},
        _unknowns(notes, of, enough, {key[0] for key in words.kept()}), _paces(notes, of),
    )  # fmt: skip


def _shares(notes: Sequence[SourceNote], enough: int) -> dict[str, Counts]:
    found = _Shared(enough)
    for note in notes:
        for mention in note.mentions:
            if not is_identifier(slot_of(mention)):
                found.add(note.patient, note.corpus, "slots", slot_of(mention))
    return {corpus: each["slots"] for corpus, each in found.nested().items()}


def _rare(notes: Sequence[SourceNote], named: Nested, forms: Nested) -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = {}
    for note in notes:
        counts = found.setdefault(note.corpus, {})
        for mention, fact in facts_of(note):
            slot, names = slot_of(mention), forms.get(note.corpus, {}).get(known(fact), {})
            is_kept = fact.concept in named.get(note.corpus, {}).get(slot, {}) and fact.name in names
            count = counts.setdefault(slot, [0, 0])
            count[0] += not is_kept
            count[1] += 1
    return found


def _joints(notes: Sequence[SourceNote], enough: int) -> Nested:
    found = _Shared(enough)
    for note in notes:
        for _, fact in facts_of(note):
            words = [word.lower() if word[1:].islower() else word for word in fact.name.split()]
            for word, after in pairwise([JOINT, *words, JOINT]):
                found.add(note.patient, f"{note.corpus} {fact.label}", word, after)
    return found.nested()


def _paces(notes: Sequence[SourceNote], of: Sequence[Sequence[Block]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for note, its in zip(notes, of, strict=True):
        counts = found.setdefault(note.corpus, [0, 0])
        for block in its:
            counts[0] += len(block.pieces) - len(block.slots)
            counts[1] += len(block.slots)
    return found


_ENDINGS = ("ing", "ed", "ly", "tion", "ity", "al", "ous", "er", "es", "s")


def shape_of(piece: str) -> str:
    """The form of a word without its letters: a space before it, its digits, or its case and a common ending."""
    word = piece.strip(" ")
    space = " " if piece[:1] == " " else ""
    if word.isdigit():
        return f"{space}{'9' * len(word)}"
    case = "X" if word[:1].isupper() else "x"
    low = word.lower()
    return f"{space}{case}{next((end for end in _ENDINGS if low.endswith(end) and len(low) > len(end) + 1), '')}"


def _unknowns(
    notes: Sequence[SourceNote], of: Sequence[Sequence[Block]], enough: int, kept: set[str]
) -> dict[str, Counts]:
    """By corpus and the word before; by corpus alone under a word that is empty."""
    found = _Shared(enough)
    for note, its in zip(notes, of, strict=True):
        for block in its:
            for last, piece in pairwise(["", *block.pieces]):
                if isinstance(piece, str) and piece not in kept and piece.strip(" ").isalnum():
                    before = last if isinstance(last, str) and last in kept else ""
                    for key in {"", before}:
                        found.add(note.patient, note.corpus, key, shape_of(piece))
    return {f"{corpus} {last}": counts for corpus, each in found.nested().items() for last, counts in each.items()}


def _usual(notes: Sequence[SourceNote], enough: int) -> dict[str, Nested]:
    """Of tests no numbers: what is usual for one is wrong for another."""
    found = _Shared(enough)
    for note in notes:
        for _, fact in facts_of(note):
            for part, said in fact.parts.items():
                if fact.label != "TEST" or (not NUMBER.search(said) and part == "TEST_VALUE"):
                    found.add(note.patient, f"{note.corpus} {fact.label}", part, said)
    usual: dict[str, Nested] = {}
    for joined, parts in found.nested().items():
        corpus, _, label = joined.partition(" ")
        usual.setdefault(corpus, {})[label] = parts
    return usual


def _named(pool: Nested, forms: Nested) -> Nested:
    """The pool without what has no name that enough patients share."""
    found: Nested = {}
    for corpus, slots in pool.items():
        names = forms.get(corpus, {})
        for slot, concepts in slots.items():
            kept = {one: count for one, count in concepts.items() if f"{slot.split(':')[0]}|{one}" in names}
            found.setdefault(corpus, {})[slot] = kept
    return found


def _pattern(slot: str, words: str) -> str:
    if slot == "DATE_TIME":
        return format_of(words)
    return re.sub(r"\d+", "{age}", words, count=1) if slot == "AGE" else words


def _facts(note: SourceNote, pool: _Shared, again: dict[str, dict[str, list[int]]]) -> None:
    said: set[str] = set()
    counts = again.setdefault(note.corpus, {})
    for mention, fact in facts_of(note):
        pool.add(note.patient, note.corpus, slot_of(mention), fact.concept)
        count = counts.setdefault(slot_of(mention), [0, 0])
        count[0] += fact.concept in said
        count[1] += 1
        said.add(fact.concept)


def _forms(notes: Sequence[SourceNote], enough: int) -> Nested:
    """Names that enough patients of a corpus have, counted by style."""
    by_corpus, by_style = _Shared(enough), _Shared(1)
    for note in notes:
        for mention, fact in facts_of(note):
            key = f"{mention.label}|{fact.concept}"
            by_corpus.add(note.patient, note.corpus, key, fact.name)
            by_style.add(note.patient, note.style, key, fact.name)
    kept = by_corpus.nested()
    found = dict(kept)
    for style, each in by_style.nested().items():
        shared = kept.get(style.split(".")[0], {})
        for key, names in each.items():
            left = {name: count for name, count in names.items() if name in shared.get(key, {})}
            if left:
                found.setdefault(style, {})[key] = left
    return found


def _parts(notes: Sequence[SourceNote], enough: int) -> dict[str, dict[str, dict[str, Any]]]:
    words = _Shared(enough)
    values: dict[tuple[str, str, str, str], dict[str, list[float]]] = defaultdict(dict)
    for note in notes:
        for mention, fact in facts_of(note):
            key = f"{mention.label}|{fact.concept}"
            for part in PARTS:
                said = fact.parts.get(part, "")
                if part == "TEST_VALUE" and NUMBER.search(said):
                    numbers = [float(one) for one in NUMBER.findall(said)]
                    values[note.corpus, key, part, NUMBER.sub(_hole, said)][note.patient] = numbers
                elif said:
                    words.add(note.patient, f"{note.corpus}\0{key}", part, said)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for joined, each in words.nested().items():
        corpus, _, key = joined.partition("\0")
        found.setdefault(corpus, {})[key] = {part: {"words": said} for part, said in each.items()}
    for (corpus, key, part, shape), by_patient in sorted(values.items()):
        if len(by_patient) >= ENOUGH_VALUES:
            place = found.setdefault(corpus, {}).setdefault(key, {}).setdefault(part, {})
            columns = zip(*by_patient.values(), strict=True)
            place.setdefault("shapes", {})[shape] = [sorted(column) for column in columns]
    return found


def _hole(match: re.Match[str]) -> str:
    _, _, decimals = match.group().partition(".")
    return f"{{:.{len(decimals)}f}}"


def known(fact: Fact) -> str:
    """The key of a fact in `forms` and `parts`."""
    return f"{fact.label}|{fact.concept}"


def is_head(slot: str) -> bool:
    """Whether a slot is filled by a fact's name."""
    return slot.split(":", maxsplit=1)[0] in HEADS


def is_identifier(slot: str) -> bool:
    """Whether a slot held what names a person."""
    return not is_head(slot) and slot not in PARTS and slot not in FREE
