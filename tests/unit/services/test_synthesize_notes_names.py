"""Names that stand in for those that too few patients share: of terminologies, with codes that exist, of nobody."""

import pytest

from careloom.deid.name_lists import names
from careloom.services.synthesize_notes_names import public_names
from careloom.synth.notes_facts import RECORDED
from careloom.synth.notes_public import WORDS, Public
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import RXNORM, SYMPTOM_ONTOLOGY


@pytest.fixture(scope="module")
def found() -> Public:
    """Made when a test asks, and not by every worker that collects."""
    return public_names()


def test_every_label_that_a_terminology_knows_has_names_that_are_short_enough_for_notes(found: Public) -> None:
    assert set(found) == {*RECORDED, "SYMPTOM", WORDS} - {"ALLERGEN"}
    assert all(len(its) > 40 for its in found.values())
    assert all(one.weight >= 1 and len(one.name.split()) <= 3 for its in found.values() for one in its)


def test_codes_of_names_are_those_of_the_packaged_terminologies(found: Public) -> None:
    for one in (*found["MEDICATION"][::50], *found["SYMPTOM"][::20]):
        system, _, code = one.code.partition("|")
        concept = lookup(system, code)
        assert system in (RXNORM, SYMPTOM_ONTOLOGY)
        assert concept is not None
        assert concept.name == one.name


def test_what_finds_something_out_is_a_test_and_what_does_something_a_procedure(found: Public) -> None:
    tests, procedures = ({one.name for one in found[label]} for label in ("TEST", "PROCEDURE"))
    assert {"creatinine", "urine dipstick test"} <= tests
    assert {"cholecystectomy", "renal dialysis"} <= procedures
    assert not tests & procedures


def test_common_words_name_no_person_and_no_thing_of_medicine_that_has_a_label(found: Public) -> None:
    words = {one.name for one in found[WORDS]}
    things = {word for label, its in found.items() if label != WORDS for one in its for word in one.name.split()}
    assert not words & set(names())
    assert not words & things


def test_the_names_are_the_same_each_time(found: Public) -> None:
    public_names.cache_clear()
    assert public_names() == found
