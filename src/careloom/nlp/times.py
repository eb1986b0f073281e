"""Time expressions of a note: dates, clocks, relative times and durations, each with its value in ISO 8601.

    03/04/2024            DATE_TIME  type date, value 2024-03-04
    three weeks ago       DATE_TIME  type relative, value 2024-02-12, low 2024-02-05, high 2024-02-16, anchor note
    POD 2                 DATE_TIME  type relative, value two days after the surgery that the note dates; none without
    for 5-7 days          DURATION   type duration, value P5D, low P5D, high P7D

What every attribute means stands in `times_resolve`; the rules, in ``times.toml``; what was measured, in
docs/datasheets/nlp-times.md. How often something recurs is `careloom.nlp.frequencies`.

Annotations DATE_TIME and DURATION that an earlier component made are kept in this way: where a rule's span overlaps
one, the rule's span and value stand, with the score of the other; one that no rule touches stays as it is, with the
attribute ``type`` and no value; of two that one span of a rule overlaps, both go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from hashlib import sha256

from careloom.nlp.times_calendar import days_in, step
from careloom.nlp.times_read import Words
from careloom.nlp.times_resolve import Attributes, is_unlike_score, resolve
from careloom.nlp.times_rules import Match, matches
from careloom.nlp.times_scene import Running, Scene, anchored, cue_before, note_moment
from careloom.nlp.times_tokens import Token, declared_bytes, small, tokenized
from careloom.text.note import AnnotatedNote, Annotation, Note, Section, Span

LABELS = ("DATE_TIME", "DURATION")
_ABSOLUTE = frozenset(("written", "calendar"))
_RULES = "1"


class Times:
    """Finds time expressions by rules and tells their values.

    day_first  03/04/2024 is the third of April; month first where that is impossible
    """

    name = "times"

    def __init__(self, *, day_first: bool = False) -> None:
        self._day_first = day_first
        self.version = f"{_RULES}-{sha256(declared_bytes()).hexdigest()[:8]}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with DATE_TIME and DURATION."""
        found = self.times(annotated.note, annotated.sections)
        others = [one for one in annotated.annotations if one.label not in LABELS]
        earlier = [one for one in annotated.annotations if one.label in LABELS]
        merged = [*others, *_merged(found, earlier)]
        return replace(
            annotated,
            annotations=tuple(sorted(merged, key=lambda one: (one.span, one.label))),
            readers={**annotated.readers, self.name: self.version},
        )

    def times(self, note: Note, sections: Sequence[Section] = ()) -> list[Annotation]:
        """The time expressions of a note, in order, disjoint."""
        tokens = tokenized(note.text)
        found = [one for one in matches(tokens) if one.rule.read]
        scene = self._scene(note, tokens, found)
        running = Running()
        out: list[Annotation] = []
        kinds = _SectionOf(sections)
        for match in found:
            words = Words(tokens, match)
            section = kinds.at(words.start)
            attributes = resolve(words, scene, running, section)
            if attributes is None:
                continue
            cue = cue_before(scene.text, words.start) if match.rule.read in _ABSOLUTE else ""
            out.append(self._annotation(note.text, words, attributes | ({"of": cue} if cue else {}), section))
            if match.rule.type in {"date", "relative", "time"} and cue != "birth" and _leads(attributes):
                running.previous, running.end = attributes["value"], words.end
        return out

    def _annotation(self, text: str, words: Words, attributes: Attributes, section: str) -> Annotation:
        rule = words.match.rule
        span = Span(words.start, words.end)
        return Annotation(
            span,
            rule.label,
            f"{self.name} {self.version}",
            attributes={"type": rule.type, **attributes},
            text=span.of(text),
            section=section,
        )

    def _scene(self, note: Note, tokens: Sequence[Token], found: Sequence[Match]) -> Scene:
        """The anchors that the note itself dates, found before anything is counted from them."""
        day, clock = note_moment(note.time)
        lower = small(note.text)
        bare = Scene(lower, day, clock, day_first=self._day_first, writes_slashes=_writes_slashes(tokens))
        dated = []
        for match in found:
            if match.rule.read not in _ABSOLUTE:
                continue
            words = Words(tokens, match)
            cue = cue_before(lower, words.start)
            if cue and "value" in (attributes := resolve(words, bare, Running()) or {}):
                dated.append((cue, attributes["value"]))
        anchors = anchored(dated, day)
        inferred = _inferred(tokens, found, replace(bare, anchors=anchors))
        return replace(bare, anchors=anchors | inferred, inferred=frozenset(inferred))


def _writes_slashes(tokens: Sequence[Token]) -> bool:
    """True where some date can only be one with slashes."""
    return any(
        "/" in token.text and (token.kind == "DATE" or (len(token.text) <= 5 and is_unlike_score(token.text)))
        for token in tokens
        if token.kind in {"DATE", "PART_DATE"}
    )


def _inferred(tokens: Sequence[Token], found: Sequence[Match], scene: Scene) -> dict[str, date]:
    """Days of surgery and admission that the note's own day tells: where it calls itself POD 2, or hospital day 3."""
    if scene.day is None:
        return {}
    told: dict[str, set[str]] = {}
    for match in found:
        if match.rule.read != "day_number":
            continue
        attributes = resolve(Words(tokens, match), scene, Running()) or {}
        if "value" not in attributes and "offset" in attributes:
            told.setdefault(attributes["anchor"], set()).add(attributes["offset"])
    out = {}
    for name, offsets in told.items():
        days = days_in(min(offsets)) if len(offsets) == 1 and name != "birth" else None
        reached = step(scene.day, -days, "D") if days is not None else None
        if reached is not None:
            out[name] = reached
    return out


def _leads(attributes: Attributes) -> bool:
    """True where later expressions may be counted from this one: it has a day."""
    value = attributes.get("value", "")
    return len(value) >= 4 and value[:4].isdigit() and "W" not in value


class _SectionOf:
    """The kind of the section that a place stands in, for places in order."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections: Iterator[Section] = iter(sections)
        self._now = next(self._sections, None)

    def at(self, place: int) -> str:
        while self._now is not None and self._now.body.end <= place:
            self._now = next(self._sections, None)
        return self._now.kind if self._now is not None and self._now.body.start <= place else ""


def _merged(found: Sequence[Annotation], earlier: Sequence[Annotation]) -> list[Annotation]:
    """The annotations of the rules with the scores of those they stand for, and those that no rule touches."""
    out: list[Annotation] = []
    left = sorted(earlier, key=lambda one: one.span)
    at = 0
    kept: list[Annotation] = []
    for one in found:
        while at < len(left) and left[at].span.end <= one.span.start:
            kept.append(left[at])
            at += 1
        score = None
        while at < len(left) and left[at].span.start < one.span.end:
            score = left[at].score if score is None else score
            at += 1
        out.append(one if score is None else replace(one, score=score))
    kept += left[at:]
    return out + [_typed(one) for one in kept]


def _typed(one: Annotation) -> Annotation:
    """An annotation of another component that no rule reads, with the type its label tells."""
    if "type" in one.attributes:
        return one
    return replace(one, attributes={**one.attributes, "type": "duration" if one.label == "DURATION" else "relative"})
