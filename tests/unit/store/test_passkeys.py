"""Passkeys and challenges, on each kind of database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from careloom.store.access_registry import AccessRegistry
from careloom.store.passkeys import Asked, Passkey, Passkeys, add, remove, remove_all
from tests.store_kit import START

PHONE = Passkey("k1", "mara", "Phone", b"c1", "sealed", 4, False, START)
ASKED = Asked("mara", "use", b"browser")
LATER = START + timedelta(minutes=5)


@pytest.fixture
def registry(place: Path | str) -> Iterator[AccessRegistry]:
    made = AccessRegistry(place)
    yield made
    made.close()


@pytest.fixture
def passkeys(registry: AccessRegistry) -> Passkeys:
    return Passkeys(registry)


def kept(registry: AccessRegistry, *keys: Passkey) -> list[bool]:
    with registry.writing() as connection:
        return [add(connection, key) for key in keys]


def test_passkeys_are_found_as_they_were_kept_and_a_credential_is_kept_once(
    registry: AccessRegistry, passkeys: Passkeys
) -> None:
    laptop = replace(PHONE, id="k2", credential=b"c2", is_synced=True, created=LATER)
    other = replace(PHONE, id="k3", client="joe", credential=b"c3")
    again = replace(PHONE, id="k4", client="joe")
    assert kept(registry, laptop, PHONE, other, again) == [True, True, True, False]
    assert passkeys.of("mara") == [PHONE, laptop]
    assert passkeys.counts() == {"mara": 2, "joe": 1}
    with registry.writing() as connection:
        assert [remove(connection, *what) for what in (("mara", "k3"), ("joe", "k3"), ("joe", "k3"))] == [
            False, True, False,
        ]  # fmt: skip
        remove_all(connection, "mara")
    assert passkeys.counts() == {}


def test_a_challenge_is_told_once_and_not_once_it_is_over(passkeys: Passkeys) -> None:
    for challenge in ("one", "two", "three"):
        passkeys.keep_challenge(challenge, ASKED, START, LATER)
    assert passkeys.use_challenge("one", LATER - timedelta(seconds=1)) == ASKED
    assert passkeys.use_challenge("one", START) is None
    assert passkeys.use_challenge("two", LATER) is None
    assert passkeys.use_challenge("two", START) is None
    assert passkeys.use_challenge("made up", START) is None


def test_of_many_answers_at_once_to_one_challenge_one_is_told(passkeys: Passkeys) -> None:
    passkeys.keep_challenge("one", ASKED, START, LATER)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: passkeys.use_challenge("one", START), range(16)))
    assert [one for one in told if one is not None] == [ASKED]


COUNTS = [
    ("grows", 4, [5, 6, 900], [True, True, True]),
    ("stands still", 4, [4], [False]),
    ("falls", 4, [3, 0, 5], [False, False, True]),
    ("is not kept", 0, [0, 0], [True, True]),
    ("begins", 0, [0, 1, 0, 1, 2], [True, True, False, False, True]),
]


@pytest.mark.parametrize(("begins", "told", "taken"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
def test_a_count_has_to_grow(
    registry: AccessRegistry, passkeys: Passkeys, begins: int, told: list[int], taken: list[bool]
) -> None:
    kept(registry, replace(PHONE, sign_count=begins))
    assert [passkeys.is_counted("k1", count, LATER) for count in told] == taken
    (key,) = passkeys.of("mara")
    assert key.sign_count == max([begins, *(count for count, is_taken in zip(told, taken, strict=True) if is_taken)])
    assert key.used == (LATER if any(taken) else None)


def test_of_many_answers_at_once_with_one_count_one_is_taken(registry: AccessRegistry, passkeys: Passkeys) -> None:
    kept(registry, PHONE)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: passkeys.is_counted("k1", 5, LATER), range(16))) == 1
