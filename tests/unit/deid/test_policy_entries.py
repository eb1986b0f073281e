"""Every decision of a policy that ships can be read with its reason, and the entries say what the policy does."""

import re
from pathlib import Path

import pytest

from careloom.deid import findings
from careloom.deid.policy import SHIPPED, packaged_policy
from careloom.deid.policy_entries import entries
from careloom.errors import SetupError


@pytest.mark.parametrize("name", SHIPPED)
def test_what_an_entry_keeps_is_what_the_policy_keeps(name: str) -> None:
    policy = packaged_policy(name)
    told: dict[str, set[str]] = {}
    for entry in entries(name):
        if entry.decision == "keep" and not entry.elements[0].startswith("extension "):
            told.setdefault(entry.structure, set()).update(one.partition(" as ")[0] for one in entry.elements)
    assert told == {structure: set(one.kept) for structure, one in policy.structures.items() if one.kept}
    refused = {entry.structure: entry.because for entry in entries(name) if entry.decision == "refuse"}
    assert refused == policy.refused
    kept = [entry for entry in entries(name) if entry.decision == "keep"]
    extensions = {entry.elements[0] for entry in kept if entry.elements[0].startswith("extension ")}
    assert extensions == {f"extension {url}" for some in policy.extensions.values() for url in some}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_entry_has_a_reason_and_names_the_file_that_says_so(name: str) -> None:
    assert all(entry.because.strip() for entry in entries(name))
    assert {entry.origin for entry in entries(name)} == {name, "first"}


def test_a_structure_of_the_nearer_file_stands_in_place_of_the_farther_ones() -> None:
    address = [entry for entry in entries("safe-harbor") if entry.structure == "Address"]
    assert {(one.decision, one.elements[0]) for one in address} == {
        ("keep", "state as us-state"), ("keep", "postalCode as zip3"), ("need", "state"), ("remove", "use"),
    }  # fmt: skip
    assert {one.origin for one in address} == {"safe-harbor"}
    assert {one.origin for one in entries("safe-harbor") if one.structure == "Patient"} == {"first"}


def test_a_policy_that_does_not_ship_has_no_entries() -> None:
    with pytest.raises(SetupError):
        entries("none")


def test_every_finding_is_told_in_words() -> None:
    written = set(re.findall(r'"(deid\.[a-z-]+)"', Path(findings.__file__).read_text("utf-8")))
    assert set(findings.by_code()) == written
    assert all(one.message and one.remedy for one in findings.by_code().values())
