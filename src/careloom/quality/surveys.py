"""Surveys: what only shows when many resources are seen together. Each keeps a few numbers per resource."""

from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

import orjson

from careloom.fhir.drafts import Resource
from careloom.quality.paths import codings_of, compiled
from careloom.quality.rules import EVERY_TYPE, Rule, Rulebook
from careloom.quality.scene import Scene


class Seen(NamedTuple):
    """One resource on its way past the surveys. `row` is its number in the store; greater numbers came later.

    is_late  its message stands in its file behind one of the same patient that was made later; None if nobody knows
    """

    resource: Resource
    kind: str
    row: int
    source: str
    is_late: bool | None = None


class Outcome(NamedTuple):
    """What a survey found in one place.

    rows   numbers of the resources that break the rule
    notes  what breaks it where that is no resource: days of a feed
    """

    source: str
    kind: str
    path: str
    total: int
    rows: list[int]
    notes: tuple[str, ...] = ()
    failed: int | None = None

    @property
    def broken(self) -> int:
        """How many break the rule."""
        return len(self.rows) + len(self.notes) if self.failed is None else self.failed


class Survey(Protocol):
    """Takes every resource once, then tells."""

    def take(self, seen: Seen) -> None:
        """Notes what it needs of one resource."""

    def outcomes(self) -> Iterator[Outcome]:
        """What was found; asked once, at the end."""


class Ask(NamedTuple):
    """What a survey is made from."""

    rule: Rule
    scene: Scene
    book: Rulebook


_LEFT_OUT = frozenset({"id", "meta", "text", "identifier"})


class _Groups:
    """Rows by a hash of what they share; tells the later ones of each group."""

    def __init__(self) -> None:
        self.keys: array[int] = array("q")
        self.rows: array[int] = array("q")

    def add(self, key: int, row: int) -> None:
        self.keys.append(key)
        self.rows.append(row)

    def later(self) -> list[int]:
        """Every row but the first of its group, ascending."""
        import numpy as np  # noqa: PLC0415 - sorted as columns: no object for each resource

        keys, rows = np.frombuffer(self.keys, np.int64), np.frombuffer(self.rows, np.int64)
        order = np.lexsort((rows, keys))
        keys = keys[order]
        later: list[int] = np.unique(rows[order[1:]][keys[1:] == keys[:-1]]).tolist()
        return later


class Duplicates:
    """Resources that say the same as an earlier one of the same source: all but id, meta, narrative and identifiers.

    Only what has a subject and a time of its own is compared: two entries without a time may both be true.
    """

    def __init__(self, ask: Ask) -> None:
        self._on = ask.rule.on
        self._events = {kind: compiled(path) for kind, path in ask.book.events.items()}
        self._groups: dict[tuple[str, str], _Groups] = {}

    def take(self, seen: Seen) -> None:
        """Notes the hash of its content."""
        resource = seen.resource
        find = self._events.get(seen.kind)
        if seen.kind not in self._on or find is None or not find(resource):
            return
        if "subject" not in resource and "patient" not in resource:
            return
        content = {name: value for name, value in resource.items() if name not in _LEFT_OUT}
        key = hash(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))
        self._groups.setdefault((seen.source, seen.kind), _Groups()).add(key, seen.row)

    def outcomes(self) -> Iterator[Outcome]:
        """The later ones of each group."""
        for (source, kind), groups in self._groups.items():
            yield Outcome(source, kind, "", len(groups.rows), groups.later())


class SameKey:
    """Resources of one type that share a key which only one of them can have."""

    def __init__(self, ask: Ask, keys: Callable[[Resource], list[str]], path: str) -> None:
        self._on, self._keys, self._path = ask.rule.on, keys, path
        self._groups: dict[tuple[str, str], _Groups] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def take(self, seen: Seen) -> None:
        """Notes the keys of one resource."""
        if seen.kind not in self._on:
            return
        keys = self._keys(seen.resource)
        if keys:
            place = (seen.source, seen.kind)
            self._counts[place] = self._counts.get(place, 0) + 1
            groups = self._groups.setdefault(place, _Groups())
            for key in set(keys):
                groups.add(hash(key), seen.row)

    def outcomes(self) -> Iterator[Outcome]:
        """The later ones of each group."""
        for place, groups in self._groups.items():
            yield Outcome(*place, self._path, self._counts[place], groups.later())


def _identifiers(resource: Resource) -> list[str]:
    found = [one for one in resource.get("identifier", []) if isinstance(one, dict)]
    return [
        f"{one['system']}|{one['value']}"
        for one in found
        if one.get("system") and one.get("value") and one.get("use") != "old"
    ]


def _person(resource: Resource) -> list[str]:
    """Family name, first given name, date of birth and gender, without case, accents kept; none where one lacks."""
    birth, gender = resource.get("birthDate", ""), resource.get("gender", "")
    names = [name for name in resource.get("name", []) if isinstance(name, dict) and name.get("use") != "old"]
    if len(birth) != 10 or not gender:
        return []
    return [
        "|".join((name["family"].casefold().strip(), name["given"][0].casefold().strip(), birth, gender))
        for name in names
        if name.get("family") and name.get("given")
    ]


def shared_identifiers(ask: Ask) -> Survey:
    """Two resources with the same identifier."""
    return SameKey(ask, _identifiers, "identifier")


def same_person(ask: Ask) -> Survey:
    """Two patients with the same name, date of birth and gender."""
    return SameKey(ask, _person, "name")


class LateMessages:
    """Resources from messages that arrived behind a later one of the same patient: old news in place of new."""

    def __init__(self, ask: Ask) -> None:
        self._on = ask.rule.on
        self._seen: dict[tuple[str, str], tuple[int, list[int]]] = {}

    def take(self, seen: Seen) -> None:
        """Notes one resource whose message says when it was made."""
        if seen.is_late is not None and (seen.kind in self._on or EVERY_TYPE in self._on):
            total, late = self._seen.get((seen.source, seen.kind), (0, []))
            if seen.is_late:
                late.append(seen.row)
            self._seen[seen.source, seen.kind] = total + 1, late

    def outcomes(self) -> Iterator[Outcome]:
        """Per source and type."""
        for (source, kind), (total, late) in self._seen.items():
            yield Outcome(source, kind, "", total, sorted(late))


class PatientsWith:
    """Patients without a single resource of a type that others of their source have."""

    def __init__(self, ask: Ask) -> None:
        self._on = ask.rule.on
        self._needs = {kind: [compiled(path) for path in paths if path != "."] for kind, paths in self._on.items()}
        self._among = ask.rule.parameters.get("among", "")
        self._patients: dict[str, dict[str, int]] = {}
        self._have: dict[tuple[str, str], set[int]] = {}
        self._among_have: dict[str, set[int]] = {}

    def take(self, seen: Seen) -> None:
        """Notes whom it is about."""
        if seen.kind == "Patient":
            self._patients.setdefault(seen.source, {})[seen.resource["id"]] = seen.row
            return
        wanted, is_among = seen.kind in self._on, seen.kind == self._among
        if not wanted and not is_among:
            return
        subject = seen.resource.get("subject") or seen.resource.get("patient")
        reference = subject.get("reference") if isinstance(subject, dict) else None
        if not isinstance(reference, str):
            return
        who = hash(reference)
        if is_among:
            self._among_have.setdefault(seen.source, set()).add(who)
        if wanted and all(find(seen.resource) for find in self._needs[seen.kind]):
            self._have.setdefault((seen.source, seen.kind), set()).add(who)

    def outcomes(self) -> Iterator[Outcome]:
        """Per source and type that the source sends at all."""
        for source, patients in self._patients.items():
            sent = {kind for other, kind in self._have if other == source}
            if self._among and source in self._among_have:
                sent |= set(self._on)
            for kind in sorted(sent):
                have = self._have.get((source, kind), set())
                asked = self._among_have.get(source, set()) if self._among else None
                rows = {row: hash(f"Patient/{name}") for name, row in patients.items()}
                counted = [row for row, who in rows.items() if asked is None or who in asked]
                missing = sorted(row for row in counted if rows[row] not in have)
                yield Outcome(source, kind, "", len(counted), missing)


class Overlaps:
    """Stays of one patient in a class of encounters that overlap: nobody lies in two beds at once."""

    def __init__(self, ask: Ask) -> None:
        self._classes = frozenset(ask.rule.parameters["classes"])
        self._scene = ask.scene
        self._stays: dict[str, list[tuple[int, float, float, int]]] = {}

    def take(self, seen: Seen) -> None:
        """Notes one stay."""
        if seen.kind != "Encounter" or seen.resource.get("status") in ("cancelled", "entered-in-error", "planned"):
            return
        code = seen.resource.get("class", {}).get("code")
        subject = seen.resource.get("subject", {}).get("reference")
        stay = self._scene.stays.find(seen.resource["id"])
        if code in self._classes and subject and stay and stay[1] != float("inf"):
            self._stays.setdefault(seen.source, []).append((hash(subject), *stay, seen.row))

    def outcomes(self) -> Iterator[Outcome]:
        """The later stay of each pair that overlaps by more than an hour."""
        for source, stays in self._stays.items():
            stays.sort()
            rows: list[int] = []
            for one, other in pairwise(stays):
                if one[0] == other[0] and other[1] < one[2] - 1 / 24:
                    rows.append(other[3])
            yield Outcome(source, "Encounter", "period", len(stays), sorted(set(rows)))


class MappedValues:
    """Distinct local words and codes of a concept that were never mapped to a standard system.

    Counted by value, not by resource; the resources told are one for each value.
    """

    def __init__(self, ask: Ask) -> None:
        self._on = {kind: [(path, compiled(path)) for path in paths] for kind, paths in ask.rule.on.items()}
        self._systems = frozenset(ask.rule.parameters["systems"])
        self._values: dict[tuple[str, str, str], dict[int, tuple[bool, int]]] = {}

    def take(self, seen: Seen) -> None:
        """Notes what stands there and whether it is mapped."""
        for path, find in self._on.get(seen.kind, ()):
            for concept in find(seen.resource):
                codings = codings_of(concept)
                is_mapped = any(coding.get("system") in self._systems for coding in codings)
                words = [f"{coding.get('system')}|{coding.get('code')}" for coding in codings
                         if coding.get("system") not in self._systems]  # fmt: skip
                text = concept.get("text") if isinstance(concept, dict) else None
                for word in words or ([text] if text and not codings else []):
                    known = self._values.setdefault((seen.source, seen.kind, path), {})
                    before = known.get(hash(word), (False, seen.row))
                    known[hash(word)] = (before[0] or is_mapped, before[1])

    def outcomes(self) -> Iterator[Outcome]:
        """Per field: values that are nowhere mapped."""
        for place, values in self._values.items():
            rows = sorted({row for is_mapped, row in values.values() if not is_mapped})
            failed = sum(not is_mapped for is_mapped, _ in values.values())
            yield Outcome(*place, len(values), rows, (), failed)
