"""The log of predictions that monitoring reads.

Revision 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _bytewise() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table, protected as the others of the zone are."""
    op.create_table(
        "prediction",
        sa.Column("prediction", _bytewise(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("matures", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["subject_key.subject"]),
        sa.PrimaryKeyConstraint("prediction"),
    )
    op.create_index("prediction_by_model", "prediction", ["model", "version", "time"])
    op.create_index("prediction_by_subject", "prediction", ["subject"])
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    sql = "SELECT coalesce((SELECT value FROM meta WHERE name = 'zone'), current_setting('careloom.zone'))"
    zone = connection.exec_driver_sql(sql).scalar_one().replace("'", "''")
    declared = f"(SELECT 1 WHERE current_setting('careloom.zone', true) = '{zone}') IS NOT NULL"
    op.execute("ALTER TABLE prediction ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE prediction FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY zone ON prediction USING ({declared}) WITH CHECK ({declared})")


def downgrade() -> None:
    """Removes it again; what was predicted cannot be monitored then."""
    op.drop_table("prediction")
