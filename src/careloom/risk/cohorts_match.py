"""Which facts an event set means, and which of them stand in a window before an index time."""

import re

import polars as pl

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_events import EVENTS
from careloom.terminology.systems import ICD_9_CM, ICD_10, ICD_10_CM

DOTLESS = (ICD_9_CM, ICD_10, ICD_10_CM)
"""Systems whose codes are written with and without their dot."""
KEYS = ("candidate", "patient_id", "index_time")


def meant(one: EventSet) -> pl.Expr:
    """True for a fact of the set; null codes and details match nothing that is named."""
    told = pl.col("kind") == one.kind
    if one.codes or one.prefixes:
        coded = [_exact(system, codes) for system, codes in one.codes.items()]
        coded += [_begins(system, codes) for system, codes in one.prefixes.items()]
        told &= pl.any_horizontal(coded)
    if one.details:
        told &= pl.col("detail").is_in(list(one.details))
    if one.not_details:
        told &= ~pl.col("detail").is_in(list(one.not_details)).fill_null(value=False)
    return told.fill_null(value=False)


def _exact(system: str, codes: tuple[str, ...]) -> pl.Expr:
    return (pl.col("system") == system) & _plain(system).is_in([_without_dot(system, code) for code in codes])


def _begins(system: str, codes: tuple[str, ...]) -> pl.Expr:
    told = "|".join(re.escape(_without_dot(system, code)) for code in codes)
    return (pl.col("system") == system) & _plain(system).str.contains(f"^(?:{told})")


def _plain(system: str) -> pl.Expr:
    code = pl.col("code")
    return code.str.replace_all(".", "", literal=True) if system in DOTLESS else code


def _without_dot(system: str, code: str) -> str:
    return code.replace(".", "") if system in DOTLESS else code


def facts_of(events: pl.DataFrame, one: EventSet) -> pl.DataFrame:
    """[m] the facts of a set that have a time, one row a resource, time and value: patient_id, time, available_time,
    kind, system, code (the first that is meant), value, unit, detail, encounter_key, resource_key."""
    found = events.filter(pl.col("kind") == one.kind)  # first, for nothing else of the set is looked at beyond its kind
    if one.codes or one.prefixes or one.details or one.not_details:
        found = found.filter(meant(one))
    found = found.drop_nulls("time")
    names = [name for name in EVENTS.dtypes if name != "event_id"]
    return found.select(names).unique(["resource_key", "time", "value"], maintain_order=True)


def known_before(
    candidates: pl.DataFrame, facts: pl.DataFrame, days: float, *, is_strict: bool, same_encounter: bool = False
) -> pl.DataFrame:
    """[k] pairs of a candidate and a fact of its patient that was known by the index time and began within `days`
    before it (0: ever).

    candidates  candidate, patient_id, index_time, encounter_key
    is_strict   known before the index time, not at it: what features ask for
    """
    index = candidates.select(*KEYS, pl.col("encounter_key").alias("index_encounter"))
    pairs = index.join(facts, on="patient_id", how="inner")
    known, time = pl.col("available_time"), pl.col("time")
    moment = pl.col("index_time")
    told = (known < moment) & (time < moment) if is_strict else (known <= moment) & (time <= moment)
    if days:
        told &= time >= moment - pl.duration(seconds=round(days * 86_400))
    if same_encounter:
        told &= (pl.col("encounter_key") == pl.col("index_encounter")).fill_null(value=False)
    return pairs.filter(told)


def observed(days: float) -> pl.Expr:
    """Pairs whose fact began within so many days before the index time, as a window of observation bounds them;
    with 0 all of them."""
    if not days:
        return pl.lit(value=True)
    return pl.col("time") >= pl.col("index_time") - pl.duration(seconds=round(days * 86_400))


def not_cancelled() -> pl.Expr:
    """Rows that tell how far anybody looked: an appointment that is cancelled may lie in a time that is to come."""
    is_cancelled = (pl.col("kind") == "appointment") & (pl.col("code") == "cancelled")
    return ~is_cancelled.fill_null(value=False)
