"""The searches that US Core says a server SHALL answer, and what each finds by reading every resource.

Nothing here uses the platform's own tables of parameters: each value is taken from its element by hand.

source  US Core 6.1.0, server CapabilityStatement, SHALL parameters and combinations of parameters
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

SEARCHES: list[tuple[str, tuple[str, ...]]] = [
    ("AllergyIntolerance", ("patient",)),
    ("CarePlan", ("patient", "category")),
    ("CareTeam", ("patient", "status")),
    ("Condition", ("patient",)),
    ("Condition", ("patient", "category")),
    ("Coverage", ("patient",)),
    ("Device", ("patient",)),
    ("DiagnosticReport", ("patient",)),
    ("DiagnosticReport", ("patient", "category")),
    ("DiagnosticReport", ("patient", "code")),
    ("DiagnosticReport", ("patient", "category", "date")),
    ("DocumentReference", ("_id",)),
    ("DocumentReference", ("patient",)),
    ("DocumentReference", ("patient", "type")),
    ("DocumentReference", ("patient", "category")),
    ("DocumentReference", ("patient", "category", "date")),
    ("Encounter", ("_id",)),
    ("Encounter", ("patient",)),
    ("Encounter", ("date", "patient")),
    ("Goal", ("patient",)),
    ("Immunization", ("patient",)),
    ("Location", ("name",)),
    ("Location", ("address",)),
    ("MedicationDispense", ("patient",)),
    ("MedicationRequest", ("patient",)),
    ("MedicationRequest", ("patient", "intent")),
    ("MedicationRequest", ("patient", "intent", "status")),
    ("Observation", ("patient", "category")),
    ("Observation", ("patient", "code")),
    ("Observation", ("patient", "category", "date")),
    ("Organization", ("name",)),
    ("Organization", ("address",)),
    ("Patient", ("_id",)),
    ("Patient", ("identifier",)),
    ("Patient", ("name",)),
    ("Patient", ("birthdate", "name")),
    ("Patient", ("gender", "name")),
    ("Practitioner", ("_id",)),
    ("Practitioner", ("name",)),
    ("Practitioner", ("identifier",)),
    ("PractitionerRole", ("specialty",)),
    ("PractitionerRole", ("practitioner",)),
    ("Procedure", ("patient",)),
    ("Procedure", ("patient", "date")),
    ("QuestionnaireResponse", ("_id",)),
    ("QuestionnaireResponse", ("patient",)),
    ("ServiceRequest", ("_id",)),
    ("ServiceRequest", ("patient",)),
    ("ServiceRequest", ("patient", "category")),
    ("ServiceRequest", ("patient", "code")),
    ("ServiceRequest", ("patient", "category", "authored")),
    ("Specimen", ("_id",)),
    ("Specimen", ("patient",)),
]
DATES = {
    "date": (
        "effectiveDateTime", "effectivePeriod", "effectiveInstant", "date", "period", "performedDateTime",
        "performedPeriod",
    ),
    "authored": ("authoredOn",),
}  # fmt: skip


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def references(one: Json, *names: str) -> Iterator[str]:
    for name in names:
        for value in listed(one.get(name)):
            if isinstance(value, dict) and "reference" in value:
                yield value["reference"]


def patients(one: Json) -> list[str]:
    return [name for name in references(one, "subject", "patient", "beneficiary") if name.startswith("Patient/")]


def codes(one: Json, name: str) -> list[tuple[str, str]]:
    found = []
    for value in listed(one.get(name)):
        codings = [{"code": value}] if isinstance(value, str) else value.get("coding", [])
        found += [(coding.get("system", ""), coding["code"]) for coding in codings if "code" in coding]
    return found


def identifiers(one: Json) -> list[tuple[str, str]]:
    return [(each.get("system", ""), each["value"]) for each in one.get("identifier", []) if "value" in each]


def texts(value: object) -> list[str]:
    """The parts of names and addresses, in lower case."""
    found: list[str] = []
    for one in listed(value):
        if isinstance(one, str):
            found.append(" ".join(one.lower().split()))
        elif isinstance(one, dict):
            kept = {name: below for name, below in one.items() if name not in ("use", "type", "period", "extension")}
            found += [text for below in kept.values() for text in texts(below)]
    return found


def names(one: Json) -> list[str]:
    return texts(one.get("name")) + (texts(one.get("alias")))


TOKENS: dict[str, Callable[[Json], list[tuple[str, str]]]] = {
    "category": lambda one: codes(one, "category"),
    "code": lambda one: codes(one, "code"),
    "type": lambda one: codes(one, "type"),
    "status": lambda one: codes(one, "status"),
    "intent": lambda one: codes(one, "intent"),
    "gender": lambda one: codes(one, "gender"),
    "specialty": lambda one: codes(one, "specialty"),
    "identifier": identifiers,
    "_id": lambda one: [("", one["id"])],
}
REFERENCES: dict[str, Callable[[Json], list[str]]] = {
    "patient": patients,
    "practitioner": lambda one: list(references(one, "practitioner")),
}
TEXTS: dict[str, Callable[[Json], list[str]]] = {"name": names, "address": lambda one: texts(one.get("address"))}


def span(text: str) -> tuple[datetime, datetime]:
    """The time that a date covers."""
    if len(text) in (4, 7):
        year, month = int(text[:4]), int(text[5:] or 1)
        after = (year + 1, 1) if len(text) == 4 or month == 12 else (year, month + 1)
        return datetime(year, month, 1, tzinfo=UTC), datetime(*after, 1, tzinfo=UTC)
    start = datetime.fromisoformat(text)
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if len(text) == 10:
        return start, start + timedelta(days=1)
    return start, start + (timedelta(milliseconds=1) if "." in text else timedelta(seconds=1))


def times(one: Json, name: str) -> list[tuple[datetime, datetime]]:
    if name == "birthdate":
        return [span(one["birthDate"])] if "birthDate" in one else []
    found = []
    for member in DATES[name]:
        value = one.get(member)
        if isinstance(value, str):
            found.append(span(value))
        elif isinstance(value, dict) and ("start" in value or "end" in value):
            low = span(value["start"])[0] if "start" in value else datetime.min.replace(tzinfo=UTC)
            high = span(value["end"])[1] if "end" in value else datetime.max.replace(tzinfo=UTC)
            found.append((low, high))
    return found


def values(one: Json, name: str) -> list[str]:
    """Values by which a search of this parameter should find the resource; as they are written in a search."""
    if name in TOKENS:
        return [f"{system}|{code}" if system else code for system, code in TOKENS[name](one)]
    if name in REFERENCES:
        return REFERENCES[name](one)
    if name in TEXTS:
        return [text[:6] for text in TEXTS[name](one)]
    if name == "birthdate":
        return [one["birthDate"]] if "birthDate" in one else []
    return [
        prefix + low.date().isoformat() for low, _ in times(one, name) if low.year > 1 for prefix in ("ge", "lt", "")
    ]


def meets(one: Json, name: str, value: str) -> bool:
    """Whether the resource should be found by the value of the parameter."""
    if name in TOKENS:
        system, bar, code = value.rpartition("|")
        return any(held == code and (not bar or system == each) for each, held in TOKENS[name](one))
    if name in REFERENCES:
        return value in REFERENCES[name](one)
    if name in TEXTS:
        return any(text.startswith(value) for text in TEXTS[name](one))
    prefix, day = (value[:2], value[2:]) if value[:2] in ("ge", "lt") else ("", value)
    first, end = span(day)
    for low, high in times(one, name):
        is_inside = first <= low and high <= end
        if {"ge": high > end or is_inside, "lt": low < first, "": is_inside}[prefix]:
            return True
    return False
