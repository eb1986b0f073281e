"""Alarms of watched models and what is to be told of them, charts, and when an outcome became known.

Revision 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _bytewise() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables, protected as the others of the zone are; of outcomes of before nobody knows when they came."""
    op.add_column("prediction", sa.Column("noted", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "alarm",
        sa.Column("alarm", _bytewise(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("version", "kind", "place", "level")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("opened", "seen", "closed")),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alarm"),
    )
    op.create_index("alarm_by_version", "alarm", ["version", "closed"])
    op.create_table(
        "alarm_message",
        sa.Column("message", _bytewise(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("version", "channel", "state")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created", "due")),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("code", "body")),
        sa.PrimaryKeyConstraint("message"),
    )
    op.create_index("alarm_message_by_state", "alarm_message", ["state", "created"])
    op.create_table(
        "monitor_chart",
        sa.Column("version", _bytewise(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "prediction_gone",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("model", "version", "reason")),
        sa.Column("predictions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "reason"),
    )
    _protect("alarm", "alarm_message", "monitor_chart", "prediction_gone")


def downgrade() -> None:
    """Removes them again; what was not told is not told then."""
    for table in ("prediction_gone", "monitor_chart", "alarm_message", "alarm"):
        op.drop_table(table)
    op.drop_column("prediction", "noted")


def _protect(*tables: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    sql = "SELECT coalesce((SELECT value FROM meta WHERE name = 'zone'), current_setting('careloom.zone'))"
    zone = connection.exec_driver_sql(sql).scalar_one().replace("'", "''")
    declared = f"(SELECT 1 WHERE current_setting('careloom.zone', true) = '{zone}') IS NOT NULL"
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY zone ON {table} USING ({declared}) WITH CHECK ({declared})")
