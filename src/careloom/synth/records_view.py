"""Whole records as a table of one row a patient, for attacks and measures that look at tables; and what it cannot see:
rare codes, and courses of encounters that come back.
"""

import math
from dataclasses import dataclass

import polars as pl

from careloom.metrics import wilson_interval
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import conform
from careloom.synth.records import EVENTS, Records
from careloom.synth.records_fidelity import CLINICAL, ordered_visits
from careloom.synth.release_policy import Measure

CODES, VALUES = 16, 4
"""How many codes a view tells apart, and of how many observations the first value."""
COURSE = 3
"""Encounters of a course."""
_KEY = pl.concat_str(pl.col("system").fill_null(""), "code", separator="|")


@dataclass(frozen=True, slots=True)
class View:
    """One row a patient.

    table   patient_id; the static categories; age_band of ten years at the first encounter, died, years from the first
            encounter to the last; how many rows of each table; has_N: the patient ever had the code; value_N: the first
            value of the observation
    codes   (table, ``system|code``) of has_1, has_2, ...; values  ``system|code`` of value_1, ...
    """

    table: Table
    codes: tuple[tuple[str, str], ...]
    values: tuple[str, ...]

    def of(self, given: Records) -> pl.DataFrame:
        """[patients] the rows, as `conform` returns them."""
        visits = given.encounters.join(given.patients.select("patient_id", "birth"), "patient_id", "left")
        first = visits.group_by("patient_id").agg(
            age=((pl.col("start").min().dt.date() - pl.col("birth").first()).dt.total_days() // 3652.5).clip(0, 9),
            years=(pl.col("start").max() - pl.col("start").min()).dt.total_days() // 365,
        )
        band = pl.when(pl.col("age") >= 9).then(pl.lit("90 and more")).otherwise(
            pl.format("{} to {}", (pl.col("age") * 10).cast(pl.Int64), (pl.col("age") * 10 + 9).cast(pl.Int64))
        )  # fmt: skip
        frame = given.patients.with_columns(died=pl.col("death").is_not_null()).join(first, "patient_id", "left")
        frame = frame.with_columns(age_band=band, years=pl.col("years").cast(pl.Int64).fill_null(0))
        for name in ("encounters", *EVENTS):
            counted = getattr(given, name).group_by("patient_id").agg(pl.len().cast(pl.Int64).alias(name))
            frame = frame.join(counted, "patient_id", "left").with_columns(pl.col(name).fill_null(0))
        for number, (name, code) in enumerate(self.codes, 1):
            who = getattr(given, name).filter(code == _KEY)["patient_id"].unique().implode()
            frame = frame.with_columns(pl.col("patient_id").is_in(who).alias(f"has_{number}"))
        numbers = given.observations.drop_nulls("value").sort("start", "event_id")
        for number, code in enumerate(self.values, 1):
            earliest = numbers.filter(code == _KEY).group_by("patient_id", maintain_order=True)
            frame = frame.join(
                earliest.agg(pl.col("value").first().alias(f"value_{number}")), "patient_id", "left"
            )  # fmt: skip
        return conform(self.table, frame.select(self.table.names))


def view(members: Records) -> View:
    """The view that tells most apart: of the codes that most patients who were learnt from have, and have not."""
    people = max(1, members.patients.height)
    shares: list[tuple[float, str, str]] = []
    for name in CLINICAL:
        counted = getattr(members, name).group_by(_KEY.alias("key")).agg(pl.col("patient_id").n_unique())
        shares += [(min(n, people - n) / people, name, key) for key, n in counted.iter_rows()]
    codes = [(name, key) for _, name, key in sorted(shares, key=lambda one: (-one[0], one[1:]))[:CODES]]
    known = members.observations.drop_nulls("value").group_by(_KEY.alias("key")).agg(pl.col("patient_id").n_unique())
    values = known.sort(["patient_id", "key"], descending=[True, False])["key"].head(VALUES).to_list()
    columns = (
        Column("patient_id", "id", nullable=False),
        *(Column(name, "categorical") for name in members.statics),
        Column("age_band", "categorical"), Column("died", "boolean"), Column("years", "integer"),
        *(Column(name, "integer") for name in ("encounters", *EVENTS)),
        *(Column(f"has_{at}", "boolean", meaning=f"{name}: {key}") for at, (name, key) in enumerate(codes, 1)),
        *(Column(f"value_{at}", "continuous", meaning=key) for at, key in enumerate(values, 1)),
    )  # fmt: skip
    return View(Table("patients", columns, ("patient_id",), subject="patient_id"), tuple(codes), tuple(values))


def small_codes(members: Records, shown: Records, small_cell: int) -> int:
    """Codes that are shown and that fewer patients who were learnt from have, of all tables of events and visits."""
    found = 0
    for name in ("encounters", *EVENTS):
        counted = getattr(members, name).group_by(_KEY.alias("key")).agg(pl.col("patient_id").n_unique().alias("n"))
        usual = counted.filter(pl.col("n") >= small_cell)
        found += getattr(shown, name).select(_KEY.alias("key")).unique().join(usual, "key", "anti").height
    return found


def courses_excess(members: Records, controls: Records, shown: Records) -> Measure:
    """How much oftener a course of a patient who was learnt from comes back than one of a patient who was not.

    A course is `COURSE` encounters in a row with their clinical codes, one at least, and the gaps between them in
    powers of two of days. Counted are patients who have one, by whether any of theirs is shown.

    returns  difference of the shares, with its 95 % interval; no number where one side has no course
    source   Newcombe, Stat Med 1998;17:873-890, method 10
    """
    there = _courses(shown)["course"].unique().implode()
    found = []
    for each in (members, controls):
        own = _courses(each)
        people = own["patient_id"].n_unique()
        if not people:
            return Measure(float("nan"))
        hit = own.filter(pl.col("course").is_in(there))["patient_id"].n_unique()
        found.append((hit / people, wilson_interval(hit, people)))
    (learnt, one), (other, two) = found
    value = learnt - other
    return Measure(
        value,
        value - math.hypot(learnt - one.low, two.high - other),
        value + math.hypot(one.high - learnt, other - two.low),
    )


def _courses(given: Records) -> pl.DataFrame:
    """[n] patient_id, course: what happened in each window of encounters that has a clinical code."""
    told = pl.concat([getattr(given, name).select("encounter_id", key=pl.lit(f"{name} ") + _KEY) for name in CLINICAL])
    codes = told.unique().sort("key").group_by("encounter_id", maintain_order=True).agg(pl.col("key").str.join(" "))
    visits = ordered_visits(given).select("patient_id", "encounter_id", "start").join(
        codes, "encounter_id", "left", maintain_order="left"
    )  # fmt: skip
    days = pl.col("start").diff().over("patient_id").dt.total_days()
    visits = visits.with_columns(gap=(days + 1).cast(pl.Float64).log(2).round().cast(pl.Int64).cast(pl.String))
    window = [pl.col("key").fill_null("").shift(-at).over("patient_id") for at in range(COURSE)]
    gaps = [pl.col("gap").shift(-at).over("patient_id") for at in range(1, COURSE)]
    is_told = pl.any_horizontal(pl.col("key").shift(-at).over("patient_id").is_not_null() for at in range(COURSE))
    joined = visits.select("patient_id", is_told=is_told, course=pl.concat_str(*window, *gaps, separator=" / "))
    return joined.filter("is_told").drop_nulls("course").select("patient_id", "course")
