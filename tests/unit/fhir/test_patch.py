"""Patches: what they change, what they refuse and where, and that the resource they are given stays as it is."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.patch import PatchError
from careloom.fhir.patch_fhirpath import fhirpath_patched
from careloom.fhir.patch_json import json_patched, same

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "A", "given": ["B", "C"], "_given": [None, {"id": "x"}]}, {"text": "D"}],
    "contact": [{"gender": "male"}],
    "deceasedBoolean": False,
    "_birthDate": {"extension": [{"url": "u", "valueString": "v"}]},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Ward"}],
}


def operation(**parts: Any) -> dict[str, Any]:
    """A Parameters resource with one operation; a part that is a dict is written as it is."""
    kinds = {bool: "valueBoolean", int: "valueInteger", str: "valueString"}
    listed = [
        {"name": name, **(one if isinstance(one, dict) else {kinds[type(one)]: one})} for name, one in parts.items()
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": listed}]}


def value(**held: Any) -> dict[str, Any]:
    return held


def patched(**parts: Any) -> dict[str, Any]:
    before = copy.deepcopy(PATIENT)
    found = fhirpath_patched(PATIENT, operation(**parts))
    assert before == PATIENT
    assert isinstance(found, dict)
    return found


def test_a_choice_changes_its_property_with_its_type() -> None:
    found = patched(type="replace", path="Patient.deceased", value=value(valueDateTime="2024-01-01"))
    assert "deceasedBoolean" not in found
    assert found["deceasedDateTime"] == "2024-01-01"


def test_a_list_of_primitives_keeps_step_with_what_stands_beside_it() -> None:
    found = patched(type="insert", path="Patient.name[0].given", index=0, value=value(valueString="Z"))
    assert found["name"][0] == {"family": "A", "given": ["Z", "B", "C"], "_given": [None, None, {"id": "x"}]}
    found = patched(type="delete", path="Patient.name[0].given[1]")
    assert found["name"][0] == {"family": "A", "given": ["B"]}
    found = patched(type="move", path="Patient.name[0].given", source=1, destination=0)
    assert found["name"][0] == {"family": "A", "given": ["C", "B"], "_given": [{"id": "x"}, None]}
    found = patched(type="replace", path="Patient.name[0].given[1]", value=value(valueString="Y"))
    assert found["name"][0] == {"family": "A", "given": ["B", "Y"]}


def test_what_is_empty_after_a_deletion_goes_too() -> None:
    assert "contact" not in patched(type="delete", path="Patient.contact[0].gender")
    assert "_birthDate" not in patched(type="delete", path="Patient.birthDate.extension[0]")
    given = patched(type="delete", path="Patient.name[0].given[1].id")["name"][0]
    assert given == {"family": "A", "given": ["B", "C"]}


def test_an_element_of_a_contained_resource_is_reached() -> None:
    found = patched(type="replace", path="Patient.contained[0].name", value=value(valueString="Hall"))
    assert found["contained"][0]["name"] == "Hall"


def test_a_backbone_element_is_made_of_parts() -> None:
    parts = [{"name": "gender", "valueCode": "female"}, {"name": "telecom", "valueContactPoint": {"value": "1"}}]
    found = patched(type="add", path="Patient", name="contact", value={"part": parts})
    assert found["contact"] == [{"gender": "male"}, {"gender": "female", "telecom": [{"value": "1"}]}]


def test_a_primitive_may_bring_its_extensions() -> None:
    beside = {"valueDate": "2000-01-01", "_valueDate": {"id": "k"}}
    found = patched(type="replace", path="Patient.birthDate", value=beside)
    assert (found["birthDate"], found["_birthDate"]) == ("2000-01-01", {"id": "k"})


@pytest.mark.parametrize(
    "parts",
    [
        {"type": "grow", "path": "Patient"},
        {"type": "add", "path": "Patient", "value": value(valueCode="male")},
        {"type": "add", "path": "Patient", "name": "birthday", "value": value(valueDate="2000-01-01")},
        {"type": "add", "path": "Patient", "name": "deceased", "value": value(valueBoolean=True)},
        {"type": "add", "path": "Patient", "name": "gender", "value": value(valueInteger=1)},
        {"type": "add", "path": "Patient", "name": "gender", "value": value()},
        {"type": "add", "path": "Patient.name", "name": "use", "value": value(valueCode="usual")},
        {"type": "add", "path": "Patient.link", "name": "type", "value": value(valueCode="refer")},
        {"type": "add", "path": "Patient.name[0].family", "name": "use", "value": value(valueCode="usual")},
        {"type": "insert", "path": "Patient.name", "index": 3, "value": value(valueHumanName={"text": "x"})},
        {"type": "insert", "path": "Patient.name[0]", "index": 0, "value": value(valueHumanName={"text": "x"})},
        {"type": "insert", "path": "Patient.birthDate", "index": 0, "value": value(valueDate="2000-01-01")},
        {"type": "delete", "path": "Patient"},
        {"type": "delete", "path": "Patient.name"},
        {"type": "delete", "path": "Patient.name.count()"},
        {"type": "replace", "path": "Patient.link[0]", "value": value(valueString="x")},
        {"type": "replace", "path": "Patient", "value": value(valueString="x")},
        {"type": "replace", "path": "Patient.name[0].family", "value": value(valueBoolean=True)},
        {"type": "move", "path": "Patient.name", "source": 0, "destination": 2},
        {"type": "move", "path": "Patient.name", "source": 0},
        {"type": "replace", "path": "Patient.nam", "value": value(valueString="x")},
        {"type": "replace", "path": "Observation.code", "value": value(valueString="x")},
        {"type": "replace", "path": "Patient.name[", "value": value(valueString="x")},
    ],
)
def test_what_cannot_be_applied_names_operation_and_path(parts: dict[str, Any]) -> None:
    with pytest.raises(PatchError) as caught:
        fhirpath_patched(PATIENT, operation(**parts))
    assert caught.value.operation == 0
    assert caught.value.path == parts["path"]
    assert caught.value.remedy


@pytest.mark.parametrize("patch", [None, [], {}, {"resourceType": "Parameters", "parameter": [{"name": "other"}]}])
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    with pytest.raises(PatchError):
        fhirpath_patched(PATIENT, patch)


@pytest.mark.parametrize(
    ("document", "patch", "path"),
    [
        ({"a": 1}, [{"op": "test", "path": "/a", "value": True}], "/a"),
        ({"a": [1]}, [{"op": "add", "path": "/a/2", "value": 1}], "/a/2"),
        ({"a": [1]}, [{"op": "add", "path": "/a/01", "value": 1}], "/a/01"),
        ({"a": [1]}, [{"op": "replace", "path": "/a/-", "value": 1}], "/a/-"),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/a/b/c"}], "/a/b/c"),
        ({"a": 1}, [{"op": "remove", "path": ""}], ""),
        ({"a": 1}, [{"op": "add", "path": "a", "value": 1}], "a"),
        ({"a": 1}, [{"op": "add", "path": "/~2", "value": 1}], "/~2"),
        ({"a": 1}, [{"op": "add", "path": "/b"}], "/b"),
        ({"a": 1}, [{"op": "copy", "path": "/b"}], "/b"),
        ({"a": 1}, [{"op": "spam", "path": "/b"}], "/b"),
        ({"a": 1}, [{"op": [], "path": "/b"}], "/b"),
        ({"a": 1}, [3], ""),
        ({"a": 1}, [{"op": "copy", "from": "", "path": "/a"}] * 300, "/a"),
        ({"a": [0] * 999}, [{"op": "copy", "from": "/a", "path": "/a/0"}] * 9999, "/a/0"),
    ],
)
def test_a_json_patch_that_cannot_be_applied_names_its_path(document: Any, patch: Any, path: str) -> None:
    before = json.dumps(document)
    with pytest.raises(PatchError) as caught:
        json_patched(document, patch)
    assert caught.value.path == path
    assert json.dumps(document) == before


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text("ab/~0", max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab/~0", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def pointers(value: Any, above: str = "") -> list[str]:
    """Every place in a JSON value."""
    if isinstance(value, dict):
        below = [(key.replace("~", "~0").replace("/", "~1"), one) for key, one in value.items()]
    else:
        below = [(str(at), one) for at, one in enumerate(value)] if isinstance(value, list) else []
    return [above, *(inner for token, one in below for inner in pointers(one, f"{above}/{token}"))]


@given(JSON, st.data())
def test_what_is_removed_and_added_again_is_as_before(document: Any, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(pointers(document)))
    if not place:
        return
    kept = json_patched({"kept": None, "in": document}, [{"op": "copy", "from": f"/in{place}", "path": "/kept"}])[
        "kept"
    ]
    there_and_back = [{"op": "remove", "path": place}, {"op": "add", "path": place, "value": kept}]
    assert same(json_patched(document, there_and_back), document)


@given(JSON, JSON)
def test_a_whole_document_is_replaced(one: Any, other: Any) -> None:
    assert same(json_patched(one, [{"op": "replace", "path": "", "value": other}]), other)
    assert same(one, other) == same(other, one)


@given(JSON, st.data())
@settings(max_examples=200)
def test_any_patch_is_applied_or_refused_and_leaves_the_document_alone(document: Any, data: st.DataObject) -> None:
    places = st.sampled_from([*pointers(document), "/a", "/-", "/0/0", "x"])
    names = st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])
    made = st.fixed_dictionaries({"op": names, "path": places}, optional={"from": places, "value": JSON})
    before = json.dumps(document)
    try:
        json_patched(document, data.draw(st.lists(made, max_size=5)))
    except PatchError as error:
        where = error.where
    else:
        where = ""
    assert json.dumps(document) == before
    assert not where or where.startswith("the patch, operation")


PATHS = st.sampled_from(
    "Patient Patient.name Patient.name[0] Patient.name[0].given Patient.name[0].given[1] Patient.birthDate "
    "Patient.contact[0].gender Patient.deceased Patient.contained[0].name Patient.nothing Patient.name.count() "
    "Patient.birthDate.extension[0].value".split()
)
VALUES = st.sampled_from(
    [
        {"valueString": "x"}, {"valueHumanName": {"text": "y"}}, {"valueBoolean": True}, {},
        {"part": [{"name": "gender", "valueCode": "k"}]}, {"valueDate": None, "_valueDate": {"id": "z"}},
    ]
)  # fmt: skip


@given(
    st.sampled_from(["add", "insert", "delete", "replace", "move"]), PATHS,
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["name", "gender", "given", "contact"]), "value": VALUES,
            "index": st.integers(-1, 3), "source": st.integers(-1, 3), "destination": st.integers(-1, 3),
        },
    ),
)  # fmt: skip
@settings(max_examples=300)
def test_any_operation_is_applied_or_refused(kind: str, path: str, parts: dict[str, Any]) -> None:
    before = copy.deepcopy(PATIENT)
    try:
        found = fhirpath_patched(PATIENT, operation(type=kind, path=path, **parts))
    except PatchError as error:
        found = error.operation
    assert before == PATIENT
    assert found == 0 or found["resourceType"] == "Patient"
