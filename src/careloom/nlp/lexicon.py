"""Names beside those of the tagger, and words that are none: lists over what was found.

    Presented with STEMI.             PROBLEM, whatever the tagger took it for
    Mrs Harlow, PCP: Dr March         no problem, no month: persons
    2. Metoprolol 25 mg               no dose 2: the number of an item
    Meds: Combivent, Bactrim DS       MEDICATION, by the vocabulary of drugs (drug_lists.py)
    Allergies: latex, NKDA            ALLERGEN, the second with the code of No known drug allergy

The component follows `careloom.nlp.entities` and `careloom.nlp.times`. Lists stand in lexicon.toml.
"""

import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from careloom.nlp.component import digest
from careloom.nlp.drug_lists import listed_drugs
from careloom.nlp.labels import ENTITIES
from careloom.runtime import packaged
from careloom.terminology.systems import SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Concept, Section, Span

_FILE = "lexicon.toml"
_RULES = "2"
_AROUND, _SENTENCE = 60, 200
_ITEM = re.compile(r"^[ \t]*(?:\(?(\d{1,2})[.)]|[(]?([a-hA-H])[.)])(?=[ \t])", re.MULTILINE)
_INLINE = re.compile(r"(?<=\s)\(?(\d{1,2})[.)](?=\s+[A-Za-z])")
_TRAILING = re.compile(r"\s+(?:declined|denied|refused|MWF|TTh?S|T/Th/S)\Z", re.IGNORECASE)
"""Verbs, and days of dialysis, that a name may drag along."""
_RELATIVE = re.compile(
    r"(mother|father|mum|mom|dad|sister|brother|son|daughter|aunt|uncle|cousin|grand(?:mother|father))"
    r"(?:\s+(?:with|has|had))?\s+(?=\w{3})",
    re.IGNORECASE,
)
"""A relative that a finding has taken in: ``sister breast cancer``."""
_DECADE = re.compile(r"[\s,(]+(?:in |at )?(?:(?:his|her) )?((?:(?:early|mid|late)[- ])?[1-9]0['’]?s)\Z", re.IGNORECASE)
_FEVER = re.compile(r"\b(?:fevers?|febrile|temp\w*|tmax)(?: up)?(?: to| of| at)? ?\Z", re.IGNORECASE)
_TWO_DOSES = re.compile(r"\d{1,3}(?:\.\d+)?/(?:[4-9]\d|\d{3})(?:\.\d+)?")
"""Of a combination: 5/325 is no day."""
_PERSONAL = ENTITIES.keys() - {"FAMILY_RELATION", "SEX", "AGE"}
"""Labels of which a person's name is none."""


@dataclass(frozen=True, slots=True)
class _Name:
    label: str
    pattern: re.Pattern[str]
    context: re.Pattern[str] | None
    sections: frozenset[str]
    codes: tuple[Concept, ...]
    only: frozenset[str]
    behind: re.Pattern[str] | None
    ahead: re.Pattern[str] | None

    def fits(self, text: str, span: Span, kind: str) -> bool:
        """True where what stands around a word allows it. kind: of the titled section that it is in, else empty"""
        if self.only and kind not in self.only:
            return False
        before = text[max(0, span.start - _SENTENCE) : span.start]
        if self.behind is not None and not self.behind.search(before):
            return False
        if self.ahead is not None and not self.ahead.match(text, span.end):
            return False
        return self.context is None or kind in self.sections or self.context.search(before) is not None


@dataclass(frozen=True, slots=True)
class _No:
    labels: frozenset[str]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", _FILE).decode())


def _written(words: Sequence[str]) -> str:
    """A pattern of words: small letters in any case, others as they stand."""
    each = []
    for word in sorted(words, key=len, reverse=True):
        form = re.escape(word).replace(r"\ ", r"\s{1,3}").replace("'", "['’]")
        each.append(f"(?i:{form}(?:s|es)?)" if word.islower() else f"{form}s?" if len(word) > 1 else form)
    return "|".join(each)


@cache
def _names() -> tuple[_Name, ...]:
    found = []
    for entry in _table()["name"]:
        code = entry.get("code", "")
        codes = (Concept(SNOMED_CT, code, entry["display"], 1.0, 1),) if code else ()
        pattern = re.compile(rf"(?<![\w-])(?:{_written(entry['words'])})(?![\w-])")
        context, behind, ahead = (
            re.compile(entry[key], re.IGNORECASE) if key in entry else None for key in ("context", "behind", "ahead")
        )
        kinds, only = frozenset(entry.get("sections", ())), frozenset(entry.get("only", ()))
        found.append(_Name(entry["label"], pattern, context, kinds, codes, only, behind, ahead))
    return tuple(found)


@cache
def _nots() -> tuple[_No, ...]:
    return tuple(
        _No(
            frozenset(entry["labels"]),
            re.compile(entry["like"], re.IGNORECASE) if "like" in entry else re.compile(_written(entry["words"])),
            re.compile(entry["unless"], re.IGNORECASE) if "unless" in entry else None,
        )
        for entry in _table()["not"]
    )


@cache
def _ordinary() -> frozenset[str]:
    return frozenset(_table()["ordinary"])


@cache
def _persons() -> re.Pattern[str]:
    titles = "|".join(f"(?i:{title})" for title in _table()["titles"].split("|"))
    return re.compile(
        rf"\b(?:{titles})\b[.:]?[ \t]+(?:(?:{titles})\b\.?[ \t]+)?"
        r"((?:[A-Z]\.?[ \t]+)?[A-Z][\w'’-]+(?:[ \t]+[A-Z][a-z'’-]+)?)"
    )


class Lexicon:
    """The component."""

    name = "lexicon"

    def __init__(self) -> None:
        self.version = f"{_RULES}-{digest(_FILE, 'names/drugs.zst')}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with what the lists name, and without what they call none."""
        text = annotated.note.text
        kept = list(self._kept(text, annotated.annotations))
        found = sorted(self._found(text, annotated.sections), key=lambda one: one.span)
        starts = [one.span.start for one in found]
        kept = [
            one
            for one in kept
            if (one.label not in _RIVALS and one.label != "TEST_VALUE")
            or not any(
                one.span == other.span or other.span.covers(one.span)
                for other in found[bisect_left(starts, one.span.start - _AROUND) : bisect_left(starts, one.span.end)]
            )
        ]
        relatives = {one.span.start: one.span.end for one in found if one.label == "FAMILY_RELATION"}
        kept = [each for one in kept for each in _shorn(one, relatives, text)]
        places = {(one.span, one.label) for one in kept}
        wider = sorted(one.span for one in kept if one.label in _RIVALS)
        for one in found:
            if (one.span, one.label) not in places and (one.codes or not _covered(wider, one.span)):
                kept.append(one)
        kept += self._listed(text, annotated.sections, kept)
        return replace(
            annotated,
            annotations=tuple(sorted(kept, key=lambda one: (one.span, one.label))),
            readers={**annotated.readers, self.name: self.version},
        )

    def _listed(self, text: str, sections: Sequence[Section], kept: Sequence[Annotation]) -> Iterator[Annotation]:
        """Drugs of lists of medications at whose place nothing was found."""
        wider = sorted(one.span for one in kept if one.label in _RIVALS)
        for span in listed_drugs(text, sections, _ordinary()):
            if not _covered(wider, span):
                yield Annotation(span, "MEDICATION", f"{self.name}/{self.version}", None, text=span.of(text))

    def _found(self, text: str, sections: Sequence[Section]) -> Iterator[Annotation]:
        starts = [min(one.title.start, one.body.start) for one in sections]
        for name in _names():
            for match in name.pattern.finditer(text):
                place = bisect_right(starts, match.start()) - 1
                here = sections[place] if place >= 0 else None
                kind = here.kind if here is not None and here.score is None else ""
                if name.fits(text, Span(*match.span()), kind):
                    source = f"{self.name}/{self.version}"
                    yield Annotation(Span(*match.span()), name.label, source, None, text=match[0], codes=name.codes)

    def _kept(self, text: str, annotations: Sequence[Annotation]) -> Iterator[Annotation]:
        marks = sorted(item_marks(text))
        persons = [Span(*match.span(1)) for match in _persons().finditer(text)]
        surnames = {person.of(text).split()[-1] for person in persons}
        ends = [person.end for person in persons]
        for one in annotations:
            if one.label in _PERSONAL and _is_person(one, persons, ends, surnames):
                continue
            if any(_is_none(one, text, no) for no in _nots()) or _is_temperature(one, text):
                continue
            if one.label == "DATE_TIME" and _TWO_DOSES.fullmatch(one.text):
                one = replace(one, label="DOSAGE", attributes={})
            trimmed = _trimmed(one, text, marks)
            relative = _RELATIVE.match(one.text) if one.label in ("PROBLEM", "SYMPTOM") else None
            if trimmed is not None and relative is not None:
                start = one.span.start
                yield replace(one, span=Span(start, start + relative.end(1)), text=relative[1], label="FAMILY_RELATION")
                trimmed = replace(one, span=Span(start + relative.end(), one.span.end), text=one.text[relative.end() :])
            if trimmed is not None:
                yield trimmed


def _shorn(one: Annotation, relatives: Mapping[int, int], text: str) -> Iterator[Annotation]:
    """A finding without the relative that it begins with, and the decade of life that it ends with as an age."""
    if one.label not in ("PROBLEM", "SYMPTOM"):
        yield one
        return
    span, end = one.span, relatives.get(one.span.start, one.span.start)
    if span.start < end < span.end:
        rest = text[end : span.end]
        span = Span(span.end - len(rest.lstrip(" \t:-–—")), span.end)
    decade = _DECADE.search(span.of(text))
    if decade is not None and decade.start():
        age = Span(span.start + decade.start(1), span.start + decade.end(1))
        yield replace(one, span=age, label="AGE", text=age.of(text))
        span = Span(span.start, span.start + decade.start())
    if len(span):
        yield one if span == one.span else replace(one, span=span, text=span.of(text))


_RIVALS = frozenset({"PROBLEM", "SYMPTOM", "PROCEDURE", "MEDICATION", "TEST", "DEVICE", "ALLERGEN"})


def _covered(spans: Sequence[Span], span: Span) -> bool:
    """True where one of some spans, sorted, shares a character with `span`."""
    at = bisect_left(spans, Span(span.end, span.end))
    return any(other.overlaps(span) for other in spans[max(0, at - 4) : at])


def item_marks(text: str) -> Iterator[Span]:
    """The numbers of items: at the start of lines, and in a line where they count on: ``1. aspirin 2. metformin``."""
    for match in _ITEM.finditer(text):
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        yield Span(start, match.end())
    last, line = 0, -1
    for match in _INLINE.finditer(text):
        number, start = int(match[1]), text.rfind("\n", 0, match.start())
        if number == 1 or (number == last + 1 and start == line):
            yield Span(*match.span())
            last, line = number, start


def _trimmed(one: Annotation, text: str, marks: Sequence[Span]) -> Annotation | None:
    """An annotation without the number of an item; None where nothing is left."""
    span = one.span
    at = bisect_left(marks, Span(span.end, span.end))
    for mark in marks[max(0, at - 2) : at]:
        if not mark.overlaps(span):
            continue
        if mark.start <= span.start:
            start = min(mark.end, span.end)
            span = Span(start + len(text[start : span.end]) - len(text[start : span.end].lstrip()), span.end)
        else:
            span = Span(span.start, span.start + len(text[span.start : mark.start].rstrip()))
    if one.label in _RIVALS and (verb := _TRAILING.search(span.of(text))) is not None:
        span = Span(span.start, span.start + verb.start())
    if span == one.span:
        return one
    if not any(letter.isalnum() for letter in span.of(text)):
        return None
    return replace(one, span=span, text=span.of(text))


def _is_person(one: Annotation, persons: Sequence[Span], ends: Sequence[int], surnames: set[str]) -> bool:
    at = bisect_left(ends, one.span.start)
    if any(person.covers(one.span) for person in persons[at : at + 1]):
        return True
    return one.label not in ("DATE_TIME", "ANATOMY") and one.text in surnames


def _is_temperature(one: Annotation, text: str) -> bool:
    """True for an age that is how high a fever was: ``fever to 101``."""
    before = text[max(0, one.span.start - _AROUND) : one.span.start]
    return one.label == "AGE" and _FEVER.search(before) is not None


def _is_none(one: Annotation, text: str, no: _No) -> bool:
    if one.label not in no.labels or no.pattern.fullmatch(one.text) is None:
        return False
    if no.unless is None:
        return True
    around = text[max(0, one.span.start - _AROUND) : one.span.start] + " " + text[one.span.end : one.span.end + _AROUND]
    return no.unless.search(around) is None
