"""Transactions and patches with something wrong in them: refused as our own errors, and nothing of them is kept."""

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from careloom.errors import CareloomError
from careloom.services.bundles import process
from careloom.services.changes import Change, Done
from careloom.services.write import write
from tests.api.kit import Installation

Json = Any
VALUES: list[Json] = [
    None, True, 0, -1, 1.5, 2**70, "", " ", "x" * 3000, "\x00", "é\u202e", [], {}, [[]], [None], {"": ""},
    "Patient/none",
    "urn:uuid:00000000-0000-0000-0000-000000000001", "Observation?code=x", "2026-13-45", {"resourceType": "Patient"},
    "resource.where(", "%resource", "/subject/-", "Patient?identifier=urn:x|1", ["Patient"],
]  # fmt: skip
PATIENT_URL = "urn:uuid:00000000-0000-0000-0000-000000000001"
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": PATIENT_URL,
            "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}], "active": True},
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:x|1"},
        },
        {
            "fullUrl": "urn:uuid:00000000-0000-0000-0000-000000000002",
            "resource": {
                "resourceType": "Observation", "status": "final", "code": {"text": "pulse"},
                "subject": {"reference": PATIENT_URL}, "valueQuantity": {"value": 71, "unit": "/min"},
            },
            "request": {"method": "POST", "url": "Observation"},
        },
        {
            "resource": {"resourceType": "Organization", "id": "o1", "name": "Hospital"},
            "request": {"method": "PUT", "url": "Organization/o1"},
        },
        {"request": {"method": "DELETE", "url": "Organization?name=nobody"}},
        {"request": {"method": "GET", "url": "Patient?identifier=urn:x|1"}},
    ],
}  # fmt: skip
JSON_PATCH: Json = [
    {"op": "test", "path": "/status", "value": "final"},
    {"op": "replace", "path": "/code/text", "value": "rate"},
    {"op": "add", "path": "/category", "value": [{"text": "vital"}]},
    {"op": "copy", "from": "/code", "path": "/bodySite"},
    {"op": "move", "from": "/bodySite", "path": "/method"},
    {"op": "remove", "path": "/method"},
]
FHIRPATH_PATCH: Json = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Observation.code.text"},
                {"name": "value", "valueString": "rate"},
            ],
        },
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Observation"},
                {"name": "name", "valueString": "issued"},
                {"name": "value", "valueInstant": "2026-01-02T03:04:05Z"},
            ],
        },
    ],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("changes"), fhir={"update_creates": True}) as installation:
        yield installation


def places(node: Json) -> list[tuple[Json, Any]]:
    """(container, key) of everything inside."""
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    found = [(node, key) for key in keys]
    return found + [place for container, key in found for place in places(container[key])]


def spoilt(whole: Json, chance: random.Random) -> Json:
    """A copy in which one to three things are removed, replaced, repeated, renamed or swapped."""
    copy = deepcopy(whole)
    for _ in range(chance.choice((1, 1, 2, 3))):
        container, key = chance.choice(places(copy) or [([copy], 0)])
        what = chance.randrange(5)
        if what == 0:
            del container[key]
        elif what == 1:
            container[key] = deepcopy(chance.choice(VALUES))
        elif what == 2 and isinstance(container, list):
            container.insert(key, deepcopy(container[key]))
        elif what == 3 and isinstance(container, dict):
            container[chance.choice(("url", "method", "path", "value", "resourceType", "id", "x"))] = container.pop(key)
        elif others := places(copy):
            other, place = chance.choice(others)
            container[key] = deepcopy(other[place])
    return copy


def transactions(made: Installation, count: int, seed: int) -> tuple[int, int]:
    """(done, refused) of so many spoilt transactions; each leaves all or nothing, and a whole chain."""
    chance, store, done = random.Random(seed), made.platform.store("identified"), 0
    for _ in range(count):
        bundle, before = spoilt(BUNDLE, chance), store.content_hash()
        if not isinstance(bundle, dict):
            continue
        rows = store.verify_audit().rows if chance.random() < 0.05 else None
        try:
            kind, _ = process(made.platform, made.operator, "identified", bundle)
            done += kind == "transaction"
        except CareloomError:
            assert store.content_hash() == before
        if rows is not None:
            chain = store.verify_audit()
            assert chain.is_whole
            assert chain.rows > rows
    assert store.check().is_whole
    return done, count - done


def patches(made: Installation, count: int, seed: int) -> tuple[int, int]:
    """(made, refused) of so many spoilt patches; one that is refused leaves the resource as it was."""
    chance, store = random.Random(seed), made.platform.store("identified")
    resource = BUNDLE["entry"][1]["resource"] | {"id": "patched"}
    resource = {name: value for name, value in resource.items() if name != "subject"}
    fresh = Change("update", "Observation", "patched", resource=resource)
    done = 0
    for number in range(count):
        write(made.platform, made.operator, "identified", fresh)
        before = store.content_hash()
        patch = spoilt(JSON_PATCH if number % 2 else FHIRPATH_PATCH, chance)
        try:
            change = Change("patch", "Observation", "patched", patch=patch)
            found: Done = write(made.platform, made.operator, "identified", change)
            done += found.became in ("updated", "unchanged")
        except CareloomError:
            assert store.content_hash() == before
    assert store.check().is_whole
    return done, count - done


def test_a_spoilt_transaction_is_done_whole_or_leaves_nothing(made: Installation) -> None:
    done, refused = transactions(made, 60, 1)
    assert done
    assert refused


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize("rest", [{}, {"entry": []}])
def test_a_bundle_of_nothing_is_in_the_audit_chain(made: Installation, kind: str, rest: Json) -> None:
    store = made.platform.store("identified")
    before = store.verify_audit().rows
    assert (
        process(made.platform, made.operator, "identified", {"resourceType": "Bundle", "type": kind, **rest})[1] == []
    )
    assert store.verify_audit().rows == before + 1


def test_a_spoilt_patch_is_made_or_leaves_the_resource_as_it_was(made: Installation) -> None:
    done, refused = patches(made, 60, 2)
    assert done
    assert refused


@pytest.mark.long
def test_thousands_of_spoilt_changes_end_well(made: Installation) -> None:
    print(transactions(made, 4000, 3), patches(made, 4000, 4))
