"""Versions of models, who of them answers, and runs of pipelines.

Revision 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _bytewise() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table, protected as the others of the zone are."""
    op.create_table(
        "model_work",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", _bytewise(), nullable=False),
        sa.Column("parent", _bytewise(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_index("model_work_by_parent", "model_work", ["kind", "parent"])
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    sql = "SELECT coalesce((SELECT value FROM meta WHERE name = 'zone'), current_setting('careloom.zone'))"
    zone = connection.exec_driver_sql(sql).scalar_one().replace("'", "''")
    declared = f"(SELECT 1 WHERE current_setting('careloom.zone', true) = '{zone}') IS NOT NULL"
    op.execute("ALTER TABLE model_work ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE model_work FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY zone ON model_work USING ({declared}) WITH CHECK ({declared})")


def downgrade() -> None:
    """Removes it again; no model answers then."""
    op.drop_table("model_work")
