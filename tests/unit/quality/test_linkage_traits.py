"""What patients are compared by."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.quality.linkage_traits import COLUMNS, Traits, columns_of, traits_of

ANNA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "a1",
    "identifier": [
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "123-45-6780"},
        {"system": "urn:oid:1.2.3", "value": "MRN 77"},
        {"value": "no system"},
    ],
    "name": [
        {"use": "maiden", "family": "Kowalska"},
        {"use": "official", "family": "Smith-Jones", "given": ["Anna", "Maria"], "suffix": ["Jr."]},
    ],
    "gender": "female",
    "birthDate": "1980-05-07",
    "address": [{"use": "old", "line": ["9 Elm Road"]}, {"line": ["12 Maple Street", "Apt 3"], "city": "New Town",
                 "state": "MA", "postalCode": "02139-1234"}],
    "telecom": [{"system": "phone", "value": "(617) 555-0123"}, {"system": "email", "value": " Anna@Example.org "}],
}  # fmt: skip


def test_the_traits_of_a_whole_patient() -> None:
    found = traits_of(ANNA)
    assert (found.given, found.family, found.generation) == ("anna", "smithjones", 2)
    assert found.others == ("maria", "smith", "jones", "kowalska")
    assert (found.birth, found.birth_swapped, found.birth_year, found.sex) == ("19800507", "19800705", "1980", "female")
    assert (found.house, found.street, found.city, found.state, found.postcode) == (
        "12", "maplest", "newtown", "ma", "02139"
    )  # fmt: skip
    assert found.lines == ("12maplest", "9elmrd")
    assert (found.phone, found.contacts) == ("6175550123", ("6175550123", "anna@example.org"))
    assert found.person == "123456780"
    assert found.ids == ("http://hl7.org/fhir/sid/us-ssn|123456780", "urn:oid:1.2.3|mrn77")


def test_what_is_missing_is_not_known() -> None:
    found = traits_of({"resourceType": "Patient", "id": "a", "birthDate": "1980", "gender": "unknown",
                       "name": [{"family": "UNKNOWN", "given": ["Baby Girl"]}]})  # fmt: skip
    assert found == Traits("a")


def test_a_name_that_is_only_text_is_taken_apart() -> None:
    found = traits_of({"id": "a", "name": [{"text": "Dr. Anna Maria Smith"}]})
    assert (found.given, found.family, found.others) == ("anna", "smith", ("maria",))


def test_a_suffix_in_the_family_name_is_a_suffix() -> None:
    found = traits_of({"id": "a", "name": [{"family": "Smith Jr", "given": ["John"]}]})
    assert (found.family, found.generation) == ("smith", 2)


def test_a_number_of_an_identifier_type_for_life_is_a_persons() -> None:
    typed = {"type": {"coding": [{"code": "NNCAN"}]}, "system": "urn:x", "value": "55512"}
    assert traits_of({"id": "a", "identifier": [typed]}).person == "55512"


WORDS = ["name", "family", "given", "use", "line", "system", "value", "type", "coding", "code", "text"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(WORDS),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["name", "address", "telecom", "identifier", "birthDate", "gender"]), JSON))
def test_no_patient_is_too_broken_to_have_traits(patient: dict[str, Any]) -> None:
    traits_of(patient | {"id": "a"})


def test_columns_keep_the_order_of_patients() -> None:
    columns = columns_of([Traits("b"), Traits("a", given="anna")])
    assert tuple(columns) == COLUMNS
    assert columns["id"] == ["b", "a"]
    assert columns["given"] == [None, "anna"]
    assert columns_of([])["id"] == []
