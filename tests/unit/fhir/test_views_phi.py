"""How close columns of views come to a person: what is not known counts as the closest."""

import pytest

from careloom.fhir.views import compile_view
from careloom.fhir.views_phi import phi_of
from careloom.runtime import packaged, packaged_names


def class_of(resource: str, path: str, each: str = "") -> str:
    select = {"column": [{"name": "c", "path": path}]} | ({"forEach": each} if each else {})
    return phi_of(compile_view({"resource": resource, "select": [select]}).definition)["c"]


@pytest.mark.parametrize(
    ("resource", "path", "wanted"),
    [
        ("Patient", "name.first().family", "direct"),
        ("Patient", "name.first().use", "none"),
        ("Patient", "address.first().city", "direct"),
        ("Patient", "address.first().postalCode", "direct"),
        ("Patient", "address.first().state", "quasi"),
        ("Patient", "telecom.first().value", "direct"),
        ("Patient", "identifier.first().value", "direct"),
        ("Patient", "identifier.first().system", "none"),
        ("Patient", "birthDate", "quasi"),
        ("Patient", "gender", "quasi"),
        ("Patient", "maritalStatus.coding.first().code", "quasi"),
        ("Patient", "multipleBirth.ofType(integer)", "quasi"),
        ("Patient", "id", "quasi"),
        ("Patient", "getResourceKey()", "quasi"),
        ("Patient", "contact.first().name.text", "direct"),
        ("Patient", "text.div", "direct"),
        ("Observation", "subject.getReferenceKey(Patient)", "quasi"),
        ("Observation", "subject.reference", "direct"),
        ("Observation", "subject.display", "direct"),
        ("Observation", "status", "none"),
        ("Observation", "code.coding.first().code", "none"),
        ("Observation", "code.coding.first().system", "none"),
        ("Observation", "code.coding.first().display", "quasi"),
        ("Observation", "code.text", "direct"),
        ("Observation", "value.ofType(Quantity).value", "none"),
        ("Observation", "value.ofType(Quantity).unit", "none"),
        ("Observation", "value.ofType(string)", "direct"),
        ("Observation", "effective.ofType(dateTime)", "quasi"),
        ("Observation", "component.exists()", "none"),
        ("Observation", "note.first().text", "direct"),
        ("Observation", "note.first().time", "quasi"),
        ("Observation", "meta.lastUpdated", "quasi"),
        ("Observation", "code.text.length()", "direct"),
        ("Observation", "'a'", "direct"),
        ("Observation", "extension('urn:x').value.ofType(code)", "quasi"),
        ("DocumentReference", "content.first().attachment.contentType", "none"),
        ("DocumentReference", "content.first().attachment.title", "direct"),
    ],
)
def test_a_path_has_its_class(resource: str, path: str, wanted: str) -> None:
    assert class_of(resource, path) == wanted


def test_what_is_gone_through_counts() -> None:
    assert class_of("Patient", "family", "name") == "direct"
    assert class_of("Observation", "code.coding.first().code", "component") == "none"
    assert class_of("Observation", "%rowIndex", "component") == "none"
    assert class_of("Patient", "$this", "name.given") == "direct"


def test_every_column_of_every_view_that_ships_has_a_class_and_keys_are_never_none() -> None:
    from orjson import loads

    for name in packaged_names("fhir", "ready_views", ".json"):
        view = compile_view(loads(packaged("fhir", name)))
        found = phi_of(view.definition)
        assert list(found) == [column.name for column in view.columns]
        assert not [column for column, kind in found.items() if column.endswith("key") and kind != "quasi"]
