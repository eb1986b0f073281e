"""Tables as the statements that make them, written once a process: to write them takes longer than to run them."""

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, MetaData, create_mock_engine, make_url

from careloom.store import bulk


def make_tables(connection: Connection, tables: MetaData) -> None:
    """Makes all tables and indexes of a schema, none of which is there yet."""
    run_all(connection, _statements(tables, connection.dialect.name))


def run_all(connection: Connection, statements: Iterable[str]) -> None:
    """Runs statements without values and rows; PostgreSQL gets them in one message."""
    driver = bulk.driver(connection)
    if bulk.is_postgresql(connection):
        driver.execute(";\n".join(statements))
        return
    for statement in statements:
        driver.execute(statement)


@lru_cache(8)
def _statements(tables: MetaData, dialect: str) -> tuple[str, ...]:
    written: list[str] = []
    url = "postgresql+psycopg://" if dialect == "postgresql" else "sqlite://"
    of = make_url(url).get_dialect()()
    engine = create_mock_engine(url, lambda statement, *_, **__: written.append(str(statement.compile(dialect=of))))
    tables.create_all(engine, checkfirst=False)
    return tuple(written)
