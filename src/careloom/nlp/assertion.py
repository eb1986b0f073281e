"""Says of each annotation whether it is there, when, and in whom: triggers around it, its section, a small model.

Of triggers that reach the annotation the nearest counts, each dimension (presence, temporality, experiencer) by itself;
what only may come (``hypothetical``) counts before what is denied. What no trigger speaks of takes what its section
says. Measured in docs/datasheets/nlp-context.md.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from careloom.nlp.component import digest
from careloom.nlp.headings import Heading, Titles, headings, packaged_titles
from careloom.nlp.sections import is_sister
from careloom.nlp.triggers import (
    EXPERIENCER,
    PRESENCE,
    TEMPORALITY,
    Hit,
    Triggers,
    Words,
    packaged_sexes,
    packaged_subjects,
    packaged_triggers,
    words_of,
)
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Certainty, Experiencer, Presence, Span, Temporality
from careloom.text.sentences import sentences

_RULES = "4"
LABELS = frozenset({"PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "DEVICE", "ALLERGEN"})
"""What can be there or absent; annotations of other labels get no assertion."""
_HABIT = re.compile(
    r"\b(?:tobacco|smok\w+|cigarettes?|alcohol\w*|etoh|drinking"
    r"|(?:illicit |recreational |iv |street )?drugs?|drug (?:ab)?use|cocaine|heroin|marijuana|substance (?:ab)?use)\b",
    re.IGNORECASE,
)
_SIGNED = frozenset({"PROBLEM", "SYMPTOM"})
_PLUS = re.compile(r"(?<!\S)\+[^\W\d_]")
_SIGN = 2
"""Characters of a minus and of what stands before it."""
_RESULTS = frozenset({"negative", "neg", "unremarkable", "normal", "absent", "free", "clear", "resolved", "not"})
_WINDOW = 160
"""Words and marks to either side in which a trigger may begin: a table without full stops is no one sentence."""
_LIST, _LEAD, _ITEM = 30, 160, 80
"""A list has so many lines at most, and the line that leads it and its items have so many characters."""
_LIKELY = 0.8
"""Probability from which on a section without a title says something of what stands in it."""
_PARAGRAPH = 500
"""Characters of such a section at most: a note in one paragraph is more than its likeliest kind."""
_FRAGMENT = 80
"""Characters of a note below which nothing is guessed of it: "Severe asthma." alone is no list of past conditions."""
_OWNERS = frozenset({"maternal", "paternal", "fetal", "foetal", "neonatal", "newborn", "baby", "infant"})
"""Words for whose something is that may be a part of its name."""
_TELLING, _NOUN = 20_000, 3
"""Characters of a note that tell the patient's sex, and pronouns that one noun outweighs."""
_NEAR_TEST, _FINDERS = 9, frozenset({"in", "on", "by", "at", "with", "during"})
"""Words between a denial and a test that it speaks of at most, and words that lead to a test which found nothing."""
_GIVEN_UP = frozenset({"former", "formerly", "quit", "ex", "stopped", "used"})


@dataclass(frozen=True, slots=True)
class Reached:
    """A trigger that reaches an annotation, `distance` words and marks away."""

    hit: Hit
    distance: int


class Context:
    """The triggers of one sentence: made once, asked for each annotation in it.

    words  of the sentence; of the line that leads a list, too, where there is one
    """

    def __init__(self, words: Words, triggers: Triggers) -> None:
        self.words = words
        hits = triggers.hits(words.words)
        self._speaking = [hit for hit in hits if hit.effect.says != "end"]
        self._firsts = [hit.first for hit in self._speaking]
        self._ends: dict[str, list[int]] = {}
        for hit in hits:
            for kind in hit.effect.ends if hit.effect.says == "end" else ():
                self._ends.setdefault(kind, []).append(hit.first)

    def place(self, span: Span) -> tuple[int, int]:
        """The words that `span` covers, from the first up to, not including, the second."""
        first = bisect_right(self.words.ends, span.start)
        return first, max(first, bisect_left(self.words.starts, span.end))

    def reaching(self, span: Span) -> list[Reached]:
        """The triggers that speak of `span`, the nearest first."""
        first, last = self.place(span)
        found = []
        near = slice(bisect_left(self._firsts, first - _WINDOW), bisect_right(self._firsts, last + _WINDOW))
        for hit in self._speaking[near]:
            effect = hit.effect
            if hit.first < first and hit.last <= last and effect.where != "after":
                distance, between = max(0, first - hit.last), (hit.last, first)
            elif hit.first >= last and effect.where != "before":
                distance, between = hit.first - last, (last, hit.first)
            else:
                continue
            if distance <= effect.reach and not self._ended(effect.says, *between):
                found.append(Reached(hit, distance))
        return sorted(found, key=lambda one: one.distance)

    def owner(self, span: Span) -> Reached | None:
        """The word that `span` begins with, where it says whose it is: ``maternal depression``; None without one."""
        first, last = self.place(span)
        if first >= len(self.words.words) or self.words.words[first] not in _OWNERS:
            return None
        inside = (hit for hit in self._speaking if hit.first == first and hit.last < last)
        return next((Reached(hit, 0) for hit in inside if hit.effect.says in EXPERIENCER), None)

    def _ended(self, says: str, start: int, end: int) -> bool:
        ends = self._ends.get(says, ())
        place = bisect_left(ends, start)
        return place < len(ends) and ends[place] < end


def nearest(reached: Iterable[Reached], kinds: frozenset[str]) -> Reached | None:
    """The nearest trigger of some kinds; None where there is none."""
    return next((one for one in reached if one.hit.effect.says in kinds), None)


class Reader:
    """Reads assertions sentence by sentence.

    triggers, titles  those of the package where not given
    """

    def __init__(self, triggers: Triggers | None = None, titles: Titles | None = None) -> None:
        self._triggers = triggers if triggers is not None else packaged_triggers()
        self._titles = titles if titles is not None else packaged_titles()

    def assertions(
        self, text: str, sentence: Span, items: Sequence[tuple[Span, str]], section: str = "", lead: str = ""
    ) -> list[Assertion]:
        """What is asserted of each of some spans of one sentence.

        items    span and label of each
        section  kind of the section; a title inside the sentence overrides it for what follows the title
        lead     the line that leads the list of which the sentence is an item, e.g. ``Denies:``
        """
        inside = list(self._titled(sentence.of(text), section))
        contexts: dict[int, tuple[Context, str]] = {}
        found = []
        for span, label in items:
            mark = _last(inside, span.start - sentence.start)
            start = sentence.start + (mark.body if mark is not None else 0)
            if start not in contexts:
                words = words_of(text, start, sentence.end)
                kind = mark.kind if mark is not None else section
                contexts[start] = (Context(_led(lead, words) if mark is None and lead else words, self._triggers), kind)
            context, kind = contexts[start]
            found.append(self._one(text, span, label, context, kind))
        return found

    def _titled(self, sentence: str, section: str) -> Iterator[Heading]:
        """The titles inside a sentence that say in which kind of section what follows stands."""
        for mark in headings(sentence, self._titles):
            if mark.kind in {"", "other"} or is_sister(mark.title.of(sentence), section):
                continue
            section = mark.kind
            yield mark

    def _one(self, text: str, span: Span, label: str, context: Context, section: str) -> Assertion:
        reached = [one for one in context.reaching(span) if not one.hit.effect.labels or label in one.hit.effect.labels]
        given: Mapping[str, Any] = self._triggers.sections.get(section, {})
        if label not in given.get("labels", (label,)):
            given = {}
        if label == "TEST":
            reached = [
                one for one in reached if not _is_result(context.words, one.hit) and not _is_beyond(context, span, one)
            ]
        presence, certainty = _presence(reached, label, given)
        if label in _SIGNED and _is_minus(text, span):
            presence, certainty = "absent", "negative"
        temporal = nearest(reached, TEMPORALITY)
        temporality = temporal.hit.effect.says if temporal is not None else given.get("temporality", "current")
        if not section and not reached and self._is_listed(context.words):
            temporality = "historical"
        who = context.owner(span) or nearest(reached, EXPERIENCER)
        experiencer = who.hit.effect.says if who is not None else given.get("experiencer", "patient")
        if _HABIT.search(span.of(text)) and label not in {"MEDICATION", "ALLERGEN"}:
            words = context.words.words
            if temporal is not None and not _GIVEN_UP.isdisjoint(words[temporal.hit.first : temporal.hit.last]):
                presence, certainty = "absent", "negative"
            if temporality == "current":
                temporality = "historical"
        return Assertion(
            cast(Presence, presence),
            cast(Temporality, temporality),
            cast(Experiencer, experiencer),
            cast(Certainty, certainty),
        )

    def _is_listed(self, words: Words) -> bool:
        """True where a sentence is nothing but a condition that lasts, as in a list of known ones."""
        bare = [word for word in words.words if word[0].isalpha() or (word.isdigit() and word != words.words[0])]
        return tuple(bare) in self._triggers.lasting


def _presence(reached: Sequence[Reached], label: str, given: Mapping[str, Any]) -> tuple[str, str]:
    """Presence and certainty: the nearest trigger's, but what only may come counts first."""
    found = nearest(reached, frozenset({"hypothetical"})) or nearest(reached, PRESENCE)
    if found is None:
        presence = given.get("presence", "present")
        return (presence, "positive") if label != "ALLERGEN" else ("present", "positive")
    says = found.hit.effect.says
    return says, found.hit.effect.sure or "positive"


def _is_minus(text: str, span: Span) -> bool:
    """True for ``-SOB`` in a line that signs what is there as well: ``+nausea, -SOB``."""
    if not text.startswith("-", span.start - 1) or span.start < _SIGN or not text[span.start - _SIGN].isspace():
        return False
    start = text.rfind("\n", max(0, span.start - _LEAD), span.start) + 1
    end = text.find("\n", span.end, span.end + _LEAD)
    line = text[max(start, span.start - _LEAD) : end if end >= 0 else span.end + _LEAD]
    return _PLUS.search(line) is not None


def _is_result(words: Words, hit: Hit) -> bool:
    """True for words that say what a test found: a test with a negative result was done."""
    return not _RESULTS.isdisjoint(words.words[hit.first : hit.last])


def _is_beyond(context: Context, span: Span, one: Reached) -> bool:
    """True for what is denied of a finding before the test that was to find it: ``no cells in the cytology``."""
    first, _ = context.place(span)
    if one.hit.effect.says != "absent" or one.hit.last > first:
        return False
    between = context.words.words[one.hit.last : first]
    return one.distance > _NEAR_TEST or not _FINDERS.isdisjoint(between)


def _last(inside: Sequence[Heading], offset: int) -> Heading | None:
    """The last title of a sentence whose text begins at or before an offset."""
    return next((mark for mark in reversed(inside) if mark.body <= offset), None)


def _led(lead: str, words: Words) -> Words:
    """The words of a list's item behind those of the line that leads the list, which lie nowhere in the text."""
    ahead = words_of(lead).words
    return Words(ahead + words.words, (-1,) * len(ahead) + words.starts, (-1,) * len(ahead) + words.ends)


def assertion_of(text: str, span: Span, sentence: Span, section_kind: str = "", label: str = "PROBLEM") -> Assertion:
    """What `text` asserts of `span`, which stands in `sentence` of a section of that kind."""
    return Reader().assertions(text, sentence, [(span, label)], section_kind)[0]


class Assertions:
    """The component that sets `Annotation.assertion` of what can be there or absent."""

    name = "assertion"

    def __init__(self, reader: Reader | None = None) -> None:
        self._reader = reader
        self._readers: dict[frozenset[str], Reader] = {}
        self.version = f"{_RULES}-{digest('assertion.toml', 'sections.toml')}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with assertions; sentences are made where it has none."""
        text = annotated.note.text
        spans = annotated.sentences or tuple(sentences(text))
        reader = self._reader_of(text)
        by_sentence: dict[int, list[int]] = {}
        starts = [span.start for span in spans]
        for number, one in enumerate(annotated.annotations):
            if one.label in LABELS:
                place = max(0, bisect_right(starts, one.span.start) - 1)
                by_sentence.setdefault(place, []).append(number)
        made = list(annotated.annotations)
        for place, numbers in by_sentence.items():
            sentence = (
                _holding(spans[place], [made[number].span for number in numbers]) if spans else made[numbers[0]].span
            )
            self._set(reader, annotated, made, numbers, sentence)
        return replace(annotated, annotations=tuple(made), readers={**annotated.readers, self.name: self.version})

    def _reader_of(self, text: str) -> Reader:
        """For notes about a patient of the kind that this one is about."""
        if self._reader is not None:
            return self._reader
        about = frozenset({subject_of(text), sex_of(text)}) - {""}
        if about not in self._readers:
            self._readers[about] = Reader(packaged_triggers(about))
        return self._readers[about]

    @staticmethod
    def _set(
        reader: Reader, annotated: AnnotatedNote, made: list[Annotation], numbers: Sequence[int], sentence: Span
    ) -> None:
        items = [(made[number].span, made[number].label) for number in numbers]
        section = _section_at(annotated, made[numbers[0]].span.start)
        lead = lead_of(annotated.note.text, sentence)
        found = reader.assertions(annotated.note.text, sentence, items, section, lead)
        for number, assertion in zip(numbers, found, strict=True):
            made[number] = replace(made[number], assertion=assertion)


def subject_of(text: str) -> str:
    """Whom a note is about where its findings may be of two: ``mother`` or ``newborn``; empty where nothing tells."""
    told = {kind: len({found.lower() for found in words.findall(text)}) for kind, words in packaged_subjects().items()}
    most = max(told.values(), default=0)
    kinds = [kind for kind, count in told.items() if count == most]
    return kinds[0] if most > 1 and len(kinds) == 1 else ""


def sex_of(text: str) -> str:
    """Of which sex the patient of a note is, ``male`` or ``female``; empty where nouns and pronouns do not tell."""
    start = text[:_TELLING]
    told = {
        sex: sum(_NOUN for _ in nouns.finditer(start)) + sum(1 for _ in pronouns.finditer(start))
        for sex, (nouns, pronouns) in packaged_sexes().items()
    }
    male, female = told["male"], told["female"]
    return "male" if male > 2 * female else "female" if female > 2 * male else ""


def lead_of(text: str, sentence: Span) -> str:
    """The line that leads the list of which `sentence` is an item, e.g. ``Denies:``; empty where there is none."""
    start = text.rfind("\n", 0, sentence.start) + 1
    if text[start : sentence.start].strip(" \t-*•"):
        return ""
    for _ in range(_LIST):
        if start == 0:
            return ""
        end, start = start - 1, text.rfind("\n", 0, start - 1) + 1
        line = text[start:end].strip()
        if not line or end - start > _LEAD:
            return ""
        if line.endswith(":"):
            return line
        if len(line) > _ITEM:
            return ""
    return ""


def _holding(sentence: Span, spans: Iterable[Span]) -> Span:
    """The sentence, made longer where an annotation reaches over its end."""
    spans = list(spans)
    return Span(min(sentence.start, *(span.start for span in spans)), max(sentence.end, *(span.end for span in spans)))


def _section_at(annotated: AnnotatedNote, offset: int) -> str:
    place = bisect_right(annotated.sections, offset, key=lambda one: one.title.start) - 1
    if place < 0 or offset >= annotated.sections[place].body.end:
        return ""
    section = annotated.sections[place]
    if section.score is None:
        return section.kind
    is_fragment = len(annotated.note.text.strip()) < _FRAGMENT
    is_likely = section.score >= _LIKELY and len(section.body) <= _PARAGRAPH
    return section.kind if is_likely and not is_fragment else ""
