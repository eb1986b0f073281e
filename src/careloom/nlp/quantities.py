"""Values of tests with units, doses and frequencies, by rules beside the tagger's annotations; in UCUM and per day.

    BP 120/80, HR 88, T 98.6     TEST (loinc 85354-9), TEST_VALUE (value 120/80, unit mm[Hg]), ...
    WBC 12.3 H (4.0-11.0)        TEST_VALUE value 12.3, flag H, reference_low 4.0, reference_high 11.0
    metformin 500 mg BID         DOSAGE dose 500, unit mg; FREQUENCY per_day 2, code BID

A unit that is not written, but meant, is told with ``unit_assumed`` true. An annotation TEST_VALUE that holds a unit is
split into TEST_VALUE and UNIT; where a rule finds a value or a dose, the rule's span stands, with the score of the
tagger's annotation that it replaces. A frequency in a sentence without drug, dose or route has ``type`` set: it says
how often something else recurs. Names, codes and limits stand in quantities.toml; what was measured, in
docs/datasheets/nlp-times.md.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256

from careloom.nlp.frequencies import WEAK, frequencies, frequency
from careloom.nlp.quantities_tables import Column, columns
from careloom.nlp.quantities_tests import WORD, Test, assumed, is_named, is_possible, tests
from careloom.nlp.quantities_values import (
    Measured,
    declared,
    declared_bytes,
    dose,
    doses,
    parsed,
    unit_of,
    value_at,
)
from careloom.nlp.times_tokens import small
from careloom.text.note import AnnotatedNote, Annotation, Span

_RULES = "2"
_DRUG_LABELS = frozenset(("MEDICATION", "DOSAGE", "ROUTE", "FORM"))
_NEAR_DRUG = 60
_NEAR_VITAL = 90
_WEAK_DOSES = frozenset(
    ("g", "ml", "l", "u", "cc", "unit", "cap", "caps", "drop", "drops", "pill", "one", "two", "three")
)
_ROUTE = re.compile(
    r"\b(?:po|p\.o\.|iv|i\.v\.|ivp|im|i\.m\.|sc|sq|subq|subcut\w*|sl|pr|orally|by mouth|intraven\w+|intramuscular\w*"
    r"|inhaled|inh|neb\w*|topical\w*|sublingual\w*|by vein|by inhalation|under the (?:skin|tongue)|per os|oral)\b"
)
_BARE = re.compile(r"[\s:=;|,)*-]*(?:of|was|is|at)?\s*")
_CHANGED = re.compile(r"\s?(?:to|->|→)\s?")
_NO_RESULT = re.compile(
    r"[ \n-]{0,2}(?:days?|d|weeks?|wks?|months?|mo|years?|yrs?|y|hours?|hrs?|h|minutes?|times?|of|x|st|nd|rd|th|mg|mcg"
    r"|g|tabs?|tablets?|units|mEq|ml|mL)\b(?!/)"
)


@cache
def _between() -> re.Pattern[str]:
    words = "|".join(declared()["words"])
    return re.compile(
        rf"(?:[ ]?\([^()\n]{{0,24}}\))?[ \t)\]:=;,|*-]{{0,48}}(?:\.{{2,40}}|…)?[ \t]{{0,4}}\n?[ ]?"
        rf"(?:(?:{words})[\s:,]{{1,3}}){{0,6}}(?:a[ ])?"
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A test with a value."""

    test: Test
    start: int
    end: int
    value: Measured


def _dated(one: Column, times: Sequence[Annotation]) -> Measured:
    """The value of a table with ``at``: the time that its row, or the head of its column, tells.

    times  DATE_TIME of the note, by place
    """
    first = bisect_left(times, one.time.start, key=lambda each: each.span.start)
    last = bisect_left(times, one.time.end, key=lambda each: each.span.start)
    told = next((each.attributes["value"] for each in times[first:last] if "value" in each.attributes), "")
    return replace(one.value, attributes={**one.value.attributes, "at": told}) if told else one.value


class Quantities:
    """Finds and reads what can be counted or measured."""

    name = "quantities"

    def __init__(self) -> None:
        self.version = f"{_RULES}-{sha256(declared_bytes()).hexdigest()[:8]}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with TEST, TEST_VALUE, UNIT, DOSAGE and FREQUENCY, and what they tell."""
        text = annotated.note.text
        lower = small(text)
        measured = self._measured(text, lower, annotated.annotations)
        earlier = _beside(text, annotated.annotations, measured)
        given = self._doses(text, lower, measured, earlier)
        repeated = self._frequencies(text, lower, [*earlier, *given])
        added = [*measured, *given, *repeated]
        read = [one for each in _joined(earlier, added) for one in self._told(text, each)]
        return replace(
            annotated,
            annotations=tuple(sorted(read, key=lambda one: (one.span, one.label))),
            readers={**annotated.readers, self.name: self.version},
        )

    def _made(self, text: str, start: int, end: int, label: str, attributes: Mapping[str, str]) -> Annotation:
        span = Span(start, end)
        return Annotation(span, label, f"{self.name} {self.version}", attributes=attributes, text=span.of(text))

    def _measured(self, text: str, lower: str, earlier: Sequence[Annotation]) -> list[Annotation]:
        out: list[Annotation] = []
        table = columns(text)
        times = sorted((one for one in earlier if one.label == "DATE_TIME"), key=lambda one: one.span)
        rows = _Places(one.row for one in table)
        names = _Places(one.name for one in table)
        found = [
            one
            for one in _among_vitals(list(_values(text, lower)))
            if not rows.overlap(one.value.start, one.value.end) and not names.overlap(one.start, one.end)
        ]
        found += [_Found(one.test, one.name.start, one.name.end, _dated(one, times)) for one in table]
        for one in found:
            value, test = one.value, one.test
            about = {"loinc": test.loinc, "test": test.key} if test.loinc else {"test": test.key}
            attributes = dict(value.attributes)
            if "unit" not in attributes and (unit := assumed(test, attributes)):
                attributes |= {"unit": unit, "unit_assumed": "true"}
            out.append(self._made(text, one.start, one.end, "TEST", about))
            out.append(self._made(text, value.start, value.end, "TEST_VALUE", attributes))
            if value.unit_end > value.unit_start:
                out.append(self._made(text, value.unit_start, value.unit_end, "UNIT", {"unit": attributes["unit"]}))
        return sorted({(one.span, one.label): one for one in out}.values(), key=lambda one: one.span)

    def _doses(
        self, text: str, lower: str, measured: Sequence[Annotation], earlier: Sequence[Annotation]
    ) -> list[Annotation]:
        taken = _Places(one.span for one in measured)
        drugs = _Places(one.span for one in earlier if one.label in _DRUG_LABELS)
        out = []
        for start, end, attributes in doses(text):
            unit = re.sub(r"^[\d.,\s–-]+", "", lower[start:end])
            is_weak = unit in _WEAK_DOSES or lower[start].isalpha()
            near = lower[max(0, start - _NEAR_DRUG) : end + _NEAR_DRUG].split("\n\n")
            has_drug = drugs.near(start, end, _NEAR_DRUG) or any(_ROUTE.search(one) or frequencies(one) for one in near)
            if not taken.overlap(start, end) and (has_drug or not is_weak):
                out.append(self._made(text, start, end, "DOSAGE", attributes))
        return out

    def _frequencies(self, text: str, lower: str, others: Sequence[Annotation]) -> list[Annotation]:
        drugs = _Places(one.span for one in others if one.label in _DRUG_LABELS)
        out = []
        for start, end in frequencies(lower):
            before = lower[max(0, start - _NEAR_DRUG) : start].rpartition("\n\n")[2]
            has_drug = drugs.near(start, end, _NEAR_DRUG) or _ROUTE.search(before) is not None
            attributes = frequency(lower[start:end])
            if not attributes or (WEAK.fullmatch(lower[start:end]) and not has_drug):
                continue
            out.append(
                self._made(text, start, end, "FREQUENCY", attributes if has_drug else {"type": "set", **attributes})
            )
        return out

    def _told(self, text: str, one: Annotation) -> list[Annotation]:
        """An annotation of another component with what its words tell; a value with a unit becomes two."""
        if one.source.startswith(f"{self.name} "):
            return [one]
        words = one.span.of(text)
        told: dict[str, str] = {}
        match one.label:
            case "TEST_VALUE":
                return self._split(text, one)
            case "DOSAGE":
                told = dose(words)
            case "FREQUENCY":
                told = frequency(words)
            case "UNIT":
                told = {"unit": unit} if (unit := unit_of(words)) else {}
        return [replace(one, attributes={**told, **one.attributes}) if told else one]

    def _split(self, text: str, one: Annotation) -> list[Annotation]:
        found = value_at(text, one.span.start)
        if found is None or found.end > one.span.end:
            told = parsed(one.span.of(text))
            return [replace(one, attributes={**told, **one.attributes}) if told else one]
        attributes = {**found.attributes, **one.attributes}
        if found.unit_end <= found.unit_start or found.unit_end > one.span.end:
            return [replace(one, attributes=attributes)]
        value, unit = Span(found.start, found.end), Span(found.unit_start, found.unit_end)
        return [
            replace(one, span=value, text=value.of(text), attributes=attributes),
            replace(one, span=unit, text=unit.of(text), label="UNIT", attributes={"unit": attributes["unit"]}, id=""),
        ]


def _values(text: str, lower: str) -> Iterable[_Found]:
    """The tests of a text that a value follows, in order."""
    known = tests()
    at = 0
    for word in WORD.finditer(lower):
        if word.start() < at:
            continue
        for test in known.get(word[0], ()):
            start, end = word.start(), word.start() + len(test.name)
            if not is_named(test, text, lower, start, end):
                continue
            value = _value_after(test, text, lower, end)
            if value is None:
                continue
            yield _Found(test, start, end, value)
            at = value.end
            further = _CHANGED.match(lower, max(value.end, value.unit_end))
            other = value_at(text, further.end(), unit=test.unit) if further is not None else None
            if other is not None and is_possible(test, other):
                yield _Found(test, start, end, other)
                at = other.end
            break


def _value_after(test: Test, text: str, lower: str, end: int) -> Measured | None:
    between = _between().match(lower, end)
    at = between.end() if between is not None else end
    if test.is_short and len(test.name) <= 2 and not _BARE.fullmatch(lower, end, at):
        return None
    found = value_at(text, at, unit=test.unit)
    if found is None and test.key == "temperature":
        found = value_at(text, at)
    if found is None or at == end or not is_possible(test, found):
        return None
    if found.unit_end == found.unit_start and "feet" not in found.attributes and _NO_RESULT.match(text, found.end):
        return None
    behind = text[found.end : found.end + 1]
    if "unit" not in found.attributes and (behind.isalpha() or behind in {"%", "'"}):
        return None
    return found


def _among_vitals(found: list[_Found]) -> list[_Found]:
    """A single letter names a vital sign only beside another measurement: P 74 after BP, not vitamin K 5."""
    out = []
    for place, one in enumerate(found):
        beside = [*found[max(0, place - 1) : place], *found[place + 1 : place + 2]]
        is_beside = any(
            other.test.key != one.test.key
            and other.start - _NEAR_VITAL <= one.value.end
            and one.start - _NEAR_VITAL <= other.value.end
            for other in beside
        )
        if len(one.test.name) > 1 or is_beside:
            out.append(one)
    return out


_ELSE = frozenset(("PROBLEM", "SYMPTOM", "PROCEDURE", "DOSAGE", "DURATION"))
"""Labels that the name of a test never has."""
_PARTLY = frozenset(("UNIT", "DATE_TIME", "AGE"))
"""Labels that share no character with a test or its value: 6/10 is a pain score, no day."""
_FELT = "pain"
"""A test that is a symptom, too."""


_FLAG = re.compile(r"[ \t]*[(\[*]?[ \t]*(?:H{1,2}|L{1,2}|high|low)\b", re.IGNORECASE)
_TURN = re.compile(
    r"[ \t]*[(\[][ \t]*(?:up|down|high|low|elevated|increased|decreased|stable|unchanged)[ \t]*[)\]]", re.IGNORECASE
)


def _turned(text: str, measured: Sequence[Annotation]) -> Iterator[Span]:
    """Behind each value in brackets what it did or how it is, which is no value of its own: ``35.5 (down)``."""
    for one in measured:
        turn = _TURN.match(text, one.span.end) if one.label in ("TEST_VALUE", "UNIT") else None
        if turn is not None:
            yield Span(*turn.span())


_DAY = re.compile(r"\d{1,2}[/-]\d{1,2}[/-](?:\d{4}|\d\d)")
_TIMED = frozenset(("UNIT", "DURATION", "DATE_TIME"))
"""Labels that a value with its flag may be taken for: 5.9 H."""


def _flagged(text: str, measured: Sequence[Annotation]) -> Iterator[Span]:
    """The values that a flag follows, with it."""
    for one in measured:
        flag = _FLAG.match(text, one.span.end) if "flag" in one.attributes else None
        if flag is not None:
            yield Span(one.span.start, flag.end())


def _beside(text: str, earlier: Sequence[Annotation], measured: Sequence[Annotation]) -> list[Annotation]:
    """What other components found, but for what stands where a test or its value does."""
    flags, turns = _Places(_flagged(text, measured)), _Places(_turned(text, measured))
    dates = _Places(one.span for one in earlier if one.label == "DATE_TIME" and _DAY.fullmatch(one.text))
    names = {one.span for one in measured if one.label == "TEST"}
    taken = _Places(one.span for one in measured if one.label in ("TEST", "TEST_VALUE"))
    starts = sorted(one.start for one in names)
    longer = _Places(span for span in names if " " in span.of(text))
    return [
        one
        for one in earlier
        if not (one.label in _ELSE and one.span in names and one.text.lower() != _FELT)
        and not (one.label in _PARTLY and taken.overlap(one.span.start, one.span.end))
        and not (one.label == "TEST_VALUE" and dates.overlap(one.span.start, one.span.end))
        and not (one.label == "TEST_VALUE" and turns.overlap(one.span.start, one.span.end))
        and not (one.label == "TEST" and longer.overlap(one.span.start, one.span.end) and one.span not in names)
        and not (one.label in _TIMED and flags.overlap(one.span.start, one.span.end))
        and not (one.label == "TEST" and _holds_two(one.span, starts))
    ]


def _holds_two(span: Span, starts: Sequence[int]) -> bool:
    """True for one name that runs over two columns of a table."""
    return bisect_left(starts, span.end) - bisect_left(starts, span.start) > 1


class _Places:
    """Spans that are asked for what lies near; disjoint or nested but for rare cases, which only widen the answer."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = sorted(spans)
        self._starts = [one.start for one in self._spans]
        self._longest = max((len(one) for one in self._spans), default=0)

    def near(self, start: int, end: int, distance: int) -> bool:
        """True where one lies at most so many characters away."""
        first = bisect_left(self._starts, start - distance - self._longest)
        for one in self._spans[first:]:
            if one.start >= end + distance:
                return False
            if one.end > start - distance:
                return True
        return False

    def overlap(self, start: int, end: int) -> bool:
        """True where one shares a character."""
        return self.near(start, end, 0)


_RULED = frozenset(("TEST_VALUE", "UNIT", "DOSAGE", "FREQUENCY"))
"""Labels whose boundaries the rules know better than a tagger: what they overlap, they replace."""


def _joined(earlier: Sequence[Annotation], added: Sequence[Annotation]) -> list[Annotation]:
    """Both, disjoint within each label."""
    out: list[Annotation] = []
    for label in {one.label for one in (*earlier, *added)}:
        old = sorted((one for one in earlier if one.label == label), key=lambda one: one.span)
        new = sorted((one for one in added if one.label == label), key=lambda one: one.span)
        if label in _RULED:
            units = [one for one in added if one.label == "UNIT" and label == "TEST_VALUE"]  # 10 of 10*3/uL is no value
            taken = _Places(one.span for one in (*new, *units))
            scores = [(one.span, one.score) for one in old]
            out += [one for one in old if not taken.overlap(one.span.start, one.span.end)]
            out += [_scored(one, scores) for one in new] if old else new
        else:
            taken = _Places(one.span for one in old)
            known = {one.span: one.attributes for one in new}
            out += [replace(one, attributes={**known.get(one.span, {}), **one.attributes}) for one in old]
            out += [one for one in new if not taken.overlap(one.span.start, one.span.end)]
    return out


def _scored(one: Annotation, scores: Sequence[tuple[Span, float | None]]) -> Annotation:
    at = bisect_left(scores, one.span.start, key=lambda each: each[0].end)
    while at < len(scores) and scores[at][0].start < one.span.end:
        if scores[at][0].overlaps(one.span):
            return replace(one, score=scores[at][1])
        at += 1
    return one
