"""Names that stand in for those that too few patients share: of terminologies, with codes that exist, of nobody."""

from careloom.deid.name_lists import names
from careloom.services.synthesize_notes_names import public_names
from careloom.synth.notes_facts import RECORDED
from careloom.synth.notes_public import WORDS
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import RXNORM, SYMPTOM_ONTOLOGY

FOUND = public_names()


def test_every_label_that_a_terminology_knows_has_names_that_are_short_enough_for_notes() -> None:
    assert set(FOUND) == {*RECORDED, "SYMPTOM", WORDS} - {"ALLERGEN"}
    assert all(len(its) > 40 for its in FOUND.values())
    assert all(one.weight >= 1 and len(one.name.split()) <= 3 for its in FOUND.values() for one in its)


def test_codes_of_names_are_those_of_the_packaged_terminologies() -> None:
    for one in (*FOUND["MEDICATION"][::50], *FOUND["SYMPTOM"][::20]):
        system, _, code = one.code.partition("|")
        concept = lookup(system, code)
        assert system in (RXNORM, SYMPTOM_ONTOLOGY)
        assert concept is not None
        assert concept.name == one.name


def test_what_finds_something_out_is_a_test_and_what_does_something_a_procedure() -> None:
    tests, procedures = ({one.name for one in FOUND[label]} for label in ("TEST", "PROCEDURE"))
    assert {"creatinine", "urine dipstick test"} <= tests
    assert {"cholecystectomy", "renal dialysis"} <= procedures
    assert not tests & procedures


def test_common_words_name_no_person_and_no_thing_of_medicine_that_has_a_label() -> None:
    words = {one.name for one in FOUND[WORDS]}
    things = {word for label, its in FOUND.items() if label != WORDS for one in its for word in one.name.split()}
    assert not words & set(names())
    assert not words & things


def test_the_names_are_the_same_each_time() -> None:
    assert public_names() == FOUND
