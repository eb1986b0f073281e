"""Who is one person, from pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.quality.linkage_clusters import clusters, differ
from careloom.quality.linkage_traits import Traits

SAME = {name: Traits(name, birth="19800507", birth_swapped="19800705", sex="female") for name in "abcdef"}


def test_pairs_that_share_a_patient_are_one_person() -> None:
    assert clusters([], [("a", "b"), ("c", "b"), ("e", "d")], [], SAME).members == (("a", "b", "c"), ("d", "e"))


def test_a_pair_that_would_join_two_sexes_does_not() -> None:
    patients = SAME | {"c": Traits("c", birth="19800507", sex="male")}
    found = clusters([], [("a", "b"), ("b", "c")], [], patients)
    assert found.members == (("a", "b"),)
    assert found.conflicts == {("b", "c"): ("a", "c")}


def test_a_pair_that_would_join_two_birth_dates_does_not() -> None:
    patients = {"a": Traits("a", birth="19800507"), "b": Traits("b"), "c": Traits("c", birth="19751224")}
    found = clusters([], [("a", "b"), ("b", "c")], [], patients)
    assert found.members == (("a", "b"),)


def test_patients_who_are_linked_themselves_are_no_conflict() -> None:
    patients = SAME | {"c": Traits("c", birth="19800507", sex="male")}
    found = clusters([], [("a", "b"), ("b", "c"), ("a", "c")], [], patients)
    assert found.members == (("a", "b", "c"),)


def test_a_rejected_pair_is_never_joined_by_a_third() -> None:
    found = clusters([], [("a", "b"), ("b", "c")], [("c", "a")], SAME)
    assert found.members == (("a", "b"),)
    assert found.conflicts == {("b", "c"): ("a", "c")}


def test_what_a_person_accepted_joins_whatever_the_traits_say() -> None:
    patients = SAME | {"c": Traits("c", birth="19011224", sex="male")}
    assert clusters([("b", "c")], [("a", "b")], [], patients).members == (("b", "c"),)
    assert clusters([("b", "c"), ("a", "b")], [], [], patients).members == (("a", "b", "c"),)


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        (SAME["a"], Traits("b", birth="19800705", birth_swapped="19800507"), False),
        (Traits("a", birth="19800507"), Traits("b", birth="19810507"), False),
        (Traits("a", birth="19800507"), Traits("b", birth="19810508"), True),
        (Traits("a", birth="19800507"), Traits("b"), False),
        (Traits("a", sex="male"), Traits("b", sex="female"), True),
        (Traits("a", sex="male"), Traits("b"), False),
    ],
)  # fmt: skip
def test_what_differs_and_what_is_only_missing(one: Traits, other: Traits, do: bool) -> None:
    assert differ(one, other) is do
    assert differ(other, one) is do


EDGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")).filter(lambda e: e[0] != e[1]))


@given(EDGES, EDGES)
def test_no_group_holds_a_rejected_pair_and_nobody_is_in_two(linked, rejected) -> None:
    found = clusters([], linked, rejected, SAME)
    everyone = [one for group in found.members for one in group]
    assert len(everyone) == len(set(everyone))
    for group in found.members:
        assert not any(one in group and other in group for one, other in rejected)
