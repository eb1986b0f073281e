import pytest

from careloom.errors import InputError
from careloom.quality.assessment import Assessment
from careloom.quality.quantities import measures
from careloom.quality.rules import CATEGORIES, packaged_rulebook, rulebook
from careloom.quality.scene import IdSet, Scene
from careloom.terminology.systems import is_loinc, is_snomed_concept
from tests.unit.quality.hospital import broken, clean_hospital

BOOK = packaged_rulebook()
DQD = set(
    "measurePersonCompleteness measureConditionEraCompleteness measureObservationPeriodOverlap cdmTable cdmField "
    "isRequired cdmDatatype isPrimaryKey isForeignKey fkDomain fkClass isStandardValidConcept "
    "measureValueCompleteness standardConceptRecordCompleteness sourceConceptRecordCompleteness "
    "sourceValueCompleteness plausibleValueLow plausibleValueHigh plausibleTemporalAfter plausibleDuringLife "
    "withinVisitDates plausibleAfterBirth plausibleBeforeDeath plausibleStartBeforeEnd plausibleGender "
    "plausibleGenderUseDescendants plausibleUnitConceptIds".split()
)
"""The 27 check types of the OHDSI Data Quality Dashboard 2.8 (its documentation, article checkIndex)."""
OWN = """
off = ["dose-present"]

[thresholds]
no-duplicates = 2.5

[[rule]]
id = "ward-named"
title = "Encounters name a ward"
category = "completeness"
check = "present"
on.Encounter = ["location"]
threshold_percent = 10
severity = "warning"
why = "A stay without a ward cannot be billed"
source = "our billing handbook"
"""


def test_every_check_type_of_the_ohdsi_dashboard_is_translated() -> None:
    assert {name for rule in BOOK.rules for name in rule.dqd} == DQD


def test_every_rule_names_a_source_and_belongs_to_kahns_framework() -> None:
    for rule in BOOK.rules:
        assert len(rule.source) > 10, rule.id
        assert rule.subcategory in CATEGORIES[rule.category], rule.id


def test_every_quantity_has_a_source_codes_and_a_range() -> None:
    for row in BOOK.quantities:
        assert row["source"], row["name"]
        assert row["low"] < row["high"], row["name"]
        assert all(is_loinc(code) for code in row["loinc"]), row["name"]
    codes = [code for row in BOOK.quantities for code in row["loinc"]]
    assert len(codes) == len(set(codes))
    assert len(measures(BOOK.quantities)) == len(codes)


def test_codes_of_one_sex_are_not_codes_of_the_other() -> None:
    female, male = BOOK.codes["sex"]["female"], BOOK.codes["sex"]["male"]
    for system in ("icd10cm", "snomed"):
        assert set(female[system]).isdisjoint(male[system])
    assert all(is_snomed_concept(code) for sex in (female, male) for code in sex["snomed"])


def test_an_installation_adds_rules_sets_thresholds_and_switches_rules_off() -> None:
    book = rulebook(OWN, {"text-intact": 1})
    names = {rule.id: rule.threshold_percent for rule in book.rules}
    assert "dose-present" not in names
    assert (names["no-duplicates"], names["text-intact"], names["ward-named"]) == (2.5, 1, 10)
    assert book.own
    resources = clean_hospital(1, 1)
    encounters = {one["id"] for one in resources if one["resourceType"] == "Encounter"}
    assert broken(resources, book)["ward-named"] == encounters


def test_a_rule_of_the_same_id_replaces_the_packaged_one() -> None:
    replaced = rulebook(OWN.replace("ward-named", "encounter-type-present")).rule("encounter-type-present")
    assert replaced is not None
    assert replaced.source == "our billing handbook"
    assert len(rulebook(OWN.replace("ward-named", "encounter-type-present")).rules) == len(BOOK.rules) - 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule", "no TOML"),
        ("rules = []", "unknown entry rules"),
        ('off = ["nothing"]', "no quality rule nothing"),
        ("off = 1", "not lists"),
        ("thresholds = 3", "no table"),
        ("[thresholds]\nno-duplicates = 101", "0 to 100"),
        ("[thresholds]\nno-duplicates = true", "0 to 100"),
        ("[thresholds]\nnothing = 1", "no quality rule nothing"),
        (OWN.replace('severity = "warning"', 'severity = "bad"'), "unknown severity"),
        (OWN.replace('category = "completeness"', 'category = "beauty"'), "Kahn"),
        (OWN.replace('why = "A stay without a ward cannot be billed"', ""), "lacks why"),
        (OWN.replace('on.Encounter = ["location"]', "on = 1"), "tables of lists"),
        (OWN + OWN[OWN.index("[[rule]]") :], "there twice"),
        ("rule = [1]", "no table"),
    ],
)
def test_a_malformed_file_of_rules_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        rulebook(text)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('check = "present"', 'check = "wished"', "no check wished"),
        ('why = "', 'colour = "red"\nwhy = "', "no parameter colour"),
    ],
)
def test_an_unknown_check_or_parameter_is_refused_before_anything_is_read(before: str, after: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Assessment(rulebook(OWN.replace(before, after)), Scene(0, IdSet([])))
