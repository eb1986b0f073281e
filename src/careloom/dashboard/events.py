"""What happened to a patient: FHIR resources as events in lanes, with time, words, value, status and origin."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from careloom.client.reports import Resource
from careloom.dashboard.values import amount, concept, value_of


class Lane(NamedTuple):
    """One line of the timeline. `colour` is a name of `theme.SERIES`, `symbol` one of plotly's."""

    name: str
    title: str
    colour: str
    symbol: str


LANES = (
    Lane("encounters", "Encounters", "slate", "square"),
    Lane("conditions", "Conditions", "red", "diamond"),
    Lane("allergies", "Allergies", "ochre", "x"),
    Lane("vitals", "Vital signs", "blue", "circle"),
    Lane("laboratory", "Laboratory", "purple", "triangle-up"),
    Lane("observations", "Other observations", "sky", "circle-open"),
    Lane("medications", "Medications", "green", "triangle-right"),
    Lane("procedures", "Procedures", "orange", "star"),
    Lane("immunizations", "Immunizations", "green", "cross"),
    Lane("reports", "Reports", "purple", "square-open"),
    Lane("documents", "Documents", "slate", "diamond-open"),
)

LANE_OF = {
    "Encounter": "encounters", "Condition": "conditions", "AllergyIntolerance": "allergies",
    "Observation": "observations", "MedicationRequest": "medications", "MedicationStatement": "medications",
    "MedicationAdministration": "medications", "MedicationDispense": "medications", "Procedure": "procedures",
    "Immunization": "immunizations", "DiagnosticReport": "reports", "DocumentReference": "documents",
}  # fmt: skip
CATEGORIES = {"vital-signs": "vitals", "laboratory": "laboratory"}

STARTS = (
    "effectiveDateTime", "effectiveInstant", "effectivePeriod", "performedDateTime", "performedPeriod",
    "occurrenceDateTime", "onsetDateTime", "onsetPeriod", "period", "authoredOn", "whenHandedOver", "whenPrepared",
    "date", "recordedDate", "recorded", "dateAsserted", "issued",
)  # fmt: skip
"""Where the time of an event stands; the first that is there counts."""

KNOWN = ("issued", "recorded", "recordedDate", "dateAsserted", "authoredOn", "date", "whenHandedOver")
"""Where it stands since when a fact was known; the first that is there counts, else the time of the event."""
FROM_NOTE = "annotation"
"""The code of ``urn:careloom:origin`` that marks what was read from a note."""

WORDS = ("code", "vaccineCode", "medicationCodeableConcept", "type", "class", "reasonCode", "category")
STATUSES = ("clinicalStatus", "status", "docStatus")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Every field is text, so that a page can keep it.

    start   as FHIR writes it, in UTC where it has a time; empty when nobody said when
    end     likewise; empty for a moment or what goes on
    code    ``8480-6``; empty when no system codes it
    source  where it came from: id of the source record; empty when unknown
    known   since when the record says it; empty when nothing tells
    origin  ``note`` for what was read from a note; empty for what came as data
    """

    lane: str
    kind: str
    id: str
    start: str
    end: str
    title: str
    code: str
    value: str
    status: str
    source: str
    known: str = ""
    origin: str = ""

    @property
    def key(self) -> str:
        """``Observation/x1``."""
        return f"{self.kind}/{self.id}"


def event_of(resource: Resource) -> Event | None:
    """The event that a resource tells of; None for what is no event of a patient."""
    kind = str(resource.get("resourceType", ""))
    if kind not in LANE_OF:
        return None
    start, end = _times(resource)
    title, code = _words(resource)
    return Event(
        lane=_lane(kind, resource),
        kind=kind,
        id=str(resource.get("id", "")),
        start=start,
        end=end,
        title=title or kind,
        code=code,
        value=_value(kind, resource),
        status=next((text for name in STATUSES if (text := concept(resource.get(name))[0])), ""),
        source=str(_dict(resource.get("meta")).get("source", "")),
        known=_known(resource) or start,
        origin="note" if _is_from_note(resource) else "",
    )


def events_of(resources: Iterable[Resource]) -> list[Event]:
    """The events of resources, in their order."""
    return [event for resource in resources if (event := event_of(resource)) is not None]


def newest_first(events: Iterable[Event]) -> list[Event]:
    """Events by time, the newest first; those without a time at the end."""
    return sorted(events, key=lambda event: (event.start, event.kind, event.id), reverse=True)


def pack(events: Iterable[Event]) -> list[tuple[str, ...]]:
    """Events as a page keeps them."""
    return [astuple(event) for event in events]


def unpack(rows: Iterable[Iterable[str]]) -> list[Event]:
    """Events as `pack` made them."""
    return [Event(*(str(text) for text in row)) for row in rows]


def moment_of(text: str) -> datetime | None:
    """The first moment that a FHIR date or time names, in UTC; None for an empty or unreadable one."""
    try:
        if len(text) <= 10:
            year, month, day = [*text.split("-"), "1", "1"][:3]
            return datetime(int(year), int(month), int(day), tzinfo=UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _times(resource: Resource) -> tuple[str, str]:
    for name in STARTS:
        found = resource.get(name)
        if isinstance(found, dict):
            if found.get("start") or found.get("end"):
                start, end = str(found.get("start", "")), str(found.get("end", ""))
                return _utc(start or end), _utc(end) if start else ""
        elif isinstance(found, str) and found:
            ends = resource.get("abatementDateTime") or _order_end(resource)
            return _utc(found), _utc(str(ends)) if ends else ""
    return "", ""


def _known(resource: Resource) -> str:
    """Since when the record says it; empty where nothing tells."""
    told = [resource.get(name) for name in KNOWN]
    return next((_utc(text) for text in told if isinstance(text, str) and text), "")


def _order_end(resource: Resource) -> str:
    """When an order or a supply ends, as far as it says so."""
    dispensed = _dict(resource.get("dispenseRequest"))
    ends = _dict(dispensed.get("validityPeriod")).get("end")
    for dose in resource.get("dosageInstruction") or []:
        ends = ends or _dict(_dict(_dict(_dict(dose).get("timing")).get("repeat")).get("boundsPeriod")).get("end")
    return str(ends or "")


def _is_from_note(resource: Resource) -> bool:
    tags = _dict(resource.get("meta")).get("tag", [])
    return any(isinstance(tag, dict) and tag.get("code") == FROM_NOTE for tag in tags)


def known_by(events: Iterable[Event], moment: datetime) -> list[Event]:
    """The events that the record knew of before a moment; what ended later goes on then. Without a time: all along."""
    found = []
    for event in events:
        known = moment_of(event.known or event.start)
        if known is not None and known >= moment:
            continue
        end = moment_of(event.end)
        found.append(replace(event, end="") if end is not None and end >= moment else event)
    return found


def _utc(text: str) -> str:
    moment = moment_of(text)
    if moment is None:
        return ""
    return text if len(text) <= 10 else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _words(resource: Resource) -> tuple[str, str]:
    """The words for what happened, and its code."""
    for name in WORDS:
        title, code = concept(resource.get(name))
        if title:
            return title, code
    named = _dict(resource.get("medicationReference"))
    contained = [concept(each.get("code")) for each in resource.get("contained", []) if isinstance(each, dict)]
    held = next(((title, code) for title, code in contained if title), ("", ""))
    return str(named.get("display", "")) or held[0], held[1]


def _lane(kind: str, resource: Resource) -> str:
    if kind == "Observation":
        for category in resource.get("category", []):
            lane = CATEGORIES.get(concept(category)[1])
            if lane:
                return lane
    return LANE_OF[kind]


def _value(kind: str, resource: Resource) -> str:
    if kind == "Observation":
        return value_of(resource)
    if kind in {"Encounter", "AllergyIntolerance"}:
        said = resource.get("class") if kind == "Encounter" else resource.get("criticality")
        return concept(said)[0]
    if kind == "DiagnosticReport":
        return str(resource.get("conclusion", ""))
    if kind == "DocumentReference":
        return str(resource.get("description", ""))
    doses = resource.get("dosageInstruction") or resource.get("dosage") or []
    first = _dict(doses[0] if isinstance(doses, list) and doses else doses)
    return str(first.get("text", "")) or amount(first.get("dose"))


def _dict(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
