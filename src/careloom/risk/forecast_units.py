"""Which unit a stay or a slot belongs to, and the daily counts of each: wards by where stays lay, clinics by where
appointments are.

A unit is the place that a record names, or the first above it that is neither a room nor a bed. Where a record names no
place, a stay belongs to who provides it, an appointment to its service; else to `UNKNOWN`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from careloom.errors import InputError
from careloom.fhir.readmissions import instant
from careloom.risk.cohorts_fhir import STAYS, VOID
from careloom.risk.forecast_series import DailySeries, What, counted, last_day, midnights, slots

UNKNOWN = "unknown"
UNITS_AT_MOST = 100
_WITHIN = ("bd", "ro")
"""Levels within a unit: bed and room of FHIR R4 location-physical-type."""
_NOT_THERE = ("planned", "reserved")
_STEPS = 8
Frames = Mapping[str, pl.DataFrame]


def unit_names(locations: pl.DataFrame) -> dict[str, str]:
    """Key of each place -> the unit that it is or belongs to, by its name; units of one name are told apart by their
    ids.

    locations  rows of the view ``location``
    """
    known: dict[str, Any] = {row["key"].rpartition("/")[2]: row for row in locations.to_dicts()}
    found = {key: _unit(key, known) for key in known}
    named = {unit: known[unit]["name"] or unit for unit in set(found.values())}
    often = Counter(named.values())
    shown = {unit: name if often[name] == 1 else f"{name} ({unit})" for unit, name in named.items()}
    return {key: shown[unit] for key, unit in found.items()}


def _unit(key: str, known: Mapping[str, Any]) -> str:
    for _ in range(_STEPS):
        above = _id(known[key]["part_of"])
        if known[key]["level"] not in _WITHIN or above not in known:
            break
        key = above
    return key


def _id(key: str | None) -> str:
    return "" if key is None else key.rpartition("/")[2]


def lain(frames: Frames) -> pl.DataFrame:
    """[n] resource_key of a stay, unit, begin, over (null: it lasts), by begin: where stays lay.

    A place without a period of its own is that of the whole stay, unless the patient has left it (`completed`).

    frames  rows of the views ``encounter_place`` and ``location``
    """
    rows = frames["encounter_place"]
    kept = rows.filter(
        ~pl.col("status").is_in(VOID).fill_null(value=False),
        pl.col("code").is_in(STAYS).fill_null(value=False),
        ~pl.col("state").is_in(_NOT_THERE).fill_null(value=False),
        pl.col("begin").is_not_null() | ~pl.col("state").eq_missing("completed"),
    )
    named = pl.coalesce(_named(frames, "place"), "shown", pl.col("provider").str.split("/").list.last())
    told = kept.select(
        pl.concat_str([pl.lit("Encounter/"), pl.col("key").str.split("/").list.last()]).alias("resource_key"),
        named.fill_null(UNKNOWN).alias("unit"),
        pl.coalesce(instant(pl.col("begin")), instant(pl.col("start"))).alias("begin"),
        pl.coalesce(instant(pl.col("over")), instant(pl.col("end"))).alias("over"),
    )
    return told.drop_nulls("begin").sort("begin", "unit")


def booked_at(frames: Frames) -> pl.DataFrame:
    """[n] resource_key of an appointment and its unit. frames: rows of ``appointment_place`` and ``location``"""
    named = pl.coalesce(_named(frames, "place"), "service_text", "service")
    return frames["appointment_place"].select(
        pl.concat_str([pl.lit("Appointment/"), pl.col("key").str.split("/").list.last()]).alias("resource_key"),
        named.fill_null(UNKNOWN).alias("unit"),
    )


def _named(frames: Frames, column: str) -> pl.Expr:
    """The unit of a place; the id of a place that is not stored."""
    own = pl.col(column).str.split("/").list.last()
    return own.replace(unit_names(frames["location"]))


def series_by_unit(events: pl.DataFrame, frames: Frames, what: What, horizon_days: int) -> list[DailySeries]:
    """The series of each unit, those with the most first, at most `UNITS_AT_MOST`.

    events  facts of stays and appointments, as `careloom.risk.cohorts_events.EVENTS`
    frames  rows of the views ``encounter_place``, ``appointment_place`` and ``location``
    raises  InputError where there is nothing to count
    """
    until = last_day(events)
    if what == "slots":
        parts = _parts(booked_at(frames))
        made = [_slots(unit, events, keys, until, horizon_days) for unit, keys in parts.items()]
    else:
        where = lain(frames)
        days = _beds(where, until) if what == "beds" else _discharges(where)
        made = [
            None if part.filter(part <= until).is_empty() else replace(counted(part, until), unit=unit)
            for unit, part in days.items()
        ]
    found = [one for one in made if one is not None]
    if not found:
        raise InputError("forecast: facts", "there is nothing of this kind to count")
    return sorted(found, key=lambda one: (-float(one.values.sum()), one.unit))[:UNITS_AT_MOST]


def _parts(told: pl.DataFrame) -> dict[str, pl.Series]:
    """Unit -> resource keys."""
    return {str(unit): part["resource_key"] for (unit,), part in told.group_by("unit")}


def _beds(where: pl.DataFrame, until: date) -> dict[str, pl.Series]:
    return {str(unit): midnights(part, until) for (unit,), part in where.group_by("unit")}


def _discharges(where: pl.DataFrame) -> dict[str, pl.Series]:
    """Unit -> days of discharges: of each stay that is over, from where it lay last."""
    last = where.unique("resource_key", keep="last", maintain_order=True).drop_nulls("over")
    return {str(unit): part["over"].dt.date() for (unit,), part in last.group_by("unit")}


def _slots(unit: str, events: pl.DataFrame, keys: pl.Series, until: date, horizon_days: int) -> DailySeries | None:
    own = events.filter(pl.col("resource_key").is_in(keys.implode()))
    try:
        return replace(slots(own, until, horizon_days), unit=unit)
    except InputError:  # nothing of it was booked until the last day
        return None
