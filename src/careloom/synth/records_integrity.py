"""Whether records hold together: references, order in time, and what cannot be. Counts, never a value."""

from collections.abc import Iterator, Mapping

import polars as pl

from careloom.synth.records import EVENTS, Records


def broken(given: Records, only: Mapping[str, str] | None = None) -> dict[str, int]:
    """What is broken -> in how many rows; empty where nothing is.

    only     ``table|system|code`` -> value of the first static that a patient must have for it
    returns  keys are ``table: what``, e.g. ``conditions: before birth``
    """
    found: dict[str, int] = {}
    for name, what, rows in _found(given, only or {}):
        if rows:
            found[f"{name}: {what}"] = rows
    return found


def learnt_only(given: Records, least: int = 30) -> dict[str, str]:
    """Codes that only patients with one value of the first static have, of at least so many patients, for `broken`."""
    found: dict[str, str] = {}
    if not given.statics:
        return {}
    first = given.patients.select("patient_id", value=given.statics[0])
    for name in EVENTS:
        frame: pl.DataFrame = getattr(given, name)
        people = frame.select("patient_id", code=_key()).unique().join(first, "patient_id")
        counted = people.group_by("code").agg(
            pl.len(), pl.col("value").n_unique().alias("values"), pl.col("value").first()
        )
        alone = counted.filter((pl.col("len") >= least) & (pl.col("values") == 1)).drop_nulls("value")
        found |= {f"{name}|{code}": value for code, value in alone.select("code", "value").iter_rows()}
    return found


def _key() -> pl.Expr:
    return pl.concat_str(pl.col("system").fill_null(""), "code", separator="|")


def _found(given: Records, only: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    people = given.patients.select(
        "patient_id", "death", birth=pl.col("birth").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    yield "patients", "one id twice", given.patients.height - given.patients["patient_id"].n_unique()
    yield "patients", "death before birth", people.filter(pl.col("death") < pl.col("birth")).height
    visits = given.encounters
    spans = visits.select("encounter_id", owner="patient_id", begins="start", ends="stop")
    for name, frame in given.tables():
        if name == "patients":
            continue
        own = "encounter_id" if name == "encounters" else "event_id"
        yield name, "one id twice", frame.height - frame[own].n_unique()
        yield name, "no such patient", frame.join(people, "patient_id", "anti").height
        joined = frame.join(people, "patient_id", "left")
        yield name, "before birth", joined.filter(pl.col("start") < pl.col("birth")).height
        yield name, "after death", joined.filter(pl.col("start") > pl.col("death")).height
        if "stop" in frame.columns:
            yield name, "stops before it starts", frame.filter(pl.col("stop") < pl.col("start")).height
            if name != "conditions":
                yield name, "stops after death", joined.filter(pl.col("stop") > pl.col("death")).height
        if name in EVENTS:
            yield from _event(name, frame, spans, given, only)


def _event(
    name: str, frame: pl.DataFrame, spans: pl.DataFrame, given: Records, only: Mapping[str, str]
) -> Iterator[tuple[str, str, int]]:
    yield name, "no such encounter", frame.join(spans, "encounter_id", "anti").height
    within = frame.join(spans, "encounter_id")
    yield name, "encounter of another patient", within.filter(pl.col("owner") != pl.col("patient_id")).height
    outside = (pl.col("start") < pl.col("begins")) | (pl.col("start") > pl.col("ends"))
    yield name, "outside of its encounter", within.filter(outside.fill_null(False)).height
    needs = {key.partition("|")[2]: value for key, value in only.items() if key.partition("|")[0] == name}
    if needs and given.statics:
        first = given.patients.select("patient_id", has=given.statics[0])
        rows = frame.select("patient_id", needs=_key().replace_strict(needs, default=None, return_dtype=pl.String))
        odd = rows.drop_nulls("needs").join(first, "patient_id").filter(pl.col("has") != pl.col("needs"))
        yield name, "not with this sex", odd.height
