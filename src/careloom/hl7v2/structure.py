"""Whether the segments of a message stand where its structure has places for them.

A structure is a regular expression over segment names. Each place of it knows which places may follow; a segment that
follows only when required ones are passed over says which are missing, and one that no place ahead takes is unexpected.

source  HL7 v2.5.1, chapter 2.12 (abstract message syntax); structures.toml
"""

import re
import tomllib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from careloom.hl7v2.parse import Message
from careloom.issues import Issue
from careloom.runtime import packaged

_SIGN = re.compile(r"[A-Z][A-Z0-9]{2}|[\[\]{}<>|]")
_ANYWHERE = frozenset(("DSC", "ADD"))
_START = -1


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a structure: the places it may begin and end with, and whether it may be left out."""

    first: frozenset[int]
    last: frozenset[int]
    is_optional: bool


class Structure:
    """One compiled structure.

    names  the segment name of each place, in order
    """

    def __init__(self, syntax: str) -> None:
        self.names: list[str] = []
        self._follow: dict[int, set[int]] = {_START: set()}
        self._signs = deque(_SIGN.findall(syntax))
        whole = self._sequence()
        self._follow[_START] |= whole.first
        self._ends = whole.last | ({_START} if whole.is_optional else frozenset())

    def _sequence(self) -> _Part:
        part = _Part(frozenset(), frozenset(), is_optional=True)
        while self._signs and self._signs[0] not in "]}>|":
            part = self._joined(part, self._piece())
        return part

    def _joined(self, left: _Part, right: _Part) -> _Part:
        for place in left.last:
            self._follow[place] |= right.first
        return _Part(
            left.first | right.first if left.is_optional else left.first,
            left.last | right.last if right.is_optional else right.last,
            left.is_optional and right.is_optional,
        )

    def _piece(self) -> _Part:
        sign = self._signs.popleft()
        if sign in "[{<":
            inside = self._sequence()
            while self._signs.popleft() == "|":
                other = self._sequence()
                inside = _Part(
                    inside.first | other.first, inside.last | other.last, inside.is_optional or other.is_optional
                )
            if sign == "{":
                for place in inside.last:
                    self._follow[place] |= inside.first
            return _Part(inside.first, inside.last, inside.is_optional or sign == "[")
        place = len(self.names)
        self.names.append(sign)
        self._follow[place] = set()
        return _Part(frozenset((place,)), frozenset((place,)), is_optional=False)

    def check(self, segments: Sequence[str]) -> Iterator[tuple[str, str]]:
        """(``missing`` or ``unexpected``, segment name) for each way in which the segments differ from it."""
        at = frozenset((_START,))
        for name in segments:
            ahead = frozenset(place for here in at for place in self._follow[here] if self.names[place] == name)
            if not ahead:
                way = self._way(at, name)
                if way is None:
                    yield "unexpected", name
                    continue
                yield from (("missing", self.names[place]) for place in way[:-1])
                ahead = frozenset((way[-1],))
            at = ahead
        if not at & self._ends:
            yield from (("missing", self.names[place]) for place in self._way(at, "") or ())

    def _way(self, at: frozenset[int], name: str) -> list[int] | None:
        """The fewest places from here to one of that name, or to an end if the name is empty."""
        before: dict[int, int | None] = dict.fromkeys(at)
        waiting = deque(sorted(at))
        while waiting:
            here = waiting.popleft()
            for place in sorted(self._follow[here]):
                if place in before and place not in at:
                    continue
                is_found = self.names[place] == name if name else place in self._ends
                if is_found:
                    return [*_back(before, here, at), place]
                if place not in before:
                    before[place] = here
                    waiting.append(place)
        return None


def _back(before: dict[int, int | None], place: int, at: frozenset[int]) -> list[int]:
    way: list[int] = []
    here: int | None = place
    while here is not None and here not in at:
        way.append(here)
        here = before[here]
    return way[::-1]


def structure_of(message: Message) -> str:
    """The name of a message's structure: by its event (HL7 table 0354), else as MSH-9.3 says; empty if unknown."""
    events, structures = _tables()
    told = message.header.value(9, 3).upper()
    named = f"{message.code.upper()}_{message.trigger.upper()}" if message.trigger else message.code.upper()
    for name in (events.get(named, named), told):
        if name in structures:
            return name
    return ""


def check_structure(message: Message) -> list[Issue]:
    """What is wrong with the order of a message's segments: warnings; Z segments may stand anywhere.

    A message of an unknown structure has one issue, ``hl7v2.structure-unknown``.
    """
    name = structure_of(message)
    if not name:
        text = "the structure of this message type is not known, its segments were not checked"
        return [Issue("hl7v2.structure-unknown", "information", "MSH-9", text)]
    version = message.header.value(12)
    segments = tuple(one.name for one in message.segments if one.name[0] != "Z" and one.name not in _ANYWHERE)
    return list(_checked(name, version, segments))


@lru_cache(4096)
def _checked(name: str, version: str, segments: tuple[str, ...]) -> tuple[Issue, ...]:
    """The issues of one order of segments; a feed has few of them."""
    counted = Counter(_compiled(name, version).check(segments))
    return tuple(_issue(kind, segment, count, name) for (kind, segment), count in counted.items())


def _issue(kind: str, segment: str, count: int, name: str) -> Issue:
    times = f", {count} times" if count > 1 else ""
    if kind == "missing":
        text = f"the structure {name} requires this segment here{times}"
        return Issue("hl7v2.structure-segment-missing", "warning", segment, text, "let the sender include the segment")
    text = f"the structure {name} has no place for this segment here{times}"
    return Issue("hl7v2.structure-segment-unexpected", "warning", segment, text, "let the sender correct the order")


@cache
def _tables() -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    told: dict[str, Any] = tomllib.loads(packaged("hl7v2", "structures.toml").decode())
    return told["events"], told["structures"]


@cache
def _compiled(name: str, version: str) -> Structure:
    """The structure as that version writes it: the newest that is not newer, the oldest for versions before it."""
    variants = _tables()[1][name]
    fitting = [syntax for since, syntax in variants if _number(since) <= _number(version)]
    return Structure(fitting[-1] if fitting else variants[0][1])


def _number(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else (2, 5, 1)
