"""What is being made of one message: its drafts by identity, its issues, its time zone."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from careloom.fhir.drafts import Draft, Resource
from careloom.hl7v2.fields import Reader
from careloom.hl7v2.moments import Moment, moment
from careloom.hl7v2.parse import Message
from careloom.ingest.conversion import without_home
from careloom.issues import Issue, Severity

Reference = dict[str, Any]


def absent() -> dict[str, str]:
    """The extension that says why a required element has no value: it was not sent."""
    return {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}


def unknown_concept() -> Resource:
    """A CodeableConcept for a required code that was not sent."""
    system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    return {"coding": [{"system": system, "code": "unknown", "display": "Unknown"}], "text": "unknown"}


class Build:
    """One conversion in the making.

    main         what to do with the patient, the visit and what belongs to them: ``put`` or ``mention``
    message_key  MSH-10, or a hash of the message where it is not sent; names what has no name of its own
    patient_id   source id of the patient in whose part of the message we are; `patient` is a reference to it
    visit_id     source id of the visit, empty where there is none; `visit` is a reference to it
    order        source id of the order whose results we are reading
    """

    __slots__ = (
        "_drafts",
        "_offset",
        "_seen",
        "issues",
        "main",
        "message",
        "message_key",
        "order",
        "patient_id",
        "read",
        "visit_id",
    )

    def __init__(self, message: Message, options: Mapping[str, str], main: Literal["put", "mention"]) -> None:
        self.message = message
        self.read = Reader(message.delimiters, message.codec)
        self.main: Literal["put", "mention"] = main
        self.issues: list[Issue] = []
        self.patient_id = ""
        self.visit_id = ""
        self.order = ""
        self.message_key = ""
        self._drafts: dict[tuple[str, str], Draft] = {}
        self._seen: dict[str, int] = {}
        self._offset = _declared_offset(message, options)

    @property
    def drafts(self) -> list[Draft]:
        """The drafts so far, in the order they were first named; they share no object: keys are put in place."""
        out = list(self._drafts.values())
        resources = [draft.resource for draft in out]
        try:
            fresh = orjson.loads(orjson.dumps(resources))
        except orjson.JSONEncodeError:  # a lone surrogate, which the validator refuses later
            fresh = copy.deepcopy(resources, _NoMemory())
        for draft, resource in zip(out, fresh, strict=True):
            draft.resource = without_home(resource) if resource["resourceType"] == "Organization" else resource
        return out

    @property
    def is_refused(self) -> bool:
        """True once an issue refuses the message."""
        return any(issue.refuses for issue in self.issues)

    @property
    def patient(self) -> Reference:
        """Reference to the patient."""
        return {"reference": f"Patient/{self.patient_id}"}

    @property
    def visit(self) -> Reference | None:
        """Reference to the encounter, or None."""
        return {"reference": f"Encounter/{self.visit_id}"} if self.visit_id else None

    def issue(self, code: str, place: str, message: str, severity: Severity = "warning", remedy: str = "") -> None:
        """Notes an issue once for each code and place."""
        new = Issue(code, severity, place, message, remedy)
        if new not in self.issues:
            self.issues.append(new)

    def put(self, source_id: str, resource: Resource) -> Reference:
        """A resource that this message is about."""
        return self._add(source_id, resource, "put")

    def mention(self, source_id: str, resource: Resource) -> Reference:
        """A resource that this message only names."""
        return self._add(source_id, resource, "mention")

    def main_draft(self, source_id: str, resource: Resource) -> Reference:
        """A resource of the message's main subject: put or mentioned as the message type says."""
        return self._add(source_id, resource, self.main)

    def known(self, kind: str, source_id: str) -> Resource | None:
        """The resource already drafted under this identity."""
        draft = self._drafts.get((kind, source_id))
        return draft.resource if draft is not None else None

    def once(self, key: str) -> str:
        """The key, with a number from the second time on that this message uses it."""
        count = self._seen.get(key, 0) + 1
        self._seen[key] = count
        return key if count == 1 else f"{key}#{count}"

    def _add(self, source_id: str, resource: Resource, action: Literal["put", "mention"]) -> Reference:
        kind = resource["resourceType"]
        key = (kind, source_id)
        if key not in self._drafts or (action == "put" and self._drafts[key].action == "mention"):
            self._drafts[key] = Draft(resource, action, source_id)
        return {"reference": f"{kind}/{source_id}"}

    def moment(self, text: str, place: str) -> Moment | None:
        """The point in time in a value; None with a warning where it names none."""
        if not text or not text.strip("0"):
            return None
        found = moment(text)
        if found is None:
            self.issue("hl7v2.date-invalid", place, "this is no date or time; it was left out")
        return found

    def date_time(self, text: str, place: str) -> str | None:
        """A FHIR dateTime; the zone is the value's own, else the message's, else the source's, else UTC."""
        found = self.moment(text, place)
        if found is None:
            return None
        if not found.time or not found.has_day:
            return found.date
        return f"{found.date}T{found.time}{found.offset or self._zone(found)}"

    def instant(self, text: str, place: str) -> str | None:
        """A FHIR instant; None where the time of day is not known."""
        full = self.date_time(text, place)
        return full if full is not None and "T" in full else None

    def date(self, text: str, place: str) -> str | None:
        """A FHIR date."""
        found = self.moment(text, place)
        return found.date if found is not None else None

    def _zone(self, found: Moment) -> str:
        if not self._offset:
            self.issue(
                "hl7v2.timezone-assumed",
                "MSH-7",
                "neither the value nor the message names a time zone; UTC was assumed",
                "information",
                "name the source's zone with the option timezone, or let the sender add the offset to MSH-7",
            )
            return "Z"
        if self._offset[0] in "+-Z":
            return self._offset
        return local_offset(self._offset, f"{found.date}T{found.time[:8]}")


class _NoMemory(dict[int, Any]):
    """What makes a deep copy copy everything anew, however often it is met."""

    def __setitem__(self, key: int, value: Any) -> None:
        """Remembers nothing."""


def _declared_offset(message: Message, options: Mapping[str, str]) -> str:
    sent = moment(message.header.value(7))
    if sent is not None and sent.offset:
        return sent.offset
    named = options.get("timezone", "")
    if named[:1] in ("+", "-", "Z"):
        fixed = moment(f"20000101000000{named}")
        return fixed.offset if fixed is not None else ""
    return named if named and _zone_of(named) is not None else ""


@lru_cache(maxsize=16)
def _zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=8192)
def local_offset(zone: str, local: str) -> str:
    """The offset from UTC, ``+hh:mm``, of a local time in a zone of the IANA database."""
    place = _zone_of(zone) or UTC
    offset = datetime.fromisoformat(local).replace(tzinfo=place).strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"
