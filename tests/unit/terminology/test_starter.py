"""The starter set: codes of six systems and the maps between them."""

import pytest

from careloom.terminology.concepts import EQUIVALENCES
from careloom.terminology.molar_mass import convert_measured, substance_of
from careloom.terminology.packaged import PACKAGED, TABLES, _table, lookup
from careloom.terminology.packaged_maps import _mappings
from careloom.terminology.systems import (
    CVX,
    DISEASE_ONTOLOGY,
    ICD_10_CM,
    LOINC,
    RXNORM,
    SNOMED_CT,
    SYMPTOM_ONTOLOGY,
    is_loinc,
    is_snomed_concept,
)
from careloom.terminology.ucum import canonical, convert, parse

CODES = [
    (SNOMED_CT, "44054006", "type 2 diabetes mellitus", {"kind": ("problem",)}),
    (SNOMED_CT, "73761001", "colonoscopy", {"kind": ("procedure",)}),
    (LOINC, "2345-7", "Glucose [Mass/volume] in Serum or Plasma", {"substance": ("glucose",), "unit": ("mg/dL",)}),
    (LOINC, "8480-6", "Systolic Blood Pressure", {"unit": ("mm[Hg]",), "kind": ("vital-signs",)}),
    (RXNORM, "197446", "carisoprodol 350 MG Oral Tablet", {"tty": ("SCD",), "ingredient": ("2101",)}),
    (RXNORM, "1191", "aspirin", {"tty": ("IN",)}),
    (CVX, "03", "MMR", {"kind": ("vaccine",)}),
    (DISEASE_ONTOLOGY, "DOID:9352", "type 2 diabetes mellitus", {"kind": ("problem",)}),
    (SYMPTOM_ONTOLOGY, "SYMP:0000000", "cellulitis", {"kind": ("symptom",)}),
]


@pytest.mark.parametrize(("system", "code", "name", "properties"), CODES)
def test_a_code_of_the_starter_set_has_its_name(
    system: str, code: str, name: str, properties: dict[str, tuple[str, ...]]
) -> None:
    concept = lookup(system, code)
    assert concept is not None
    assert concept.name == name
    assert {key: concept.properties.get(key) for key in properties} == properties


def test_a_vaccine_is_not_retired_because_hl7_left_its_table_to_the_cdc() -> None:
    concepts = [lookup(CVX, code) for code in _table(CVX).codes()]
    assert [one for one in concepts if one is None or not one.is_active] == []


def test_what_nobody_verified_is_left_out() -> None:
    assert lookup(RXNORM, "435") is None
    assert lookup(LOINC, "99999-0") is None


def test_parts_say_that_they_are_parts() -> None:
    whole = {release.system for release in PACKAGED.releases() if release.is_whole}
    assert whole == {ICD_10_CM, SYMPTOM_ONTOLOGY}
    assert all(release.licence and release.concepts for release in PACKAGED.releases())


def test_every_identifier_has_the_shape_of_its_system() -> None:
    assert [code for code in _table(SNOMED_CT).codes() if not is_snomed_concept(code)] == []
    assert [code for code in _table(LOINC).codes() if not is_loinc(code)] == []
    for system in TABLES:
        codes = list(_table(system).codes())
        assert codes == sorted(set(codes), key=str.encode), system


def test_every_unit_of_the_loinc_table_parses_converts_and_comes_back() -> None:
    units = 0
    for code in _table(LOINC).codes():
        concept = lookup(LOINC, code)
        for unit in concept.properties.get("unit", ()) if concept else ():
            _, base = canonical(unit)
            assert parse(base).dimension == parse(unit).dimension
            assert abs(convert(convert(7, unit, base), base, unit) - 7) < 1e-20
            units += 1
    assert units > 100


def test_a_laboratory_value_converts_by_its_loinc_code() -> None:
    assert substance_of("2345-7") == "glucose"
    assert substance_of("8480-6") is None
    assert substance_of("no-1") is None
    assert round(convert_measured("5.5", "mmol/L", "mg/dL", substance_of("2345-7")), 1) == round(
        convert("99.1", "1", "1"), 1
    )


def test_the_maps_go_both_ways_and_name_their_origin() -> None:
    there = {(each.system, each.code): each for each in PACKAGED.translations(SNOMED_CT, "44054006")}
    assert there[ICD_10_CM, "E11"].equivalence == "equivalent"
    assert there[ICD_10_CM, "E11"].origin == "MONDO"
    assert there[DISEASE_ONTOLOGY, "DOID:9352"].equivalence == "equivalent"
    back = {(each.system, each.code) for each in PACKAGED.translations(ICD_10_CM, "E11")}
    assert (SNOMED_CT, "44054006") in back
    assert PACKAGED.translations(SNOMED_CT, "1") == []


def test_every_mapping_is_between_codes_that_exist() -> None:
    for (system, code), targets in _mappings().items():
        assert {each.equivalence for each in targets} <= set(EQUIVALENCES)
        for target in targets:
            if target.system == ICD_10_CM:
                assert lookup(ICD_10_CM, target.code) is not None
        if system == SNOMED_CT:
            assert is_snomed_concept(code)


def test_exact_mappings_come_first() -> None:
    order = [EQUIVALENCES.index(each.equivalence) for each in PACKAGED.translations(ICD_10_CM, "C50")]
    assert order == sorted(order)


def test_a_drug_leads_to_its_ingredients_and_an_ingredient_to_its_drugs() -> None:
    up = PACKAGED.translations(RXNORM, "197446")
    assert [(each.system, each.code, each.equivalence) for each in up] == [(RXNORM, "2101", "wider")]
    down = {each.code for each in PACKAGED.translations(RXNORM, "2101") if each.equivalence == "narrower"}
    assert "197446" in down


def test_the_search_over_all_tables_finds_each_kind() -> None:
    assert PACKAGED.search("metformin", RXNORM, 3)[0].concept.name == "metformin"
    assert "2345-7" in {match.concept.code for match in PACKAGED.search("glucose serum plasma", LOINC, 3)}
    systems = {match.concept.system for match in PACKAGED.search("asthma", limit=12)}
    assert len(systems) >= 3
