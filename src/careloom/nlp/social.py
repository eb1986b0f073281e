"""Social determinants of a note: what it says of the patient's life, with status, amount, time, adverse or not, codes.

Measured results, limits and what not to do with it: docs/datasheets/nlp-social.md.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from careloom.nlp import social_rules, social_substances
from careloom.nlp.component import digest
from careloom.nlp.social_rules import Statement
from careloom.nlp.social_words import Folded, folded
from careloom.runtime import packaged
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import ICD_10_CM, LOINC, SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Section, Span
from careloom.text.sentences import sentences

NAME, VERSION = "social", "3"
_DATA = ("social.toml", "social_codes.toml", "social_substances.toml", "social_words.toml")
LONGEST = 1500
"""Longer sentences are read in pieces of this many characters: only tables and broken texts have such."""
SKIPPED_SECTIONS = frozenset({"family_history"})
_MARK = re.compile(r"[:|=?]| -")
SHORT_LINE = 50
_LINE_END = re.compile(r"\n(?=([ \t]*[A-Za-z][A-Za-z /]{1,25}:)?)")
_HEADING = re.compile(
    r"^[ \t#*]*(?:social(?: history| hx| habits)?|shx?|soc(?: hx| hist)?|habits|psychosocial(?: history)?"
    r"|personal (?:and|&) social history)\b[^\n:]{0,30}(?::|$)",
    re.IGNORECASE | re.MULTILINE,
)
BLOCK = 800
"""Characters below a heading that are its section at most, where nobody found the sections of a note."""
_ANSWER = re.compile(
    r"(?:yes|no|never|none|denies|former|current|not|occasional\w*|quit|sometimes|often|rarely)\b", re.IGNORECASE
)
_SUBSTANCES = frozenset(social_substances.LABELS)
_ABSENT, _PAST = frozenset({"never", "none"}), frozenset({"past"})
_KIN_OF_HOME = MappingProxyType({"alone": ("SUPPORT", True), "family": ("SUPPORT", False)})


_ALONE_IN_NEED = "alone_in_need"
_LACKING = frozenset({"absent", "limited"})
_NOT_MANAGING = re.compile(
    r"\b(?:not (?:managing|coping|able to (?:cope|manage))|unable to (?:cope|manage|care)|can(?:no|')t (?:cope|manage)"
    r"|struggl\w+|unsafe|(?:repeated|recurrent|frequent|multiple|several) falls|risk of falls|fall risk|self-neglect"
    r"|neglect\w*)\b"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status stands for.

    codes  best first
    """

    adverse: bool
    codes: tuple[Concept, ...]


@cache
def _codes() -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", "social_codes.toml").decode())


@cache
def meaning(label: str, status: str, value: str = "") -> Meaning:
    """Whether a status is adverse, and its codes: problems before the question that they answer.

    value   the words for a substance; others are without effect
    raises  KeyError for a status that the label does not have
    """
    entry = _codes()[label]
    told = entry["statuses"][status]
    codes = [(ICD_10_CM, code) for code in told.get("icd10cm", ())]
    if status == "current":
        named = [(ICD_10_CM, one["icd10cm"]) for one in entry.get("substances", {}).values() if _is_named(one, value)]
        codes = named or codes
    codes += [(SNOMED_CT, told["snomed"])] if "snomed" in told else []
    codes += [(LOINC, code)] if (code := told.get("loinc", entry.get("loinc"))) else []
    return Meaning(
        told["adverse"],
        tuple(
            Concept(system, code, concept.name, round(1 / rank, 3), rank)
            for rank, (system, code) in enumerate(codes, 1)
            if (concept := lookup(system, code)) is not None
        ),
    )


def _is_named(entry: Mapping[str, str], value: str) -> bool:
    return re.search(rf"\b(?:{entry['words']})\b", value) is not None


def statements_of(sentence: str, labels: set[str], *, in_social: bool) -> list[Statement]:
    """What a folded sentence says of the determinants of which it has signs, by place."""
    found = social_rules.answers(sentence, _forms()) if _MARK.search(sentence) else []
    told = {one.label for one in found}
    used = labels & _SUBSTANCES
    if used - told:
        of_used = social_substances.statements(sentence, used, in_social=in_social or bool(told & used))
        found += [one for one in of_used if one.label not in told]
    for label in sorted(labels - _SUBSTANCES):
        if label not in told:
            found += social_rules.statements(sentence, label, in_social=in_social)
    return sorted(found, key=lambda one: (one.start, one.end, one.label))


@cache
def _forms() -> Mapping[str, social_rules.Form]:
    return {**social_rules.forms(), **social_substances.forms()}


def determinants_of(sentence: str) -> dict[str, bool]:
    """The determinants that a sentence of a clinical note tells of, and whether each is adverse.

    What is said of a relative is not told, a denied substance is told as not adverse. Living alone or with family is
    told as SUPPORT, with a spouse as RELATIONSHIP. No children and grown ones are not told; others are adverse, as in
    the guideline that social_codes.toml names.
    """
    words = social_rules.words()
    out: dict[str, bool] = {}
    for span in _with_answers(sentence, sentences(sentence)):
        labels = words.signs_in(sentence, span)
        if not labels:
            continue
        found = statements_of(folded(sentence, span, words).text, labels, in_social=True)
        for one in found:
            label, adverse = one.label, meaning(one.label, one.status).adverse
            if label == "PARENT":
                if one.status in ("none", "adult"):
                    continue
                adverse = True
            if label == "HOUSING" and one.status == "other":
                continue
            if label == "HOUSING" and one.status == "spouse":
                label, adverse = "RELATIONSHIP", out.get("RELATIONSHIP", False)
            elif label == "HOUSING" and one.status in _KIN_OF_HOME:
                label, adverse = _KIN_OF_HOME[one.status]
                if any(other.label == "SUPPORT" for other in found):
                    continue
            out[label] = out.get(label, False) or adverse
    return out


class Social:
    """Finds the social determinants of `careloom.nlp.labels.SOCIAL`."""

    name = NAME

    def __init__(self) -> None:
        self.version = f"{VERSION}-{digest(*_DATA)}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with an annotation for each statement; its attributes: ``status``, ``adverse``, and where told
        ``amount``, ``time`` and ``value`` (a substance)."""
        text = annotated.note.text
        found = [
            one
            for span, section in _sentences(annotated)
            if section not in SKIPPED_SECTIONS
            for one in self._of_sentence(text, span, section)
        ]
        return replace(
            annotated,
            annotations=tuple(sorted([*annotated.annotations, *found], key=lambda one: (one.span, one.label))),
            readers={**annotated.readers, self.name: self.version},
        )

    def _of_sentence(self, text: str, span: Span, section: str) -> Iterator[Annotation]:
        words = social_rules.words()
        labels = words.signs_in(text, span)
        if not labels:
            return
        line = folded(text, span, words)
        found = statements_of(line.text, labels, in_social=section == "social_history")
        for one in found:
            meant = _ALONE_IN_NEED if _is_in_need(one, found, line.text) else one.status
            yield self._annotation(text, line, one, meaning(one.label, meant, one.value), section)

    def _annotation(self, text: str, line: Folded, one: Statement, told: Meaning, section: str) -> Annotation:
        place = line.original(one.start, one.end)
        attributes = {"status": one.status, "adverse": "true" if told.adverse else "false"}
        attributes |= {name: value for name in ("amount", "time", "value") if (value := getattr(one, name))}
        return Annotation(
            place,
            one.label,
            source=f"{self.name} {self.version}",
            attributes=MappingProxyType(attributes),
            text=place.of(text),
            section=section,
            assertion=Assertion(
                presence="absent" if one.status in _ABSENT else "present",
                temporality="historical" if one.status in _PAST else "current",
                certainty="negative" if one.status in _ABSENT else "positive",
            ),
            codes=told.codes,
        )


def _is_in_need(one: Statement, found: Sequence[Statement], sentence: str) -> bool:
    """True for living alone where the sentence tells a problem or a risk with it."""
    if one.label != "HOUSING" or one.status != "alone":
        return False
    lacks = any(other.label == "SUPPORT" and other.status in _LACKING for other in found)
    return lacks or _NOT_MANAGING.search(sentence) is not None


def _sentences(annotated: AnnotatedNote) -> Iterator[tuple[Span, str]]:
    """Each sentence, none longer than `LONGEST`, with the kind of the section it begins in."""
    text = annotated.note.text
    parts: Sequence[Section] = annotated.sections
    begins = [part.title.start for part in parts]
    headed = [] if parts else [_block(text, found) for found in _HEADING.finditer(text)]
    starts = [start for start, _ in headed]
    for span in _with_answers(text, annotated.sentences or sentences(text)):
        at = bisect_right(begins, span.start) - 1
        kind = parts[at].kind if at >= 0 else ""
        if headed and (at := bisect_right(starts, span.end) - 1) >= 0 and span.start < headed[at][1]:
            kind = "social_history"
        for piece in _pieces(text, span):
            yield piece, kind


def _with_answers(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """The sentences, a short question together with its answer: "Smoker? No."."""
    asked: Span | None = None
    for span in spans:
        if asked is not None and _ANSWER.match(text, span.start, span.end):
            yield Span(asked.start, span.end)
            asked = None
            continue
        if asked is not None:
            yield asked
        asked = span if text[span.end - 1] == "?" and len(span) < SHORT_LINE else None
        if asked is None:
            yield span
    if asked is not None:
        yield asked


def _block(text: str, heading: re.Match[str]) -> tuple[int, int]:
    """A heading and what stands below it, up to a blank line."""
    end = text.find("\n\n", heading.end() + 2, heading.end() + BLOCK)
    return heading.start(), end if end >= 0 else min(len(text), heading.end() + BLOCK)


def _pieces(text: str, span: Span) -> Iterator[Span]:
    """A sentence by its lines where these are short or begin with a key: nobody wrapped them."""
    start = span.start
    for found in _LINE_END.finditer(text, span.start, span.end):
        if found.start() - start < SHORT_LINE or found[1]:
            yield Span(start, found.start())
            start = found.start() + 1
    for begin in range(start, span.end, LONGEST):
        yield Span(begin, min(span.end, begin + LONGEST))
