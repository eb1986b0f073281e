"""Task files of ACES, the Automatic Cohort Extraction System for Event-Streams, as data.

Read are predicates (codes, one of several, a regular expression, bounds of values; ``and`` and ``or`` of others),
patient_demographics, trigger, and windows with start, end, start_inclusive, end_inclusive, has, label and
index_timestamp. What is beyond that is refused with its place.

Source: ACES 0.7.3 (Xu et al., ICLR 2025, arXiv:2406.19653), its configuration language.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from polars.exceptions import PolarsError

from careloom.errors import FormatError
from careloom.risk.cohorts_yaml import read_yaml

ANY, RECORD_START, RECORD_END = "_ANY_EVENT", "_RECORD_START", "_RECORD_END"
SPECIAL = (ANY, RECORD_START, RECORD_END)
_WORD = re.compile(r"\w+")
_REFERENCE = re.compile(r"\w+(\.(start|end))?")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_SECONDS = {
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 604_800),
    **dict.fromkeys(("d", "dy", "dys", "day", "days"), 86_400),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
}  # fmt: skip
"""Units of pytimeparse 1.1.8, which ACES reads durations by; years and months are none of them."""
_PREDICATE = ("code", "value_min", "value_max", "value_min_inclusive", "value_max_inclusive", "static", "other_cols")
_WINDOW = ("start", "end", "start_inclusive", "end_inclusive", "has", "label", "index_timestamp")
KNOWN = ("predicates", "patient_demographics", "trigger", "windows", "metadata", "description")
"""What a task file may say; the last two are for people."""
Side = Literal["start", "end"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Predicate:
    """Codes, one of `codes` or all that `pattern` finds, with bounds of their value; or others taken together.

    joined   ``and`` or ``or`` of the predicates in `parts`; empty for codes
    is_static  of rows without a time: a trait of the patient
    """

    name: str
    codes: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    high: float | None = None
    low_inclusive: bool = False
    high_inclusive: bool = False
    joined: str = ""
    parts: tuple[str, ...] = ()
    is_static: bool = False


@dataclass(frozen=True, slots=True)
class Boundary:
    """One end of a window: of what, and how far from it.

    reference  ``trigger``, ``start``, ``end``, or ``WINDOW.start``, ``WINDOW.end``
    seconds    after it; negative: before
    event      the next (`is_back`: the last) event of this predicate from there; empty for none
    """

    reference: str
    seconds: float = 0.0
    event: str = ""
    is_back: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """One window; `root` is the end that refers to another window or to the trigger."""

    name: str
    start: Boundary
    end: Boundary
    start_inclusive: bool
    end_inclusive: bool
    has: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    label: str = ""
    index_timestamp: str = ""

    @property
    def root(self) -> Side:
        """The end that the other is told by."""
        return "end" if self.start.reference == "end" else "start"


@dataclass(frozen=True, slots=True)
class Task:
    """A task: windows in an order in which each refers to earlier ones only; predicates with the parts before the
    whole.
    """

    predicates: tuple[Predicate, ...]
    trigger: str
    windows: tuple[Window, ...]
    demographics: tuple[Predicate, ...] = ()


def read_task(text: str) -> Task:
    """The task that a file says. raises FormatError, which names the place"""
    return task_of(read_yaml(text))


def task_of(told: Json) -> Task:
    """The task that a mapping says, as it stands in a file. raises FormatError, which names the place"""
    _only(told, KNOWN, "the file")
    if "trigger" not in told:
        raise FormatError("task file: it has no trigger", "Name the predicate of the trigger: trigger: NAME.")
    predicates = _ordered([_predicate(name, one) for name, one in _table(told, "predicates").items()])
    demographics = tuple(
        _predicate(name, {**one, "static": True}) if isinstance(one, dict) else _predicate(name, one)
        for name, one in _table(told, "patient_demographics").items()
    )
    names = {one.name for one in predicates if not one.is_static} | set(SPECIAL)
    windows = [_window(name, one, names) for name, one in _table(told, "windows").items()]
    trigger = _known(told["trigger"], names, "trigger")
    for what in ("label", "index_timestamp"):
        if sum(bool(getattr(one, what)) for one in windows) > 1:
            raise FormatError(f"task file: two windows have {what}", "One window at most may have it.")
    static = tuple(one for one in predicates if one.is_static)
    return Task(tuple(one for one in predicates if not one.is_static), trigger, _in_order(windows),
                (*demographics, *static))  # fmt: skip


def _only(told: Json, known: tuple[str, ...], place: str) -> None:
    unknown = sorted(set(told) - set(known))
    if unknown:
        raise FormatError(
            f"task file: {place} says {unknown[0]}, which is not understood", f"Known: {', '.join(known)}."
        )


def _table(told: Json, name: str) -> Json:
    found = told.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise FormatError(f"task file: {name}", "Write a mapping: a name, and below it what it is.")
    return found


def _known(found: object, names: set[str], place: str) -> str:
    if not isinstance(found, str) or found not in names:
        raise FormatError(
            f"task file: {place} names no predicate of events", f"Name one of {', '.join(sorted(names))}."
        )
    return found


def _predicate(name: str, told: object) -> Predicate:
    place = f"predicates.{name}"
    if not isinstance(told, dict) or not _WORD.fullmatch(name):
        raise FormatError(f"task file: {place}", "Write a name of letters, digits and underscores, and code or expr.")
    if "expr" in told:
        _only(told, ("expr", "static"), place)
        return _joined(name, told["expr"], place)
    _only(told, _PREDICATE, place)
    if told.get("other_cols"):
        raise FormatError(f"task file: {place}.other_cols", "Facts have no other columns: write them into the code.")
    codes, pattern = _codes(told.get("code"), place)
    for bound in ("value_min", "value_max"):
        if isinstance(told.get(bound), bool) or not isinstance(told.get(bound), int | float | None):
            raise FormatError(f"task file: {place}.{bound}", "Write a number.")
    return Predicate(
        name, codes, pattern, told.get("value_min"), told.get("value_max"),
        bool(told.get("value_min_inclusive")), bool(told.get("value_max_inclusive")),
        is_static=bool(told.get("static", False)),
    )  # fmt: skip


def _codes(found: object, place: str) -> tuple[tuple[str, ...], str]:
    if isinstance(found, str | int):
        return (str(found),), ""
    if isinstance(found, dict) and set(found) == {"any"} and isinstance(found["any"], list) and found["any"]:
        return tuple(map(str, found["any"])), ""
    if isinstance(found, dict) and set(found) == {"regex"} and isinstance(found["regex"], str):
        try:
            pl.Series([""]).str.contains(found["regex"])
        except PolarsError:
            remedy = "Mend the regular expression; looking ahead or back is none of it, as in ACES."
            raise FormatError(f"task file: {place}.code.regex", remedy) from None
        return (), found["regex"]
    raise FormatError(f"task file: {place}.code", "Write a code, {any: [...]} or {regex: ...}.")


def _joined(name: str, found: object, place: str) -> Predicate:
    told = re.fullmatch(r"(and|or)\(([\w\s,]+)\)", str(found).strip())
    parts = [part.strip() for part in told[2].split(",")] if told else []
    if told is None or len(parts) < 2 or not all(parts):
        raise FormatError(f"task file: {place}.expr", "Write and(A, B) or or(A, B) of two predicates or more.")
    return Predicate(name, joined=told[1], parts=tuple(parts))


def _ordered(predicates: list[Predicate]) -> list[Predicate]:
    """Parts before the whole. raises FormatError for a part that is not there, or a circle"""
    left = {one.name: one for one in predicates}
    made: dict[str, Predicate] = {}
    while left:
        ripe = [one for one in left.values() if all(part in made or part in SPECIAL for part in one.parts)]
        if not ripe:
            name = next(iter(left))
            raise FormatError(f"task file: predicates.{name}.expr", "Each part has to be a predicate, and no circle.")
        for one in ripe:
            if any(part in made and made[part].is_static for part in one.parts):
                raise FormatError(f"task file: predicates.{one.name}.expr", "Parts are of events, not of patients.")
            made[one.name] = left.pop(one.name)
    return list(made.values())


def _window(name: str, told: object, names: set[str]) -> Window:
    place = f"windows.{name}"
    if not isinstance(told, dict) or not _WORD.fullmatch(name):
        raise FormatError(f"task file: {place}", "Write start, end, start_inclusive and end_inclusive below its name.")
    _only(told, _WINDOW, place)
    for flag in ("start_inclusive", "end_inclusive"):
        if not isinstance(told.get(flag), bool):
            raise FormatError(f"task file: {place}.{flag}", "Say True or False.")
    start = _boundary(told.get("start"), "start", names, place)
    end = _boundary(told.get("end"), "end", names, place)
    if (start.reference == "end") == (end.reference == "start"):
        raise FormatError(f"task file: {place}", "One of start and end has to refer to the other, and only one.")
    if start.reference == "end" and (start.seconds > 0 or (start.event and not start.is_back)):
        raise FormatError(f"task file: {place}.start", "It has to lie before the end.")
    if end.reference == "start" and (end.seconds < 0 or end.is_back):
        raise FormatError(f"task file: {place}.end", "It has to lie after the start.")
    index = told.get("index_timestamp") or ""
    if index not in ("", "start", "end"):
        raise FormatError(f"task file: {place}.index_timestamp", "Say start or end.")
    has = {_known(one, names, f"{place}.has"): _range(text, f"{place}.has.{one}")
           for one, text in _table(told, "has").items()}  # fmt: skip
    label = told.get("label") or ""
    return Window(name, start, end, told["start_inclusive"], told["end_inclusive"], has,
                  _known(label, names, f"{place}.label") if label else "", index)  # fmt: skip


def _range(found: object, place: str) -> tuple[int | None, int | None]:
    told = re.fullmatch(r"\(\s*(None|\d*)\s*,\s*(None|\d*)\s*\)", str(found).strip())
    if told is None:
        raise FormatError(f"task file: {place}", "Write (least, most), with None for no bound: (1, None).")
    low, high = (None if part in ("", "None") else int(part) for part in told.groups())
    if low is None and high is None:
        raise FormatError(f"task file: {place} bounds nothing", "Write (least, most) with a number, or leave it out.")
    if low is not None and high is not None and high < low:
        raise FormatError(f"task file: {place} can never hold", "Write the least first: (least, most).")
    return low, high


def _boundary(found: object, side: Side, names: set[str], place: str) -> Boundary:
    if found is None or found == "None":
        other: Side = "end" if side == "start" else "start"
        return Boundary(other, event=RECORD_START if side == "start" else RECORD_END, is_back=side == "start")
    told, where = str(found).strip(), f"{place}.{side}"
    for arrow in ("->", "<-"):
        if arrow in told:
            reference, _, event = (part.strip() for part in told.partition(arrow))
            return Boundary(_reference(reference, where), event=_known(event, names, where), is_back=arrow == "<-")
    match = re.fullmatch(r"([\w.]+)\s*(?:([+-])\s*(.+))?", told)
    if match is None:
        raise FormatError(f"task file: {where}", "Write a reference, with + or - a time, or -> or <- a predicate.")
    seconds = _seconds(match[3], where) if match[3] else 0.0
    return Boundary(_reference(match[1], where), -seconds if match[2] == "-" else seconds)


def _reference(text: str, where: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise FormatError(f"task file: {where}", "Refer to trigger, start, end, WINDOW.start or WINDOW.end.")
    return text


def _seconds(text: str, where: str) -> float:
    pieces = _PIECE.findall(text)
    rest = _PIECE.sub("", text).replace(",", "").strip()
    if not pieces or rest or any(unit.lower() not in _SECONDS for _, unit in pieces):
        remedy = "Write it in weeks, days, hours, minutes or seconds (m is minutes): 30 days, 24h."
        raise FormatError(f"task file: {where} has a time that is not understood", remedy)
    return sum(float(count) * _SECONDS[unit.lower()] for count, unit in pieces)


def _in_order(windows: list[Window]) -> tuple[Window, ...]:
    left = {one.name: one for one in windows}
    made: dict[str, Window] = {}
    while left:
        ripe = [one for one in left.values() if _outside(one) == "trigger" or _outside(one).split(".")[0] in made]
        if not ripe:
            name = next(iter(left))
            remedy = "It has to refer to the trigger or a window, in no circle."
            raise FormatError(f"task file: windows.{name}", remedy)
        for one in ripe:
            made[one.name] = left.pop(one.name)
    return tuple(made.values())


def _outside(one: Window) -> str:
    return one.end.reference if one.root == "end" else one.start.reference
