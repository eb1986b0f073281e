"""What messages and documents say of themselves, so that raw records are found again.

Revision 0002. Records that landed before have no such row: they are found by patient and by day of arrival.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the table of record facts."""
    op.create_table(
        "record_fact",
        sa.Column("rec", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("moment", sa.BigInteger(), nullable=True),
        sa.Column("control", sa.BigInteger(), nullable=True),
        sa.Column("faults", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["rec"], ["record.rec"]),
        sa.PrimaryKeyConstraint("rec"),
    )
    op.create_index("record_fact_by_kind", "record_fact", ["kind", "rec"], unique=False)
    op.create_index("record_fact_by_control", "record_fact", ["control"], unique=False)
