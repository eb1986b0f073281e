"""What the blind index keeps of a resource."""

from typing import Any

import pytest

from careloom.errors import SetupError
from careloom.fhir.search_index import extract
from careloom.fhir.search_values import TEXT_LENGTH, normal_text
from careloom.store.blind_index import PRESENT, BlindIndex

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "mrn", "value": "42"}],
    "name": [{"family": "Lovelace", "given": ["Ada", "Adah"]}],
    "gender": "female",
    "birthDate": "1815-12-10",
    "address": [{"line": ["A" * 50], "city": "London"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1"}, {"system": "http://loinc.org", "code": "1"}]},
    "subject": {"reference": "Patient/p"},
    "effectivePeriod": {"start": "2020", "end": "2021"},
    "valueQuantity": {"value": 5, "system": "http://unitsofmeasure.org", "code": "mg"},
}


@pytest.mark.parametrize("length", [0, 31, 65])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(SetupError):
        BlindIndex(b"k" * length)


def test_every_key_is_a_signed_64_bit_number() -> None:
    rows = BlindIndex(KEY).index(PATIENT)
    assert all(-(2**63) <= key < 2**63 for key in rows.eq)
    assert min(rows.eq) < 0 < max(rows.eq)


def test_no_row_stands_twice() -> None:
    for resource in (PATIENT, OBSERVATION):
        rows = BlindIndex(KEY).index(resource)
        assert len(set(rows.eq)) == len(rows.eq)
        assert len(set(rows.ranges)) == len(rows.ranges)


def test_the_same_resource_gives_the_same_rows_from_a_warm_and_a_cold_index() -> None:
    warm = BlindIndex(KEY)
    first = warm.index(OBSERVATION), warm.index(PATIENT)
    assert (warm.index(OBSERVATION), warm.index(PATIENT)) == first
    cold = BlindIndex(KEY)
    assert (cold.index(OBSERVATION), cold.index(PATIENT)) == first


def test_another_key_gives_other_rows() -> None:
    mine, other = BlindIndex(KEY).index(PATIENT), BlindIndex(OTHER).index(PATIENT)
    assert set(mine.eq).isdisjoint(other.eq)


def test_a_birth_date_leaves_no_number() -> None:
    rows = BlindIndex(KEY).index(PATIENT)
    assert rows.ranges == []
    blind = BlindIndex(KEY)
    assert {blind.birth("Patient", "birthdate", f"day:{block}") for block in ("1815-12-10", "1815", "18")} <= set(
        rows.eq
    )


def test_a_text_has_one_key_for_each_of_its_starts() -> None:
    blind = BlindIndex(KEY)
    keys = set(blind.index(PATIENT).eq)
    starts = [blind.text_start("Patient", "family", "lovelace"[:end]) for end in range(1, 9)]
    assert set(starts) <= keys
    assert blind.text_exact("Patient", "family", "Lovelace") in keys
    assert blind.text_start("Patient", "address", "a" * TEXT_LENGTH) in keys
    assert blind.text_start("Patient", "address", "a" * (TEXT_LENGTH + 1)) not in keys


def test_a_text_of_an_observation_is_kept_whole_only() -> None:
    blind = BlindIndex(KEY)
    rows = blind.index({"resourceType": "Observation", "valueString": "Ça va"})
    assert blind.text_whole("Observation", "value-string", normal_text("ça VA")) in rows.eq
    assert len(rows.eq) == 3


def test_an_identifier_is_found_with_and_without_its_system() -> None:
    blind = BlindIndex(KEY)
    keys = blind.index(PATIENT).eq
    assert blind.identifier("Patient", "identifier", None, "42") in keys
    assert blind.identifier("Patient", "identifier", "mrn", "42") in keys
    assert blind.identifier("Patient", "identifier", "", "42") not in keys


def test_plain_text_leaves_only_as_systems_and_names_of_slots() -> None:
    systems = set(BlindIndex(KEY).index(OBSERVATION).systems)
    assert systems == {
        ("Observation", "code", "http://loinc.org"),
        ("Observation", "status", ""),
        ("Observation", "value-quantity", "http://unitsofmeasure.org"),
        ("Observation", PRESENT, "code,date,status,subject,value-quantity"),
    }


def test_wide_and_narrow_ranges_have_keys_of_their_own() -> None:
    blind = BlindIndex(KEY)
    narrow, wide = blind.range_keys("Observation", "date")
    assert next(row[0] for row in blind.index(OBSERVATION).ranges) == wide
    day = blind.index({"resourceType": "Observation", "effectiveDateTime": "2020-01"})
    assert [row[0] for row in day.ranges] == [narrow]


@pytest.mark.parametrize(
    ("one", "other"),
    [(("s", "ystem"), ("sy", "stem")), (("", "a"), ("a", "")), (("1", "2"), ("12", ""))],
)
def test_system_and_code_never_run_into_each_other(one: tuple[str, str], other: tuple[str, str]) -> None:
    blind = BlindIndex(KEY)
    assert blind.token("Observation", "code", *one) != blind.token("Observation", "code", *other)
    assert blind.unit(*one) != blind.unit(*other)


def test_text_that_is_no_valid_unicode_is_indexed_all_the_same() -> None:
    assert BlindIndex(KEY).index({"resourceType": "Observation", "status": "\ud800"}).eq


def test_entries_of_two_types_share_no_key() -> None:
    blind = BlindIndex(KEY)
    one = blind.rows("Condition", extract({"resourceType": "Observation", "status": "final"}))
    other = blind.rows("Observation", extract({"resourceType": "Observation", "status": "final"}))
    assert set(one.eq).isdisjoint(other.eq)


def test_caches_stay_bounded_and_change_nothing() -> None:
    blind = BlindIndex(KEY)
    first = blind.index(OBSERVATION)
    for number in range(40_000):
        blind.rows("Observation", [("r", "subject", f"Patient/{number}")])
    assert len(blind._single["Observation"]) <= 16_384 + 1
    assert blind.index(OBSERVATION) == first
