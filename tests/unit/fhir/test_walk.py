from hypothesis import given

from careloom.fhir.walk import walk
from tests.fhir_mutants import PATIENT, SMALL, mutants


def test_walk_names_every_place():
    found = dict(walk({"resourceType": "Patient", "name": [{"given": ["A", "B"]}], "active": True}))

    assert list(found) == [
        "Patient",
        "Patient.name[0]",
        "Patient.name[0].given[0]",
        "Patient.name[0].given[1]",
        "Patient.active",
    ]
    assert found["Patient.name[0].given[1]"] == "B"


def test_walk_goes_as_deep_as_it_must():
    node = {}
    resource = {"resourceType": "Patient", "extension": [node]}
    for _ in range(5_000):
        node["extension"] = [{}]
        node = node["extension"][0]

    assert sum(1 for _ in walk(resource)) == 5_002


@given(mutants(SMALL))
def test_places_are_unique(mutant):
    places = [place for place, _ in walk(mutant)]

    assert len(set(places)) == len(places)
    assert (
        places[0] in ("Resource", *(r["resourceType"] for r in SMALL))
        or mutant["resourceType"] != PATIENT["resourceType"]
    )
