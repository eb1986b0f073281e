"""What the index extracts from a resource."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.search_index import extract
from careloom.fhir.search_interpret import interpret
from careloom.fhir.search_parameters import resource_types

DAY = 86_400_000.0
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "meta": {"profile": ["http://p|1"], "tag": [{"system": "t", "code": "x"}], "security": [{"code": "R"}]},
    "status": "final",
    "category": [{"coding": [{"system": "c", "code": "vital-signs"}], "text": "Vitals"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}, {"code": "bp"}, {"system": "only"}]},
    "subject": {"reference": "Patient/p1/_history/2", "identifier": {"system": "mrn", "value": "7"}},
    "encounter": {"reference": "#e"},
    "performer": [{"display": "nobody"}, {"reference": "Practitioner/d"}],
    "effectivePeriod": {"start": "1970-01-02", "end": "1970-01-02"},
    "valueString": "Ça va",
    "component": [
        {"code": {"coding": [{"code": "sys"}]}, "valueQuantity": {"value": 120, "system": "u", "code": "mm[Hg]"}},
        {"code": {"coding": [{"code": "dia"}]}, "valueCodeableConcept": {"coding": [{"system": "s", "code": "low"}]}},
    ],
}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "mrn", "value": "42"}, {"value": "bare"}, {"system": "empty"}],
    "active": True,
    "name": [{"family": "O'Hara", "given": ["Scarlett", "Ann"], "text": "Scarlett O'Hara"}],
    "telecom": [{"system": "phone", "value": "555"}, {"system": "email", "value": "a@b.example"}],
    "gender": "female",
    "birthDate": "1980-05",
    "deceasedDateTime": "2020",
    "address": [{"line": ["1 Main St", "Flat 2"], "city": "Boston", "postalCode": "02118"}],
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
}


def entries_of(resource: dict[str, Any], slot: str) -> list[tuple[Any, ...]]:
    return [entry for entry in extract(resource) if entry[1] == slot]


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        ("_profile", [("u", "_profile", "http://p|1"), ("u", "_profile", "http://p")]),
        ("_tag", [("t", "_tag", "t", "x")]),
        ("_security", [("t", "_security", "", "R")]),
        ("status", [("t", "status", "", "final")]),
        ("category", [("t", "category", "c", "vital-signs")]),
        ("code", [("t", "code", "http://loinc.org", "85354-9"), ("t", "code", "", "bp")]),
        ("subject", [("r", "subject", "Patient/p1")]),
        ("subject:identifier", [("i", "subject:identifier", "mrn", "7")]),
        ("encounter", []),
        ("performer", [("r", "performer", "Practitioner/d")]),
        ("date", [("d", "date", DAY, 2 * DAY)]),
        ("value-string", [("w", "value-string", "Ça va")]),
        ("component-code", [("t", "component-code", "", "sys"), ("t", "component-code", "", "dia")]),
        ("component-value-quantity", [("q", "component-value-quantity", 120.0, 120.0, "u", "mm[Hg]")]),
        ("component-value-concept", [("t", "component-value-concept", "s", "low")]),
        ("patient", []),
        ("combo-code", []),
    ],
)
def test_an_observation_gives_its_entries(slot: str, expected: list[tuple[Any, ...]]) -> None:
    assert entries_of(OBSERVATION, slot) == expected


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        ("identifier", [("i", "identifier", "mrn", "42"), ("i", "identifier", "", "bare")]),
        ("active", [("t", "active", "", "true")]),
        ("family", [("s", "family", "O'Hara")]),
        ("given", [("s", "given", "Scarlett"), ("s", "given", "Ann")]),
        ("name", [("s", "name", "Scarlett O'Hara")]),
        ("telecom", [("i", "telecom", "phone", "555"), ("i", "telecom", "email", "a@b.example")]),
        ("birthdate", [("b", "birthdate", "1980-05")]),
        ("deceased", [("t", "deceased", "", "true")]),
        ("address", [("s", "address", "1 Main St"), ("s", "address", "Flat 2")]),
        ("address-city", [("s", "address-city", "Boston")]),
        ("link", [("r", "link", "Patient/2")]),
    ],
)
def test_a_patient_gives_its_entries(slot: str, expected: list[tuple[Any, ...]]) -> None:
    assert entries_of(PATIENT, slot) == expected


def test_the_last_entry_names_the_slots_present() -> None:
    kind, slot, names = extract(OBSERVATION)[-1]
    assert (kind, slot) == ("p", "")
    present = {entry[1].removesuffix(":identifier") for entry in extract(OBSERVATION)[:-1]}
    assert names.split(",") == sorted(present)


def test_a_patient_of_whom_nothing_is_said_is_not_deceased() -> None:
    assert entries_of({"resourceType": "Patient"}, "deceased") == [("t", "deceased", "", "false")]
    assert entries_of({"resourceType": "Patient", "deceasedBoolean": True}, "deceased")[0][3] == "true"


def test_related_artifacts_are_told_apart_by_their_type() -> None:
    library = {
        "resourceType": "Library",
        "relatedArtifact": [
            {"type": "depends-on", "resource": "http://a|2"},
            {"type": "successor", "resource": "http://b"},
        ],
    }
    assert entries_of(library, "depends-on") == [("u", "depends-on", "http://a|2"), ("u", "depends-on", "http://a")]
    assert entries_of(library, "successor") == [("u", "successor", "http://b")]


def test_race_is_found_in_its_extension() -> None:
    omb = {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2054-5"}}
    url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    patient = {"resourceType": "Patient", "extension": [{"url": "http://other"}, {"url": url, "extension": [omb]}]}
    assert entries_of(patient, "race") == [("t", "race", "urn:oid:2.16.840.1.113883.6.238", "2054-5")]


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"resourceType": "Nothing", "status": "x"},
        {"resourceType": ["Patient"]},
        {"resourceType": "Observation", "code": "x", "subject": [1], "component": {"code": 1}},
        {"resourceType": "Observation", "code": {"coding": None}, "status": {"a": 1}, "effectiveDateTime": 7},
        {"resourceType": "Observation", "subject": {"reference": "Patient/1", "identifier": "x"}},
        {"resourceType": "Patient", "name": "Bob", "birthDate": 1980, "telecom": [None]},
        {"resourceType": "Patient", "identifier": [{"system": ["x"], "value": "y"}]},
    ],
)
def test_malformed_json_gives_what_can_be_read_and_never_raises(resource: dict[str, Any]) -> None:
    assert extract(resource)[-1][0] == "p"
    for entry in extract(resource):
        hash(entry)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["coding", "code", "system", "value", "reference", "start", "text"]), inner)
    ),
    max_leaves=6,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return found + [place for name, child in pairs for place in places(child, (*path, name))]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    resource = copy.deepcopy(draw(st.sampled_from([OBSERVATION, PATIENT])))
    place = draw(st.sampled_from(places(resource)))
    node: Any = resource
    for name in place[:-1]:
        node = node[name]
    node[place[-1]] = draw(JSON)
    return resource


@settings(max_examples=500)
@given(damaged())
def test_damage_anywhere_never_raises(resource: dict[str, Any]) -> None:
    for entry in extract(resource):
        hash(entry)


@settings(max_examples=300)
@given(st.sampled_from([OBSERVATION, PATIENT]), st.data())
def test_generated_and_interpreted_extraction_agree_when_parts_are_left_out(
    resource: dict[str, Any], data: st.DataObject
) -> None:
    resource = copy.deepcopy(resource)
    for place in sorted(data.draw(st.sets(st.sampled_from(places(resource)[1:]), max_size=4)), key=repr, reverse=True):
        node: Any = resource
        try:
            for name in place[:-1]:
                node = node[name]
            del node[place[-1]]
        except (KeyError, IndexError):
            continue
    assert sorted(extract(resource), key=repr) == sorted(interpret(resource), key=repr)


def test_an_extractor_compiles_for_every_type() -> None:
    for name in sorted(resource_types()):
        assert extract({"resourceType": name})[-1][0] == "p"
