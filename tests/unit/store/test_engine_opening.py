"""A database that is new to all of those who open it at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from sqlalchemy import Engine

from careloom.store.engine import open_engine, reading, writing

OPENED_AT_ONCE = 8
ROUNDS = 25


def test_of_many_that_open_a_new_database_at_once_none_is_refused(tmp_path: Path) -> None:
    for turn in range(ROUNDS):
        engines = [open_engine(tmp_path, f"zone{turn}") for _ in range(OPENED_AT_ONCE)]
        together = Barrier(OPENED_AT_ONCE)

        def write(number: int, engines: list[Engine] = engines, together: Barrier = together) -> None:
            together.wait()
            with writing(engines[number]) as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS seen (number INTEGER)")
                connection.exec_driver_sql("INSERT INTO seen VALUES (?)", (number,))

        with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
            list(pool.map(write, range(OPENED_AT_ONCE)))
        with reading(engines[0]) as connection:
            found = connection.exec_driver_sql("SELECT number FROM seen ORDER BY number").scalars().all()
        assert found == list(range(OPENED_AT_ONCE))
        for engine in engines:
            engine.dispose()
