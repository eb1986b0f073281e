"""The facts of one patient without a frame: what `careloom.risk.cohorts_fhir.fhir_events` makes, some ten times sooner.

Frames are for many: of one patient, half of the time that is left to answer would go into setting them up. That both
say the same is a property test, with the frames as the oracle.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from careloom.fhir.readmissions import instant
from careloom.risk.cohorts_events import DIED, EVENTS, as_events
from careloom.risk.cohorts_fhir import APPOINTMENT_STATUS, CANCELLED, GENDER, RACE, STAYS, VIEWS, VOID, void_of

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
_DAY_SECONDS = 86_400
_SECOND = timedelta(seconds=1)
_WAITING = ("booked", "proposed", "pending", "waitlist")
_VOID_APPOINTMENTS = void_of("appointment")


class Fact(NamedTuple):
    """One fact; the columns of `careloom.risk.cohorts_events.EVENTS` but for patient and number."""

    kind: str
    resource_key: str
    time: datetime | None = None
    available_time: datetime | None = None
    system: str | None = None
    code: str | None = None
    value: float | None = None
    unit: str | None = None
    detail: str | None = None
    encounter_key: str | None = None


def facts_of_one(rows: Rows, patient_id: str) -> list[Fact]:
    """A patient's facts, in the order of `careloom.risk.cohorts_events.as_events`.

    rows  of the views of `careloom.risk.cohorts_fhir.definitions`, by name, in their columns; those about others
          are passed over
    """
    reach = _Reach(patient_id, _ends(rows.get("encounter", ())))
    found: list[Fact] = []
    for name in VIEWS:
        for row in rows.get(name, ()):
            found += _MAKERS[name](row, reach)
    return in_order(_with_death(found))


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Facts of one patient in the order of `facts_of_one`, none of them known before it was true."""
    return sorted(map(_known, facts), key=_place)


def as_frame(facts: Iterable[Fact], patient_id: str) -> pl.DataFrame:
    """The same as a frame of `careloom.risk.cohorts_events.EVENTS`."""
    names = [name for name in EVENTS.dtypes if name != "event_id"]
    schema = {name: EVENTS.dtypes[name] for name in names}
    made = [{"patient_id": patient_id, **one._asdict()} for one in facts]
    return as_events(pl.DataFrame(made, schema=schema))


def moment_of(text: str | None) -> datetime | None:
    """As `careloom.fhir.readmissions.instant`, of one text."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    found: datetime | None = pl.select(instant(pl.lit(text, pl.String))).item()
    return found


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


class _Reach(NamedTuple):
    """Whose facts are wanted, and when the encounters ended, by their keys."""

    patient_id: str
    ends: Mapping[str, datetime | None]


def _ends(rows: Iterable[tuple[Any, ...]]) -> dict[str, datetime | None]:
    found: dict[str, datetime | None] = {}
    for row in rows:
        found.setdefault(_named("Encounter", row[0]), moment_of(row[6]) or moment_of(row[5]))
    return found


def _named(kind: str, key: str) -> str:
    return f"{kind}/{key.rpartition('/')[2]}"


def _linked(key: str | None) -> str | None:
    return None if key is None else _named("Encounter", key)


def _is_of(reach: _Reach, patient_key: str | None, status: str | None, void: tuple[str, ...] = VOID) -> bool:
    return patient_key is not None and patient_key.rpartition("/")[2] == reach.patient_id and status not in void


def seconds_of(span: timedelta) -> int:
    """Whole seconds, towards zero."""
    whole = abs(span) // _SECOND
    return -whole if span < timedelta(0) else whole


def _days(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else seconds_of(end - begin) / _DAY_SECONDS


def _patient(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, birth_date, deceased, gender, race = row
    if not _is_of(reach, key, None):
        return []
    name = _named("Patient", key)
    made = [
        Fact("birth", name, moment_of(birth_date)) if birth_date is not None else None,
        Fact("death", name, moment_of(deceased)) if deceased is not None else None,
        Fact("sex", name, system=GENDER, code=gender) if gender is not None else None,
        Fact("race", name, system=RACE, code=race) if race is not None else None,
    ]
    return [one for one in made if one is not None]


def _encounter(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, patient, status, system, code, start, end, priority, disposition = row
    if not _is_of(reach, patient, status):
        return []
    name, begin, over = _named("Encounter", key), moment_of(start), moment_of(end)
    is_stay = code in STAYS
    made = []
    if begin is not None:
        kind, detail = ("admission", priority) if is_stay else ("visit", None)
        made.append(Fact(kind, name, begin, None, system, code, detail=detail, encounter_key=name))
    if is_stay and over is not None:
        made.append(Fact("discharge", name, over, None, system, code, _days(begin, over), None, disposition, name))
    return made


def _condition(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, patient, encounter, status, category, onset, period_start, recorded, system, code = row
    if not _is_of(reach, patient, status):
        return []
    linked = _linked(encounter)
    begun, written = moment_of(onset if onset is not None else period_start), moment_of(recorded)
    ended = None if linked is None else reach.ends.get(linked)
    time = begun or written or ended
    if time is None:
        return []
    known = written or ended or begun
    return [
        Fact("diagnosis", _named("Condition", key), time, known, system, code, detail=category, encounter_key=linked)
    ]


def _observation(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, patient, encounter, status, at, period_start, moment, issued, value, unit, detail, system, code = row
    if not _is_of(reach, patient, status):
        return []
    time = moment_of(next((one for one in (at, period_start, moment) if one is not None), None))
    if time is None:
        return []
    known, name = moment_of(issued) or time, _named("Observation", key)
    number = None if value is None else float(value)
    return [Fact("observation", name, time, known, system, code, number, unit, detail, _linked(encounter))]


def _procedure(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, patient, encounter, status, at, period_start, system, code = row
    time = moment_of(at if at is not None else period_start) if _is_of(reach, patient, status) else None
    if time is None:
        return []
    return [Fact("procedure", _named("Procedure", key), time, None, system, code, encounter_key=_linked(encounter))]


def _medication(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, patient, encounter, status, written, system, code = row
    time = moment_of(written) if _is_of(reach, patient, status) else None
    if time is None:
        return []
    name = _named("MedicationRequest", key)
    return [Fact("medication", name, time, None, system, code, encounter_key=_linked(encounter))]


def _appointment(row: tuple[Any, ...], reach: _Reach) -> list[Fact]:
    key, patient, status, start, end, created = row
    begin = moment_of(start) if _is_of(reach, patient, status, _VOID_APPOINTMENTS) else None
    if begin is None:
        return []
    name, over, made = _named("Appointment", key), moment_of(end), moment_of(created)
    found = []
    if made is not None:
        ahead = _days(made, begin)
        found.append(Fact("booking", name, made, None, APPOINTMENT_STATUS, "booked", ahead, encounter_key=name))
    if status is not None and status not in _WAITING:
        known = begin if status == CANCELLED else over or begin
        found.append(Fact("appointment", name, begin, known, APPOINTMENT_STATUS, status, encounter_key=name))
    return found


_MAKERS: dict[str, Callable[[tuple[Any, ...], _Reach], list[Fact]]] = {
    "patient": _patient, "encounter": _encounter, "condition": _condition, "observation": _observation,
    "component": _observation, "procedure": _procedure, "medication": _medication, "appointment": _appointment,
}  # fmt: skip


def _with_death(found: list[Fact]) -> list[Fact]:
    """With the death that only a discharge tells."""
    if any(one.kind == "death" for one in found):
        return found
    ended = [one for one in found if one.kind == "discharge" and one.detail in DIED]
    if not ended:
        return found
    first = min(ended, key=lambda one: (one.time, one.resource_key))
    return [*found, first._replace(kind="death", value=None)]


def _known(one: Fact) -> Fact:
    """Nothing is known before it was true."""
    time, known = one.time, one.available_time
    if time is None:
        return one
    return one if known is not None and known >= time else one._replace(available_time=time)


_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def _place(one: Fact) -> tuple[Any, ...]:
    return (
        one.time is not None, one.time or _EPOCH, one.kind, one.resource_key,
        one.system is not None, one.system or "", one.code is not None, one.code or "",
    )  # fmt: skip
