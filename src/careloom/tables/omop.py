"""The tables of the OMOP Common Data Model 5.4 that are made here, column by column.

source  OHDSI CommonDataModel, inst/ddl/5.4/postgresql/OMOPCDM_postgresql_5.4_ddl.sql (Apache-2.0)
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

CDM_VERSION = "5.4"


class CdmColumn(NamedTuple):
    """One column: `longest` is how many characters a text holds, 0 for any; a required one is never null."""

    name: str
    dtype: pl.DataType
    is_required: bool
    longest: int = 0


_TYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {"i": pl.Int32(), "d": pl.Date(), "t": pl.Datetime("us"), "n": pl.Float64(), "s": pl.String()}
)
_TEXT = {
    "person": """person_id! gender_concept_id! year_of_birth! month_of_birth day_of_birth birth_datetime:t
        race_concept_id! ethnicity_concept_id! location_id provider_id care_site_id person_source_value:s50
        gender_source_value:s50 gender_source_concept_id race_source_value:s50 race_source_concept_id
        ethnicity_source_value:s50 ethnicity_source_concept_id""",
    "observation_period": """observation_period_id! person_id! observation_period_start_date:d!
        observation_period_end_date:d! period_type_concept_id!""",
    "visit_occurrence": """visit_occurrence_id! person_id! visit_concept_id! visit_start_date:d! visit_start_datetime:t
        visit_end_date:d! visit_end_datetime:t visit_type_concept_id! provider_id care_site_id visit_source_value:s50
        visit_source_concept_id admitted_from_concept_id admitted_from_source_value:s50 discharged_to_concept_id
        discharged_to_source_value:s50 preceding_visit_occurrence_id""",
    "condition_occurrence": """condition_occurrence_id! person_id! condition_concept_id! condition_start_date:d!
        condition_start_datetime:t condition_end_date:d condition_end_datetime:t condition_type_concept_id!
        condition_status_concept_id stop_reason:s20 provider_id visit_occurrence_id visit_detail_id
        condition_source_value:s50 condition_source_concept_id condition_status_source_value:s50""",
    "drug_exposure": """drug_exposure_id! person_id! drug_concept_id! drug_exposure_start_date:d!
        drug_exposure_start_datetime:t drug_exposure_end_date:d! drug_exposure_end_datetime:t verbatim_end_date:d
        drug_type_concept_id! stop_reason:s20 refills quantity:n days_supply sig:s route_concept_id lot_number:s50
        provider_id visit_occurrence_id visit_detail_id drug_source_value:s50 drug_source_concept_id
        route_source_value:s50 dose_unit_source_value:s50""",
    "procedure_occurrence": """procedure_occurrence_id! person_id! procedure_concept_id! procedure_date:d!
        procedure_datetime:t procedure_end_date:d procedure_end_datetime:t procedure_type_concept_id!
        modifier_concept_id quantity provider_id visit_occurrence_id visit_detail_id procedure_source_value:s50
        procedure_source_concept_id modifier_source_value:s50""",
    "device_exposure": """device_exposure_id! person_id! device_concept_id! device_exposure_start_date:d!
        device_exposure_start_datetime:t device_exposure_end_date:d device_exposure_end_datetime:t
        device_type_concept_id! unique_device_id:s255 production_id:s255 quantity provider_id visit_occurrence_id
        visit_detail_id device_source_value:s50 device_source_concept_id unit_concept_id unit_source_value:s50
        unit_source_concept_id""",
    "measurement": """measurement_id! person_id! measurement_concept_id! measurement_date:d! measurement_datetime:t
        measurement_time:s10 measurement_type_concept_id! operator_concept_id value_as_number:n value_as_concept_id
        unit_concept_id range_low:n range_high:n provider_id visit_occurrence_id visit_detail_id
        measurement_source_value:s50 measurement_source_concept_id unit_source_value:s50 unit_source_concept_id
        value_source_value:s50 measurement_event_id meas_event_field_concept_id""",
    "observation": """observation_id! person_id! observation_concept_id! observation_date:d! observation_datetime:t
        observation_type_concept_id! value_as_number:n value_as_string:s60 value_as_concept_id qualifier_concept_id
        unit_concept_id provider_id visit_occurrence_id visit_detail_id observation_source_value:s50
        observation_source_concept_id unit_source_value:s50 qualifier_source_value:s50 value_source_value:s50
        observation_event_id obs_event_field_concept_id""",
    "death": """person_id! death_date:d! death_datetime:t death_type_concept_id cause_concept_id cause_source_value:s50
        cause_source_concept_id""",
    "note": """note_id! person_id! note_date:d! note_datetime:t note_type_concept_id! note_class_concept_id!
        note_title:s250 note_text:s! encoding_concept_id! language_concept_id! provider_id visit_occurrence_id
        visit_detail_id note_source_value:s50 note_event_id note_event_field_concept_id""",
    "location": """location_id! address_1:s50 address_2:s50 city:s50 state:s2 zip:s9 county:s20
        location_source_value:s50 country_concept_id country_source_value:s80 latitude:n longitude:n""",
    "care_site": """care_site_id! care_site_name:s255 place_of_service_concept_id location_id care_site_source_value:s50
        place_of_service_source_value:s50""",
    "provider": """provider_id! provider_name:s255 npi:s20 dea:s20 specialty_concept_id care_site_id year_of_birth
        gender_concept_id provider_source_value:s50 specialty_source_value:s50 specialty_source_concept_id
        gender_source_value:s50 gender_source_concept_id""",
}


def _column(text: str) -> CdmColumn:
    is_required, plain = text.endswith("!"), text.removesuffix("!")
    name, _, kind = plain.partition(":")
    return CdmColumn(name, _TYPES[kind[:1] or "i"], is_required, int(kind[1:] or 0))


CDM: Mapping[str, tuple[CdmColumn, ...]] = MappingProxyType(
    {table: tuple(_column(one) for one in text.split()) for table, text in _TEXT.items()}
)
"""Table -> its columns in order."""


def as_cdm(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame as a table of the model: its columns in order, missing ones null, texts as long as they may be.

    raises  polars.exceptions.InvalidOperationError where a number does not fit
    """
    made = []
    for column in CDM[table]:
        there = pl.col(column.name) if column.name in frame.columns else pl.lit(None)
        value = there.cast(column.dtype)
        made.append((value.str.slice(0, column.longest) if column.longest else value).alias(column.name))
    return frame.select(made) if frame.width else pl.DataFrame(schema={one.name: one.dtype for one in CDM[table]})


def lacks_required(table: str) -> pl.Expr:
    """True for rows of a table without something that the model requires."""
    return pl.any_horizontal(pl.col(column.name).is_null() for column in CDM[table] if column.is_required)
