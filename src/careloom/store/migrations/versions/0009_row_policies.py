"""Row-level security by zone, on PostgreSQL: rows show to connections that declare the zone of the database.

Revision 0009.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _tables() -> list[str]:
    sql = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
    names = [row[0] for row in op.get_bind().exec_driver_sql(sql)]
    return [name for name in names if name not in _OTHERS]


_OTHERS = ("alembic_version", "access_version", "client", "assertion_seen", "token_revoked")
"""The registry of clients protects its own."""


def upgrade() -> None:
    """Protects every table. A database without a zone yet takes the one that the connection declares."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    sql = "SELECT coalesce((SELECT value FROM meta WHERE name = 'zone'), current_setting('careloom.zone'))"
    zone = connection.exec_driver_sql(sql).scalar_one().replace("'", "''")
    declared = f"(SELECT 1 WHERE current_setting('careloom.zone', true) = '{zone}') IS NOT NULL"
    for table in _tables():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY zone ON {table} USING ({declared}) WITH CHECK ({declared})")


def downgrade() -> None:
    """Takes the protection away."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _tables():
        op.execute(f"DROP POLICY zone ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
