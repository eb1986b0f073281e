"""Splits a note into its sections: what titles say, and for text without a title, what it looks like.

A note is cut at its titles (headings.py). What stands above the first one is cut at blank lines: lines that name the
patient are the ``header``; of the other paragraphs, and of bodies below titles that say nothing known, a model tells
the kind, and its probability becomes the section's score. The lines that sign a note are its ``signature``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from careloom.nlp.component import digest
from careloom.nlp.headings import OTHER, Heading, Titles, headings, packaged_titles
from careloom.nlp.section_classifier import SectionClassifier, packaged_classifier
from careloom.text.note import AnnotatedNote, Section, Span

HEADER, SIGNATURE = "header", "signature"
_RULES = "2"
_DATA = ("sections.toml", "section_cues.toml", "models/sections.zip", "models/word-classes.json.gz")
_SURE = 0.5
"""Least probability at which the model names a body below a title that says nothing known."""
_SIGN = re.compile(
    r"^[ \t]*(?:[-–—*_=#\[]{0,3}[ \t]*)(?:(?:electronically|digitally)[ \t]+(?:signed|authenticated|verified)|"
    r"(?:signed|dictated|authenticated|attested|verified|cosigned)[ \t]+(?:electronically|by|and)|e-?sign|attestation|"
    r"yours[ \t]+(?:sincerely|faithfully|truly)|sincerely|(?:with[ \t]+)?(?:kind|best|warm)[ \t]+(?:regards|wishes)|"
    r"take[ \t]+care,|-{2}[ \t]*[A-Z]{1,3}\b|DD:|(?:[A-Z][\w.'’-]+[ \t]+){1,3}[A-Z][\w'’-]+,?[ \t]*"
    r"(?:MD|PGY-?\d|M\.D\.|DO|D\.O\.|RN|NP|PA|PA-C|FNP|MBBS)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_SHORT = 250
_PROOFS = {"allergies": re.compile(r"allerg|nk[df]?a\b|anaphyla|intoleran|sensitiv|reacti", re.IGNORECASE)}
"""Kinds whose sections make everything in them something else, an allergen: what such a short section has to say."""
_SIGN_WITHIN = 700
"""A signature begins in so many last characters of a note."""
_PARAGRAPH = re.compile(r"[^\n]+(?:\n(?![ \t]*\n)[^\n]+)*")
_PARTICULARS = re.compile(
    r"\b(?:MRN|MR#|DOB|D\.O\.B|date of birth|born|record|hospital (?:number|no)|patient(?: name)?:|name:|"
    r"admi(?:t|ssion)|dear|re:|tel\b|phone|street|sex:|age|location|facility|ward|nhs|member id|account|unit)",
    re.IGNORECASE,
)
_REPORT = frozenset({"technique", "comparison", "findings", "indication"})
_PLANS = frozenset({"plan", "assessment_and_plan", "discharge_instructions"})
_EXAMINED = frozenset({"physical_examination", "objective"})


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a section begins: its kind, its title, its text."""

    kind: str
    title: Span
    body: Span
    score: float | None = None


def sections(
    text: str, titles: Titles | None = None, classifier: SectionClassifier | None = None
) -> tuple[Section, ...]:
    """The sections of `text` in order: disjoint, and with their titles they cover what is not white space.

    titles, classifier  what titles mean and what text without one looks like; those of the package where not given
    """
    known = titles if titles is not None else packaged_titles()
    model = classifier if classifier is not None else packaged_classifier()
    marks = _opening(text, list(headings(text, known)), known)
    tail = _signature(text, marks)
    end = len(text) if tail is None else tail
    first = marks[0].start if marks else end
    cuts = [*_untitled(text, Span(0, min(first, end)), model, has_titles=bool(marks))]
    starts = [*(mark.start for mark in marks), end]
    for mark, after in zip(marks, starts[1:], strict=True):
        if mark.start < end:
            cuts.append(_titled(text, mark, min(after, end), model))
    if tail is not None:
        cuts.append(_Cut(SIGNATURE, Span(tail, tail), Span(tail, len(text))))
    return tuple(_made(text, cut, known) for cut in _in_report(cuts) if text[cut.title.start : cut.body.end].strip())


def _made(text: str, cut: _Cut, titles: Titles) -> Section:
    return Section(cut.kind, _bare(text, cut.title), _bare(text, cut.body), titles.codes.get(cut.kind, ""), cut.score)


def _bare(text: str, span: Span) -> Span:
    """`span` without the white space at its ends."""
    inside = span.of(text)
    start = span.start + len(inside) - len(inside.lstrip())
    return Span(start, max(start, span.start + len(inside.rstrip())))


def _opening(text: str, marks: Sequence[Heading], titles: Titles) -> list[Heading]:
    """The titles that open a section: no names of particulars, no parts of an examination or a plan just begun."""
    kept: list[Heading] = []
    for mark in marks:
        if mark.kind == HEADER:
            continue
        last = kept[-1] if kept else None
        if last is not None and is_sister(mark.title.of(text), last.kind):
            continue
        if last is not None and (_has_just_begun(text, last, mark) or _is_part(text, last, mark, titles)):
            continue
        kept.append(mark)
    return kept


def is_sister(title: str, section: str) -> bool:
    """True for ``S:`` in a family history: a sister, not what the patient says."""
    return title == "S" and section == "family_history"


def _has_just_begun(text: str, last: Heading, mark: Heading) -> bool:
    """True where an examination opens with what `mark` names."""
    return mark.kind == "vital_signs" and last.kind in _EXAMINED and not text[last.body : mark.start].strip()


def _is_part(text: str, last: Heading, mark: Heading, titles: Titles) -> bool:
    """True where `mark` names a part of the plan that `last` opens."""
    is_close = "\n\n" not in text[max(0, mark.start - 2) : mark.start]
    return last.kind in _PLANS and is_close and titles.is_minor(mark.title.of(text))


def _signature(text: str, marks: Sequence[Heading]) -> int | None:
    """Where the lines that sign the note begin, or None; a title that says so is a section like any other."""
    for found in _SIGN.finditer(text, max(0, len(text) - _SIGN_WITHIN)):
        if found.start() > 0 and text[found.start() - 1] != "\n":
            continue
        after = [mark for mark in marks if mark.start >= found.start() and mark.kind != SIGNATURE]
        if not after and not any(mark.kind == SIGNATURE and mark.start <= found.start() for mark in marks):
            return found.start()
    return None


def _titled(text: str, mark: Heading, end: int, model: SectionClassifier) -> _Cut:
    """The section that a title opens."""
    title, body = Span(mark.start, mark.body), Span(mark.body, end)
    if mark.kind != OTHER:
        return _Cut(mark.kind, title, body)
    kind, score = model.kind(body.of(text))
    return _Cut(kind, title, body, score) if score >= _SURE else _Cut(OTHER, title, body, 1 - score)


def _untitled(text: str, region: Span, model: SectionClassifier, *, has_titles: bool) -> Iterator[_Cut]:
    """The sections of a stretch that no title opens."""
    cuts: list[_Cut] = []
    is_top = True
    for found in _PARAGRAPH.finditer(text, region.start, region.end):
        paragraph = Span(*found.span())
        is_top = is_top and _is_particulars(found[0], has_titles=has_titles)
        kind, score = (HEADER, None) if is_top else _guessed(found[0], model)
        if cuts and cuts[-1].kind == kind:
            last = cuts[-1]
            best = score if last.score is None or score is None else max(last.score, score)
            cuts[-1] = replace(last, body=Span(last.body.start, paragraph.end), score=best)
        else:
            cuts.append(_Cut(kind, Span(paragraph.start, paragraph.start), paragraph, score))
    yield from cuts


def _guessed(paragraph: str, model: SectionClassifier) -> tuple[str, float]:
    """The kind that the model tells, unless the paragraph lacks what such a section has to have."""
    kind, score = model.kind(paragraph)
    proof = _PROOFS.get(kind)
    if proof is not None and (len(paragraph) > _SHORT or proof.search(paragraph) is None):
        return OTHER, 1 - score
    return kind, score


def _is_particulars(paragraph: str, *, has_titles: bool) -> bool:
    """True for lines above the text of a note that say whom and where: short, without sentences."""
    lines = [line.strip() for line in paragraph.split("\n") if line.strip()]
    if not lines:
        return True
    named = sum(1 for line in lines if len(line.split()) < 14 and _PARTICULARS.search(line) is not None)
    has_sentence = any(line[-1] in ".?" and len(line.split()) > 4 for line in lines)
    is_short = all(len(line.split()) <= 8 and line[-1] != "." for line in lines) and (
        has_titles or len(lines[0].split()) <= 6
    )
    return named * 2 >= len(lines) if has_sentence else named * 2 >= len(lines) or is_short


def _in_report(cuts: Sequence[_Cut]) -> Iterator[_Cut]:
    """The same with the words of imaging reports, where a note is one: its impression is no visit's assessment."""
    is_report = len({cut.kind for cut in cuts} & _REPORT) > 1
    for cut in cuts:
        if is_report and cut.kind == "assessment" and cut.score is None:
            yield replace(cut, kind="impression")
        elif is_report and cut.kind == "history_of_present_illness" and cut.score is None:
            yield replace(cut, kind="clinical_history")
        else:
            yield cut


class Sections:
    """The component that sets `AnnotatedNote.sections`."""

    name = "sections"

    def __init__(self, titles: Titles | None = None, classifier: SectionClassifier | None = None) -> None:
        self._titles = titles if titles is not None else packaged_titles()
        self._classifier = classifier if classifier is not None else packaged_classifier()
        self.version = f"{_RULES}+{self._classifier.version}-{digest(*_DATA)}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with its sections."""
        found = sections(annotated.note.text, self._titles, self._classifier)
        return replace(annotated, sections=found, readers={**annotated.readers, self.name: self.version})
