"""Entities of a note by the tagger that ships, or by another model behind the same port."""

import hashlib
import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from careloom.errors import InputError
from careloom.nlp.component import digest
from careloom.nlp.labels import ENTITIES
from careloom.nlp.linking_abbreviations import definitions
from careloom.runtime import packaged
from careloom.text.decoding import runs
from careloom.text.note import AnnotatedNote, Annotation, Span
from careloom.text.parts import parts
from careloom.text.pieces import Pieces
from careloom.text.tagger import Tagged, Tagger

MODEL, LISTS = "models/clinical-en.zip", "entities.toml"
CLINICAL = "clinical"
CASE_REPORT, NOTE = "case_report", "note"
"""Heads of the model that ships: learnt from published case reports, and from notes."""

LEAST = 0.5
"""Mean probability below which the product takes a find for a guess. A single guideline gives all it finds."""
_NAMES = re.compile(
    r"(?<!\w)(?!(?:a|an|and|as|at|by|for|from|he|her|his|if|in|is|it|no|not|of|on|or|out|she|so|the|to|was|with)(?!\w))\w",
    re.IGNORECASE,
)
"""A word that can name something; marks and the words listed cannot."""


class TokenTagger(Protocol):
    """What labels words: `careloom.text.tagger.Tagger`, or any encoder of Hugging Face (`nlp/huggingface_torch.py`)."""

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        """Head -> its labels: ``O``, the begins, the insides."""
        ...

    def parts(self, text: str) -> list[Span]:
        """The parts in which a text is read."""
        ...

    def tag_heads(self, text: str, heads: Sequence[str], parts: Sequence[Span]) -> list[dict[str, Tagged]]:
        """For each part its words with what each may be by every head."""
        ...


class PackagedTagger:
    """The tagger of an archive, with the parts in which it reads."""

    def __init__(self, archive: bytes, threads: int = 1) -> None:
        self._tagger = Tagger(archive, threads)
        self.card = self._tagger.card
        self.digest = hashlib.sha256(archive).hexdigest()

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        """Head -> its labels."""
        return self._tagger.heads

    @property
    def pieces(self) -> Pieces:
        """How it splits words."""
        return self._tagger.pieces

    def parts(self, text: str) -> list[Span]:
        """Runs of whole sentences."""
        return list(parts(text, self._tagger.pieces))

    def tag_heads(self, text: str, heads: Sequence[str], parts: Sequence[Span]) -> list[dict[str, Tagged]]:
        """For each part its words with what each may be by every head."""
        return self._tagger.tag_heads(text, heads, parts)


@dataclass(frozen=True, slots=True)
class _Words:
    label: str
    near: tuple[str, ...]
    within: int
    pattern: re.Pattern[str]


class Entities:
    """Finds entities: a `Component`.

    tagger     a model with the heads that `guideline` asks for
    version    of the model, told by whoever loads it: the first 12 hex digits of its SHA-256
    guideline  ``clinical``: notes and case reports together, in the labels of `careloom.nlp.labels.ENTITIES`; else the
               name of one head, whose labels are given as they are
    raises     InputError where there is no such guideline
    """

    name = "entities"

    def __init__(self, tagger: TokenTagger, version: str, guideline: str = CLINICAL) -> None:
        lists = f"-{digest(LISTS)}" if guideline == CLINICAL else ""
        self.version = f"{version}/{guideline}{lists}"
        self._tagger = tagger
        clinical = [head for head in (NOTE, CASE_REPORT) if head in tagger.heads] or list(tagger.heads)[:1]
        if guideline != CLINICAL and guideline not in tagger.heads:
            known = ", ".join((CLINICAL, *tagger.heads))
            raise InputError(f"the model has no guideline {guideline!r}", f"Known ones: {known}.")
        self._is_clinical = guideline == CLINICAL
        self._heads = clinical if self._is_clinical else [guideline]
        self._words = _words(packaged("nlp", LISTS)) if self._is_clinical else []

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with its entities; sections and sentences stay as they are."""
        found = self.find(annotated.note.text)
        return replace(annotated, annotations=(*annotated.annotations, *found))

    def find(self, text: str) -> list[Annotation]:
        """The entities of a text by place; those of one head never overlap."""
        found: list[Annotation] = []
        for part in self._tagger.tag_heads(text, self._heads, self._tagger.parts(text)):
            by_head = [list(self._spans(text, part[head], self._tagger.heads[head])) for head in self._heads]
            found += _joined(by_head) if self._is_clinical else by_head[0]
        found += self._abbreviated(text, found)
        if self._is_clinical:
            found += self._listed(text, found)
        return sorted(found, key=lambda one: (one.span.start, one.span.end, one.label))

    def _spans(self, text: str, tagged: Tagged, labels: Sequence[str]) -> Iterable[Annotation]:
        for run in runs(tagged.probabilities, labels):
            if self._is_clinical and (run.label not in ENTITIES or run.score < LEAST):
                continue
            span = Span(tagged.words[run.first].start, tagged.words[run.last - 1].end)
            if self._is_clinical and not _NAMES.search(span.of(text)):
                continue
            yield Annotation(span, run.label, f"{self.name}/{self.version}", round(run.score, 4), text=span.of(text))

    def _abbreviated(self, text: str, found: Sequence[Annotation]) -> list[Annotation]:
        """Where a note writes ``long form (LF)`` and the long form is an entity, so is LF wherever it stands."""
        places = _Places(one.span for one in found)
        by_end = {one.span.end: one for one in found}
        known: dict[str, Annotation] = {}
        for short in definitions(text):
            bracket = text.find(f"({short}")
            before = by_end.get(bracket) or by_end.get(bracket - 1)
            if before is not None:
                known[short] = before
        if not known:
            return []
        each = "|".join(re.escape(short) for short in sorted(known, key=len, reverse=True))
        matches = re.finditer(rf"(?<!\w)(?:{each})(?!\w)", text)
        return [
            replace(known[match[0]], span=Span(*match.span()), text=match[0])
            for match in matches
            if not places.hold(Span(*match.span()))
        ]

    def _listed(self, text: str, found: Sequence[Annotation]) -> list[Annotation]:
        """What a list names near an entity and the tagger did not find."""
        listed = []
        taken = _Places(one.span for one in found if one.label != "DOSAGE")  # a dose may hold its form: 500 mg tablet
        for words in self._words:
            near = _Places(one.span for one in found if one.label in words.near)
            for match in words.pattern.finditer(text) if near.spans else ():
                span = Span(*match.span())
                if taken.hold(span) or not near.has_beside(text, span, words.within):
                    continue
                listed.append(Annotation(span, words.label, f"{self.name}/{self.version}", None, text=span.of(text)))
        return listed


class _Places:
    """Spans that do not overlap, by place: a long note has thousands, and each is asked for by neighbours alone."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = sorted(spans, key=_place)
        self._starts = [span.start for span in self.spans]

    def hold(self, span: Span) -> bool:
        """True where one of them shares a character with `span`."""
        at = bisect_left(self._starts, span.end)
        return at > 0 and self.spans[at - 1].end > span.start

    def has_beside(self, text: str, span: Span, within: int) -> bool:
        """True where one of them overlaps `span`, or stands in its sentence at most `within` characters away."""
        at = bisect_left(self._starts, span.end)
        for other in self.spans[max(0, at - 1) : at + 1]:
            if span.overlaps(other):
                return True
            between = text[min(span.end, other.end) : max(span.start, other.start)]
            if len(between) <= within and "\n" not in between and ". " not in between:
                return True
        return False


def _joined(by_head: Sequence[Sequence[Annotation]]) -> list[Annotation]:
    """What the heads find: of overlapping ones the surer counts, of equally sure ones the first head's."""
    ranked = sorted(
        ((one, order) for order, found in enumerate(by_head) for one in found),
        key=lambda pair: (-(pair[0].score or 0), pair[1]),
    )
    kept: list[Annotation] = []
    taken: list[tuple[int, int]] = []  # by place, so that a span has to ask its neighbours alone
    for one, _ in ranked:
        here = _place(one.span)
        at = bisect_left(taken, here)
        if (at and taken[at - 1][1] > here[0]) or (at < len(taken) and taken[at][0] < here[1]):
            continue
        taken.insert(at, here)
        kept.append(one)
    return kept


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _words(content: bytes) -> list[_Words]:
    found = []
    for entry in tomllib.loads(content.decode())["word"]:
        each = "|".join(re.escape(word) for word in sorted(entry["words"], key=len, reverse=True))
        pattern = re.compile(rf"(?<!\w)(?:{each})s?(?!\w)", re.IGNORECASE)
        found.append(_Words(entry["label"], tuple(entry["near"]), entry["within"], pattern))
    return found
