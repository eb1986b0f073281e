"""FHIR R4 resources as the tables of records: what a generator of records learns of them, and nothing else."""

from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from careloom.fhir.drafts import Resource
from careloom.synth.records import Records, metadata, records

STATICS = ("sex", "race", "ethnicity", "marital_status")
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
Row = dict[str, Any]


def read(resources: Iterable[Resource]) -> Records:
    """The records that resources tell; of a Bundle its entries. Names, addresses, numbers and notes are not read.

    resources  valid ones; read are Patients, Encounters, Conditions, Observations, MedicationRequests and Procedures.
               Passed over is what was entered in error, and events that name no encounter
    returns    ids are ``Type/id``, as references have them
    """
    found: dict[str, list[Row]] = {table.name: [] for table in metadata(STATICS).tables}
    for resource in _all(resources):
        if (reads := _READS.get(str(resource.get("resourceType")))) is not None and not _is_mistaken(resource):
            found[reads[0]] += reads[1](resource)
    frames = {}
    for table in metadata(STATICS).tables:
        schema = {c.name: pl.String() if c.kind in ("date", "datetime") else c.polars_type for c in table.columns}
        frame = pl.DataFrame(found[table.name], schema=schema, orient="row")
        times = [pl.col(c.name).pipe(_time) for c in table.columns if c.kind == "datetime"]
        dates = [_padded(c.name).str.to_date("%Y-%m-%d", strict=False).alias(c.name) for c in table.columns
                 if c.kind == "date"]  # fmt: skip
        whole = [c.name for c in table.columns if c.kind == "datetime" and not c.nullable]
        frames[table.name] = frame.with_columns(times + dates).drop_nulls([*whole, "patient_id"])
    return records(frames)


def _all(resources: Iterable[Resource]) -> Iterable[Resource]:
    for each in resources:
        if each.get("resourceType") == "Bundle":
            yield from (entry["resource"] for entry in each.get("entry", []) if "resource" in entry)
        else:
            yield each


def _padded(column: str) -> pl.Expr:
    """A date or dateTime with its missing month and day as the first; only its first ten characters."""
    return pl.concat_str(pl.col(column).str.slice(0, 10), pl.lit("-01-01").str.slice(0)).str.slice(0, 10)


def _time(column: pl.Expr) -> pl.Expr:
    """A dateTime in UTC; without a time its first minute."""
    text = column.str
    long = pl.when(text.len_chars() > 10).then(column)
    short = pl.when(text.len_chars() <= 10).then(
        pl.concat_str(column, pl.lit("-01-01")).str.slice(0, 10) + "T00:00:00Z"
    )
    return pl.coalesce(long, short).str.to_datetime(time_unit="us", time_zone="UTC", strict=False)


def _is_mistaken(resource: Resource) -> bool:
    status = resource.get("status")
    checked = _coding(resource.get("verificationStatus"))[1]
    return status in ("entered-in-error", "cancelled", "not-done", "planned") or checked in (
        "entered-in-error",
        "refuted",
    )


def _coding(concept: Any) -> tuple[str | None, str | None, str | None]:
    """(system, code, display) of the first code of a CodeableConcept; its text where there is none."""
    if not isinstance(concept, dict):
        return None, None, None
    for each in concept.get("coding", []):
        if each.get("code"):
            return each.get("system"), each["code"], each.get("display") or concept.get("text")
    return None, concept.get("text"), concept.get("text")


def _named(resource: Resource, field: str) -> str | None:
    found: Any = resource.get(field)
    return found.get("reference") if isinstance(found, dict) else None


def _person(resource: Resource) -> list[Row]:
    origin = {}
    for each in resource.get("extension", []):
        parts = {part.get("url"): part for part in each.get("extension", [])}
        origin[str(each.get("url")).removeprefix(_US_CORE)] = parts.get("text", {}).get("valueString")
    return [
        {
            "patient_id": f"Patient/{resource.get('id')}", "birth": resource.get("birthDate"),
            "death": resource.get("deceasedDateTime"), "sex": resource.get("gender"), "race": origin.get("race"),
            "ethnicity": origin.get("ethnicity"), "marital_status": _coding(resource.get("maritalStatus"))[1],
        }
    ]  # fmt: skip


def _visit(resource: Resource) -> list[Row]:
    system, code, display = _coding((resource.get("type") or [None])[0])
    kind = resource.get("class", {}).get("code")
    period = resource.get("period", {})
    return [
        {
            "encounter_id": f"Encounter/{resource.get('id')}", "patient_id": _named(resource, "subject"), "kind": kind,
            "system": system, "code": code or kind or "encounter", "display": display,
            "start": period.get("start"), "stop": period.get("end"),
        }
    ]  # fmt: skip


def _event(resource: Resource, concept: str, start: str | None, stop: str | None) -> Row:
    system, code, display = _coding(resource.get(concept))
    return {
        "event_id": f"{resource['resourceType']}/{resource.get('id')}", "patient_id": _named(resource, "subject"),
        "encounter_id": _named(resource, "encounter"), "system": system, "code": code, "display": display,
        "start": start, "stop": stop,
    }  # fmt: skip


def _condition(resource: Resource) -> list[Row]:
    start = resource.get("onsetDateTime") or resource.get("recordedDate")
    return _coded(_event(resource, "code", start, resource.get("abatementDateTime")))


def _medication(resource: Resource) -> list[Row]:
    bounds: Any = resource.get("dispenseRequest", {}).get("validityPeriod", {})
    for each in resource.get("dosageInstruction", []):
        bounds = each.get("timing", {}).get("repeat", {}).get("boundsPeriod") or bounds
    return _coded(_event(resource, "medicationCodeableConcept", resource.get("authoredOn"), bounds.get("end")))


def _procedure(resource: Resource) -> list[Row]:
    span = resource.get("performedPeriod", {})
    return _coded(_event(resource, "code", span.get("start") or resource.get("performedDateTime"), span.get("end")))


def _observation(resource: Resource) -> list[Row]:
    """An observation, or one for each component that has a value."""
    start = resource.get("effectiveDateTime") or resource.get("effectivePeriod", {}).get("start")
    category = _coding((resource.get("category") or [None])[0])[1]
    rows: list[Row] = []
    for at, each in enumerate([resource, *resource.get("component", [])]):
        if at == 0 and "component" in resource and not _has_value(resource):
            continue
        row = _event({**each, "resourceType": "Observation"}, "code", start, None)
        row |= {"event_id": f"Observation/{resource.get('id')}" + (f"#{at}" if at else ""),
                "patient_id": _named(resource, "subject"), "encounter_id": _named(resource, "encounter")}  # fmt: skip
        amount = each.get("valueQuantity", {})
        system, code, display = _coding(each.get("valueCodeableConcept"))
        row |= {
            "category": category, "value": amount.get("value"), "unit": amount.get("code") or amount.get("unit"),
            "answer_system": system, "answer_code": code, "answer": display or each.get("valueString"),
        }  # fmt: skip
        rows += _coded(row)
    for row in rows:
        row.pop("stop", None)
    return rows


def _has_value(resource: Resource) -> bool:
    return any(name.startswith("value") for name in resource)


def _coded(row: Row) -> list[Row]:
    return [row] if row["code"] and row["start"] and row["encounter_id"] else []


_READS: dict[str, tuple[str, Callable[[Resource], list[Row]]]] = {
    "Patient": ("patients", _person),
    "Encounter": ("encounters", _visit),
    "Condition": ("conditions", _condition),
    "Observation": ("observations", _observation),
    "MedicationRequest": ("medications", _medication),
    "Procedure": ("procedures", _procedure),
}
