"""The leakage guard: every seeded leak is found where it is, and clean sets are left in peace."""

from datetime import datetime

import polars as pl
import pytest

from careloom.errors import StateError
from careloom.risk.leaks_guard import guard, require_clean
from tests.unit.risk.leaky_sets import CLEAN, SEEDED, clean, near_perfect


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_leak_is_found_at_its_place(name: str) -> None:
    made, kind, place = SEEDED[name]
    found = guard(made(11))
    assert (kind, place) in {(one.kind, one.place) for one in found}
    assert all(one.evidence and one.remedy for one in found)


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_set_is_left_in_peace(name: str) -> None:
    for seed in (1, 2, 3):
        assert [one.as_json() for one in guard(CLEAN[name](seed))] == []


def test_a_leak_is_found_alone_where_only_one_was_seeded() -> None:
    """What else is found beside each seeded leak, as far as it is another side of the same."""
    beside = {
        "target encoding": set(), "near-perfect feature": set(), "gap tells": set(), "target renamed": set(),
        "feature after the index": set(), "scaled on all rows": set(), "row order tells": set(),
    }  # fmt: skip
    for name, others in beside.items():
        made, kind, _ = SEEDED[name]
        assert {one.kind for one in guard(made(12))} - {kind} == others, name


def test_a_finding_says_counts_and_no_value_of_a_patient() -> None:
    for name, (made, _, _) in SEEDED.items():
        scene = made(13)
        ids = set(scene.rows["patient_id"].to_list())
        for one in guard(scene):
            told = f"{one.place} {one.evidence} {one.remedy}"
            assert not ids & set(told.split()), name
            assert str(datetime.now().year) not in told  # noqa: DTZ005


def test_training_on_a_leak_is_refused_by_kind_and_place() -> None:
    require_clean(clean(5))
    with pytest.raises(StateError) as refused:
        require_clean(near_perfect(5))
    assert "near-perfect-feature at severity" in refused.value.where


def test_what_is_not_there_is_not_checked() -> None:
    scene = clean(4)
    bare = scene.rows.select(*scene.features, "label")
    assert guard(type(scene)(bare, scene.features)) == []
    assert guard(type(scene)(bare.head(0), scene.features)) == []
    assert isinstance(bare, pl.DataFrame)
