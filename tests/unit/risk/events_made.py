"""Facts by hand, in days from one begin."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from careloom.risk.cohorts_events import as_events

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
_TIMES = {"time": pl.Datetime("us", "UTC"), "available_time": pl.Datetime("us", "UTC")}


def at(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


def fact(kind: str, day: float | None, patient: str = "a", known: float | None = None, **more: Any) -> dict[str, Any]:
    source = more.pop("source", f"{kind}/{patient}-{day}-{more.get('code', '')}")
    return {
        "patient_id": patient, "kind": kind, "time": None if day is None else at(day), "resource_key": source,
        "available_time": None if known is None else at(known), "system": None, "code": None, "value": None,
        "unit": None, "detail": None, "encounter_key": None, **more,
    }  # fmt: skip


def stay(begin: float, end: float | None, patient: str = "a", detail: str | None = "home", **more: Any) -> list[Any]:
    name = f"Encounter/{patient}-{begin}"
    shared = {"patient": patient, "encounter_key": name, "source": name, "system": ACT, "code": "IMP"}
    made = [fact("admission", begin, **shared, detail=more.get("priority"))]
    if end is not None:
        made.append(fact("discharge", end, **shared, detail=detail, value=end - begin))
    return made


def person(patient: str = "a", born: float = -365.25 * 60, sex: str = "female") -> list[Any]:
    return [fact("birth", born, patient), fact("sex", None, patient, code=sex)]


def diagnosis(code: str, day: float, patient: str = "a", known: float | None = None, **more: Any) -> dict[str, Any]:
    return fact("diagnosis", day, patient, known, system=ICD, code=code, **more)


def lab(code: str, day: float, value: float, patient: str = "a", **more: Any) -> dict[str, Any]:
    return fact("observation", day, patient, more.pop("known", None), system=LOINC, code=code, value=value, **more)


def events(*parts: Any) -> pl.DataFrame:
    rows = [row for part in parts for row in (part if isinstance(part, list) else [part])]
    schema = {name: _TIMES.get(name, pl.Float64 if name == "value" else pl.String) for name in rows[0]}
    return as_events(pl.DataFrame(rows, schema=schema))
