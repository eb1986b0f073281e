"""What checks of one resource must know of others: the time, the patients, the encounters, and which ids there are.

Kept in columns of 8-byte numbers, so that a million resources cost some tens of megabytes. Ids are hashed with the
process's own keyed hash: two of a million meet by chance once in 40 million runs.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, NamedTuple

from careloom.fhir import validate
from careloom.fhir.drafts import Resource
from careloom.fhir.references import each_reference
from careloom.issues import Issue
from careloom.quality.days import Span, span_of
from careloom.quality.listing import listing
from careloom.quality.paths import compiled
from careloom.terminology.concepts import Terminology
from careloom.terminology.packaged import PACKAGED


class Person(NamedTuple):
    """What checks need of a patient; None and "" where it is not known."""

    birth: Span | None
    death: Span | None
    gender: str


def patient_of(resource: Resource) -> str:
    """The id of the patient that a resource says it is about; empty if it names none in this zone."""
    subject = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    return reference[8:] if isinstance(reference, str) and reference.startswith("Patient/") else ""


class IdSet:
    """Hashes of the ids that are there."""

    def __init__(self, names: Iterable[str]) -> None:
        import numpy as np  # noqa: PLC0415 - sorted in place: no object for each id

        self._sorted = array("q", (hash(name) for name in names))
        np.frombuffer(self._sorted, np.int64).sort()

    def __contains__(self, name: str) -> bool:
        wanted = hash(name)
        at = bisect_left(self._sorted, wanted)
        return at < len(self._sorted) and self._sorted[at] == wanted

    def __len__(self) -> int:
        return len(self._sorted)


class Stays:
    """The periods of encounters by id."""

    def __init__(self) -> None:
        self._rows: array[int] = array("q")
        self._starts: array[float] = array("d")
        self._ends: array[float] = array("d")
        self._order: array[int] | None = None

    def add(self, encounter_id: str, start: float, end: float) -> None:
        """Notes one encounter; the end is infinite while it lasts."""
        self._rows.append(hash(encounter_id))
        self._starts.append(start)
        self._ends.append(end)

    def freeze(self) -> None:
        """Sorts what was added: call it before the first look."""
        import numpy as np  # noqa: PLC0415 - as in `IdSet`

        order = np.argsort(np.frombuffer(self._rows, np.int64), kind="stable")
        for column in (self._rows, self._starts, self._ends):
            seen = np.frombuffer(column, np.int64)
            seen[:] = seen[order]

    def find(self, encounter_id: str) -> tuple[float, float] | None:
        """Start and end in days, None if it is not there or has no period."""
        wanted = hash(encounter_id)
        at = bisect_left(self._rows, wanted)
        if at < len(self._rows) and self._rows[at] == wanted:
            return self._starts[at], self._ends[at]
        return None


class Scene:
    """One look at a zone: everything that a check may ask beyond its own resource.

    now          days since 1970 UTC
    known        ``Type/id`` of every current resource
    terminology  what is known of codes
    """

    def __init__(self, now: float, known: IdSet, terminology: Terminology = PACKAGED) -> None:
        self.now = now
        self.known = known
        self.is_listed = listing(terminology)
        self.people: dict[str, Person] = {}
        self.stays = Stays()
        self._checked: Resource | None = None
        self._issues: list[Issue] = []
        self._references: list[dict[str, Any]] = []

    def meet(self, resource: Resource) -> None:
        """Notes a Patient or an Encounter; all of them must be met before other types are checked."""
        if resource["resourceType"] == "Patient":
            self.people[resource["id"]] = Person(
                _span(resource.get("birthDate")), _span(resource.get("deceasedDateTime")), resource.get("gender", "")
            )
        elif resource["resourceType"] == "Encounter":
            start, end = _span(_one(resource, "period.start")), _span(_one(resource, "period.end"))
            if start is not None:
                self.stays.add(resource["id"], start.low, float("inf") if end is None else end.high)

    def person(self, resource: Resource) -> Person | None:
        """The patient that a resource is about, None if there is none here."""
        return self.people.get(patient_of(resource))

    def issues(self, resource: Resource) -> list[Issue]:
        """What the validator of FHIR R4 says of the resource; asked once for all rules that need it."""
        if resource is not self._checked:
            self._references = []
            self._checked, self._issues = resource, validate.check(resource, self._references)
        return self._issues

    def references(self, resource: Resource) -> list[dict[str, Any]]:
        """Every Reference in the resource."""
        return list(each_reference(resource)) if self.issues(resource) else self._references


def _one(resource: Resource, path: str) -> object:
    found = compiled(path)(resource)
    return found[0] if found else None


def _span(value: object) -> Span | None:
    return span_of(value) if isinstance(value, str) else None
