"""When a budget stops: by either rule, for entries of every kind, never later than the exact account."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import QueryError
from careloom.synth.accounting import spent
from careloom.synth.accounting_filter import Budget, Rule, Use
from careloom.synth.accounting_mechanisms import Claimed, Gaussian, Laplace, SampledGaussian, Selection


def test_a_budget_by_sums_takes_ten_tenths_and_no_more() -> None:
    budget, tenth = Budget(1.0, 1e-5, "sum"), Use((Claimed(0.1),), 1e-7)
    assert budget.admits([tenth] * 10)
    assert not budget.admits([tenth] * 11)


def test_a_budget_by_sums_stops_at_its_delta_too() -> None:
    assert not Budget(10.0, 1e-5, "sum").admits([Use((Claimed(0.1, 6e-6),), 6e-6)] * 2)


def test_a_budget_by_renyi_takes_many_more_small_uses_than_sums_do() -> None:
    small, budget = Gaussian(40.0), Budget(2.0, 1e-5)
    by_sums = int(2.0 / Use((small,), 1e-7).epsilon)
    by_renyi = max(n for n in range(1, 500) if budget.admits([Use((replace(small, count=n),), 1e-7)]))
    assert by_renyi > 8 * by_sums


def test_a_deltas_share_is_all_that_claims_may_bring() -> None:
    budget = Budget(5.0, 1e-5)
    assert budget.admits([Use((Claimed(0.1, 9e-7),), 1e-6)])
    assert not budget.admits([Use((Claimed(0.1, 2e-6),), 3e-6)])


def test_what_only_reworks_is_free() -> None:
    assert Budget(1.0, 1e-5).used([Use((), 1e-5)]) == 0
    assert Budget(1.0, 1e-5, "sum").used([Use((), 1e-5)] * 9) == 0


uses = st.lists(
    st.one_of(
        st.builds(Gaussian, st.floats(1, 40), st.integers(1, 5)),
        st.builds(SampledGaussian, st.floats(0.6, 5), st.floats(0.001, 0.2), st.integers(1, 100)),
        st.builds(Laplace, st.floats(0.01, 0.5)),
        st.builds(Selection, st.floats(0.01, 0.5), st.integers(1, 10)),
    ).map(lambda one: Use((one,), 1e-6)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=12, deadline=None)
@given(uses, st.sampled_from(["renyi", "sum"]), st.sampled_from([0.5, 1.0, 3.0, 10.0]))
def test_what_a_budget_admits_never_spends_more_than_it(found: list[Use], rule: Rule, epsilon: float) -> None:
    budget = Budget(epsilon, 1e-5, rule)
    if budget.admits(found):
        assert spent([one for use in found for one in use.mechanisms], 1e-5).epsilon <= epsilon * 1.001


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 1e-5), (float("inf"), 1e-5), (1.0, 0.0), (1.0, 0.5)])
def test_a_budget_that_is_none_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(QueryError):
        Budget(epsilon, delta)
