"""A matched time expression as attributes: its value in ISO 8601 by what the note says before it.

`resolve` hands each match to the reader that its rule names. What comes out:

    type      date, time, relative, duration
    value     ISO 8601; absent where it cannot be told
    low, high  first and last day (of a duration: length) that are meant, where the value is not the whole truth
    modifier  approx, start, mid, end, more-than, less-than, vague, inferred
    anchor    note, admission, discharge, surgery, birth, previous: what a relative time was counted from
    offset    how far from the anchor, ISO 8601, with a minus for before
    part      of the day, as written
    assumed   year: none is written, the one in `value` is the likeliest
    of        birth, admission, surgery, discharge: what a date is of, by the words before it (set by `times`)
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from careloom.nlp import times_relative
from careloom.nlp.times_calendar import YEARS_AHEAD, day_of, step
from careloom.nlp.times_read import (
    Calendar,
    Words,
    calendar_of,
    clock_of,
    length,
    three_numbers,
    two_numbers,
    with_century,
)
from careloom.nlp.times_scene import Running, Scene, cue_before, moment

Attributes = dict[str, str]
SOON_DAYS = 1
"""A date without a year that lies no further ahead than that is still this year's."""
AHEAD_DAYS = 183
"""Where the words speak of what is to come, a date without a year is the next one, at most so far ahead."""
_USUAL_DENOMINATORS = frozenset((12, 15, 16, 18, 20, 24, 25, 30))
"""Days of a month that 3/20 is more likely a score's denominator than a date with."""
_SCALES_UP_TO = 10
_NEAR_SCORE = 24
_SCORE = re.compile(
    r"\b(?:strength|motor|mmse|moca|gcs|pain|vision|acuity|score|scale|rated?|pulses?|reflex(?:es)?|murmur|grade|power|level"
    r"|intensity|apgars?|tabs?|tablets?|cups?|doses?|systolic|nodes?|bottles|cores)\b"
)
_CHARTED = re.compile(
    r"(?:\b(?:adm(?:it(?:ted)?)?|dc|d/c|disch|vax|iiv|tdap|td|booster|flu|shot|cxr|ct|mri|us|xr|echo|tte|ekg|ecg|labs?|f/?u|appt"
    r"|rtc|pcp|seen|note|dob|lmp|visit|sched(?:uled)?)\.?|\bdr\.?\s[a-z'-]+)[\s:,(]{0,3}\Z"
)
_SEASON_MONTHS = 3


def resolve(words: Words, scene: Scene, running: Running, section: str = "") -> Attributes | None:
    """The attributes of a match but for its type; None where it is no time after all."""
    reader = _READERS[words.match.rule.read]
    return reader(words, scene, running, section)


def _written(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    text = words.text("x")
    found = three_numbers(text, day_first=scene.day_first)
    if found is None:
        found = two_numbers(text, day_first=scene.day_first)
        if found is not None and found.year is None and not _is_date(words, scene):
            return None
    if found is None:
        return None
    out = _calendar_value(found, words, scene, section)
    head, _, rest = text.partition("t")
    if rest and out and head:
        out["value"] = f"{out['value']}T{rest[:5]}"
    return out


def _is_date(words: Words, scene: Scene) -> bool:
    """True where two numbers with a slash are a day rather than a score or a share."""
    before = words.tokens[words.match.first - 1].kind if words.match.first else "BREAK"
    after = words.tokens[words.match.last].kind if words.match.last < len(words.tokens) else "BREAK"
    is_timed = after in {"CLOCK", "FOUR"} and "\n" not in scene.text[words.end : words.tokens[words.match.last].start]
    if words.of("w") or before in {"ON", "SINCE", "UNTIL", "BY"} or is_timed:
        return True
    if is_unlike_score(words.text("x")):
        return True
    near = scene.text[max(0, words.start - _NEAR_SCORE) : words.end + _NEAR_SCORE]
    is_charted = _CHARTED.search(scene.text, max(0, words.start - _NEAR_SCORE), words.start) is not None
    return is_charted or (scene.writes_slashes and _SCORE.search(near) is None)


def is_unlike_score(text: str) -> bool:
    """True where the second of two numbers with a slash is no usual denominator: 3/17, not 3/5 or 6/12."""
    last = int(text.partition("/")[2])
    return last > _SCALES_UP_TO and last not in _USUAL_DENOMINATORS


def _calendar(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    found = calendar_of(words)
    if found is None:
        return None
    now = scene.day
    if found.year is not None and found.month is None and now is not None and found.has_century:
        is_far = found.year > now.year + YEARS_AHEAD
        clock = divmod(found.year, 100)
        if is_far:
            return _at(clock, words, scene, running, section) if clock[1] < 60 else None
    return _calendar_value(found, words, scene, section)


def _calendar_value(found: Calendar, words: Words, scene: Scene, section: str) -> Attributes | None:
    is_birth = not found.has_century and cue_before(scene.text, words.start) == "birth"
    found = with_century(found, scene.day, is_birth=is_birth)
    out: Attributes = {}
    modifier = words.modifier()
    if modifier:
        out["modifier"] = modifier
    year = found.year
    if year is None:
        if scene.day is None or found.month is None:
            return out
        year = _year_of(found, scene, words.start, section)
        out["assumed"] = "year"
    if found.day is not None:
        day = day_of(year, found.month or 1, found.day)
        if day is None:
            return None
        return out | {"value": day.isoformat()}
    return out | {"value": f"{year:04d}-{found.month:02d}" if found.month else f"{year:04d}"}


def _year_of(found: Calendar, scene: Scene, start: int, section: str) -> int:
    """The year of a day and month: the last such before the note, or the next where the words look ahead."""
    now = scene.day
    if now is None or found.month is None:
        raise ValueError("a year is told by the day of the note")
    is_future = scene.is_future(start, section)
    for year in (now.year + 1, now.year, now.year - 1):
        first = day_of(year, found.month, found.day or 1) or date(year, found.month, 28)
        ahead = (first - now).days
        if ahead <= (AHEAD_DAYS if is_future else SOON_DAYS):
            return year
    return now.year


def _months(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    first, last = words.worth("m"), words.worth("to")
    years = [int(found[0].text) for name in ("y", "z") if (found := words.of(name))]
    if first is None or last is None:
        return None
    if not years and scene.day is None:
        return {}
    year = years[-1] if years else _year_of(Calendar(None, int(last)), scene, words.start, section)
    began = years[0] if len(years) > 1 else year - (int(first) > int(last))
    one, other = f"{began:04d}-{int(first):02d}", f"{year:04d}-{int(last):02d}"
    if words.match.rule.type == "date" and words.tokens[words.match.first].kind != "BETWEEN":
        return {"low": one, "high": other}  # two months, not all between them
    return {"value": f"{one}/{other}"}


def _decade(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    digits = words.text("x").rstrip("s'’")
    before = [token.kind for token in words.tokens[words.match.first : words.match.last - 1]]
    out: Attributes = {"modifier": modifier} if (modifier := words.modifier()) else {}
    if len(digits) == 4:
        return out | {"value": f"{digits}/{digits[:3]}9"}
    if "HER" not in before:
        return None
    born = scene.anchors.get("birth")
    out["anchor"] = "birth"
    if born is not None:
        out["value"] = f"{born.year + int(digits):04d}/{born.year + int(digits) + 10:04d}"
    return out


def _weekday(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    wanted, rel = words.worth("w"), words.text("rel")
    out: Attributes = {"part": words.text("p")} if words.of("p") else {}
    if scene.day is None or wanted is None:
        return out
    back = (scene.day.weekday() - int(wanted)) % 7
    if rel in {"next", "coming", "following", "this"} or (not rel and scene.is_future(words.start, section)):
        ahead = (7 - back) % 7 or 7
        return out | {"value": (scene.day + timedelta(days=ahead)).isoformat(), "anchor": "note"}
    if rel and not back:
        back = 7
    return out | {"value": (scene.day - timedelta(days=back)).isoformat(), "anchor": "note"}


def _season(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """A season by the months of the northern hemisphere: March to May is spring."""
    month, written = words.worth("s"), words.text("y")
    out: Attributes = {"modifier": modifier} if (modifier := words.modifier()) else {}
    if month is None or (not written and scene.day is None):
        return out
    year = int(written) if written else _season_year(int(month), words.text("rel"), scene)
    last = step(date(year, int(month), 1), _SEASON_MONTHS - 1, "M")
    return out if last is None else out | {"value": f"{year:04d}-{int(month):02d}/{last.isoformat()[:7]}"}


def _season_year(month: int, rel: str, scene: Scene) -> int:
    now = scene.day or date(1, 1, 1)
    if rel in {"next", "coming", "subsequent"}:
        return now.year + (month <= now.month)
    if rel == "this":
        return now.year
    ended = step(date(now.year, month, 1), _SEASON_MONTHS if rel else 0, "M")
    return now.year if ended is not None and ended <= now else now.year - 1


def _holiday(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    packed, written = words.worth("s"), words.text("y")
    if packed is None or (not written and scene.day is None):
        return {}
    month, day = divmod(int(packed), 100)
    found = Calendar(int(written) if written else None, month, day)
    year = found.year if found.year is not None else _year_of(found, scene, words.start, section)
    if month == 11:  # the fourth Thursday, whatever its date
        first = date(year, 11, 1)
        return {"value": (first + timedelta(days=(3 - first.weekday()) % 7 + 21)).isoformat()}
    return {"value": date(year, month, day).isoformat()}


def _clock(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    clock = clock_of(words.of("x") or words.of("x2"))
    return None if clock is None else _at(clock, words, scene, running, section)


def _noon(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    return _at((int(words.worth("x") or 0), 0), words, scene, running, section)


_BESIDE, _WHOLE_DATE = 30, 10


def _at(clock: tuple[int, int], words: Words, scene: Scene, running: Running, section: str) -> Attributes:
    """A time of day with its date: the one that stands before it in the line, else the last such before the note."""
    hour, minute = clock
    between = scene.text[max(0, running.end) : words.start] if words.start - running.end <= _BESIDE else "\n\n"
    lines = between.count("\n")
    day = running.day() if lines <= 1 and len(running.previous) >= _WHOLE_DATE else None
    anchor = "note" if day is None else "previous"
    if day is None or (lines and day == scene.day):
        day = scene.day
        is_later = day is not None and scene.clock is not None and moment(day, clock).time() > scene.clock
        if day is not None and is_later and not scene.is_future(words.start, section):
            day -= timedelta(days=1)
    if day is None:
        return {"value": f"T{hour:02d}:{minute:02d}"}
    return {"value": f"{day.isoformat()}T{hour:02d}:{minute:02d}", "anchor": anchor}


def _duration(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    count, unit = words.count(), words.unit()
    if count is None or not unit:
        return None
    out = length(count, unit, words.modifier())
    before = words.tokens[words.match.first - 1].kind if words.match.first else ""
    if before == "IN" and scene.is_future(words.start, section):
        out |= {"anchor": "note", "offset": out.get("value", "")}
    elif words.of("rel") and words.of("rel")[0].kind == "PAST":
        out["anchor"] = "note"
    return {name: value for name, value in out.items() if value}


def _nothing(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    return {}


_Reader = Callable[[Words, Scene, Running, str], Attributes | None]
_READERS: Mapping[str, _Reader] = {
    "written": _written,
    "calendar": _calendar,
    "months": _months,
    "decade": _decade,
    "weekday": _weekday,
    "season": _season,
    "holiday": _holiday,
    "clock": _clock,
    "noon": _noon,
    "duration": _duration,
    "nothing": _nothing,
    "ago": times_relative.ago,
    "after": times_relative.after,
    "within": times_relative.within,
    "day_number": times_relative.day_number,
    "day_range": times_relative.day_range,
    "next_day": times_relative.next_day,
    "day_before": times_relative.day_before,
    "deictic": times_relative.deictic,
    "now": times_relative.now,
    "event": times_relative.event,
    "age": times_relative.age,
}
