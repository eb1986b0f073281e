"""What is being made of one document: its drafts by identity, its issues, its time zone, its narrative by id."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any, Literal

import orjson

from careloom.fhir.drafts import Draft, Resource
from careloom.hl7v2.moments import Moment, moment
from careloom.ingest.hl7v2_to_fhir_build import local_offset
from careloom.ingest.xml_read import Element
from careloom.issues import Issue, Severity

Reference = dict[str, Any]
Part = dict[str, Any]

ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
REASON_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

MAX_ISSUES = 200
"""More of one document are not told one by one: a last one says how many."""


def absent(reason: str = "unknown") -> Part:
    """The extension that says why a required element has no value."""
    return {"url": ABSENT_REASON, "valueCode": reason}


def unknown_concept(text: str = "unknown") -> Part:
    """A CodeableConcept for a required code that was not sent."""
    return {"coding": [{"system": REASON_SYSTEM, "code": "unknown", "display": "Unknown"}], "text": text}


class Build:
    """One conversion in the making.

    patient_id  identity of the patient; `patient` is a reference to it
    visit       reference to the encounter that the document is about, None where it names none
    parties     role or organization as XML -> who it is, since the same ones are named again and again
    leaves      id in the narrative read so far -> text, for elements without others inside
    narratives  the narratives read so far that have ids, as XML
    ids         all ids of the document; gathered when a reference leads to nothing read so far
    unmapped    what of the entries was not mapped, by place of the section and kind
    unread      statements inside of entries that no reader took anything of, by kind
    """

    __slots__ = (
        "_drafts", "_more", "_offset", "_patient", "ids", "issues", "leaves", "narratives", "options", "parties",
        "patient_id", "place", "root", "unmapped", "unread", "visit",
    )  # fmt: skip

    def __init__(self, root: Element, options: Mapping[str, str]) -> None:
        self.root = root
        self.options = options
        self.issues: list[Issue] = []
        self.patient_id = ""
        self._patient = ""
        self.visit: Reference | None = None
        self.parties: dict[str, Reference | None] = {}
        self.leaves: dict[str, str] = {}
        self.narratives: list[str] = []
        self.unmapped: Counter[tuple[str, str]] = Counter()
        self.unread: Counter[str] = Counter()
        self.place = ""
        self.ids: frozenset[str] | None = None
        self._offset = ""
        self._more = 0
        self._drafts: dict[tuple[str, str], Draft] = {}

    @property
    def drafts(self) -> list[Draft]:
        """The drafts so far, in the order they were first named."""
        return list(self._drafts.values())

    @property
    def patient(self) -> Reference:
        """A new reference to the patient."""
        return {"reference": self._patient}

    def set_patient(self, key: str) -> None:
        """Whose document it is."""
        self.patient_id = key
        self._patient = f"Patient/{_hashed(key)}"

    def issue(self, code: str, place: str, message: str, severity: Severity = "warning", remedy: str = "") -> None:
        """Notes an issue once for each code and place, and not more than `MAX_ISSUES` of them."""
        new = Issue(code, severity, place or self.place, message, remedy)
        if new.refuses:
            self.issues.insert(0, new)
        elif len(self.issues) >= MAX_ISSUES:
            self._more += 1
        elif new not in self.issues:
            self.issues.append(new)

    def close_issues(self) -> None:
        """Says how many issues were not told one by one."""
        if self._more:
            text = f"{self._more} more warnings of this document are not told one by one"
            self.issues.append(Issue("ccda.more-issues", "warning", "", text))

    def name(self, key: str) -> str:
        """The source id of what has this identity within the patient."""
        return _hashed(f"{self.patient_id}|{key}")

    def put(self, key: str, resource: Resource) -> Reference:
        """A resource of this patient; `key` is its identity within the patient, empty where it has none of its own."""
        kind = resource["resourceType"]
        name = self.name(key or _digest(resource))
        known = self._drafts.get((kind, name))
        if known is not None and known.resource != resource:
            if _is_same(known.resource, resource):
                merge(known.resource, resource)
            else:
                name = self.name(f"{key}|{_subject_of(resource)}")
                known = self._drafts.get((kind, name))
                if known is not None:
                    merge(known.resource, resource)
        if known is None:
            self._drafts[kind, name] = Draft(resource, "put", name, {})
        return {"reference": f"{kind}/{name}"}

    def share(self, key: str, resource: Resource, action: Literal["put", "mention"] = "mention") -> Reference:
        """A resource that is not this patient's alone (people, organizations, places, products) or the patient."""
        kind = resource["resourceType"]
        name = _hashed(key)
        known = self._drafts.get((kind, name))
        if known is None:
            self._drafts[kind, name] = Draft(resource, action, name, {})
        else:
            merge(known.resource, resource)
        return {"reference": f"{kind}/{name}"}

    def known(self, reference: Reference) -> Resource | None:
        """The resource that a reference of this document leads to."""
        kind, _, name = str(reference.get("reference", "")).partition("/")
        draft = self._drafts.get((kind, name))
        return draft.resource if draft is not None else None

    def first_of(self, key: str, *kinds: str) -> Reference | None:
        """A reference to what this document made of the entry with that identity, of one of these types."""
        name = self.name(key)
        for kind in kinds:
            if (kind, name) in self._drafts:
                return {"reference": f"{kind}/{name}"}
        return None

    def set_offset(self, text: str) -> None:
        """Takes the zone of times that name none from the document's own time."""
        found = moment(text)
        if found is not None and found.offset:
            self._offset = found.offset
            return
        named = self.options.get("timezone", "")
        if named[:1] in ("+", "-", "Z"):
            fixed = moment(f"20000101000000{named}")
            self._offset = fixed.offset if fixed is not None else ""
        else:
            self._offset = named

    def date_time(self, text: str | None, place: str = "") -> str | None:
        """A FHIR dateTime as precise as the TS value; None with a warning where it names none."""
        if not text:
            return None
        found = moment(text) or moment(text.strip())
        if found is None:
            self.issue("ccda.date-invalid", place, "this is no date or time; it was left out")
            return None
        if not found.time or not found.has_day:
            return found.date
        return f"{found.date}T{found.time}{found.offset or self._zone(found)}"

    def date(self, text: str | None, place: str = "") -> str | None:
        """A FHIR date."""
        full = self.date_time(text, place)
        return full[:10] if full is not None else None

    def _zone(self, found: Moment) -> str:
        if not self._offset:
            self.issue(
                "ccda.timezone-assumed",
                "ClinicalDocument/effectiveTime",
                "neither the value nor the document names a time zone; UTC was assumed",
                "information",
                "name the source's zone with the option timezone, or let the sender add the offset",
            )
            self._offset = "Z"
        if self._offset[0] in "+-Z":
            return self._offset
        return local_offset(self._offset, f"{found.date}T{found.time[:8]}")


def merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Adds to a resource what another description of the same thing says beyond it; what is there stays."""
    for key, value in more.items():
        held = into.get(key)
        if held is None:
            into[key] = value
        elif isinstance(held, list) and isinstance(value, list):
            held += [each for each in value if each not in held]


_TELLING = (
    "code", "vaccineCode", "relationship", "type", "medication", "value", "effective", "occurrence", "performed",
    "onset", "component",
)  # fmt: skip


@cache
def _tells(name: str) -> bool:
    """True for an element that says what a resource is about, by its name."""
    return name.startswith(_TELLING)


def _is_same(one: Resource, other: Resource) -> bool:
    """True unless two entries with one id say different things of it."""
    for name, value in one.items():
        if _tells(name) and other.get(name) != value:
            return False
    return not any(name not in one and _tells(name) for name in other)


def _subject_of(resource: Resource) -> str:
    """What tells two entries with one id apart: what they say of which thing at what time."""
    return _digest({name: value for name, value in resource.items() if _tells(name)})


def _hashed(key: str) -> str:
    """An identity in the form of a FHIR id, so that a reference to it is valid before it is keyed."""
    return blake2b(key.encode(), digest_size=16).hexdigest()


def _digest(resource: Resource) -> str:
    raw = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    return blake2b(raw, digest_size=12).hexdigest()
