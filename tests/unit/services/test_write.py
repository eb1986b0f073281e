"""Writes against a model: whatever is done in whatever order, the store holds what a plain dictionary would."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.errors import CareloomError, Erased, NotFound, NotSupported, Precondition, Unprocessable
from careloom.fhir.bundle_links import recondition
from careloom.services.changes import Change, Done
from careloom.services.erase import erase
from careloom.services.history import HistoryOf, history
from careloom.services.records import read
from careloom.services.write import write, write_together
from tests.api.kit import OBSERVATION, PATIENT, Installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("writes")) as made:
        yield made


def do(made: Installation, change: Change) -> Done:
    return write(made.platform, made.operator, "identified", change)


def organization(key: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Organization", "name": str(number), "identifier": [{"system": "urn:o", "value": key}],
    }  # fmt: skip


@dataclass
class Model:
    """What a server is to hold: id -> versions, the name or None for a deletion; `key` tells its resources."""

    key: str
    held: dict[str, list[str | None]] = field(default_factory=dict)

    def there(self) -> list[str]:
        return [name for name, versions in self.held.items() if versions[-1] is not None]

    def put(self, name: str, value: str | None) -> None:
        versions = self.held.setdefault(name, [])
        if not versions or versions[-1] != value:
            versions.append(value)


METHODS = ["create", "create once", "update", "update by", "patch", "delete", "delete by"]
STEPS = st.lists(
    st.tuples(st.sampled_from(METHODS), st.integers(0, 3), st.integers(0, 2), st.sampled_from(["", "", "", "1", "2"])),
    min_size=1,
    max_size=9,
)
_keys = iter(range(10**6))


def change_of(model: Model, method: str, number: int, name: str, if_match: str) -> Change:
    """A step as a change."""
    resource, criteria = organization(model.key, number), f"identifier=urn:o|{model.key}"
    told: dict[str, Any] = {"if_match": if_match}
    if method.startswith("create"):
        return Change("create", "Organization", condition=criteria if method != "create" else None, resource=resource)
    if method.startswith("update"):
        if method == "update by":
            return Change("update", "Organization", condition=criteria, resource=resource, **told)
        return Change("update", "Organization", name, resource={**resource, "id": name}, **told)
    if method == "patch":
        patch = [{"op": "replace", "path": "/name", "value": str(number)}]
        return Change("patch", "Organization", name, patch=patch, **told)
    return Change("delete", "Organization", "" if method == "delete by" else name,
                  criteria if method == "delete by" else None, **told)  # fmt: skip


def expected(model: Model, change: Change) -> str | type[CareloomError]:
    """What a server is to answer, and what it holds then."""
    there, name, value = model.there(), change.resource_id, (change.resource or {}).get("name")
    if change.condition is not None:
        if len(there) > 1:
            return Precondition
        name = there[0] if there else ""
        if change.method == "create" and there:
            return "existing"
    elif change.method == "update" and name not in model.held:
        return NotSupported
    elif change.method == "patch" and name not in there:
        return Erased if name in model.held else NotFound
    if change.if_match and (name not in there or str(len(model.held[name])) != change.if_match):
        return Precondition
    if change.method == "delete":
        if name not in there:
            return "absent"
        model.put(name, None)
        return "deleted"
    if change.method == "patch":
        value = change.patch[0]["value"]
    if change.method == "create" or not name:
        return f"created {value}"
    before, was_there = len(model.held[name]), name in there
    model.put(name, value)
    return "created" if not was_there else "updated" if len(model.held[name]) > before else "unchanged"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_sequence_leaves_what_a_dictionary_would_hold(
    installation: Installation, steps: list[tuple[str, int, int, str]]
) -> None:
    model = Model(f"m{next(_keys)}")
    for method, which, number, if_match in steps:
        names = [*model.held, "never"]
        change = change_of(model, method, number, names[which % len(names)], if_match)
        wanted = expected(model, change)
        if not isinstance(wanted, str):
            with pytest.raises(wanted):
                do(installation, change)
            continue
        done = do(installation, change)
        if wanted.startswith("created "):
            model.put(done.id, wanted.removeprefix("created "))
            wanted = "created"
        assert done.became == wanted, method
        if done.became not in ("absent", "existing"):
            assert done.version == str(len(model.held[done.id]))
    for name, versions in model.held.items():
        ask = HistoryOf("Organization", name)
        page = history(installation.platform, installation.operator, "identified", ask)
        told = [one.found.resource()["name"] if one.found else None for one in page.versions]
        assert told == versions[::-1]
        assert page.total == len(versions)


def test_an_erased_patient_leaves_nothing_of_what_clients_wrote_and_does_not_return(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        store = made.platform.store("identified")
        people = [do(made, Change("create", "Patient", resource=dict(PATIENT))).id for _ in range(2)]
        gone, stays = (f"Patient/{one}" for one in people)
        pulses = [
            do(made, Change("create", "Observation", resource={**OBSERVATION, "subject": {"reference": whose}})).id
            for whose in (gone, gone, stays)
        ]
        patch = [{"op": "replace", "path": "/subject/reference", "value": stays}]
        do(made, Change("patch", "Observation", pulses[1], patch=patch))  # was the one's, is the other's
        do(made, Change("delete", "Observation", pulses[0]))
        roster = {
            "resourceType": "Basic", "code": {"text": "x"},
            "extension": [{"url": "http://example.org/about", "valueReference": {"reference": gone}}],
        }  # fmt: skip
        listed = do(made, Change("create", "Basic", resource=roster)).id  # in nobody's compartment, and names one
        records = {kind: store.records_of(kind, name) for kind, name in (("Observation", pulses[0]), ("Basic", listed))}
        moved = store.records_of("Observation", pulses[1])
        erase(made.platform, made.operator, gone)
        for kind, name in (("Patient", people[0]), ("Observation", pulses[0]), ("Basic", listed)):
            with pytest.raises((NotFound, Erased)):
                read(made.platform, made.operator, "identified", kind, name)
            with pytest.raises(NotFound):
                store.read(kind, name)
        assert [name for names in (*records.values(), moved) for name in names if store.find_record(name)] == []
        every = list(store.scan(every_version=True))
        assert {one.id for one in every} == {people[1], *pulses[1:]}
        assert [one for one in every if people[0].encode() in one.content] == []
        assert store.check().is_whole
        with pytest.raises(Unprocessable):
            do(made, Change("create", "Observation", resource={**OBSERVATION, "subject": {"reference": gone}}))
        with pytest.raises(Erased):
            do(made, Change("update", "Patient", people[0], resource={**PATIENT, "id": people[0]}))


def test_a_failing_entry_undoes_every_other(installation: Installation) -> None:
    before = installation.platform.store("identified").content_hash()
    changes = [
        Change("create", "Organization", resource=organization("t", 1), entry="Bundle.entry[0]"),
        Change("delete", "Organization", "never", if_match="1", entry="Bundle.entry[1]"),
    ]
    with pytest.raises(Precondition) as refused:
        write_together(installation.platform, installation.operator, "identified", changes)
    assert refused.value.entry == "Bundle.entry[1]"
    assert installation.platform.store("identified").content_hash() == before


RENAMED = [
    ("subject=urn:uuid:1&code=a|b", "subject=Patient/1&code=a|b"),
    ("subject=urn%3Auuid%3A1", "subject=Patient/1"),
    ("subject=urn:uuid:2,urn:uuid:1", "subject=urn:uuid:2,Patient/1"),
    ("subject=urn:uuid:11", "subject=urn:uuid:11"),
    ("note=%20x", "note=%20x"),
]


@pytest.mark.parametrize(("criteria", "wanted"), RENAMED)
def test_criteria_name_an_entry_by_whole_values_only(criteria: str, wanted: str) -> None:
    assert recondition(criteria, {"urn:uuid:1": "Patient/1"}) == wanted


def test_a_patch_that_is_no_json_is_refused_as_such(tmp_path: Path) -> None:
    patch = [{"op": "test", "path": "/active", "value": True, "beside": 2**70}]
    with Installation(tmp_path) as made:
        one = do(made, Change("create", "Patient", resource=dict(PATIENT))).id
        with pytest.raises(Unprocessable, match="not JSON"):
            do(made, Change("patch", "Patient", one, patch=patch))
