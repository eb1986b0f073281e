"""Keys that sign tokens as the registry keeps them, also one from before rotation, on each kind of database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData, inspect

from careloom.errors import Conflict
from careloom.store import access_tables, bulk
from careloom.store.access_registry import AccessRegistry
from careloom.store.audit_log import microseconds
from careloom.store.signing_keys import KeptKey, KeptKeys
from tests.store_kit import START

DAY = timedelta(days=1)


@pytest.fixture
def registry(place: Path | str) -> Iterator[AccessRegistry]:
    made = AccessRegistry(place)
    yield made
    made.close()


def key(number: int, purpose: str = "identity", *, signs: datetime = START) -> KeptKey:
    return KeptKey(number, purpose, f"kid-{number}", b"sealed" + bytes([number]), START, signs)


def numbers(kept: KeptKeys, now: datetime = START) -> list[int]:
    return [one.number for one in kept.held(now)]


def test_a_newer_key_ends_the_older_ones_of_its_purpose_alone(registry: AccessRegistry) -> None:
    kept = KeptKeys(registry)
    assert kept.add(key(1), START, START + DAY)
    assert kept.add(key(2, "access"), START, START + DAY)
    assert kept.add(key(3, signs=START + DAY), START, START + 2 * DAY)
    assert not kept.add(key(3), START, START + DAY), "somebody else has that number"
    ends = {one.number: one.until for one in kept.held(START)}
    assert ends == {3: None, 2: None, 1: START + 2 * DAY}
    assert numbers(kept, START + 2 * DAY) == [3, 2]


def test_the_key_before_signs_on_when_the_newest_is_removed(registry: AccessRegistry) -> None:
    kept = KeptKeys(registry)
    kept.add(key(1), START, START + DAY)
    kept.add(key(2, signs=START + DAY), START, START + 2 * DAY)
    assert kept.remove(key(2), START, key(3))
    assert not kept.remove(key(2), START, key(3)), "it is gone already"
    (left,) = kept.held(START)
    assert (left.number, left.until, left.signs) == (1, None, START)


def test_where_none_is_left_the_substitute_signs_and_one_of_a_taken_number_undoes_all(registry: AccessRegistry) -> None:
    kept = KeptKeys(registry)
    kept.add(key(1), START, START + DAY)
    kept.add(key(2, "access"), START, START + DAY)
    with pytest.raises(Conflict):
        kept.remove(key(1), START, key(2))
    assert numbers(kept) == [2, 1]
    assert kept.remove(key(1), START, key(3))
    assert numbers(kept) == [3, 2]


def old(registry: AccessRegistry) -> list[tuple[int, bytes, int, int | None]]:
    """Makes the registry one of version 4, before keys had purposes and kids; the keys that lie in it, oldest first."""
    stamp = microseconds(START)
    rows = [(1, b"sealed-1", stamp, microseconds(START + DAY)), (2, b"sealed-2", stamp + 1, None)]
    with registry.writing() as connection:
        access_tables.signing_key.drop(connection)
        access_tables._signing_key_of_4.to_metadata(MetaData()).create(connection)
        for version in range(5, access_tables.VERSION + 1):
            for table, name in access_tables._COLUMNS.get(version, ()):
                connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP COLUMN {name}")
            for later in access_tables._TABLES.get(version, ()):
                later.drop(connection)
        bulk.run(connection, "INSERT INTO signing_key (number, sealed, created, until) VALUES (?, ?, ?, ?)", rows)
        bulk.run(connection, "UPDATE access_version SET version = ?", [(4,)])
    registry.close()
    return rows


def test_keys_from_before_rotation_are_those_of_people_and_have_signed_ever_since(registry: AccessRegistry) -> None:
    retired, newest = old(registry)
    found = KeptKeys(registry).held(START)
    assert [(one.number, one.purpose, one.kid, one.sealed) for one in found] == [
        (2, "identity", "", newest[1]), (1, "identity", "", retired[1]),
    ]  # fmt: skip
    assert [one.until for one in found] == [None, START + DAY]
    assert all(one.signs == datetime(1970, 1, 1, tzinfo=UTC) for one in found)
    names = {column["name"] for column in inspect(registry.opened()).get_columns("signing_key")}
    assert names == set(access_tables.signing_key.columns.keys())


def test_a_registry_from_before_rotation_takes_new_keys_and_removes_old_ones(registry: AccessRegistry) -> None:
    old(registry)
    kept = KeptKeys(registry)
    assert kept.add(key(3, signs=START + DAY), START, START + 2 * DAY)
    assert [one.until for one in kept.held(START)] == [None, START + 2 * DAY, START + DAY]
    newest = kept.held(START)[1]
    assert kept.remove(newest, START, key(4))
    assert numbers(kept) == [3, 1]
    assert KeptKeys(registry).held(START)[0].until is None
    kept.remove(kept.held(START)[1], START, key(4))
    (left,) = kept.held(START)
    assert left.signs == START, "what only waited signs at once where nothing else would"
