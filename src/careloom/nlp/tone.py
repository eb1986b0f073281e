"""Sentiment of what patients say, pain, and the stance of the author, by sentence.

Measured results, limits and what it must not be used for: docs/datasheets/nlp-tone.md.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from careloom.nlp.component import digest
from careloom.nlp.social_rules import alternatives, is_of_another
from careloom.nlp.social_words import Folded, Words, folded
from careloom.runtime import packaged
from careloom.text.note import AnnotatedNote, Annotation, Span
from careloom.text.sentences import sentences

NAME, VERSION = "tone", "1"
_DATA = ("tone.toml", "social_words.toml")
LABELS = ("SENTIMENT", "PAIN", "STANCE")
LONGEST = 1500
_SKIPPED = MappingProxyType({"SENTIMENT": frozenset({"family_history"}), "PAIN": frozenset({"family_history"})})
_DENIED = re.compile(
    r"\b(?:no|not|denies|denied|denying|without|negative for|never|nor|doesn't|isn't|does not|free of|no longer)"
    r"(?: (?!(?:but|however|although|is|are|was|has|reports|complains|who)\b)[\w/-]+,?){0,7} ?$"
)
_BREAK = re.compile(r"[;.:]|\bbut\b|\bhowever\b")
_SCORE = re.compile(
    r"(?<![\d/.])(10|\d(?:\.\d)?) ?(?:/|out of|of) ?(?:a possible )?10(?!\d)"
    r"|(?:pain|score|level|rating|ache)(?: [a-z-]+){0,3}?(?: ?:)? (?:a |an |at |is |of |as )*(10|\d)"
    r"(?! ?[-/\d]|\.\d| (?:out|of (?!10)|day|week|month|year|hour|time|mg|tablet|left|right))"
)
_FAR = 80


@dataclass(frozen=True, slots=True)
class ToneRule:
    """One rule of tone.toml, compiled."""

    value: str
    category: str
    denied: str | None
    others: bool
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Heard:
    start: int
    end: int
    value: str
    category: str


@cache
def _file() -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", "tone.toml").decode())


@cache
def _names() -> Mapping[str, str]:
    strong = {"strong": f"(?:{_file()['PAIN']['severity']})", "gap": r"(?: [\w'-]+){0,3}"}
    return {**_file()["names"], **strong}


@cache
def tone_rules(label: str) -> tuple[ToneRule, ...]:
    """The rules of a label, in order."""
    return tuple(
        ToneRule(
            rule["value"],
            rule["category"],
            rule.get("denied"),
            rule.get("others", False),
            alternatives(rule["patterns"], _names()),
        )
        for rule in _file()[label]["rule"]
    )


@cache
def _unless(label: str) -> re.Pattern[str] | None:
    lines = _file()[label].get("unless", "").strip()
    return re.compile("|".join(lines.split("\n"))) if lines else None


@cache
def words() -> Words:
    """The words of all rules, and of which label each is a sign."""
    signs = [(word, label) for label in LABELS for word in _file()[label]["on"].split()]
    return Words((), signs, ())


def _heard(sentence: str, label: str) -> list[_Heard]:
    """What a folded sentence tells of a label: of each value the first place."""
    unless = _unless(label)
    if unless is not None and unless.search(sentence):
        return []
    found: list[_Heard] = []
    for rule in tone_rules(label):
        for match in rule.pattern.finditer(sentence):
            if any(match.start() < one.end and one.start < match.end() for one in found):
                continue
            value = _value(rule, sentence, match, label)
            if value and all(one.value != value for one in found):
                found.append(_Heard(match.start(), match.end(), value, rule.category))
    return found


def _value(rule: ToneRule, sentence: str, match: re.Match[str], label: str) -> str:
    """The value that a match tells; empty where a relative is meant or it is denied and that says nothing."""
    before = sentence[max(0, match.start() - _FAR) : match.start()]
    before = _BREAK.split(before)[-1]
    if not rule.others and is_of_another(before):
        return ""
    if _DENIED.search(before) and (label != "STANCE" or rule.denied is not None):
        return rule.denied or ""
    return rule.value


def _score(sentence: str) -> str:
    """A pain score of 0 to 10; empty where none is told."""
    found = _SCORE.search(sentence)
    return next((group for group in found.groups() if group), "") if found else ""


def tone_of(sentence: str) -> dict[str, str]:
    """What one sentence tells: ``SENTIMENT`` and ``PAIN`` -> value, ``STANCE`` -> its values joined by a comma.

    A label that is not there: neutral, or nothing said.
    """
    line = folded(sentence, Span(0, len(sentence)), words())
    signs = _signs(sentence, Span(0, len(sentence)))
    told = {label: [one.value for one in _heard(line.text, label)] for label in LABELS if label in signs}
    return {label: ",".join(sorted(values)) for label, values in told.items() if values}


def _signs(text: str, span: Span) -> set[str]:
    return words().signs_in(text, span)


class Tone:
    """Finds `careloom.nlp.labels.TONE`: an annotation for each sentence, label and value; the span is what tells it."""

    name = NAME

    def __init__(self) -> None:
        self.version = f"{VERSION}-{digest(*_DATA)}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with what is heard: ``value`` and ``category``; of pain ``presence``, ``score``, ``severity``."""
        text = annotated.note.text
        kinds = [(part.title.start, part.body.end, part.kind) for part in annotated.sections]
        found = []
        at = 0
        for span in _pieces(annotated.sentences or sentences(text)):
            while at + 1 < len(kinds) and kinds[at + 1][0] <= span.start:
                at += 1
            kind = kinds[at][2] if kinds and kinds[at][0] <= span.start else ""
            found += list(self._of_sentence(text, span, kind))
        return replace(
            annotated,
            annotations=tuple(sorted([*annotated.annotations, *found], key=lambda one: (one.span, one.label))),
            readers={**annotated.readers, self.name: self.version},
        )

    def _of_sentence(self, text: str, span: Span, kind: str) -> Iterator[Annotation]:
        signs = _signs(text, span)
        if not signs:
            return
        line = folded(text, span, words())
        for label in LABELS:
            if label in signs and kind not in _SKIPPED.get(label, ()):
                for one in _heard(line.text, label):
                    yield self._annotation(text, line, label, one, kind)

    def _annotation(self, text: str, line: Folded, label: str, one: _Heard, kind: str) -> Annotation:
        place = line.original(one.start, one.end)
        attributes = {"value": one.value, "category": one.category}
        if label == "PAIN":
            attributes = {"presence": one.value}
            if score := _score(line.text):
                attributes["score"] = score
            if one.value == "present" and (strong := re.search(_names()["strong"], line.text)):
                attributes["severity"] = strong[0]
        return Annotation(
            place,
            label,
            source=f"{self.name} {self.version}",
            attributes=MappingProxyType(attributes),
            text=place.of(text),
            section=kind,
        )


def _pieces(spans: tuple[Span, ...] | list[Span]) -> Iterator[Span]:
    for span in spans:
        for start in range(span.start, span.end, LONGEST):
            yield Span(start, min(span.end, start + LONGEST))
