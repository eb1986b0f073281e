"""What patients belong to, for whoever judges or watches a model by group: sex, race as recorded, band of age.

One patient and many are told the same, in training and in use: a group that is named otherwise is never watched.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any

import polars as pl

from careloom.risk.facts_one import Fact

AGE_BANDS = (45, 65, 80)
"""Borders of the age bands that groups are told by, years."""
UNKNOWN = "unknown"
"""The sex or band of age of whom nobody knows it, where it is watched."""
KINDS = ("sex", "age_band", "race")
"""Those of a prediction that is watched."""
ATTRIBUTES = (*KINDS, "ethnicity", "language", "payer", "site")
"""Those that a model is judged by."""
_ALWAYS = ("sex", "race", "ethnicity", "language")
_DAY_SECONDS = 86_400
_YEAR_DAYS = 365.2425
_OF_ENCOUNTERS = ("admission", "discharge", "visit")
_NAMES = (
    f"under {AGE_BANDS[0]}",
    *(f"{low} to {high - 1}" for low, high in pairwise(AGE_BANDS)),
    f"{AGE_BANDS[-1]} and over",
)


def age_band(born: datetime, at: datetime) -> str:
    """The band of age at a moment: ``under 45``, ``45 to 64``, ``65 to 79``, ``80 and over``."""
    years = (at - born).days / _YEAR_DAYS
    return _NAMES[sum(years >= border for border in AGE_BANDS)]


def groups(index: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[n] candidate and `ATTRIBUTES`; null where nobody knows.

    The payer is the type of the newest coverage that holds at the index, the site who provides the index's encounter.

    index   candidate, patient_id, index_time, and resource_key of the index event where sites are asked for
    events  facts, as `careloom.risk.cohorts_events.EVENTS`
    """
    told = index.select("candidate", "patient_id", "index_time")
    for kind in _ALWAYS:
        known = events.filter(pl.col("kind") == kind).unique("patient_id", keep="first", maintain_order=True)
        told = told.join(
            known.select("patient_id", pl.col("code").alias(kind)), on="patient_id", how="left", maintain_order="left"
        )
    born = events.filter(pl.col("kind") == "birth").group_by("patient_id").agg(pl.col("time").min().alias("born"))
    told = told.join(born, on="patient_id", how="left", maintain_order="left")
    years = (pl.col("index_time") - pl.col("born")).dt.total_days() / _YEAR_DAYS
    band: Any = pl.when(years < AGE_BANDS[0]).then(pl.lit(_NAMES[0]))
    for border, name in zip(AGE_BANDS[1:], _NAMES[1:], strict=False):
        band = band.when(years < border).then(pl.lit(name))
    last = band.when(years.is_not_null()).then(pl.lit(_NAMES[-1]))
    whole = told.with_columns(last.alias("age_band")).join(_payers(index, events), on="candidate", how="left")
    return whole.join(_sites(index, events), on="candidate", how="left").select("candidate", *ATTRIBUTES)


def _payers(index: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[k] candidate, payer."""
    held = events.filter(pl.col("kind") == "coverage").select(
        "patient_id", "time", "value", pl.col("code").alias("payer")
    )
    over = pl.col("time") + pl.duration(seconds=(pl.col("value") * _DAY_SECONDS).cast(pl.Int64), days=1)
    now = (pl.col("time") <= pl.col("index_time")) & (pl.col("index_time") < over).fill_null(value=True)
    found = index.select("candidate", "patient_id", "index_time").join(held, on="patient_id").filter(now)
    newest = found.sort("candidate", "time", "payer").unique("candidate", keep="last", maintain_order=True)
    return newest.select("candidate", "payer")


def _sites(index: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[k] candidate, site."""
    if "resource_key" not in index.columns:
        return pl.DataFrame(schema={"candidate": index.schema["candidate"], "site": pl.String})
    named = events.filter(pl.col("kind").is_in(_OF_ENCOUNTERS)).select("resource_key", "encounter_key")
    places = events.filter(pl.col("kind") == "site").select("encounter_key", pl.col("code").alias("site"))
    keys = named.drop_nulls().unique("resource_key", keep="first", maintain_order=True)
    by_key = keys.join(places.unique("encounter_key", keep="first", maintain_order=True), on="encounter_key")
    return index.select("candidate", "resource_key").join(by_key, on="resource_key").select("candidate", "site")


def groups_of(facts: Iterable[Fact], at: datetime) -> dict[str, str]:
    """The groups of one patient at a moment, as a watched prediction holds them: see `watched`."""
    found: dict[str, str] = {}
    births = []
    for fact in facts:
        if fact.kind in ("sex", "race") and fact.code:
            found.setdefault(fact.kind, fact.code)
        elif fact.kind == "birth" and fact.time is not None:
            births.append(fact.time)
    return watched({**found, "age_band": age_band(min(births), at) if births else None})


def watched(told: dict[str, str | None]) -> dict[str, str]:
    """Kind -> group, as profiles and predictions name it: sex and age_band `UNKNOWN` where null, race left out."""
    known = {kind: told.get(kind) for kind in KINDS}
    return {kind: group or UNKNOWN for kind, group in known.items() if group or kind != "race"}
