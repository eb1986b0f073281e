"""A guarded zone takes resources of the policy that writes, and of none else; on either database."""

from collections.abc import Callable

import pytest

from careloom.errors import StateError
from careloom.store.zone_policy import UNKNOWN, ZonePolicy, policies_of
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, put

FIRST, SECOND = ZonePolicy("first", "1", "aa", "run-1"), ZonePolicy("second", "1", "bb", "run-2")


def known(store: ZoneStore) -> list[ZonePolicy]:
    with store.connect() as connection:
        return policies_of(connection)


def write(store: ZoneStore, policy: ZonePolicy | None, name: str = "o1") -> None:
    with store.transaction(event(zone="research"), policy) as step:
        step.write([put("Observation", name, status="final")])


def test_only_the_policy_that_writes_may_and_what_was_there_before_is_known(
    open_again: Callable[..., ZoneStore],
) -> None:
    store = open_again(zone="research")
    assert known(store) == []
    for policy in (None, FIRST):
        with pytest.raises(StateError):
            write(store, policy)
    assert store.count() == {}
    with store.transaction(event(zone="research")) as step:
        assert step.policies.begin(FIRST) == [FIRST]
    write(store, FIRST)
    with store.transaction(event(zone="research")) as step:
        assert step.policies.begin(SECOND) == [FIRST, SECOND]
    with pytest.raises(StateError):
        write(store, FIRST)
    with pytest.raises(StateError), store.transaction(event(zone="research")) as step:
        step.policies.settle(FIRST)
    write(store, SECOND, "o2")
    assert known(open_again(zone="research")) == [FIRST, SECOND]
    with store.transaction(event(zone="research")) as step:
        step.policies.settle(SECOND)
    assert known(store) == [SECOND]


def test_a_zone_that_was_filled_before_policies_were_written_down_is_of_an_unknown_one(
    open_again: Callable[..., ZoneStore],
) -> None:
    store = open_again(zone="research")
    with store.transaction(event(zone="research")) as step:
        step.policies.begin(FIRST)
    write(store, FIRST)
    with store.connect() as connection:
        connection.exec_driver_sql("DELETE FROM meta WHERE name = 'policies'")
        connection.commit()
    assert known(store) == [UNKNOWN]
    with store.transaction(event(zone="research")) as step:
        assert step.policies.begin(SECOND) == [UNKNOWN, SECOND]


def test_a_zone_that_is_not_guarded_takes_resources_as_ever(store: ZoneStore) -> None:
    with store.transaction(event()) as step:
        step.write([put("Observation", "o1", status="final")])
    assert store.count() == {"Observation": 1}
