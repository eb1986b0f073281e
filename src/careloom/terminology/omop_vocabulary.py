"""OHDSI's standardized vocabularies as a map: a code of a source vocabulary -> the standard concepts that it maps to.

The user brings CONCEPT.csv and CONCEPT_RELATIONSHIP.csv from athena.ohdsi.org, for some vocabularies need a licence.

source  OMOP CDM 5.4, vocabulary tables concept and concept_relationship; Book of OHDSI (2021), chapter 5: "Maps to"
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from careloom.terminology import systems

VOCABULARIES: Mapping[str, str] = MappingProxyType(
    {
        systems.SNOMED_CT: "SNOMED",
        systems.LOINC: "LOINC",
        systems.RXNORM: "RxNorm",
        systems.ICD_10_CM: "ICD10CM",
        systems.ICD_9_CM: "ICD9CM",
        systems.ICD_10_PCS: "ICD10PCS",
        systems.CVX: "CVX",
        systems.NDC: "NDC",
        systems.CPT: "CPT4",
        systems.HCPCS: "HCPCS",
        systems.UCUM: "UCUM",
        systems.ATC: "ATC",
    }
)
"""Canonical URI of a code system -> vocabulary_id."""
MAP_SCHEMA = {
    "vocabulary_id": pl.String(),
    "concept_code": pl.String(),
    "source_concept_id": pl.Int32(),
    "concept_id": pl.Int32(),
    "domain_id": pl.String(),
}
_NAMED = ("Type Concept", "Race", "Gender", "Ethnicity")


@dataclass(frozen=True, slots=True)
class OmopVocabulary:
    """What is known of the vocabularies.

    codes  [n] `MAP_SCHEMA`: one row for each standard concept that a code maps to; concept_id 0 where to none
    named  (domain, name of a concept) -> concept_id, of standard concepts of types, races, genders and ethnicities
    """

    codes: pl.DataFrame
    named: Mapping[tuple[str, str], int]

    def concept(self, domain: str, name: str) -> int:
        """The concept of that name in a domain; 0 where it is not loaded."""
        return self.named.get((domain, name), 0)


NOTHING = OmopVocabulary(pl.DataFrame(schema=MAP_SCHEMA), {})
"""Where no vocabulary is loaded: every concept is 0."""


def read_vocabulary(
    concepts: pl.LazyFrame,
    relationships: pl.LazyFrame | None,
    vocabularies: Collection[str] = tuple(VOCABULARIES.values()),
) -> OmopVocabulary:
    """The map of some vocabularies.

    concepts       the table concept: concept_id, concept_name, domain_id, vocabulary_id, standard_concept, concept_code
    relationships  the table concept_relationship: concept_id_1, concept_id_2, relationship_id, invalid_reason; without
                   it, standard concepts stand for themselves and other codes map to nothing
    """
    known = concepts.select(
        pl.col("concept_id").cast(pl.Int32), pl.col("concept_name").cast(pl.String), "domain_id", "vocabulary_id",
        pl.col("standard_concept").cast(pl.String) == "S", pl.col("concept_code").cast(pl.String),
    )  # fmt: skip
    sources = known.filter(pl.col("vocabulary_id").is_in(list(vocabularies)))
    standard = known.filter("standard_concept").select(pl.col("concept_id").alias("target_id"), "domain_id")
    itself = sources.filter("standard_concept").select(
        pl.col("concept_id").alias("source_concept_id"), pl.col("concept_id").alias("target_id")
    )
    pairs = itself
    if relationships is not None:
        is_map = (pl.col("relationship_id") == "Maps to") & pl.col("invalid_reason").cast(pl.String).is_null()
        told = relationships.filter(is_map).select(
            pl.col("concept_id_1").cast(pl.Int32).alias("source_concept_id"),
            pl.col("concept_id_2").cast(pl.Int32).alias("target_id"),
        )
        pairs = pl.concat([told, itself.join(told, on="source_concept_id", how="anti")])
    targets = pairs.join(standard, on="target_id", how="inner")
    codes = (
        sources.select("vocabulary_id", "concept_code", pl.col("concept_id").alias("source_concept_id"))
        .join(targets, on="source_concept_id", how="left")
        .select(
            "vocabulary_id", "concept_code", "source_concept_id",
            pl.col("target_id").fill_null(0).alias("concept_id"), pl.col("domain_id").fill_null(""),
        )
        .unique()
        .sort("vocabulary_id", "concept_code", "source_concept_id", "concept_id")
        .collect()
    )  # fmt: skip
    named = known.filter(pl.col("standard_concept") & pl.col("domain_id").is_in(_NAMED)).collect()
    rows = named.select("domain_id", "concept_name", "concept_id").iter_rows()
    return OmopVocabulary(codes, {(domain, name): number for domain, name, number in rows})
