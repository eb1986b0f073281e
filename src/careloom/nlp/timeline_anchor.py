"""When an event was, by the time expression that it stands with, or by its section.

A time expression of the same sentence is the event's where nothing nearer is: distance in characters, with a toll for
each event that stands between them, for a semicolon or a line end, and for a time that stands in front. A study may
have its date in a heading beside it (``DATE OF EXAMINATION:``). Without one, a duration tells how long a problem has
lasted up to the note (``for 3 days``), and the section tells the rest: what was seen or measured is of the note's day,
a past history ended on it or before, a plan begins on it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from careloom.nlp.times_calendar import bounds, days_in
from careloom.text.note import Annotation, Section, Span

EVENTS = frozenset(("PROBLEM", "SYMPTOM", "PROCEDURE", "TEST", "MEDICATION", "ALLERGEN", "DEVICE"))
_OF_NOTE = frozenset(
    "vital_signs physical_examination results objective assessment assessment_and_plan findings impression imaging "
    "technique nursing_assessment chief_complaint history_of_present_illness subjective interval_history diagnosis "
    "review_of_systems reason_for_visit discharge_condition discharge_diagnosis interventions medications "
    "hospital_course administered_medications emergency_course mental_status procedure_description disposition".split()
)
_BEFORE_NOTE = frozenset(
    "past_medical_history past_surgical_history procedures immunizations admission_medications admission_diagnosis "
    "comparison allergies other_history gynecologic_history".split()
)
_AFTER_NOTE = frozenset(("plan", "discharge_instructions", "discharge_medications"))
_NO_TIME = frozenset(("family_history", "social_history", "header", "signature"))
_FARTHEST = 160
_TOLL_EVENT, _TOLL_BREAK, _TOLL_LINE, _TOLL_FRONT = 25, 50, 10, 15
_HEADED_WITHIN, _HEADED = 160, frozenset(("TEST", "PROCEDURE"))
_HEADING = re.compile(
    r"(?:\b(?:exam(?:ination)?|study|test|performed|collected|drawn|resulted|procedure|service)\b[^\n.;]{0,12}"
    r"|\bdate of [a-z]{4,14}\b)[: ]+\Z",
    re.IGNORECASE,
)
_LASTING = frozenset(("PROBLEM", "SYMPTOM"))
_OF = re.compile(r"[\s-]*(?:duration|history|hx|course)?\s*(?:of|with|h/o)\b[^.;:\n]{0,60}\Z", re.IGNORECASE)
_FOR = re.compile(
    r"[^.;:\n]{0,40}?\b(?:for|over|during|x|lasting|persisting)"
    r"\s*(?:about|approximately|the|past|last|at least|more than|~|\s)*[^.;:]*\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class When:
    """The time of an event.

    first, last  the days that bound it; None where that side is open
    source       clause, duration or section: what told it
    time         place of the time expression among the annotations; None where the section told it
    """

    first: date | None
    last: date | None
    source: str
    time: int | None = None


def span_of(one: Annotation) -> tuple[date, date] | None:
    """First and last day that a time expression may mean; None where it has no value."""
    low, high = one.attributes.get("low", ""), one.attributes.get("high", "")
    wide = bounds(f"{low}/{high}") if low and high else None
    return wide if wide is not None else bounds(one.attributes.get("value", ""))


class Anchors:
    """Finds the times of the events of one note.

    text         of the note
    sentences    in order, disjoint
    annotations  by place
    day          the note's; None where nobody said
    """

    def __init__(
        self,
        text: str,
        sentences: Sequence[Span],
        sections: Sequence[Section],
        annotations: Sequence[Annotation],
        day: date | None,
    ) -> None:
        self._text, self._sentences, self._sections, self._day = text, sentences, sections, day
        self._annotations = annotations
        self._starts = [one.start for one in sentences]
        times = [(place, one) for place, one in enumerate(annotations) if one.label in {"DATE_TIME", "DURATION"}]
        self._times = [(one.span.start, place) for place, one in times if not _is_of_birth(one)]
        self._headed = [
            (start, place)
            for start, place in self._times
            if annotations[place].label == "DATE_TIME" and _HEADING.search(text, max(0, start - 40), start)
        ]
        self._events = [one.span.start for one in annotations if one.label in EVENTS]

    def when(self, event: Annotation) -> When | None:
        """The time of an event; None where nothing tells it."""
        sentence = self._sentence(event.span)
        found = self._nearest(event, sentence, "DATE_TIME")
        if found is None and event.label in _HEADED:
            found = self._by_heading(event)
        if found is not None:
            days = span_of(self._annotations[found])
            if days is not None:
                return When(*days, "clause", found)
        if event.label in _LASTING and self._day is not None:
            lasting = self._nearest(event, sentence, "DURATION")
            length = None if lasting is None else self._annotations[lasting].attributes.get("value", "")
            days_long = days_in(length) if length else None
            if days_long is not None and days_long < 365 * 120 and self._lasts(event.span, lasting):
                return When(self._day - timedelta(days=round(days_long)), self._day, "duration", lasting)
        return self._by_section(event)

    def _lasts(self, event: Span, duration: int | None) -> bool:
        """True where a duration is the event's own: ``three days of cough``, ``cough for three days``."""
        if duration is None:
            return False
        time = self._annotations[duration].span
        if time.end <= event.start:
            return _OF.match(self._text[time.end : event.start]) is not None
        return _FOR.match(self._text[event.end : time.end]) is not None

    def _sentence(self, span: Span) -> Span:
        place = bisect_right(self._starts, span.start) - 1
        if place >= 0 and self._sentences[place].end > span.start:
            return self._sentences[place]
        return span

    def _nearest(self, event: Annotation, sentence: Span, label: str) -> int | None:
        """Place of the time expression of a label that costs least; None where none is near."""
        best, cost = None, float(_FARTHEST)
        low = max(sentence.start, event.span.start - _FARTHEST)
        high = min(sentence.end, event.span.end + _FARTHEST)
        at = bisect_left(self._times, (low, -1))
        while at < len(self._times) and self._times[at][0] < high:
            place = self._times[at][1]
            at += 1
            time = self._annotations[place]
            if time.label != label or time.span.overlaps(event.span):
                continue
            this = self._cost(event.span, time.span)
            if this < cost:
                best, cost = place, this
        return best

    def _cost(self, event: Span, time: Span) -> float:
        is_front = time.start < event.start
        start, end = (time.end, event.start) if is_front else (event.end, time.start)
        between = self._text[start:end]
        events = bisect_left(self._events, end) - bisect_left(self._events, start)
        breaks = _TOLL_BREAK * between.count(";") + _TOLL_LINE * between.count("\n")
        return len(between) + _TOLL_EVENT * events + breaks + (_TOLL_FRONT if is_front else 0)

    def _by_heading(self, event: Annotation) -> int | None:
        """Place of a date that a heading gives to the study as a whole; None where none is near."""
        at = bisect_left(self._headed, (event.span.start, -1))
        beside = [place for _, place in self._headed[max(0, at - 1) : at + 1]]
        near = min(beside, key=lambda place: self._gap(event.span, place), default=None)
        return near if near is not None and self._gap(event.span, near) <= _HEADED_WITHIN else None

    def _gap(self, span: Span, place: int) -> int:
        time = self._annotations[place].span
        return time.start - span.end if time.start >= span.end else 2 * (span.start - time.end)

    def _by_section(self, event: Annotation) -> When | None:
        if self._day is None or (event.assertion is not None and event.assertion.experiencer != "patient"):
            return None
        kind = event.section or self._section(event.span)
        temporality = event.assertion.temporality if event.assertion is not None else "current"
        if kind in _NO_TIME:
            return None
        if temporality == "future" or kind in _AFTER_NOTE:
            return When(self._day, None, "section")
        if temporality == "historical" or kind in _BEFORE_NOTE:
            return When(None, self._day, "section")
        return When(self._day, self._day, "section") if kind in _OF_NOTE else None

    def _section(self, span: Span) -> str:
        place = bisect_right(self._sections, span.start, key=lambda one: one.body.start) - 1
        inside = place >= 0 and self._sections[place].body.end > span.start
        return self._sections[place].kind if inside else ""


def _is_of_birth(time: Annotation) -> bool:
    return time.attributes.get("of") == "birth"
