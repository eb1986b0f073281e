"""Whom to call first: the same list at every call, never over the capacity, never worse than chance."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import InputError
from careloom.risk.stratify import UnitCosts, stratify


def people(risks: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {"patient_id": [f"p{place}" for place in range(len(risks))], "risk": risks,
         "tie": [f"k{(7 * place) % 101}" for place in range(len(risks))]},
        schema={"patient_id": pl.String, "risk": pl.Float64, "tie": pl.String},
    )  # fmt: skip


RISKS = st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.1, 0.3, 0.9, 1.0]), max_size=40)


@given(RISKS, st.integers(0, 45), st.randoms())
def test_the_list_is_the_same_in_whatever_order_patients_come(risks: list[float], capacity: int, order: object) -> None:
    whole = people(risks)
    places = list(range(len(risks)))
    order.shuffle(places)  # type: ignore[attr-defined]
    found, again = stratify(whole, capacity), stratify(whole[places], capacity)
    assert found.rows["patient_id"].to_list() == again.rows["patient_id"].to_list()
    assert found.rows.height <= min(capacity, len(risks))
    assert found.expected_caught >= found.by_chance - 1e-9
    if found.lowest is not None:
        assert found.tied_out == sum(one == found.lowest for one in risks) - found.rows["risk"].to_list().count(
            found.lowest
        )


def test_what_calls_are_expected_to_bring_is_the_sum_of_risks_and_what_they_cost() -> None:
    found = stratify(people([0.5, 0.4, 0.1, 0.01]), 3, UnitCosts(event=1_000.0, call=30.0, prevented=0.2))
    assert found.rows["patient_id"].to_list() == ["p0", "p1"]  # a call to p2 costs 30 and is worth 20
    assert (found.of, found.expected_events, found.expected_caught) == (4, pytest.approx(1.01), pytest.approx(0.9))
    assert (found.avoided, found.saved) == (pytest.approx(0.18), pytest.approx(180 - 60))
    assert found.rows["saves_so_far"][-1] == pytest.approx(found.saved)
    free = stratify(people([0.5, 0.4, 0.1, 0.01]), 3)
    assert (free.rows.height, free.avoided, free.saved) == (3, None, None)


def test_a_capacity_that_cuts_a_tie_says_so() -> None:
    found = stratify(people([0.3, 0.3, 0.3, 0.1]), 2)
    assert (found.lowest, found.tied_out) == (0.3, 1)
    assert found.rows["tie"].to_list() == sorted(found.rows["tie"].to_list())


@pytest.mark.parametrize(
    ("capacity", "costs"),
    [(-1, None), (1, UnitCosts(-1, 1, 0.5)), (1, UnitCosts(1, -1, 0.5)), (1, UnitCosts(1, 1, 1.5))],
)
def test_what_is_no_capacity_or_cost_is_refused(capacity: int, costs: UnitCosts | None) -> None:
    with pytest.raises(InputError):
        stratify(people([0.2]), capacity, costs)
    with pytest.raises(InputError):
        stratify(people([0.2]).drop("tie"), 1)
