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
_YEAR_DAYS = 365.2425
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
    """[n] candidate, sex, age_band, race; null where nobody knows.

    index   candidate, patient_id, index_time
    events  facts, as `careloom.risk.cohorts_events.EVENTS`
    """
    told = index.select("candidate", "patient_id", "index_time")
    for kind in ("sex", "race"):
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
    return told.select("candidate", "sex", last.alias("age_band"), "race")


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
