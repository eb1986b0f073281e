"""Every single byte of a stored audit log changed, each row removed or moved: verification finds it, and says where.

What verification says of a row depends on that row and the head before it alone (`row_problems`), so one changed row is
judged by itself, and what a change does to all other rows is asked of a part of the changes.
"""

import os
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from careloom.crypto.keys_local import LocalKeys
from careloom.store.audit_log import EMPTY, AuditChain, Head, is_own_hash, is_signed_row, row_problems, rows_of, verify
from careloom.store.schema import metadata
from tests.store_kit import event

Row = tuple[Any, ...]
COLUMNS = ("seq", "time", "body", "prev", "hash", "signature")
BYTES = [bytes([one]) for one in range(256)]
EVENTS = 2000
EVERY = int(os.environ.get("CARELOOM_FLIP_EVERY", "1"))
"""Of every n-th event all 255 changes of each byte are tried, of the others two: all take ten minutes of CPU time."""
WHOLE_SIGNATURES = os.environ.get("CARELOOM_FLIP_SIGNATURES") == "all"
"""Whether the bytes of a signature are changed to all 255 others too, not to eight: an hour of CPU time more."""


class Log:
    """A log of so many events in a database without triggers, and its rows with their bodies in bytes."""

    def __init__(self, folder: Path, events: int) -> None:
        keys = LocalKeys.open(folder / "keys")
        self.public_key = keys.public_key()
        self.connection = create_engine("sqlite://").connect()
        metadata.create_all(self.connection)
        chain, chance = AuditChain(self.connection, keys.sign, None), random.Random(5)
        subjects = [f"{chance.getrandbits(128):032x}" for _ in range(50)]
        for number in range(events):
            some = tuple(sorted(chance.sample(subjects, chance.randrange(3))))
            chain.append(event(subjects=some, detail={"number": number, "fact": f"{chance.getrandbits(128):032x}"}))
        self.rows: list[Row] = list(rows_of(self.connection, body="CAST(body AS BLOB)"))
        self.heads = [EMPTY, *(Head(row[0], row[4]) for row in self.rows)]

    def codes(self, row: Row, before: int) -> list[str]:
        """What verification says of a row behind the row of that number."""
        return row_problems(row, self.heads[before], self.public_key)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Log]:
    made = Log(tmp_path_factory.mktemp("log"), getattr(request, "param", 40))
    assert verify(made.connection, made.public_key).is_whole
    yield made
    made.connection.close()
    made.connection.engine.dispose()


def stored(value: Any) -> bytes:
    """The bytes of a value; a number has eight of them."""
    return value.to_bytes(8, "big", signed=True) if isinstance(value, int) else value


def changed(row: Row, column: int, at: int, others: Iterable[int]) -> Iterator[Row]:
    """The row with one byte of one column as each of these others."""
    raw, before, behind = stored(row[column]), row[:column], row[column + 1 :]
    left, right, is_number = raw[:at], raw[at + 1 :], isinstance(row[column], int)
    for other in others:
        value = left + BYTES[other] + right
        yield (*before, int.from_bytes(value, "big", signed=True) if is_number else value, *behind)


def flip_all(log: Log, numbers: range, *, is_whole: bool) -> int:
    """Changes every byte of every column to all 255 others, or to two; a signature's to the eight one bit away, or one.

    What has to see it is the check under which the changed column stands.
    """
    changes, chance = 0, random.Random(6)
    for number in numbers:
        row = log.rows[number]
        for column in range(len(COLUMNS)):
            for at, byte in enumerate(stored(row[column])):
                near = [byte ^ 1 << bit for bit in (range(8) if is_whole else [chance.randrange(8)])]
                others = near if column == 5 else [*near, (byte + chance.randrange(1, 256)) % 256]
                if is_whole and (column != 5 or WHOLE_SIGNATURES):
                    others = [one for one in range(256) if one != byte]
                for one in changed(row, column, at, others):
                    seen = not (is_signed_row(log.public_key, one[4], one[5]) if column == 5 else is_own_hash(one))
                    assert seen, (number, COLUMNS[column], at)
                changes += len(others)
    return changes


def test_changed_bytes_are_found_in_their_row(log: Log) -> None:
    assert flip_all(log, range(0, len(log.rows), 4), is_whole=False) > 5000


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=COLUMNS)
def test_the_report_says_where_and_nothing_of_the_rows_beside(log: Log, column: int) -> None:
    chance = random.Random(column)
    for _ in range(12):
        number = chance.randrange(len(log.rows))
        row = log.rows[number]
        at = chance.randrange(len(stored(row[column])))
        (one,) = changed(row, column, at, [stored(row[column])[at] ^ 1 << chance.randrange(7)])
        if column == 0 and one[0] in range(1, len(log.rows) + 1):
            continue  # the key of another row: a database holds no two
        places = {problem.seq for problem in _report(log, [*log.rows[:number], one, *log.rows[number + 1 :]])}
        behind = {row[0] + 1} if column in (0, 4) else set()
        first = {1} if one[0] < 1 else set()
        assert one[0] in places, (number, COLUMNS[column], at)
        assert places <= {one[0]} | behind | first, (number, COLUMNS[column], at)


def _report(log: Log, rows: list[Row]) -> list[Any]:
    """What the whole verification says of these rows in a database."""
    connection = log.connection
    connection.exec_driver_sql("SAVEPOINT flips")
    try:
        connection.exec_driver_sql("DELETE FROM audit")
        insert = "INSERT INTO audit VALUES (?, ?, CAST(? AS TEXT), ?, ?, ?)"
        connection.connection.driver_connection.executemany(insert, rows)  # type: ignore[union-attr]
        return verify(connection, log.public_key).problems
    finally:
        connection.exec_driver_sql("ROLLBACK TO flips")


def test_what_a_row_is_told_does_not_depend_on_the_rows_behind_it(log: Log) -> None:
    for number, row in enumerate(log.rows):
        assert log.codes(row, number) == []
        assert log.codes(row, number - 1 if number else 1) == ["audit.gap", "audit.link"]


def remove_and_move_all(log: Log) -> int:
    """Every row but the last removed, every pair of neighbours and as many other pairs swapped, every row repeated."""
    changes, chance = 0, random.Random(7)
    for number, row in enumerate(log.rows[:-1]):
        behind = log.rows[number + 1]
        assert "audit.gap" in log.codes(behind, number), number
        assert "audit.link" in log.codes((number + 1, *behind[1:]), number), "removed, and the rest numbered anew"
        other = chance.choice([one for one in (chance.randrange(len(log.rows)), number + 1) if one != number])
        for moved in (behind, log.rows[other]):
            assert "audit.hash" in log.codes((row[0], *moved[1:]), number), number
        assert log.codes(row, number + 1), "repeated"
        changes += 5
    return changes


def test_removed_moved_and_repeated_rows_are_found(log: Log) -> None:
    assert remove_and_move_all(log) == 5 * (len(log.rows) - 1)


@pytest.mark.long
@pytest.mark.parametrize("log", [EVENTS], indirect=True)
def test_every_change_of_a_byte_of_a_long_log_is_found(log: Log) -> None:
    moves = remove_and_move_all(log)
    flips = flip_all(log, range(0, len(log.rows), EVERY), is_whole=True)
    if EVERY > 1:
        flips += flip_all(log, range(len(log.rows)), is_whole=False)
    print(f"{len(log.rows)} events: {flips:,} changed bytes and {moves:,} removals and moves, all found")
