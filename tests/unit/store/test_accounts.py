"""Accounts and tries at them, on each kind of database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from careloom.errors import NotFound
from careloom.store.access_registry import AccessRegistry
from careloom.store.accounts import FORGOTTEN_AFTER, Account, Accounts, Pace, put
from tests.store_kit import START

MARA = Account("mara", "Mara Lind", START, invitation="h1", invited_until=START + timedelta(hours=72))
PACE = Pace(free=3, first_seconds=10, longest_seconds=60)
ONE, OTHER = b"one", b"other"


@pytest.fixture
def accounts(place: Path | str) -> Iterator[Accounts]:
    registry = AccessRegistry(place)
    yield Accounts(registry)
    registry.close()


def test_an_account_is_found_as_it_was_put_and_put_again_in_its_place(accounts: Accounts) -> None:
    later = replace(MARA, password_hash="$a", second_factor="s", last_step=7, recovery="x y", invitation="",
                    invited_until=None, changed=START, signed_in=START)  # fmt: skip
    for account in (MARA, later):
        with accounts.writing() as connection:
            put(connection, account)
        assert accounts.find("mara") == account
        assert accounts.listed() == {"mara": account}
    assert accounts.find("nobody") is None


def test_a_change_that_fails_changes_nothing(accounts: Accounts) -> None:
    with accounts.writing() as connection:
        put(connection, MARA)

    def fails(account: Account) -> Account:
        raise ValueError(account.client)

    with pytest.raises(ValueError, match="mara"):
        accounts.change("mara", fails)
    assert accounts.find("mara") == MARA
    with pytest.raises(NotFound):
        accounts.change("nobody", fails)


def test_of_many_changes_at_once_none_is_lost(accounts: Accounts) -> None:
    with accounts.writing() as connection:
        put(connection, MARA)

    def counted(account: Account) -> Account:
        return replace(account, last_step=account.last_step + 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: accounts.change("mara", counted), range(24)))
    found = accounts.find("mara")
    assert found is not None
    assert found.last_step == 24


DELAYS = [(0, 0), (2, 0), (3, 10), (4, 20), (5, 40), (6, 60), (500, 60)]


@pytest.mark.parametrize(("tries", "seconds"), DELAYS)
def test_the_delay_doubles_and_stays_below_its_limit(tries: int, seconds: int) -> None:
    assert PACE.delay(tries) == timedelta(seconds=seconds)


def test_whoever_guesses_waits_longer_and_longer_and_never_for_ever(accounts: Accounts) -> None:
    now, waited = START, []
    for _ in range(8):
        until = accounts.try_at([(ONE, PACE)], now)
        if until is not None:
            waited.append((until - now).seconds)
            now = until
            assert accounts.try_at([(ONE, PACE)], now) is None
    assert waited == [10, 20, 40, 60, 60]
    assert accounts.try_at([(OTHER, PACE)], now) is None


def test_a_try_that_has_to_wait_is_not_counted(accounts: Accounts) -> None:
    for _ in range(3):
        assert accounts.try_at([(ONE, PACE)], START) is None
    untils = {accounts.try_at([(ONE, PACE), (OTHER, PACE)], START) for _ in range(50)}
    assert untils == {START + timedelta(seconds=10)}
    for _ in range(3):
        assert accounts.try_at([(OTHER, PACE)], START) is None


def test_of_many_tries_at_once_only_the_free_ones_pass(accounts: Accounts) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: accounts.try_at([(ONE, PACE)], START), range(32)))
    assert outcomes.count(None) == PACE.free


def test_a_sign_in_forgets_what_was_one_person_s_and_gives_a_shared_try_back(accounts: Accounts) -> None:
    for _ in range(2):
        accounts.try_at([(ONE, PACE), (OTHER, PACE)], START)
    accounts.passed([ONE], [OTHER], START)
    assert [accounts.try_at([(ONE, PACE)], START) for _ in range(3)] == [None] * 3
    assert [accounts.try_at([(OTHER, PACE)], START) for _ in range(3)] == [
        None, None, START + timedelta(seconds=10),
    ]  # fmt: skip


def test_a_delay_is_lifted_and_the_count_stays(accounts: Accounts) -> None:
    for _ in range(3):
        accounts.try_at([(ONE, PACE)], START)
    accounts.lift([ONE], START)
    assert accounts.try_at([(ONE, PACE)], START) is None
    assert accounts.try_at([(ONE, PACE)], START) == START + timedelta(seconds=20)


def test_old_tries_are_forgotten(accounts: Accounts) -> None:
    for _ in range(3):
        accounts.try_at([(ONE, PACE)], START)
    later = START + FORGOTTEN_AFTER + timedelta(seconds=1)
    assert [accounts.try_at([(ONE, PACE)], later) for _ in range(3)] == [None] * 3
