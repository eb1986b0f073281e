"""Timed facts of simulated patients, as a table of the synthetic zone: something to train on that is of nobody.

What `careloom.risk.cohorts_fhir` reads from the FHIR feed of such a patient, without writing and reading the feed; but
results of a laboratory are known when they were reported, which that feed leaves out. What the simulator drew an
outcome from is no fact; `careloom.simulate.history.History.outcomes` has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from careloom.errors import QueryError
from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.cohorts_fhir import APPOINTMENT_STATUS, CANCELLED, GENDER, LANGUAGE, RACE, void_of
from careloom.risk.features_definition import FeatureSet, shipped_features
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.risk_facts import FactsReport, state_of_zone
from careloom.services.synthesize_gate import SIMULATED
from careloom.services.view import Watch
from careloom.services.view_table import require_kind
from careloom.simulate.history import Code, History
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient
from careloom.store import lake_snapshots as snapshots

OPERATION = "risk-simulate"
MOST_PATIENTS = 50_000
_CHUNK = 500
_CLASSES = {"inpatient": "IMP", "emergency": "EMER", "ambulatory": "AMB", "virtual": "VR"}
_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_SCHEMA = {name: dtype for name, dtype in EVENTS.dtypes.items() if name != "event_id"}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimulatedFactsAsk:
    """Of how many patients (1 to `MOST_PATIENTS`), from which seed, and for which set of features."""

    patients: int = 3_000
    seed: int = 1
    features: str = "general"


def simulate_facts(
    platform: Platform, who: Principal, ask: SimulatedFactsAsk, watch: Watch | None = None
) -> FactsReport:
    """Makes the synthetic zone's table of facts of simulated patients, and keeps the version as a snapshot.

    raises  AccessError; QueryError for a number of patients out of range; Conflict where the zone has a table of facts
            of its own resources, or its lake is being written
    """
    admit(platform, who, "train", "synthetic", operation=OPERATION)
    if not 1 <= ask.patients <= MOST_PATIENTS:
        raise QueryError("that many patients are not simulated", f"Ask for 1 to {MOST_PATIENTS:,}.")
    lake, codes, parts = platform.lake("synthetic"), wanted(shipped_features(ask.features)), []
    require_kind(lake, EVENTS.path, SIMULATED)
    for first in range(1, ask.patients + 1, _CHUNK):
        last = min(first + _CHUNK - 1, ask.patients)
        rows = (row for one in histories(first, last, ask.seed) for row in facts_of(one, codes))
        parts.append(pl.DataFrame(list(rows), schema=_SCHEMA))
        if watch is not None:
            watch(last, ask.patients)
    found, run = as_events(pl.concat(parts)), platform.run_id()
    marks = state_of_zone(platform, "synthetic").marks
    version = lake.replace(EVENTS, [found], run, marks, {SIMULATED: OPERATION})
    kept = snapshots.keep(lake, f"{EVENTS.path}@{version}", run)
    kinds = dict(found["kind"].value_counts(sort=True).iter_rows())
    detail = {"table": f"{EVENTS.path}@{version}", "count": ask.patients}
    note(platform, who, OPERATION, "synthetic", action="create", detail=detail)
    return FactsReport(kept.name, version, found.height, found["patient_id"].n_unique(), {}, kinds)


def histories(first: int, last: int, seed: int) -> Iterator[History]:
    """The simulated patients of these numbers."""
    hospital = build_hospital(seed)
    for number in range(first, last + 1):
        yield simulate_patient(number, seed, hospital=hospital)


def wanted(features: FeatureSet) -> set[str]:
    """Codes of the observations that features are made of: others are left out, nine of ten."""
    sets = [one.event for one in features.features if one.event is not None and one.event.kind == "observation"]
    return {code for one in sets for codes in one.codes.values() for code in codes}


def facts_of(one: History, codes: set[str]) -> Iterator[Row]:
    """What the FHIR feed says of a patient, as rows of `EVENTS` without their numbers; observations of `codes` only."""
    who = one.person.patient_id

    def row(kind: str, key: str, time: datetime | None, known: datetime | None = None, **more: Any) -> Row:
        happened = None if time is None else _seconds(time)
        return {"patient_id": who, "kind": kind, "time": happened, "resource_key": f"{kind}/{who}-{key}",
                "available_time": happened if known is None else _seconds(known), **more}  # fmt: skip

    yield row("birth", "", _midnight(one.person.birth))
    yield row("sex", "", None, system=GENDER, code=one.person.sex)
    yield row("race", "", None, system=RACE, code=one.person.race.code)
    yield row("ethnicity", "", None, system=RACE, code=one.person.ethnicity.code)
    yield row("language", "", None, system=LANGUAGE, code=one.person.language.code)
    for paid in one.coverages:
        begun = _midnight(paid.start)
        span = None if paid.end is None else (paid.end - paid.start).days
        yield row("coverage", paid.key, begun, system=paid.kind.system, code=paid.kind.code, value=span)
    if one.person.death is not None:
        yield row("death", "", one.person.death)
    for each in one.encounters:
        of: Row = {"encounter_key": f"Encounter/{who}-{each.key}", "system": _ACT, "code": _CLASSES[each.kind]}
        where = {"encounter_key": of["encounter_key"], "code": each.site_id}
        yield row("site", each.key, each.start, **where) | {"resource_key": of["encounter_key"]}
        if each.kind != "inpatient":
            yield row("visit", each.key, each.start, **of)
            continue
        yield row("admission", each.key, each.start, **of) | {"resource_key": of["encounter_key"]}
        if each.end is not None:
            days = (_seconds(each.end) - _seconds(each.start)).total_seconds() / 86_400
            yield row("discharge", each.key, each.end, value=days, detail=each.disposition, **of) | {
                "resource_key": of["encounter_key"]
            }
    yield from _clinical(one, codes, row, who)


def _clinical(one: History, codes: set[str], row: Callable[..., Row], who: str) -> Iterator[Row]:
    issued = {each.key: each.issued for each in one.reports}
    for condition in one.conditions:
        known, of = max(condition.onset, condition.recorded), f"Encounter/{who}-{condition.encounter}"
        for code in condition.codes:
            yield row("diagnosis", condition.key, condition.onset, known, system=code.system, code=code.code,
                      detail=condition.category, encounter_key=of)  # fmt: skip
    for seen in one.observations:
        for code, value, unit in [(seen.codes[0], seen.value, seen.unit), *seen.components]:
            if code.code in codes:
                told = value.code if isinstance(value, Code) else None
                yield row("observation", seen.key, seen.time, issued.get(seen.report), system=code.system,
                          code=code.code, value=value if isinstance(value, float) else None, unit=unit or None,
                          detail=told, encounter_key=f"Encounter/{who}-{seen.encounter}")  # fmt: skip
    for act in one.procedures:
        yield row("procedure", act.key, act.start, system=act.codes[0].system, code=act.codes[0].code,
                  encounter_key=f"Encounter/{who}-{act.encounter}")  # fmt: skip
    begun = {each.key: each.start for each in one.encounters}
    for drug in one.medications:
        told_at = max(drug.start, begun.get(drug.encounter, drug.start))
        yield row("medication", drug.key, told_at, system=drug.codes[0].system, code=drug.codes[0].code,
                  encounter_key=f"Encounter/{who}-{drug.encounter}")  # fmt: skip
    for planned in one.appointments:
        if planned.status in void_of("appointment"):
            continue
        key = f"Appointment/{who}-{planned.key}"
        shared = {"system": APPOINTMENT_STATUS, "encounter_key": key}
        ahead = (_seconds(planned.start) - _seconds(planned.created)).total_seconds() / 86_400
        yield row("booking", planned.key, planned.created, code="booked", value=ahead, **shared) | {"resource_key": key}
        if planned.status != "booked":
            waited = 0 if planned.status == CANCELLED else planned.minutes
            over = planned.start + timedelta(minutes=waited)
            yield row("appointment", planned.key, planned.start, over, code=planned.status, **shared) | {
                "resource_key": key
            }


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _seconds(time: datetime) -> datetime:
    """As the feed writes it."""
    return time.replace(microsecond=0)
