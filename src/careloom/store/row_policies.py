"""Row-level security on PostgreSQL: a connection that does not declare a zone finds and writes nothing of it.

Each zone has a database of its own; this holds where one is reached by mistake: another zone's address, a report's
connection, a hand at a prompt. The policies hold for the owner of the tables too, and for nobody who is superuser or
has BYPASSRLS: see ``docs/how-to/protect-postgresql.md``.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, event

from careloom.store.table_texts import run_all

SETTING = "careloom.zone"
"""The setting of a session that names its zone."""
POLICY = "zone"


def declare(engine: Engine, zone: str) -> None:
    """Every connection of an engine of PostgreSQL says from its start of which zone it is."""

    def say(connection: Any, _record: Any) -> None:
        connection.execute("SELECT set_config(%s, %s, false)", (SETTING, zone))
        connection.commit()  # a setting goes with the transaction that is rolled back

    event.listen(engine, "connect", say)


def protect(connection: Connection, tables: Iterable[str], zone: str) -> None:
    """From the end of the transaction on, rows of these tables show to connections that declare the zone.

    The condition is a subquery that is not null: asked once a statement, and taken by the planner for nearly always
    true. As a plain comparison it was asked of each row, and every plan expected a two-hundredth of what there was.
    """
    literal = "'" + zone.replace("'", "''") + "'"
    declared = f"(SELECT 1 WHERE current_setting('{SETTING}', true) = {literal}) IS NOT NULL"
    statements = (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; "
        f"CREATE POLICY {POLICY} ON {table} USING ({declared}) WITH CHECK ({declared})"
        for table in tables
    )
    run_all(connection, statements)


def is_protected(connection: Connection, table: str) -> bool:
    """True when the rows of a table show to those connections alone."""
    sql = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass(%s)"
    return bool(connection.exec_driver_sql(sql, (table,)).scalar())
