"""Small resources of many shapes, and ways to break any resource in one place."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Some <b>text</b></div>'},
    "extension": [{"url": "http://example.org/colour", "valueString": "blue"}],
    "identifier": [{"system": "urn:oid:1.2.3", "value": "77", "period": {"start": "2019-01-01", "end": "2020-01-01"}}],
    "name": [{"family": "Doe", "given": ["A", "B"]}],
    "telecom": [{"system": "phone", "value": "555"}],
    "gender": "female",
    "birthDate": "1970-03-30",
    "generalPractitioner": [{"reference": "Practitioner/x"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "category": [
        {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"},
            ]
        }
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": "Glucose"}], "text": "Glucose"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2020-02-29T10:00:00Z",
    "issued": "2020-02-29T10:00:00.123+01:00",
    "valueQuantity": {"value": 6.3, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    "referenceRange": [{"low": {"value": 4}, "high": {"value": 6}}],
}
MEDICATION_REQUEST: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "contained": [{"resourceType": "Medication", "id": "med", "code": {"text": "aspirin"}}],
    "status": "active",
    "intent": "order",
    "medicationReference": {"reference": "#med"},
    "subject": {"reference": "urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13"},
    "dosageInstruction": [
        {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "asNeededBoolean": False}
    ],
}
DOCUMENT_REFERENCE: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "status": "current",
    "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8=", "size": 5}}],
}
SMALL = (PATIENT, OBSERVATION, MEDICATION_REQUEST, DOCUMENT_REFERENCE)

JUNK: tuple[Any, ...] = (
    None,
    "",
    " ",
    "x\x00",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    [None],
    [[]],
    {"id": "a"},
    "2020-02-30",
    "#nowhere",
)

Place = tuple[str | int, ...]


def places(node: Any, above: Place = ()) -> Iterator[Place]:
    """The path of every value below a JSON value."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from places(value, (*above, key))


def changed(resource: Any, place: Place, change: Callable[[Any, Any], None]) -> Any:
    """A copy of the resource in which `change(container, key)` was done at a place."""
    mutant = copy.deepcopy(resource)
    node = mutant
    for step in place[:-1]:
        node = node[step]
    change(node, place[-1])
    return mutant


@st.composite
def mutants(draw: st.DrawFn, resources: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """One of the resources with one value removed, replaced, doubled, wrapped or renamed."""
    resource = draw(st.sampled_from(resources))
    place = draw(st.sampled_from(list(places(resource))))
    junk = draw(st.sampled_from(JUNK))

    def remove(node: Any, key: Any) -> None:
        del node[key]

    def replace(node: Any, key: Any) -> None:
        node[key] = junk

    def wrap(node: Any, key: Any) -> None:
        node[key] = [node[key]]

    def unwrap(node: Any, key: Any) -> None:
        node[key] = node[key][0] if isinstance(node[key], list) and node[key] else {"value": node[key]}

    def rename(node: Any, key: Any) -> None:
        if isinstance(node, dict):
            node[f"{key}x"] = node.pop(key)

    def stranger(node: Any, key: Any) -> None:
        if isinstance(node[key], dict):
            node[key]["stranger"] = junk

    return changed(resource, place, draw(st.sampled_from((remove, replace, wrap, unwrap, rename, stranger))))
