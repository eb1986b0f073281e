"""The rules of jobs are those of kinds that there are, and all of them hold together."""

import pytest

from careloom.services import exports, own_parameters
from careloom.services.job_rules import DEFAULT, kinds_with_rules, rules_of
from careloom.services.jobs import KIND, LOADED_WHEN_ASKED

KINDS = (KIND, exports.KIND, own_parameters.KIND, *LOADED_WHEN_ASKED)


def test_every_kind_with_rules_of_its_own_is_a_kind_of_job() -> None:
    assert set(kinds_with_rules()) - set(KINDS) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_tried_and_ends_some_day(kind: str) -> None:
    rules = rules_of(kind)
    assert rules.attempts >= 1
    assert 0 < rules.first_wait_seconds <= rules.longest_wait_seconds
    assert rules.last_seconds > rules.timeout_seconds > 0


def test_a_fit_that_may_spend_a_privacy_budget_is_not_tried_again_by_itself() -> None:
    assert rules_of("synthesize").attempts == 1
    assert rules_of("lake-refresh") == rules_of(DEFAULT)
    assert rules_of("ingest").attempts == rules_of(DEFAULT).attempts
