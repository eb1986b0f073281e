"""Paths of Microsoft's anonymizer: its two functions, its quotes, what holds, and places that rules can change."""

from datetime import date
from typing import Any

import pytest

from careloom.deid.microsoft_elements import inside, name_of, put, read_resource, written
from careloom.deid.microsoft_paths import compiled, holds, made, surroundings
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_types import forms, is_fhir
from careloom.fhir.fhirpath_values import Node, plain, resource_node
from careloom.fhir.validate_tables import resource_types, type_table

KNOWN = surroundings(date(2024, 6, 1))
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "birthDate": "1990-01-02",
    "_birthDate": {"extension": [{"url": "http://example.org/time", "valueDateTime": "1990-01-02T10:00:00Z"}]},
    "name": [{"use": "official", "family": "Quillfeather", "given": ["Alda", "Bo"]}, {"use": "usual", "given": ["Al"]}],
    "address": [{"city": "Ely", "country": "GB"}, {"city": "Wells", "country": "GB"}],
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "House", "address": [{"country": "GB"}]}],
    "contact": [{"name": {"family": "Third"}}],
}


def patient() -> Node:
    return resource_node(read_resource(PATIENT))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nodesByType('HumanName').use", ["official", "usual"]),
        ("Patient.nodesByType('HumanName').family", ["Quillfeather", "Third"]),
        ("contact.nodesByType('HumanName').family", ["Third"]),
        ("nodesByType('BackboneElement').name.family", ["Third"]),
        ("nodesByType('dateTime') | nodesByType('date')", ["1990-01-02T10:00:00Z", "1990-01-02"]),
        ("nodesByName('given')", ["Alda", "Bo", "Al"]),
        ('nodesByName("given")', ["Alda", "Bo", "Al"]),
        ("nodesByName('value')", ["1990-01-02T10:00:00Z"]),
        ("nodesByName('country') | nodesByType('Address').country", ["GB", "GB"]),
        ("nodesByName('country').union(address.country)", ["GB", "GB"]),
        ("address.country.distinct()", ["GB"]),
        ("contained.nodesByName('country')", ["GB"]),
        ("name.where(use = \"usual\" or use = 'old').given", ["Al"]),
        ("Patient.nonesuch", []),
        ("birthDateDate", []),
    ],
)
def test_a_path_finds(path: str, expected: list[Any]) -> None:
    assert [plain(item) for item in compiled(path).items(patient(), KNOWN)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"it\'s" + \'a "b"\'', "it's" + 'a "b"'),
        ("'a'.combine(\"a\").count()", 2),
        ("today()", "2024-06-01"),
        ("@2010-01-01T23:30:00-05:00 > @2010-01-02", None),
        ("@2010-01-01T00:00:00+08:00 = @2010-01-01", False),
        ("@2009-12-31T16:00:00 = @2010-01-01T00:00:00+08:00", True),
    ],
)
def test_an_expression_makes(text: str, expected: Any) -> None:
    assert made(compiled(text), patient(), KNOWN) == expected


@pytest.mark.parametrize("text", ["nodesByType()", "nodesByKind('x')", "%x", "name.where(%x = 1)", "name | ", "'open"])
def test_what_is_no_expression_is_refused_before_any_data(text: str) -> None:
    with pytest.raises(PathError):
        compiled(text)


@pytest.mark.parametrize("text", ["name", "name.given", "4 'mg'", "birthDate.type()", "nodesByType(5)"])
def test_what_makes_no_plain_value_says_so_without_a_value(text: str) -> None:
    with pytest.raises(PathError) as caught:
        made(compiled(text), patient(), KNOWN)
    assert not any(value in str(caught.value) for value in ("Quillfeather", "Alda"))


def test_an_empty_answer_holds_and_a_value_that_is_no_boolean_holds() -> None:
    assert holds(compiled("{}"), patient(), KNOWN)
    assert holds(compiled("id"), patient(), KNOWN)
    assert not holds(compiled("id = 'p2'"), patient(), KNOWN)


def test_what_is_found_can_be_changed_and_found_again_at_its_place() -> None:
    root = patient()
    (city,) = compiled("address.where(city = 'Ely').city").items(root, KNOWN)
    put(city, "Bath")
    again = compiled("address.city").items(root, KNOWN)
    assert [node.value for node in again] == ["Bath", "Wells"]
    assert (city in set(again), again[0] == city, again[1] == city) == (True, True, False)
    assert written(root.value)["address"][0] == {"city": "Bath", "country": "GB"}
    assert PATIENT["address"][0]["city"] == "Ely"  # type: ignore[index]


def test_emptied_items_keep_the_numbers_of_others_until_the_json_is_written() -> None:
    root = patient()
    first, second = compiled("name.first().given").items(root, KNOWN)
    put(first, None)
    assert compiled("name.given").items(root, KNOWN)[0] == second
    assert written(root.value)["name"][0]["given"] == ["Bo"]


def test_names_are_those_of_paths() -> None:
    found = compiled("birthDate.extension.value | contained | contact.name").items(patient(), KNOWN)
    assert [name_of(node) for node in found] == ["value", "contained", "name"]


def kinds_with_resources() -> set[str]:
    backbones = (name for name in every_kind() if any(form.kind == "Resource" for form in all_forms(name)))
    return {name.partition(".")[0] for name in backbones}


def every_kind() -> set[str]:
    """Resource types, and the backbone paths below them."""
    found, waiting = set(), list(resource_types())
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found.add(kind)
            waiting += [element.kind for element in type_table(kind).properties.values() if "." in element.kind]
    assert all(is_fhir(kind) for kind in found)
    return found


def all_forms(kind: str) -> list[Any]:
    return [form for name, several in forms(kind).items() if name != "contained" for form in several]


def test_every_place_of_a_resource_inside_is_looked_at() -> None:
    assert kinds_with_resources() == {"Bundle", "Parameters"}
    inner = {"resourceType": "Basic"}
    parameter = {"name": "a", "part": [{"name": "b", "resource": inner}], "resource": inner}
    bundle = {"entry": [{"resource": inner, "response": {"status": "200", "outcome": inner}}]}
    asked = [({"parameter": [parameter]}, "Parameters"), (bundle, "Bundle"), ({"contained": [inner]}, "Basic")]
    told = [inside(resource_node(read_resource({"resourceType": kind, **rest}))) for rest, kind in asked]
    assert [len(found) for found in told] == [2, 2, 1]
