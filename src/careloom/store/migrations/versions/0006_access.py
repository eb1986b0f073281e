"""The count of writes of Consents, and emergencies in which the glass was broken.

Revision 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Begins to count, and makes the table of emergencies."""
    op.execute(
        "INSERT INTO meta (name, value) "
        "SELECT 'counter.consents', CAST(count(*) AS TEXT) FROM resource WHERE type = 'Consent'"
    )
    op.create_table(
        "emergency",
        sa.Column("id", _BYTEWISE, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("subject", _COUNTED, nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["subject_key.subject"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("emergency_by_time", "emergency", ["opened", "id"], unique=False)
    op.create_index("emergency_by_pseudonym", "emergency", ["pseudonym"], unique=False)


def downgrade() -> None:
    """Stops counting, and forgets the emergencies; the audit chain still tells of them."""
    op.drop_table("emergency")
    op.execute("DELETE FROM meta WHERE name = 'counter.consents'")
