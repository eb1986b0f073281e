"""Rows in and out, as fast as each database takes them: statements go straight to its driver."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Double, Integer, LargeBinary, Table, Text

_ARRAYS: dict[type, str] = {
    BigInteger: "bigint[]",
    Boolean: "boolean[]",
    Double: "double precision[]",
    Integer: "integer[]",
    LargeBinary: "bytea[]",
    Text: "text[]",
}

ROWS_PER_STATEMENT = (64, 8)
"""Rows of one INSERT on SQLite, as many as there are: of small rows, half as dear as one by one.

Only for rows that may be there already: a statement of several rows that could fail keeps a copy of every page that
it changes, to undo itself, which costs more than it spares.
"""


def is_postgresql(connection: Connection) -> bool:
    """True on PostgreSQL, false on SQLite."""
    return connection.dialect.name == "postgresql"


@lru_cache(512)
def _for_postgresql(sql: str) -> str:
    return sql.replace("?", "%s")


def driver(connection: Connection) -> Any:
    """The driver's own connection, in the transaction of this one: a statement costs a fifth of SQLAlchemy's."""
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.driver_connection


@contextmanager
def sent_together(connection: Connection) -> Iterator[None]:
    """Statements that give no rows, sent to PostgreSQL without waiting for each.

    Their errors come at the next one that gives rows, or at the end. Within another such block this one does nothing.
    """
    if not is_postgresql(connection) or driver(connection).info.pipeline_status:
        yield
        return
    with driver(connection).pipeline():
        yield


def fetch(connection: Connection, sql: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
    """All rows of a query with ``?`` placeholders."""
    if is_postgresql(connection):
        sql = _for_postgresql(sql)
    found: Sequence[tuple[Any, ...]] = driver(connection).execute(sql, values).fetchall()
    return found


def fetch_as_asked(connection: Connection, sql: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
    """The same, planned for these very values: PostgreSQL's plan for any value is a bad one where some are frequent."""
    if not is_postgresql(connection):
        return fetch(connection, sql, values)
    cursor = driver(connection).execute(_for_postgresql(sql), values, prepare=False)
    found: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return found


def fetch_in(connection: Connection, sql: str, values: Iterable[Any], *before: Any) -> Sequence[tuple[Any, ...]]:
    """All rows of a query whose ``{in}`` (after all other placeholders) is the list of values: strings or integers.

    The text of the statement does not depend on how many there are, one or several, so it is prepared once.
    """
    listed = list(values)
    if not listed:
        return []
    if len(listed) == 1:
        return fetch(connection, sql.replace("{in}", "= ?"), (*before, listed[0]))
    if is_postgresql(connection):
        array = "text[]" if isinstance(listed[0], str) else "bigint[]"
        return fetch(connection, sql.replace("{in}", f"= ANY(?::{array})"), (*before, listed))
    return fetch(connection, sql.replace("{in}", "IN (SELECT value FROM json_each(?))"), (*before, json.dumps(listed)))


def run(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Runs one statement with ``?`` placeholders for each row of values."""
    if not rows:
        return
    if is_postgresql(connection):
        sql = _for_postgresql(sql)
    _run_many(connection, sql, rows)


def run_in(connection: Connection, sql: str, values: Iterable[Any]) -> int:
    """Runs a statement whose ``{in}`` is the list of values; returns how many rows it changed."""
    listed = list(values)
    if not listed:
        return 0
    if is_postgresql(connection):
        array = "text[]" if isinstance(listed[0], str) else "bigint[]"
        with driver(connection).pipeline():  # once it ends, how many rows there were is known
            cursor = driver(connection).execute(sql.replace("{in}", f"= ANY(%s::{array})"), (listed,))
    else:
        cursor = driver(connection).execute(
            sql.replace("{in}", "IN (SELECT value FROM json_each(?))"), (json.dumps(listed),)
        )
    return int(cursor.rowcount)


def _run_many(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    cursor = driver(connection).cursor()
    cursor.executemany(sql, rows)
    cursor.close()


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, ignore: bool = False) -> None:
    """Inserts rows that have a value for every column, in the order of the table.

    ignore  leave alone what is there under the same key
    """
    if not rows:
        return
    if is_postgresql(connection):
        sql = _insert_arrays(table, ignore)
        driver(connection).execute(sql, tuple(list(column) for column in zip(*rows, strict=True)))
        return
    start = 0
    for count in ROWS_PER_STATEMENT if ignore else ():
        end = start + (len(rows) - start) // count * count
        if end > start:
            several = [tuple(chain.from_iterable(rows[at : at + count])) for at in range(start, end, count)]
            _run_many(connection, _insert_values(table, ignore, count), several)
            start = end
    if start < len(rows):
        _run_many(connection, _insert_values(table, ignore, 1), rows[start:] if start else rows)


@lru_cache(64)
def _insert_values(table: Table, ignore: bool, count: int) -> str:
    row = f"({', '.join('?' for _ in table.columns)})"
    values = ", ".join([row] * count)
    return f"INSERT {'OR IGNORE ' if ignore else ''}INTO {table.name} VALUES {values}"  # noqa: S608 our own names


@lru_cache(64)
def _insert_arrays(table: Table, ignore: bool) -> str:
    arrays = ", ".join(f"%s::{_array_of(column.type)}" for column in table.columns)
    names = ", ".join(column.name for column in table.columns)
    tail = " ON CONFLICT DO NOTHING" if ignore else ""
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}){tail}"  # noqa: S608 our own names


def _array_of(kind: Any) -> str:
    return next(array for base, array in _ARRAYS.items() if type(kind) is base)
