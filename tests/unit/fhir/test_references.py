import pytest

from careloom.fhir.references import Reference, each_reference, parse_reference, patients_of

UUID = "urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Patient/1", Reference("relative", "Patient", "1")),
        ("Patient/1/_history/2", Reference("relative", "Patient", "1", "2")),
        ("http://s.org/fhir/Patient/1", Reference("absolute", "Patient", "1", base="http://s.org/fhir/")),
        ("https://s.org/Patient/1/_history/3", Reference("absolute", "Patient", "1", "3", "https://s.org/")),
        ("http://s.org/anything", Reference("absolute")),
        ("Binary/1#part", Reference("relative", "Binary", "1", fragment="part")),
        (UUID, Reference("urn")),
        ("urn:oid:1.2.3", Reference("urn")),
        ("#med", Reference("contained", id="med")),
        ("#", Reference("contained")),
        ("Patient?identifier=a|b", Reference("conditional", "Patient", query="identifier=a|b")),
        ("Chicken/1", Reference("other")),
        ("Patient", Reference("other")),
        ("Patient/", Reference("other")),
        ("Patient/a_b", Reference("other")),
        ("", Reference("other")),
    ],
)
def test_a_reference_string_falls_into_its_parts(text, parts):
    assert parse_reference(text) == parts


@pytest.mark.parametrize(
    ("resource", "patients"),
    [
        ({"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/q"}}]}, ("p",)),
        ({"resourceType": "Patient"}, ()),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1"}}, ("1",)),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/1/_history/4"}}, ("1",)),
        ({"resourceType": "Observation", "subject": {"reference": "Group/1"}}, ()),
        ({"resourceType": "Observation", "subject": {"reference": "http://s.org/Patient/1"}}, ()),
        (
            {
                "resourceType": "Observation",
                "performer": [{"reference": "Patient/2"}, {"display": "x"}],
                "subject": {"reference": "Patient/1"},
            },
            ("2", "1"),
        ),
        (
            {
                "resourceType": "Observation",
                "performer": [{"reference": "Patient/1"}],
                "subject": {"reference": "Patient/1"},
            },
            ("1",),
        ),
        (
            {
                "resourceType": "Appointment",
                "participant": [{"actor": {"reference": "Patient/1"}}, {"actor": {"reference": "Patient/2"}}],
            },
            ("1", "2"),
        ),
        ({"resourceType": "CarePlan", "activity": [{"detail": {"performer": [{"reference": "Patient/3"}]}}]}, ("3",)),
        ({"resourceType": "Organization", "id": "o"}, ()),
        ({"resourceType": "Practitioner", "extension": [{"valueReference": {"reference": "Patient/1"}}]}, ()),
        ({"resourceType": "Observation", "subject": "Patient/1", "performer": [None, 3]}, ()),
        ({"resourceType": 5}, ()),
        ({}, ()),
    ],
)
def test_a_resource_is_in_the_compartment_of_the_patients_that_it_names(resource, patients):
    assert patients_of(resource) == patients


def test_every_reference_below_a_node_is_found():
    node = {"a": [{"reference": "Patient/1"}, {"b": {"reference": "#x", "c": {"reference": 5}}}]}

    assert sorted(found["reference"] for found in each_reference(node)) == ["#x", "Patient/1"]
