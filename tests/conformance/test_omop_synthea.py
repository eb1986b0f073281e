"""Synthea27Nj, OMOP CDM 5.4 as OHDSI's own ETL made it of Synthea: our map of its source values gives the same
concepts, and the domain of each concept the table that the row is in.

The rows are of 28 people who are in none of the feeds at hand: counts of tables cannot be compared, but every code can.
"""

import os
from pathlib import Path

import polars as pl
import pytest

from careloom.fhir.omop_events import CONCEPTS, DOMAINS
from careloom.services.omop import load_vocabulary
from careloom.tables.omop import CDM
from careloom.terminology.omop_vocabulary import OmopVocabulary

SUITES = os.environ.get("CARELOOM_SUITES")
FOLDER = Path(SUITES or "") / "synthea_omop"
pytestmark = pytest.mark.skipif(not SUITES or not FOLDER.is_dir(), reason="set CARELOOM_SUITES to run Synthea27Nj")
TABLES = {"condition_occurrence": 470, "procedure_occurrence": 1649, "drug_exposure": 883, "measurement": 10040}


@pytest.fixture(scope="module")
def vocabulary() -> OmopVocabulary:
    return load_vocabulary(FOLDER)


def theirs(table: str) -> pl.DataFrame:
    return pl.read_csv(FOLDER / f"{table}.csv.gz", infer_schema=False)


@pytest.mark.parametrize("table", TABLES)
def test_every_source_value_maps_to_the_concept_and_table_that_they_chose(
    vocabulary: OmopVocabulary, table: str
) -> None:
    concept = CONCEPTS[table]
    source = concept.replace("_concept_id", "_source_value")
    codes = vocabulary.codes.filter(pl.col("vocabulary_id") != "UCUM")
    joined = theirs(table).join(codes, left_on=source, right_on="concept_code", how="left")
    assert joined.height == TABLES[table]
    assert joined.filter(pl.col(concept).cast(pl.Int32) != pl.col("concept_id").fill_null(0)).height == 0
    assert {DOMAINS[domain] for domain in joined["domain_id"].unique()} == {table}


def test_units_map_as_they_mapped_them(vocabulary: OmopVocabulary) -> None:
    units = vocabulary.codes.filter(pl.col("vocabulary_id") == "UCUM").select("concept_code", "concept_id")
    joined = theirs("measurement").join(units, left_on="unit_source_value", right_on="concept_code", how="inner")
    same = joined.filter(pl.col("unit_concept_id").cast(pl.Int32) == pl.col("concept_id")).height
    assert (same, joined.height) == (8403, 8403)


@pytest.mark.parametrize("table", sorted(one for one in CDM if (FOLDER / f"{one}.csv.gz").is_file()))
def test_our_tables_have_their_columns_in_their_order(table: str) -> None:
    assert [column.name for column in CDM[table]] == theirs(table).columns
