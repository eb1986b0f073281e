"""Timed facts as a sequence model reads them: what was known of a patient before an index, with how long ago it was."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_match import meant, observed
from careloom.tables.schema import SchemaMismatch

STATIC = ("sex", "race")
NOT_TOLD = ("birth", "death", "ethnicity", "language", "coverage", "site")
"""What no model is told: groups beside sex and race are what it is judged by."""
_DAY_SECONDS = 86_400
_DAYS_PER_YEAR = 365.25


def facts_before(
    index: pl.DataFrame,
    events: pl.DataFrame,
    *,
    days: float = 365.0,
    outcome: Sequence[EventSet] = (),
    observed_days: float = 0.0,
) -> pl.DataFrame:
    """Facts of each candidate that were known before its index time, as `careloom.risk.models_sequence` takes them.

    index    [n] candidate, patient_id, index_time (Datetime, UTC)
    events   as `careloom.risk.cohorts_events.EVENTS`
    days     how far back a fact may have begun; 0: ever
    observed_days  of the cohort's window, which bounds it further; 0: it has none
    outcome  event sets: notes that tell of their codes are left out: they say that it came already
    returns  [m] candidate, order (greater: later), days (before the index; null for what is always true), code, value:
             ``kind:code``, with ``=detail`` where the kind says more; ``age`` with years. Sex, race and age come first
    raises   SchemaMismatch if the index lacks a column
    """
    for name in ("candidate", "patient_id", "index_time"):
        if name not in index.columns:
            raise SchemaMismatch(f"index of facts: no column {name}", "add it")
    rows = index.select("candidate", "patient_id", "index_time")
    moment = pl.col("index_time")
    timed = events.filter(~pl.col("kind").is_in([*STATIC, *NOT_TOLD])).drop_nulls("time")
    for one in outcome:
        if one.codes or one.prefixes:
            timed = timed.filter(~meant(replace(one, kind="note", details=(), not_details=())))
    is_known = (pl.col("available_time") < moment) & (pl.col("time") < moment) & observed(observed_days)
    known = rows.join(timed, on="patient_id").filter(is_known)
    ago = (moment - pl.col("time")).dt.total_seconds() / _DAY_SECONDS
    told = known.with_columns(days=ago).filter((ago <= days) if days else pl.lit(value=True))
    said = pl.concat_str([pl.lit("="), pl.col("detail")])
    code = pl.concat_str([pl.col("kind"), pl.lit(":"), pl.col("code").fill_null(""), said.fill_null("")])
    shown = told.select(
        "candidate", pl.col("time").dt.timestamp("ms").alias("order"), "days", code.alias("code"), "value"
    )
    return pl.concat([_always(rows, events), shown.unique(maintain_order=True)])


def fact_code(kind: str, code: str | None, detail: str | None) -> str:
    """What `facts_before` calls a fact."""
    if kind in STATIC:
        return f"{kind}:{code or ''}"
    return f"{kind}:{code or ''}" + ("" if detail is None else f"={detail}")


def _always(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Age at the index, sex and race: before everything that has a time."""
    first = {"order": pl.lit(-(2**62), pl.Int64), "days": pl.lit(None, pl.Float64)}
    fixed = events.filter(pl.col("kind").is_in(STATIC)).unique(
        ["patient_id", "kind"], keep="first", maintain_order=True
    )
    coded = rows.join(fixed, on="patient_id").select(
        "candidate", **first, code=pl.concat_str("kind", pl.lit(":"), pl.col("code").fill_null("")),
        value=pl.lit(None, pl.Float64),
    )  # fmt: skip
    born = events.filter(pl.col("kind") == "birth").group_by("patient_id").agg(pl.col("time").min().alias("born"))
    years = (pl.col("index_time") - pl.col("born")).dt.total_seconds() / (_DAY_SECONDS * _DAYS_PER_YEAR)
    aged = rows.join(born, on="patient_id").select("candidate", **first, code=pl.lit("age"), value=years)
    return pl.concat([aged, coded])
