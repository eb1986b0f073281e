"""A server of PostgreSQL that is started again is waited for; one that never was there is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from careloom.store.engine import Restarts
from tests.store_kit import fresh_database

SOCKET, ASIDE = ".s.PGSQL.5432", "aside"


class Door:
    """The socket of a cluster, which can be closed; who waits for it opens it."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder = Path(folder)
        self.waited = 0
        self.engine: Engine = create_engine(fresh_database(folder, name))
        event.listen(self.engine, "do_connect", Restarts(self._wait).connect)

    def _wait(self, _seconds: float) -> None:
        self.waited += 1
        self.open()

    def close(self) -> None:
        self.engine.dispose()
        (self.folder / SOCKET).rename(self.folder / ASIDE)

    def open(self) -> None:
        if (self.folder / ASIDE).exists():
            (self.folder / ASIDE).rename(self.folder / SOCKET)

    def ask(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT 1").scalar_one())


@pytest.fixture
def door(postgresql: str, request: pytest.FixtureRequest) -> Iterator[Door]:
    made = Door(postgresql, request.node.name[-50:])
    yield made
    made.open()
    made.engine.dispose()


def test_who_comes_while_a_known_server_is_away_waits_until_it_is_there(door: Door) -> None:
    assert door.ask() == 1
    door.close()
    assert (door.ask(), door.waited) == (1, 1)


def test_nobody_waits_for_a_server_that_never_was_there(door: Door) -> None:
    door.close()
    with pytest.raises(OperationalError):
        door.ask()
    assert door.waited == 0
