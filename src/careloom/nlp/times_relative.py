"""Times relative to something: what they are counted from, and where that leads."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from careloom.nlp.times_calendar import duration, partial, seconds, step
from careloom.nlp.times_read import Count, Words, length, ordinal
from careloom.nlp.times_scene import EVENTS, Running, Scene, moment

Attributes = dict[str, str]
NEAR = 200
"""An expression this many characters back is what ``the day before`` is said of; otherwise it is said of the note."""
_VAGUE_FROM, _VAGUE_TO = 2, 7
"""What a few and several may mean, in units."""
_WEEK_DAYS = 7


def ago(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """A number of units before or after something: 3 weeks ago, two months later, 2 days prior to surgery."""
    count, unit = words.count(), words.unit() or "D"
    direction = words.of("dir")[0]
    if count is None:
        return None
    if not words.of("n"):
        count = Count(_VAGUE_FROM, _VAGUE_TO, is_vague=True)
    sign = -1 if direction.kind in {"AGO", "BEFORE"} or direction.text == "preoperatively" else 1
    origin = _origin(_anchor(words, scene, running, sign), scene, running)
    return _counted(origin, sign, count, unit, words.modifier())


def after(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """After 3 days: counted from the expression before it, or from the note where the words look ahead."""
    count, unit = words.count(), words.unit()
    if count is None:
        return None
    name = scene.event_after(words.end) or _ahead_or_before(words, scene, running, section)
    return _counted(_origin(name, scene, running), 1, count, unit, words.modifier())


def within(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """Within two weeks: an interval that begins at its anchor, or ends there where it says past."""
    count, unit = words.count(), words.unit()
    if count is None:
        return None
    is_past = bool(words.of("rel")) and words.of("rel")[0].kind == "PAST"
    name = scene.event_after(words.end) or ("note" if is_past else _ahead_or_before(words, scene, running, section))
    sign = -1 if is_past else 1
    origin = _origin(name, scene, running)
    out = _counted(origin, sign, count, unit, words.modifier())
    if origin.day is None or unit not in {"D", "W", "M", "Y"}:
        return out
    other = step(origin.day, sign * count.high, unit)
    if other is not None:
        first, last = sorted((origin.day, other))
        out |= {"value": f"{first.isoformat()}/{last.isoformat()}", "low": first.isoformat(), "high": last.isoformat()}
    return out


def _ahead_or_before(words: Words, scene: Scene, running: Running, section: str) -> str:
    if scene.is_future(words.start, section):
        return "note"
    return "previous" if running.previous else ""


def _anchor(words: Words, scene: Scene, running: Running, sign: int) -> str:
    """What an expression is counted from: the event it names, the note, or the expression before it."""
    direction = words.of("dir")[0]
    if direction.kind in {"AGO", "NOW"}:
        return "note"
    if direction.kind == "POSTPARTUM":
        return "birth-giving" if direction.text == "postpartum" else "surgery"
    named = EVENTS.get(words.text("e"), "") or scene.event_after(words.end)
    if named:
        return named if named in scene.anchors or sign > 0 or named == "surgery" else "note"
    if sign > 0:
        return "previous"
    is_told = direction.text in {"earlier", "before", "beforehand"} and words.start - running.end <= NEAR
    return "previous" if is_told and running.previous else "note"


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a time is counted from: the name of the anchor and its day and moment, None where they are not told."""

    name: str
    day: date | None
    moment: datetime | None = None


def _origin(name: str, scene: Scene, running: Running) -> _Origin:
    day = running.day() if name == "previous" else scene.anchor(name)
    if day is not None and name == "note" and scene.clock is not None:
        return _Origin(name, day, moment(day, (scene.clock.hour, scene.clock.minute)))
    if day is not None and name == "previous" and "T" in running.previous:
        hour, minute = running.previous.split("T")[1].split(":")[:2]
        return _Origin(name, day, moment(day, (int(hour), int(minute))))
    return _Origin(name, day)


def _counted(origin: _Origin, sign: int, count: Count, unit: str, bent: str) -> Attributes:
    """The attributes of a time that is `count` units from its origin; `bent` is the modifier."""
    span = length(count, unit, "")
    unit, count = ("Y", Count(count.low * 10, count.high * 10, count.is_vague)) if unit == "10Y" else (unit, count)
    unit, count = ("W", Count(count.low * 2, count.high * 2, count.is_vague)) if unit == "2W" else (unit, count)
    out: Attributes = {}
    if "value" in span:
        out["offset"] = ("-" if sign < 0 else "") + span["value"]
    modifier = bent or span.get("modifier", "")
    if modifier:
        out["modifier"] = modifier
    if origin.name:
        out["anchor"] = origin.name
    day = origin.day
    if day is None:
        return out
    short = seconds(count.low, unit)
    if short is not None:
        return out | _hours(origin.moment, sign * short)
    if count.is_vague:
        return out | _around(day, sign, _VAGUE_FROM, _VAGUE_TO, unit)
    first, last = step(day, sign * count.low, unit), step(day, sign * count.high, unit)
    if first is None or last is None:
        return out
    told = [
        partial(one, unit) if one.year and float(count.low).is_integer() else one.isoformat()
        for one in sorted((first, last))
    ]
    out["value"] = told[0] if told[0] == told[1] else f"{told[0]}/{told[1]}"
    if unit == "D" and modifier != "approx":
        return (
            out if first == last else out | {"low": min(first, last).isoformat(), "high": max(first, last).isoformat()}
        )
    slack = 1.0 if modifier == "approx" else 0.5
    return out | _around(day, sign, count.low - slack, count.high + 1, unit)


def _around(day: date, sign: int, least: float, most: float, unit: str) -> Attributes:
    """First and last day that a count of units may mean: people round down, 3 weeks and 5 days is three weeks."""
    one, other = _fraction(day, sign * least, unit), _fraction(day, sign * most, unit)
    if one is None or other is None:
        return {}
    first, last = sorted((one, other))
    return {"low": first.isoformat(), "high": last.isoformat()}


def _fraction(day: date, count: float, unit: str) -> date | None:
    """Like `step`, for halves of a unit too."""
    whole = int(count)
    reached = step(day, whole, unit)
    days = {"D": 1, "W": _WEEK_DAYS, "M": 30, "Y": 365}[unit]
    return None if reached is None else step(reached, round((count - whole) * days), "D")


def _hours(start: datetime | None, distance: float) -> Attributes:
    """Hours and minutes lead to a moment where the anchor has a clock, else nowhere that could be told."""
    if start is None:
        return {}
    try:
        return {"value": (start + timedelta(seconds=distance)).isoformat(timespec="minutes")}
    except OverflowError:
        return {}


def day_number(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """POD 2 is two days after surgery, hospital day 3 the third of the stay; a bare day 5 is of something untold."""
    number = ordinal(words.of("n"))
    kinds = {token.kind for token in words.of("kind")}
    is_after_surgery = bool(kinds & {"POD", "POSTOPERATIVE", "POST", "OPERATIVE"})
    units = words.of("u")
    if number is None or any(token.text == "days" for token in words.tokens[words.match.first : words.match.last]):
        return None
    is_day = not units or units[0].kind == "DAY"
    if not is_after_surgery and not kinds & {"HD", "HOSPITAL"}:
        return _day_of_life(words, scene, number) if words.of("kind2") and is_day else {}
    name, days = ("surgery", number) if is_after_surgery else ("admission", number - 1)
    if not is_day:
        return {"anchor": name}
    out = {"anchor": name, "offset": duration(days, "D")}
    anchor = scene.anchors.get(name)
    if name in scene.inferred:
        out["modifier"] = "inferred"
    reached = None if anchor is None else step(anchor, days, "D")
    return out if reached is None else out | {"value": reached.isoformat()}


def day_range(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """POD 2 to 4: from the second to the fourth day after surgery, as an interval where the note dates the surgery."""
    first, last = ordinal(words.of("n")), ordinal(words.of("to"))
    if first is None or last is None or first >= last:
        return None
    kinds = {token.kind for token in words.of("kind")}
    is_after_surgery = bool(kinds & {"POD", "POSTOPERATIVE", "POST", "OPERATIVE"})
    if not is_after_surgery and not kinds & {"HD", "HOSPITAL"}:
        return {}
    name, shift = ("surgery", 0) if is_after_surgery else ("admission", 1)
    out = {"anchor": name}
    anchor = scene.anchors.get(name)
    ends = None if anchor is None else (step(anchor, first - shift, "D"), step(anchor, last - shift, "D"))
    if ends is None or ends[0] is None or ends[1] is None:
        return out
    return out | {"value": f"{ends[0].isoformat()}/{ends[1].isoformat()}"}


def _day_of_life(words: Words, scene: Scene, number: int) -> Attributes:
    if words.of("kind2")[0].kind != "LIFE":
        return {}
    out = {"anchor": "birth", "offset": duration(number - 1, "D")}
    born = scene.anchors.get("birth")
    reached = None if born is None else step(born, number - 1, "D")
    return out if reached is None else out | {"value": reached.isoformat()}


def next_day(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """The following morning, last week, that night, this month."""
    rel, unit_token = words.of("rel")[0], words.of("u")[0]
    is_of_day = unit_token.kind in {"DAY", "PART"} or unit_token.text.startswith("night")
    out: Attributes = {"part": unit_token.text} if unit_token.kind != "DAY" and is_of_day else {}
    is_said_of_note = rel.kind == "THIS" or (
        rel.kind == "PAST" and (not is_of_day or rel.text == "last" or not running.previous)
    )
    if rel.kind == "NEXT" and (scene.is_future(words.start, section) or not (running.previous or is_of_day)):
        is_said_of_note = True
    out["anchor"] = "note" if is_said_of_note else "previous"
    day = scene.day if is_said_of_note else running.day()
    if day is None:
        return out
    distance = {"THIS": 0, "SAME": 0, "THAT": 0, "PAST": -1}.get(rel.kind, 1)
    if is_of_day:
        return out | {"value": (day + timedelta(days=distance)).isoformat()}
    unit = words.unit()
    reached = step(day, distance, unit) if unit in {"W", "M", "Y"} else None
    if reached is None:
        return out
    if unit == "W":
        monday = reached - timedelta(days=reached.weekday())
        week = reached.isocalendar()
        sunday = monday + timedelta(days=_WEEK_DAYS - 1)
        return out | {
            "value": f"{week.year:04d}-W{week.week:02d}",
            "low": monday.isoformat(),
            "high": sunday.isoformat(),
        }
    return out | {"value": partial(reached, unit)}


def day_before(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """The day before surgery, the day of admission; without an event, before what was told last or before the note."""
    direction = (words.of("dir") or words.of("dir2"))[0]
    distance = {"BEFORE": -1, "OF": 0}.get(direction.kind, 1)
    if words.tokens[words.match.first].text == "days":
        return None if direction.kind == "OF" else ago(words, scene, running, section)
    named = EVENTS.get(words.text("e"), "") or scene.event_after(words.end)
    if not named and direction.kind == "OF":
        return None
    name = named or ("previous" if running.previous and words.start - running.end <= NEAR else "note")
    out = {"anchor": name}
    day = _origin(name, scene, running).day
    return out if day is None else out | {"value": (day + timedelta(days=distance)).isoformat()}


def deictic(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """Today, yesterday, tomorrow, tonight."""
    out: Attributes = {"anchor": "note"}
    if words.of("p"):
        out["part"] = words.text("p")
    elif words.text("x") == "tonight":
        out["part"] = "night"
    if scene.day is None:
        return out
    return out | {"value": (scene.day + timedelta(days=int(words.worth("x") or 0))).isoformat()}


def now(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """The day of the note."""
    return {"anchor": "note"} | ({} if scene.day is None else {"value": scene.day.isoformat()})


def event(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """On admission, at discharge: the day of it; where the note dates none, the words name an event, no time."""
    name = EVENTS.get(words.text("e"), "")
    day = scene.anchor(name) if name else None
    return None if day is None else {"anchor": name, "value": day.isoformat()}


def age(words: Words, scene: Scene, running: Running, section: str) -> Attributes | None:
    """At the age of 16: counted from birth."""
    count, unit = words.count(), words.unit() or "Y"
    if count is None or unit not in {"D", "W", "M", "Y"}:
        return {"anchor": "birth"}
    out = {"anchor": "birth", "offset": duration(count.low, unit)}
    born = scene.anchors.get("birth")
    first = None if born is None else step(born, count.low, unit)
    if born is None or first is None:
        return out
    last = step(born, count.low + 1, unit)
    out["value"] = partial(first, unit)
    if last is None:
        return out
    return out | {"low": first.isoformat(), "high": (last - timedelta(days=1)).isoformat()}
