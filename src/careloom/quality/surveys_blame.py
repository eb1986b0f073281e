"""Surveys of times against what many records share: a birth, a death, an encounter. They say which one is wrong.

Where one event contradicts what it hangs on, the event is told; where most of those that hang on it do, the patient's
date or the encounter's is told, once, and not a hundred events that are right.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from careloom.fhir.drafts import Resource
from careloom.quality.days import Span, span_of
from careloom.quality.paths import compiled
from careloom.quality.scene import patient_of
from careloom.quality.surveys import Ask, Outcome, Seen

LEAST_EVENTS = 3
"""Fewer events than these blame nobody but themselves."""


class Verdict(NamedTuple):
    """One event against what it hangs on: the parent, and whether it contradicts it."""

    parent: str
    is_broken: bool


Judge = Callable[[Resource, list[Span]], Verdict | None]
"""(resource, its times) -> verdict; None where there is nothing to compare with."""


class Blame:
    """Events against their parents; see `against_birth`, `against_death`, `against_encounter`.

    parent  type of the parents, and the path that is told where a parent is wrong
    """

    def __init__(self, ask: Ask, judge: Judge, parent: tuple[str, str]) -> None:
        self._on = {kind: [(path, compiled(path)) for path in paths] for kind, paths in ask.rule.on.items()}
        self._unless = {path: (compiled(path), frozenset(values)) for path, values in ask.rule.unless.items()}
        self._judge, self._parent = judge, parent
        self._rows: dict[int, tuple[int, str]] = {}
        self._events: Counter[int] = Counter()
        self._against: Counter[int] = Counter()
        self._totals: Counter[tuple[str, str, str]] = Counter()
        self._broken: dict[tuple[str, str, str], tuple[array[int], array[int]]] = {}

    def take(self, seen: Seen) -> None:
        """Judges one resource."""
        if seen.kind == self._parent[0]:
            self._rows[hash(seen.resource["id"])] = (seen.row, seen.source)
        for path, find in self._on.get(seen.kind, ()):
            found = find(seen.resource)
            if not found or self._is_left_out(seen.resource):
                continue
            spans = [span for span in map(span_of, filter(_is_text, found)) if span is not None]
            verdict = self._judge(seen.resource, spans) if spans else None
            if verdict is None:
                continue
            place, parent = (seen.source, seen.kind, path), hash(verdict.parent)
            self._totals[place] += 1
            self._events[parent] += 1
            if verdict.is_broken:
                self._against[parent] += 1
                parents, rows = self._broken.setdefault(place, (array("q"), array("q")))
                parents.append(parent)
                rows.append(seen.row)

    def _is_left_out(self, resource: Resource) -> bool:
        for find, values in self._unless.values():
            for value in find(resource):
                codings = value.get("coding", ()) if isinstance(value, dict) else ()
                if any(coding.get("code") in values for coding in codings) or (_is_text(value) and value in values):
                    return True
        return False

    def outcomes(self) -> Iterator[Outcome]:
        """Events by themselves, then the parents that most of their events contradict."""
        wrong = {
            parent
            for parent, against in self._against.items()
            if against >= LEAST_EVENTS and 2 * against > self._events[parent] and parent in self._rows
        }
        for place, total in self._totals.items():
            parents, rows = self._broken.get(place, (array("q"), array("q")))
            alone = [row for parent, row in zip(parents, rows, strict=True) if parent not in wrong]
            yield Outcome(*place, total, sorted(alone))
        kind, path = self._parent
        judged = Counter(self._rows[parent][1] for parent in self._events if parent in self._rows)
        for source, total in judged.items():
            blamed = sorted(self._rows[parent][0] for parent in wrong if self._rows[parent][1] == source)
            yield Outcome(source, kind, path, total, blamed)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def against_birth(ask: Ask) -> Blame:
    """Nothing happened before the patient was born; `days` of tolerance."""
    scene, days = ask.scene, float(ask.rule.parameters["days"])

    def judge(resource: Resource, spans: list[Span]) -> Verdict | None:
        person = scene.person(resource)
        if person is None or person.birth is None:
            return None
        low = person.birth.low - days
        return Verdict(patient_of(resource), any(span.high <= low for span in spans))

    return Blame(ask, judge, ("Patient", "birthDate"))


def against_death(ask: Ask) -> Blame:
    """Nothing happened more than `days` after the patient died."""
    scene, days = ask.scene, float(ask.rule.parameters["days"])

    def judge(resource: Resource, spans: list[Span]) -> Verdict | None:
        person = scene.person(resource)
        if person is None or person.death is None:
            return None
        high = person.death.high + days
        return Verdict(patient_of(resource), any(span.low >= high for span in spans))

    return Blame(ask, judge, ("Patient", "deceasedDateTime"))


def against_encounter(ask: Ask) -> Blame:
    """What names an encounter happened within it, or at most `days` before or after."""
    scene, days = ask.scene, float(ask.rule.parameters["days"])
    encounter = compiled("encounter.reference|context.reference|context.encounter.reference")

    def judge(resource: Resource, spans: list[Span]) -> Verdict | None:
        named = encounter(resource)
        if not named or not isinstance(named[0], str) or not named[0].startswith("Encounter/"):
            return None
        stay = scene.stays.find(named[0][10:])
        if stay is None:
            return None
        low, high = min(stay) - days, max(stay) + days
        return Verdict(named[0][10:], any(span.high <= low or span.low >= high for span in spans))

    return Blame(ask, judge, ("Encounter", "period"))
