"""Visits that are booked for a day, as moments that a model of missed appointments predicts at; pure."""

from datetime import date, datetime

import polars as pl

from careloom.errors import QueryError
from careloom.risk.cohorts import indexes
from careloom.risk.cohorts_definition import Definition
from careloom.risk.cohorts_fhir import CANCELLED


def booked_for(definition: Definition, events: pl.DataFrame, day: date, as_of: datetime) -> pl.DataFrame:
    """The visits of a day that are booked and still to come, as the cohort of a model takes them.

    Who comes is not known yet: each visit is looked at as if it took place, so that rules and index are those that the
    model was trained by. What was cancelled is not booked, whenever that was: no fact says when.

    events   facts, as `careloom.risk.cohorts_events.EVENTS`
    as_of    booked by then; visits that began before are over
    returns  [n] candidate, patient_id, index_time, encounter_key, resource_key (of the appointment), begin, and fits:
             whether every rule of the cohort holds; by begin and resource_key
    raises   QueryError for a cohort whose index is no appointment
    """
    own = definition.events.get(definition.index.event) if definition.index.event else None
    if own is None or own.kind != "appointment":
        raise QueryError(f"{definition.name} is no cohort of appointments", "Name a model of missed appointments.")
    begin = pl.col("time") + pl.duration(seconds=(pl.col("value") * 86_400).round().cast(pl.Int64))
    gone = events.filter((pl.col("kind") == "appointment") & (pl.col("code") == CANCELLED))["resource_key"]
    booked = (
        events.filter((pl.col("kind") == "booking") & (pl.col("time") <= as_of))
        .drop_nulls("value")
        .unique("resource_key", keep="first", maintain_order=True)
        .with_columns(begin.alias("begin"))
        .filter((pl.col("begin").dt.date() == day) & (pl.col("begin") > as_of))
        .filter(~pl.col("resource_key").is_in(gone.implode()))
    )
    system, code = next(((name, codes[0]) for name, codes in own.codes.items()), (None, None))
    kept = booked.with_columns(
        pl.lit("appointment").alias("kind"), pl.col("begin").alias("time"), pl.col("begin").alias("available_time"),
        pl.lit(system, pl.String).alias("system"), pl.lit(code, pl.String).alias("code"),
        pl.lit(None, pl.Float64).alias("value"),
    ).drop("begin")  # fmt: skip
    past = events.filter(pl.col("time").is_null() | (pl.col("time") <= as_of))
    found = indexes(definition, pl.concat([past, kept])).filter(
        pl.col("resource_key").is_in(booked["resource_key"].implode())
    )
    told = found.rename({"event_time": "begin"}).sort("begin", "resource_key").with_row_index("candidate")
    return told.select(
        pl.col("candidate").cast(pl.Int64), "patient_id", "index_time", "encounter_key", "resource_key", "begin", "fits"
    )
