"""Targets of a policy: patients are told less exactly, without traits or not at all until the targets hold."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest

from careloom.deid.patient_traits import frame_of, say_less, traits_of
from careloom.deid.policy import packaged_policy, read_policy
from careloom.deid.policy_targets import TRAITS, PolicyTargets
from careloom.deid.risk_report import assess
from careloom.deid.target_plan import TargetPlan, plan
from careloom.errors import SetupError, StateError
from careloom.runtime import packaged

Json = dict[str, Any]
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
CDC = "urn:oid:2.16.840.1.113883.6.238"
FIRST, CODES = packaged("deid", "policies/first.toml"), packaged("deid", "policies/codes.toml")


def person(name: str, born: int | None = 1961, state: str = "MA", race: str = "2106-3", **more: Any) -> Json:
    made: Json = {"resourceType": "Patient", "id": name, "gender": "female", **more}
    if born is not None:
        made["birthDate"] = str(born)
    if state:
        made["address"] = [{"state": state, "postalCode": f"{len(state)}{ord(state[0])}"[:3]}]
    if race:
        coding = {"system": CDC, "code": race}
        made["extension"] = [{"url": RACE, "extension": [{"url": "detailed", "valueCoding": coding}]}]
    return made


def people_of(patients: list[Json]) -> dict[str, tuple[Any, ...]]:
    return {one["id"]: traits_of(one, with_death=False) for one in patients}


def shown(patients: list[Json], made: TargetPlan) -> list[Json]:
    """What is written of each patient who is not left out."""
    told = [deepcopy(one) for one in patients if one["id"] not in made.left_out]
    for one in told:
        say_less(one, made.levels_of(one["id"]))
    return told


def holds(patients: list[Json], targets: PolicyTargets) -> bool:
    known = [name for name in TRAITS if name not in targets.sensitive]
    return assess(frame_of(people_of(patients)), known, targets.sensitive, targets.asked).holds


def targets(k: int = 3, share: float = 0.2, **more: Any) -> PolicyTargets:
    return PolicyTargets(k, more.get("l"), more.get("t"), more.get("sensitive", ()), share)


def test_who_looks_like_enough_others_is_told_as_before() -> None:
    patients = [person(f"p{number}") for number in range(3)]
    made = plan(people_of(patients), targets(), "own")
    assert shown(patients, made) == patients
    assert (made.before.k, made.after.k, made.blanked, made.left_out) == (3, 3, frozenset(), frozenset())


def test_years_of_birth_become_bands_as_narrow_as_they_can_be() -> None:
    patients = [person(f"p{number}", born=1960 + number % 4) for number in range(8)]
    made = plan(people_of(patients), targets(share=0), "own")
    assert {one["birthDate"] for one in shown(patients, made)} == {"1960", "1962"}
    assert dict(made.levels)["birth_year"] == "2 years"
    assert holds(shown(patients, made), targets())


def test_races_become_categories_and_addresses_states() -> None:
    patients = [person(f"p{number}", race=f"21{number + 8:02d}-{9 - number}") for number in range(3)]
    patients = [one | {"address": [{"state": "MA", "postalCode": f"01{n}"}]} for n, one in enumerate(patients)]
    made = plan(people_of(patients), targets(share=0), "own")
    assert {one["address"][0].get("postalCode") for one in shown(patients, made)} == {None}
    assert all(one["address"] == [{"state": "MA"}] for one in shown(patients, made))
    assert len({str(one.get("extension")) for one in shown(patients, made)}) == 1


def test_those_who_look_like_too_few_lose_their_traits_if_that_makes_them_enough() -> None:
    homes = [(1940, "MA"), (1955, "NY"), (1970, "PA"), (1985, "OH")]
    patients = [person(f"p{number}", *homes[number % 4]) for number in range(40)]
    odd = [person(f"q{number}", 1930 + 10 * number, ["AK", "HI", "VT"][number], gender="other") for number in range(3)]
    made = plan(people_of(patients + odd), targets(share=0.1), "own")
    assert (made.blanked, made.left_out) == (frozenset({"q0", "q1", "q2"}), frozenset())
    told = {one["id"]: one for one in shown(patients + odd, made)}
    assert told["q1"] == {"resourceType": "Patient", "id": "q1"}
    assert told["p1"] == patients[1]
    assert made.as_json()["traits_suppressed_patients"] == 3


def test_who_would_look_like_too_few_even_without_traits_is_left_out() -> None:
    patients = [person(f"p{number}") for number in range(40)] + [person("q", 1930, "AK", gender="other")]
    made = plan(people_of(patients), targets(share=0.1), "own")
    assert (made.blanked, made.left_out) == (frozenset(), frozenset({"q"}))
    assert (made.before.k, made.after.k, made.as_json()["records_suppressed_patients"]) == (1, 40, 1)


@pytest.mark.parametrize(
    ("patients", "asked"),
    [
        ([person("p1"), person("p2")], targets()),
        ([person(f"p{n}", deceasedBoolean=False) for n in range(9)], targets(l=2, sensitive=("deceased",))),
        ([person(f"p{n}") for n in range(9)], targets(k=10, share=0.99)),
    ],
)
def test_where_no_way_meets_the_targets_there_is_no_plan(patients: list[Json], asked: PolicyTargets) -> None:
    with pytest.raises(StateError):
        plan(people_of(patients), asked, "own")


def test_nobody_to_be_told_of_meets_every_target() -> None:
    assert plan({}, targets(), "own").after.holds


ASKED = [
    targets(share=0.5),
    targets(5, 1.0, l=2, sensitive=("deceased",)),
    targets(4, 1.0, t=0.4, sensitive=("deceased",)),
]


@pytest.mark.parametrize("asked", ASKED, ids=["k", "l", "t"])
def test_what_is_written_meets_the_targets_whatever_the_order(asked: PolicyTargets) -> None:
    draw = Random(1)
    patients = [
        person(
            f"p{number}", draw.choice([None, *range(1938, 1946)]), draw.choice(["MA", "NY", ""]),
            draw.choice(["2106-3", "2108-9", "2054-5"]), deceasedBoolean=draw.random() < 0.4,
        )
        for number in range(40)
    ]  # fmt: skip
    made = plan(people_of(patients), asked, "own")
    assert not made.before.holds
    assert holds(shown(patients, made), asked)
    assert len(made.blanked) + len(made.left_out) <= asked.suppressed_at_most * len(patients)
    again = plan(people_of(patients[::-1]), asked, "own")
    assert (again.levels, again.blanked, again.left_out) == (made.levels, made.blanked, made.left_out)


def test_a_date_of_death_is_a_trait_where_it_was_not_moved() -> None:
    one = person("p", deceasedDateTime="2024-03-01")
    assert traits_of(one, with_death=True)[TRAITS.index("death")] == "2024-03-01"
    assert traits_of(one, with_death=False)[TRAITS.index("death")] is None
    say_less(one, {"death": "none"})
    assert (one.get("deceasedDateTime"), one["deceasedBoolean"]) == (None, True)


def test_what_no_trait_is_named_for_is_one_and_can_be_left_out() -> None:
    one = person("p", active=True, _gender={"extension": []})
    assert traits_of(one, with_death=False)[TRAITS.index("other")] == '{"_gender":{"extension":[]},"active":true}'
    say_less(one, {"other": "none"})
    assert one == person("p")


BAD = ["l = 2", "k = 1", "k = 11\nl = 2", 'k = 11\nsensitive = ["deceased"]',
       'k = 11\nl = 0\nsensitive = ["deceased"]', "k = 11\nsuppressed_at_most = 2",
       'k = 11\nt = 0.2\nsensitive = ["shoe_size"]',
       "k = 11\nm = 3", 'k = "11"']  # fmt: skip


@pytest.mark.parametrize("table", BAD)
def test_targets_that_say_nothing_sure_are_refused(table: str) -> None:
    with pytest.raises(SetupError):
        read_policy(f'name = "own"\nversion = "1"\nextends = "first"\n[targets]\n{table}\n'.encode(), CODES, [FIRST])


def test_a_policy_that_extends_another_may_ask_for_nothing() -> None:
    expert = packaged("deid", "policies/expert.toml")
    raw = b'name = "own"\nversion = "1"\nextends = "expert"\n[targets]\n'
    assert read_policy(raw, CODES, [expert, FIRST]).targets is None
    assert packaged_policy("expert").targets is not None
