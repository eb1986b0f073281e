"""Fitted generators and what was drawn of them.

Revision 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _bytewise() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table, protected as the others of the zone are."""
    op.create_table(
        "synthesis",
        sa.Column("name", _bytewise(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent", _bytewise(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("synthesis_by_parent", "synthesis", ["parent"])
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    sql = "SELECT coalesce((SELECT value FROM meta WHERE name = 'zone'), current_setting('careloom.zone'))"
    zone = connection.exec_driver_sql(sql).scalar_one().replace("'", "''")
    declared = f"(SELECT 1 WHERE current_setting('careloom.zone', true) = '{zone}') IS NOT NULL"
    op.execute("ALTER TABLE synthesis ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE synthesis FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY zone ON synthesis USING ({declared}) WITH CHECK ({declared})")


def downgrade() -> None:
    """Removes it again; tables that were released cannot be fetched then."""
    op.drop_table("synthesis")
