"""People, visits, places and staff of OMOP CDM 5.4 from the rows of views; pure. Numbers count from 1, in their order.

source  OMOP CDM 5.4, table specifications and ETL conventions (ohdsi.github.io/CommonDataModel/cdm54.html); concepts of
        gender, race, ethnicity and visits as in Synthea27Nj of OHDSI's EunomiaDatasets (Apache-2.0)
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from careloom.terminology.omop_vocabulary import OmopVocabulary

_GENDERS = {"male": 8507, "female": 8532}
_RACES = {"2106-3": 8527, "2054-5": 8516, "2028-9": 8515}
_OTHER_RACES = {
    "1002-5": "American Indian or Alaska Native",
    "2076-8": "Native Hawaiian or Other Pacific Islander",
}
"""CDC race codes whose concepts are taken from a loaded vocabulary by name."""
_ETHNICITIES = {"2135-2": 38003563, "2186-5": 38003564}
_INPATIENT, _OUTPATIENT, _EMERGENCY = 9201, 9202, 9203
_VISITS = {"IMP": _INPATIENT, "ACUTE": _INPATIENT, "NONAC": _INPATIENT, "EMER": _EMERGENCY,
           **dict.fromkeys(("AMB", "HH", "VR", "FLD"), _OUTPATIENT)}  # fmt: skip
"""HL7 v3 ActEncounterCode -> concept of a visit."""
_ADDRESS = ("line", "city", "state", "zip", "country")


class Keys(NamedTuple):
    """What keys of resources are numbered: key and id of people, visits, providers and sites."""

    people: pl.DataFrame
    visits: pl.DataFrame
    providers: pl.DataFrame
    sites: pl.DataFrame


def day(text: pl.Expr) -> pl.Expr:
    """The day of a FHIR date or dateTime as it is written; the first of a month or year that stands without a day."""
    length = text.str.len_chars()
    whole = (
        pl.when(length == 4).then(text + "-01-01").when(length == 7).then(text + "-01").otherwise(text.str.slice(0, 10))
    )
    return whole.str.to_date("%Y-%m-%d", strict=False)


def moment(text: pl.Expr) -> pl.Expr:
    """The moment as it is written, without its zone; midnight where no time of day is said."""
    timed = text.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    return pl.coalesce(timed, day(text).cast(pl.Datetime("us")))


def numbered(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """key and number of each row, under a name."""
    return frame.select("key").with_row_index(name, offset=1).with_columns(pl.col(name).cast(pl.Int32))


def looked_up(frame: pl.DataFrame, column: str, keys: pl.DataFrame) -> pl.DataFrame:
    """The frame with the number that stands for a key in a column; null where nothing does."""
    if column not in frame.columns:
        return frame
    return frame.join(keys, left_on=column, right_on="key", how="left", maintain_order="left")


def locations(*frames: pl.DataFrame) -> pl.DataFrame:
    """[n] location: each address once; none of those that say nothing."""
    told = pl.concat([frame.select(_ADDRESS) for frame in frames]).unique(maintain_order=True)
    told = told.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in _ADDRESS))
    return told.with_row_index("location_id", offset=1).with_columns(
        pl.col("line").alias("address_1"),
        pl.when(pl.col("state").str.len_chars() == 2).then("state").alias("state"),
        pl.concat_str(_ADDRESS, separator=" ", ignore_nulls=True).alias("location_source_value"),
        pl.col("state").alias("state_told"), pl.lit(0).alias("country_concept_id"),
        pl.col("country").alias("country_source_value"),
    )  # fmt: skip


def _with_location(frame: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    known = places.select(
        "location_id", *(pl.col("state_told" if name == "state" else name).alias(name) for name in _ADDRESS)
    )
    return frame.join(known, on=list(_ADDRESS), how="left", nulls_equal=True, maintain_order="left")


def care_sites(organizations: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """[n] care_site."""
    return _with_location(organizations, places).with_row_index("care_site_id", offset=1).with_columns(
        pl.col("name").alias("care_site_name"), pl.col("key").alias("care_site_source_value"),
        pl.lit(0).alias("place_of_service_concept_id"), pl.col("kind").alias("place_of_service_source_value"),
    )  # fmt: skip


def providers(practitioners: pl.DataFrame) -> pl.DataFrame:
    """[n] provider."""
    name = pl.coalesce("name", pl.concat_str(["given", "family"], separator=" ", ignore_nulls=True).replace("", None))
    return practitioners.with_row_index("provider_id", offset=1).with_columns(
        name.alias("provider_name"), day(pl.col("birth")).dt.year().alias("year_of_birth"),
        _coded("gender", _GENDERS).alias("gender_concept_id"), pl.col("gender").alias("gender_source_value"),
        pl.col("key").alias("provider_source_value"), pl.lit(0).alias("specialty_concept_id"),
        pl.col("specialty").alias("specialty_source_value"), pl.lit(0).alias("specialty_source_concept_id"),
        pl.lit(0).alias("gender_source_concept_id"),
    )  # fmt: skip


def persons(
    patients: pl.DataFrame, places: pl.DataFrame, keys: Keys, vocabulary: OmopVocabulary
) -> tuple[pl.DataFrame, int]:
    """[n] person, and how many patients are left out, for the model has no person without a year of birth."""
    races = _RACES | {code: vocabulary.concept("Race", name) for code, name in _OTHER_RACES.items()}
    born, is_whole = day(pl.col("birth")), pl.col("birth").str.len_chars()
    frame = _with_location(patients, places).join(keys.people, on="key", maintain_order="left")
    frame = looked_up(looked_up(frame, "provider_key", keys.providers), "site_key", keys.sites)
    made = frame.with_columns(
        born.dt.year().alias("year_of_birth"),
        pl.when(is_whole >= 7).then(born.dt.month()).alias("month_of_birth"),
        pl.when(is_whole >= 10).then(born.dt.day()).alias("day_of_birth"),
        pl.when(is_whole >= 10).then(moment(pl.col("birth"))).alias("birth_datetime"),
        _coded("gender", _GENDERS).alias("gender_concept_id"), pl.col("gender").alias("gender_source_value"),
        _coded("race", races).alias("race_concept_id"), pl.col("race").alias("race_source_value"),
        _coded("ethnicity", _ETHNICITIES).alias("ethnicity_concept_id"),
        pl.col("ethnicity").alias("ethnicity_source_value"), pl.col("key").alias("person_source_value"),
        *(pl.lit(0).alias(f"{name}_source_concept_id") for name in ("gender", "race", "ethnicity")),
    )  # fmt: skip
    return made, patients.height - made.height


def people_of(patients: pl.DataFrame) -> pl.DataFrame:
    """key and person_id of whom the model can hold: a year of birth is said."""
    return numbered(patients.filter(day(pl.col("birth")).is_not_null()), "person_id")


def deaths(patients: pl.DataFrame, people: pl.DataFrame, type_concept: int) -> pl.DataFrame:
    """[n] death: of whom a day of death is said."""
    dead = patients.filter(pl.col("death").is_not_null()).join(people, on="key", maintain_order="left")
    return dead.with_columns(
        day(pl.col("death")).alias("death_date"), moment(pl.col("death")).alias("death_datetime"),
        pl.lit(type_concept).alias("death_type_concept_id"), pl.lit(0).alias("cause_concept_id"),
        pl.lit(0).alias("cause_source_concept_id"),
    )  # fmt: skip


def visits(encounters: pl.DataFrame, keys: Keys, type_concept: int) -> pl.DataFrame:
    """[n] visit_occurrence: encounters that began and were no mistake. One without an end ends on the day it began."""
    frame = encounters.join(keys.visits, on="key", maintain_order="left")
    for column, known in (("patient_key", keys.people), ("provider_key", keys.providers), ("site_key", keys.sites)):
        frame = looked_up(frame, column, known)
    end = pl.coalesce("end", "start")
    order = ["person_id", "visit_start_datetime", "visit_occurrence_id"]
    return (
        frame.with_columns(
            _coded("visit_class", _VISITS).alias("visit_concept_id"),
            day(pl.col("start")).alias("visit_start_date"), moment(pl.col("start")).alias("visit_start_datetime"),
            day(end).alias("visit_end_date"), moment(end).alias("visit_end_datetime"),
            pl.lit(type_concept).alias("visit_type_concept_id"),
            pl.col("visit_class").alias("visit_source_value"), pl.lit(0).alias("visit_source_concept_id"),
            pl.lit(0).alias("admitted_from_concept_id"), pl.col("admitted_from").alias("admitted_from_source_value"),
            pl.lit(0).alias("discharged_to_concept_id"), pl.col("discharged_to").alias("discharged_to_source_value"),
        )
        .sort(order)
        .with_columns(pl.col("visit_occurrence_id").shift().over("person_id").alias("preceding_visit_occurrence_id"))
        .sort("visit_occurrence_id")
    )  # fmt: skip


def visits_of(encounters: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """key and visit_occurrence_id of the encounters that the model can hold."""
    there = encounters.filter(
        pl.col("patient_key").is_in(people["key"].implode()) & day(pl.col("start")).is_not_null()
        & ~pl.col("status").fill_null("").is_in(["entered-in-error", "cancelled", "planned"])
    )  # fmt: skip
    return numbered(there, "visit_occurrence_id")


def observation_periods(spans: Iterable[pl.DataFrame], type_concept: int) -> pl.DataFrame:
    """[n] observation_period: for each person one, from the first day of which anything is told to the last.

    spans  frames of person_id, first, last (days)
    """
    told = pl.concat([frame.select("person_id", "first", "last") for frame in spans]).drop_nulls("first")
    return (
        told.group_by("person_id")
        .agg(
            pl.col("first").min().alias("observation_period_start_date"),
            pl.max_horizontal(pl.col("first").max(), pl.col("last").max()).alias("observation_period_end_date"),
        )
        .sort("person_id")
        .with_row_index("observation_period_id", offset=1)
        .with_columns(pl.lit(type_concept).alias("period_type_concept_id"))
    )


def _coded(column: str, concepts: Mapping[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(concepts), default=0, return_dtype=pl.Int32).fill_null(0)
