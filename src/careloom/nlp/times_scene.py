"""What time expressions lean on: the time of the note, and the admission, surgery, discharge and birth it dates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from careloom.nlp.times_calendar import bounds

_NOTE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d):(\d\d))?")
_LOOK_BACK, _LOOK_AHEAD = 60, 48
_CUES = (
    ("birth", re.compile(r"(?:\bd\.?o\.?b\b\.?|birth\s?date|date of birth|\bborn\b)[^.;\n]{0,14}$")),
    ("discharge", re.compile(r"\bdischarged?\b[^.;\n]{0,24}$")),
    ("admission", re.compile(r"\b(?:admi(?:tted|ssion|t)|adm|hospitali[sz]ed|presented)\b[^;\n]{0,24}$")),
    (
        "surgery",
        re.compile(
            r"(?:\b(?:surgery|operation|procedure)(?: date)?[ :]*(?:was )?(?:performed |done )?(?:on )?$"
            r"|\bunderwent\b[^.;]{0,52}$|\b(?:s/p|status post)\b[^.;\n]{0,40}$)"
        ),
    ),
)
_FUTURE = re.compile(
    r"\b(?:follow(?:ed)?[ -]?up|return(?:s|ing)?|appointments?|scheduled|will|next visit|again|to be seen|recheck"
    r"|repeat|due|plan(?:ned)?|see (?:him|her|them|you|dr)|check back|come back|rtc|f/u)\b(?:[^.;]|\bdr\.){0,52}$"
)
_FUTURE_SECTIONS = frozenset(("plan", "discharge_instructions"))
_EVENT = re.compile(
    r"\s*(?:to\s+)?(?:the\s+|his\s+|her\s+|this\s+|their\s+)?(?:current\s+|present\s+|initial\s+|index\s+|hospital\s+)?"
    r"(admission|presentation|presenting|arrival|visit|contact|encounter|being seen|surgery|operation|procedure"
    r"|transplant\w*|resection|discharge|birth|delivery)"
)
EVENTS = {
    "admission": "admission", "presentation": "admission", "presenting": "admission", "arrival": "admission",
    "visit": "note", "contact": "note", "encounter": "note", "being seen": "note", "surgery": "surgery",
    "operation": "surgery", "procedure": "surgery", "resection": "surgery", "discharge": "discharge", "birth": "birth",
}  # fmt: skip
"""What an event is called -> the anchor that it is."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What stays the same while a note is read.

    day, clock  when it was written, on the wall where it was written; None where nobody said
    anchors     admission, surgery, discharge, birth: those that the note dates
    writes_slashes  the note has dates with slashes: 3/8 may be one too
    inferred    of these, the ones counted back from the note's day: it calls itself POD 2, or hospital day 3
    """

    text: str
    day: date | None = None
    clock: time | None = None
    anchors: Mapping[str, date] = field(default_factory=dict)
    inferred: frozenset[str] = frozenset()
    day_first: bool = False
    writes_slashes: bool = False

    def is_future(self, start: int, section: str = "") -> bool:
        """True where words before a place speak of what is to come, such as a return visit."""
        return section in _FUTURE_SECTIONS or _FUTURE.search(self.text[max(0, start - _LOOK_BACK) : start]) is not None

    def event_after(self, end: int) -> str:
        """The anchor named right after a place: 2 days prior | to surgery; empty."""
        found = _EVENT.match(self.text, end, end + _LOOK_AHEAD)
        return "" if found is None else EVENTS.get(found[1], "surgery" if found[1].startswith("transplant") else "")

    def anchor(self, name: str) -> date | None:
        """The day of an anchor; that of the admission may be that of the note, where the note dates none."""
        if name == "note":
            return self.day
        return self.anchors.get(name)


def cue_before(text: str, start: int) -> str:
    """What a date is of, by the words before it: birth, discharge, admission, surgery; empty."""
    before = text[max(0, start - _LOOK_BACK) : start].lower()
    return next((name for name, pattern in _CUES if pattern.search(before)), "")


def note_moment(written: str) -> tuple[date | None, time | None]:
    """Day and clock of a note's time, ISO 8601; the offset is left out: a note tells the time on its own wall."""
    found = _NOTE_TIME.match(written)
    if found is None:
        return None, None
    try:
        day = date.fromisoformat(found[1])
        return day, time(int(found[2]), int(found[3])) if found[2] else None
    except ValueError:
        return None, None


def anchored(found: list[tuple[str, str]], day: date | None) -> dict[str, date]:
    """The anchors of a note from what its dates are of: pairs of anchor and ISO date.

    Of several surgeries the last before the note counts, of several admissions too; of births the first.
    """
    out: dict[str, date] = {}
    for name, value in found:
        both = bounds(value)
        if both is None or both[0] != both[1] or (day is not None and name != "discharge" and both[0] > day):
            continue
        if name not in out or (name != "birth" and both[0] > out[name]):
            out[name] = both[0]
    return out


def moment(day: date, clock: tuple[int, int]) -> datetime:
    """A day with a time of day."""
    return datetime(day.year, day.month, day.day, *clock)  # noqa: DTZ001  # a note's clock has no zone


@dataclass(slots=True)
class Running:
    """What changes while a note is read: the last expression that has a day."""

    previous: str = ""
    end: int = -(10**9)

    def day(self) -> date | None:
        """Its first day."""
        both = bounds(self.previous) if self.previous else None
        return None if both is None else both[0]
