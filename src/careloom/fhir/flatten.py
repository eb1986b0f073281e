"""FHIR resources to the rows of the research tables: one row per clinical fact, pure and in a fixed order."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import polars as pl

from careloom.fhir.drafts import Resource
from careloom.tables.research import CONDITIONS, ENCOUNTERS, MEDICATIONS, NOTES, OBSERVATIONS, PATIENTS, RESEARCH
from careloom.tables.schema import TableSchema

Coding = tuple[str | None, str | None]
Row = tuple[Any, ...]

_NONE: Coding = (None, None)
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_KINDS = {
    "MedicationRequest": ("request", "authoredOn", None, "dosageInstruction"),
    "MedicationAdministration": ("administration", "effectiveDateTime", "effectivePeriod", "dosage"),
    "MedicationStatement": ("statement", "effectiveDateTime", "effectivePeriod", "dosage"),
    "MedicationDispense": ("dispense", "whenHandedOver", None, "dosageInstruction"),
}

TABLE_OF: Mapping[str, TableSchema] = MappingProxyType(
    {
        "Patient": PATIENTS,
        "Encounter": ENCOUNTERS,
        "Condition": CONDITIONS,
        "Observation": OBSERVATIONS,
        "DocumentReference": NOTES,
        **dict.fromkeys(_KINDS, MEDICATIONS),
    }
)
"""Resource type -> the table it goes to. Other types make no rows."""


def flatten(
    resources: Iterable[Resource], drugs: Mapping[str, Coding] = MappingProxyType({})
) -> dict[str, pl.DataFrame]:
    """The research tables of some de-identified resources, every table there, rows sorted by key.

    resources  FHIR R4; a resource that names no patient makes no row
    drugs      Medication id -> (system, code), as `drug_codes` gives it, for Medication resources that came elsewhere;
               those among `resources` and contained ones are found without
    returns    table name -> frame of that schema (`tables.research`); a partial date stands for its first moment
    """
    rows: dict[str, list[Row]] = {table.name: [] for table in RESEARCH}
    kept = list(resources)
    known = {**drugs, **drug_codes(kept)}
    for resource in kept:
        kind = resource.get("resourceType", "")
        if kind in _KINDS:
            row = _medication(resource, known)
            if row[2] is not None:
                rows["medications"].append(row)
        elif kind == "Observation":
            if _target(resource.get("subject")) is not None:
                rows["observations"].extend(_observations(resource))
        elif kind in _MAKERS:
            table, make, patient = _MAKERS[kind]
            row = make(resource)
            if row[patient] is not None:
                rows[table.name].append(row)
    return {table.name: _frame(table, rows[table.name]) for table in RESEARCH}


def drug_codes(resources: Iterable[Resource]) -> dict[str, Coding]:
    """Medication id -> (system, code) of the Medication resources among `resources`."""
    return {
        resource["id"]: _concept(resource.get("code"))
        for resource in resources
        if resource.get("resourceType") == "Medication" and "id" in resource
    }


def _frame(table: TableSchema, rows: list[Row]) -> pl.DataFrame:
    dtypes = table.dtypes
    if not rows:
        return table.empty()
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {name: pl.Series(name, values, dtype=dtypes[name]) for name, values in zip(dtypes, columns, strict=True)}
    )
    return frame.sort(table.key)


def _patient(resource: Resource) -> Row:
    race, ethnicity, birth_sex = (_extension(resource, name) for name in ("race", "ethnicity", "birthsex"))
    died = resource.get("deceasedDateTime")
    birth = resource.get("birthDate")
    deceased = True if died is not None else resource.get("deceasedBoolean")
    states = [address["state"] for address in resource.get("address", ()) if "state" in address]
    return (
        resource.get("id"),
        int(birth[:4]) if birth is not None else None,
        "_birthDate" in resource and birth is None,
        resource.get("gender"),
        birth_sex,
        race,
        ethnicity,
        _concept(resource.get("maritalStatus"))[1],
        states[0] if states else None,
        deceased,
        _time(died),
    )


def _extension(resource: Resource, name: str) -> str | None:
    """The code, or the sorted codes, of a US Core extension."""
    for extension in resource.get("extension", ()):
        if extension.get("url") == _US_CORE + name:
            if "valueCode" in extension:
                return str(extension["valueCode"])
            codes = {
                part["valueCoding"]["code"]
                for part in extension.get("extension", ())
                if "code" in part.get("valueCoding", {})
            }
            return ",".join(sorted(codes)) or None
    return None


def _encounter(resource: Resource) -> Row:
    period = resource.get("period", {})
    return (
        resource.get("id"),
        _target(resource.get("subject")),
        resource.get("status"),
        resource.get("class", {}).get("code"),
        *_first(resource.get("type")),
        _time(period.get("start")),
        _time(period.get("end")),
        *_first(resource.get("reasonCode")),
        _concept(resource.get("hospitalization", {}).get("dischargeDisposition"))[1],
        _target(resource.get("partOf"), "Encounter"),
    )


def _condition(resource: Resource) -> Row:
    onset, end = resource.get("onsetPeriod", {}), resource.get("abatementPeriod", {})
    age = resource.get("onsetAge", {})
    return (
        resource.get("id"),
        _target(resource.get("subject")),
        _target(resource.get("encounter"), "Encounter"),
        *_concept(resource.get("code")),
        _first(resource.get("category"))[1],
        _concept(resource.get("clinicalStatus"))[1],
        _concept(resource.get("verificationStatus"))[1],
        _time(resource.get("onsetDateTime", onset.get("start"))),
        float(age["value"]) if age.get("code") == "a" and "value" in age and "comparator" not in age else None,
        _time(resource.get("abatementDateTime", end.get("end"))),
        _time(resource.get("recordedDate")),
    )


def _observations(resource: Resource) -> Iterable[Row]:
    """The observation itself, then its components, which share its patient, time and status."""
    when = resource.get("effectiveDateTime", resource.get("effectiveInstant"))
    times = (
        _time(resource.get("effectivePeriod", {}).get("start") if when is None else when),
        _time(resource.get("issued")),
    )
    shared = (_target(resource.get("subject")), _target(resource.get("encounter"), "Encounter"))
    category, status = _first(resource.get("category"))[1], resource.get("status")
    for number, part in enumerate((resource, *resource.get("component", ()))):
        yield (
            resource.get("id"),
            number,
            *shared,
            category,
            *_concept(part.get("code")),
            status,
            *times,
            *_value(part),
            _concept(part.get("dataAbsentReason"))[1],
            _first(part.get("interpretation"))[1],
        )


def _value(part: Resource) -> Row:
    """(number, comparator, unit, code system, code, time) of value[x]."""
    quantity = part.get("valueQuantity")
    if quantity is not None:
        number = quantity.get("value")
        unit = quantity.get("code", quantity.get("unit"))
        return (None if number is None else float(number), quantity.get("comparator"), unit, None, None, None)
    if "valueInteger" in part:
        return (float(part["valueInteger"]), None, None, None, None, None)
    if "valueBoolean" in part:
        return (None, None, None, None, "true" if part["valueBoolean"] else "false", None)
    return (None, None, None, *_concept(part.get("valueCodeableConcept")), _time(part.get("valueDateTime")))


def _medication(resource: Resource, known: Mapping[str, Coding]) -> Row:
    kind, moment, period, dosage = _KINDS[resource["resourceType"]]
    span = resource.get(period, {}) if period is not None else {}
    doses = resource.get(dosage, ())
    dose = doses if isinstance(doses, dict) else doses[0] if doses else {}
    rates = dose.get("doseAndRate", ())
    amount = dose.get("dose") or (rates[0].get("doseQuantity") if rates else None) or {}
    number = amount.get("value")
    return (
        resource.get("id"),
        kind,
        _target(resource.get("subject")),
        _target(resource.get("encounter", resource.get("context")), "Encounter"),
        *_drug(resource, known),
        resource.get("status"),
        resource.get("intent"),
        _time(resource.get(moment, span.get("start"))),
        _time(span.get("end")),
        None if number is None else float(number),
        amount.get("code", amount.get("unit")),
        *_concept(dose.get("route")),
    )


def _drug(resource: Resource, known: Mapping[str, Coding]) -> Coding:
    reference = resource.get("medicationReference", {}).get("reference", "")
    if reference.startswith("#"):
        inside = [
            item
            for item in resource.get("contained", ())
            if item.get("id") == reference[1:] and item.get("resourceType") == "Medication"
        ]
        return _concept(inside[0].get("code")) if inside else _NONE
    if reference:
        return known.get(reference.removeprefix("Medication/"), _NONE)
    return _concept(resource.get("medicationCodeableConcept"))


def _note(resource: Resource) -> Row:
    context = resource.get("context", {})
    encounters = context.get("encounter", ())
    return (
        resource.get("id"),
        _target(resource.get("subject")),
        _target(encounters[0], "Encounter") if encounters else None,
        *_concept(resource.get("type")),
        resource.get("status"),
        _time(resource.get("date", context.get("period", {}).get("start"))),
    )


_MAKERS: Mapping[str, tuple[TableSchema, Callable[[Resource], Row], int]] = {
    "Patient": (PATIENTS, _patient, 0),
    "Encounter": (ENCOUNTERS, _encounter, 1),
    "Condition": (CONDITIONS, _condition, 1),
    "DocumentReference": (NOTES, _note, 1),
}


def _target(reference: Mapping[str, Any] | None, kind: str = "Patient") -> str | None:
    """The id that a reference to a resource of that type names."""
    text = reference.get("reference") if reference is not None else None
    if text is None:
        return None
    found, _, name = text.partition("/")
    return name.partition("/")[0] if found == kind and name else None


def _concept(concept: Mapping[str, Any] | None) -> Coding:
    """System and code of the first coding that has a code."""
    for coding in concept.get("coding", ()) if concept is not None else ():
        if "code" in coding:
            return coding.get("system"), coding["code"]
    return _NONE


def _first(concepts: list[Mapping[str, Any]] | None) -> Coding:
    """`_concept` of the first concept that has a code."""
    for concept in concepts or ():
        found = _concept(concept)
        if found[1] is not None:
            return found
    return _NONE


@lru_cache(65_536)
def _time(text: str | None) -> datetime | None:
    """A FHIR date, dateTime or instant as a UTC moment, the first one that it can mean."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text + "-01-01"[3 * (len(text) == 7) :] if len(text) < 10 else text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
