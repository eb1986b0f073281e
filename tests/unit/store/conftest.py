"""A zone of each kind of database; PostgreSQL only where its binaries are."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.store.zone_store import ZoneStore
from tests.store_kit import fresh_database, open_zone, postgresql_binaries, postgresql_cluster

_numbers = count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The socket folder of a temporary cluster, or a loud skip."""
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql: install it to run the store tests on it too")
    with postgresql_cluster(binaries) as folder:
        yield folder


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeys:
    return LocalKeys.open(tmp_path / "keys")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a zone may be opened: a data directory, or the URL of an empty database."""
    if request.param == "sqlite":
        return tmp_path / "data"
    return fresh_database(request.getfixturevalue("postgresql"), f"zone{next(_numbers)}", "careloom")


@pytest.fixture
def open_again(place: Path | str, keys: LocalKeys, tmp_path: Path) -> Iterator[Callable[..., ZoneStore]]:
    """Opens the same zone, as often as called; all are closed at the end."""
    opened: list[ZoneStore] = []

    def make(**options: object) -> ZoneStore:
        opened.append(open_zone(place, keys, tmp_path / "anchor" / "audit.anchor", **options))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: Callable[..., ZoneStore]) -> ZoneStore:
    return open_again()
