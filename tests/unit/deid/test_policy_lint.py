"""The linter of policies: each finding has a case in which it is made, and policies that ship are without errors."""

import tomllib
from typing import Any

import pytest

from careloom.deid.policy import SHIPPED, packaged_policy, read_policy
from careloom.deid.policy_lint import never_matched, oddities, reachable, treated, unknown_names, worst
from careloom.runtime import packaged

Json = dict[str, Any]
FIRST, CODES = packaged("deid", "policies/first.toml"), packaged("deid", "policies/codes.toml")
HEAD = 'name = "own"\nversion = "1"\nextends = "first"\n'


def found(own: str) -> set[tuple[str, str, str]]:
    raw = (HEAD + own).encode()
    source = tomllib.loads(raw.decode())
    return {(one.level, one.code, one.place) for one in oddities(read_policy(raw, CODES, [FIRST]), source)}


def names(own: str) -> set[tuple[str, str]]:
    return {(one.code, one.place) for one in unknown_names(tomllib.loads(HEAD + own))}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_that_ships_has_no_errors_and_lets_no_identifier_pass_unless_it_says_so(name: str) -> None:
    source = tomllib.loads(packaged("deid", f"policies/{name}.toml").decode())
    policy = packaged_policy(name)
    assert not [*unknown_names(source)]
    warned = {one.code for one in oddities(policy, source) if one.level == "warning"}
    assert warned <= ({"identifier-kept", "dates-kept", "text-kept"} if name == "limited-data-set" else set())
    assert {one.letter for one in treated(policy) if one.kept} == ({"B", "C"} if name == "limited-data-set" else set())


def test_every_name_that_fhir_does_not_have_is_told_at_once() -> None:
    own = (
        '[refuse]\nTelegram = "x"\n[structure.Konditon]\nkeep."code" = "x"\n'
        '[structure.Goal]\nkeep."description, shoeSize, target" = "x"\nremove."colour as text" = "x"\n'
    )
    assert names(own) == {
        ("unknown-type", "Telegram"), ("unknown-structure", "Konditon"), ("unknown-element", "Goal.shoeSize"),
        ("unknown-element", "Goal.colour"),
    }  # fmt: skip


CASES: list[tuple[str, tuple[str, str, str]]] = [
    ('[lists]\nplanets = "mars"\n', ("warning", "unused", "lists planets")),
    ('[treatment.x]\naction = "encrypt"\n', ("warning", "unused", "treatment x")),
    ('[structure."Claim.item"]\nremove."sequence" = "x"\n', ("warning", "unreachable", "Claim.item")),
    (
        '[extension."urn:x"]\non = "Claim"\ncodes = ["a"]\nbecause = "x"\n',
        ("warning", "unreachable", "extension urn:x"),
    ),
    ('[extension."urn:x"]\non = "Patient"\nbecause = "x"\n', ("warning", "never-allowed", "extension urn:x")),
    ("largest_integer = 9999999999\n", ("warning", "long-numbers", "largest_integer, largest_number")),
    ('moments = "keep"\n', ("warning", "dates-kept", "moments")),
]


@pytest.mark.parametrize(("own", "oddity"), CASES, ids=[case[1][1] for case in CASES])
def test_what_is_odd_is_told_with_its_place(own: str, oddity: tuple[str, str, str]) -> None:
    if "Claim.item" in own:
        own = own.replace('"sequence"', f'"{every_element("Claim.item")}"')
    assert oddity in found(own)
    assert oddity not in found("")


def every_element(name: str) -> str:
    from careloom.fhir.validate_tables import type_table

    skip = {"id", "extension", "modifierExtension"}
    return ", ".join(dict.fromkeys(one.name for key, one in type_table(name).properties.items() if key not in skip))


def test_each_of_the_eighteen_identifiers_is_told_of() -> None:
    told = {one.letter: one for one in treated(packaged_policy("safe-harbor"))}
    assert [*told] == [*"ABCDEFGHIJKLMNOPQR"]
    assert told["A"].removed >= 3
    assert "Address.postalCode as zip3" in told["B"].changed
    assert "Patient.birthDate as birth-year" in told["C"].changed
    assert told["Q"].removed
    kept = {one.letter: one.kept for one in treated(packaged_policy("limited-data-set"))}
    assert "Address.city as stated" in kept["B"]
    assert "Patient.birthDate" in kept["C"]


def test_what_no_resource_has_is_told_and_which_types_are_not_decided() -> None:
    patient = {"resourceType": "Patient", "id": "p", "gender": "female", "address": [{"state": "MA"}]}
    told = {(one.code, one.place) for one in never_matched(packaged_policy(), [patient, {"resourceType": "Claim"}])}
    assert ("type-not-decided", "Claim") in told
    assert ("never-matched", "Goal") in told
    (of_patient,) = [place for code, place in told if place.startswith("Patient.") and "Patient.link" not in place]
    assert "birthDate" in of_patient
    assert "gender" not in of_patient
    assert not [place for _, place in told if place.startswith("Address")]


def test_structures_of_what_passes_are_reached() -> None:
    assert {"Patient", "Address", "Timing.repeat", "DocumentReference"} <= reachable(packaged_policy())
    assert worst([*unknown_names(tomllib.loads(HEAD))]) is None
