"""Who a patient is: the words of a Patient resource, and the queries that find one."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from careloom.client.reports import Resource
from careloom.dashboard import words
from careloom.dashboard.values import concept

GENDERS = ("female", "male", "other", "unknown")
CIVIL = frozenset({"SS", "DL", "PPN", "TAX", "NI"})
"""Identifiers that a chart need not show: social security, driving licence, passport, tax. source  HL7 v2 0203."""

RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for; empty fields do not matter. It lives in the page, never in an address."""

    name: str = ""
    birth_date: str = ""
    gender: str = ""
    patient_id: str = ""

    def query(self) -> list[tuple[str, str]]:
        """The search that finds them, newest change first."""
        said = [
            ("name", _literal(self.name)),
            ("birthdate", self.birth_date.strip()),
            ("gender", self.gender),
            ("_id", _literal(self.patient_id)),
        ]
        pairs = [(name, value) for name, value in said if value]
        return [*pairs, ("_sort", "-_lastUpdated"), ("_total", "accurate")]


def _literal(text: str) -> str:
    """Text whose characters mean themselves. source  FHIR R4 3.1.1.4.15, escaping search parameters."""
    text = text.strip().replace("\\", "\\\\")
    for letter in ",|$":
        text = text.replace(letter, f"\\{letter}")
    return text


def name_of(patient: Resource) -> str:
    """The patient's name: the official one, else the first; empty in zones that keep none."""
    names = [name for name in patient.get("name", []) if isinstance(name, dict)]
    used = {name.get("use"): name for name in reversed(names)}
    name = used.get("official") or used.get("usual") or (names[0] if names else {})
    given = " ".join(str(part) for part in name.get("given", []))
    return str(name.get("text") or f"{given} {name.get('family', '')}".strip())


def born(patient: Resource) -> str:
    """``4 May 1980``, ``May 1980`` or ``1980``, as precisely as it is known."""
    text = str(patient.get("birthDate", ""))
    try:
        if len(text) == 10:
            return words.day(date.fromisoformat(text))
        if len(text) == 7:
            return f"{date.fromisoformat(f'{text}-01'):%b %Y}"
    except ValueError:
        return words.NONE
    return text or words.NONE


def age(patient: Resource, today: date) -> str:
    """``43 years``; of the dead, at death; empty when the day of birth is not known."""
    end = str(patient.get("deceasedDateTime", ""))[:10] or today.isoformat()
    try:
        first, last = date.fromisoformat(str(patient.get("birthDate", ""))), date.fromisoformat(end)
    except ValueError:
        return ""
    years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    return "" if years < 0 else words.count_of(years, "year")


def gender(patient: Resource) -> str:
    """``Female``; a dash when not said."""
    return str(patient.get("gender", "")).capitalize() or words.NONE


def died(patient: Resource) -> str:
    """When or whether the patient died; empty when not known to have."""
    when = str(patient.get("deceasedDateTime", ""))[:10]
    try:
        return words.day(date.fromisoformat(when)) if len(when) == 10 else when or (
            "Yes" if patient.get("deceasedBoolean") is True else ""
        )  # fmt: skip
    except ValueError:
        return when


def facts(patient: Resource) -> list[tuple[str, str]]:
    """What else the resource says, in the order of a chart's head."""
    place = next((each for each in patient.get("address", []) if isinstance(each, dict)), {})
    telecom = next((each for each in patient.get("telecom", []) if isinstance(each, dict)), {})
    spoken = next((each for each in patient.get("communication", []) if isinstance(each, dict)), {})
    ids = [_identifier(each) for each in patient.get("identifier", []) if isinstance(each, dict)]
    where = [str(place.get(part, "")) for part in ("city", "state", "postalCode", "country")]
    said = [
        ("Identifiers", ", ".join(each for each in ids[:3] if each)),
        ("Lives in", " ".join(part for part in where if part)),
        ("Contact", str(telecom.get("value", ""))),
        ("Language", concept(spoken.get("language"))[0]),
        ("Marital status", concept(patient.get("maritalStatus"))[0]),
        ("Race", _race(patient)),
    ]
    return [(title, value) for title, value in said if value]


def _identifier(each: dict[str, Any]) -> str:
    kind, value = concept(each.get("type"))[1], str(each.get("value", ""))
    return f"{kind} {value}".strip() if kind not in CIVIL and len(value) <= 24 else ""


def _race(patient: Resource) -> str:
    for extension in patient.get("extension", []):
        if isinstance(extension, dict) and extension.get("url") == RACE:
            return next(
                (str(part["valueString"]) for part in extension.get("extension", []) if part.get("valueString")), ""
            )
    return ""
