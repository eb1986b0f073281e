"""The tables of the queue of jobs, and how its SQLite file is opened."""

from typing import Any

from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, Table, Text, event
from sqlalchemy.schema import CreateIndex, CreateTable

from careloom.store.engine import keep_a_write_ahead_log

FILE_NAME = "jobs.db"
metadata = MetaData()
job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("result", Text, nullable=False, default="{}"),
    Column("done", BigInteger, nullable=False, default=0),
    Column("total", BigInteger, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("error_code", Text, nullable=False, default=""),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger),
    Column("failures", Integer, nullable=False, default=0),
    Column("due", BigInteger),
    Column("trace", Text, nullable=False, server_default=""),
    Column("cpu", BigInteger),
    Column("wall", BigInteger),
)
_ADDED = {
    "failures": "INTEGER NOT NULL DEFAULT 0", "due": "BIGINT", "trace": "TEXT NOT NULL DEFAULT ''",
    "cpu": "BIGINT", "wall": "BIGINT",
}  # fmt: skip
"""Columns that a file of an earlier version lacks."""
job_log = Table(
    "job_log",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("job", Text, nullable=False, index=True),
    Column("time", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
)


def make_tables(engine: Engine) -> None:
    """Makes what is not there; several processes may do so at once. What is removed is overwritten from then on."""
    event.listen(engine, "connect", _prepare)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
    if _lacking(engine):
        _add_columns(engine)


def _lacking(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        there = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(job)")}
    return [name for name in _ADDED if name not in there]


def _add_columns(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        there = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(job)")}
        for name, kind in _ADDED.items():
            if name not in there:  # another process may have been quicker
                connection.exec_driver_sql(f"ALTER TABLE job ADD COLUMN {name} {kind}")
        connection.exec_driver_sql("COMMIT")


def _prepare(connection: Any, _record: Any) -> None:
    keep_a_write_ahead_log(connection.cursor())
    connection.execute("PRAGMA secure_delete=ON")
