"""Holds, restrictions and objections; what models learnt from; the numbers of rows that erasures took.

Revision 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables of patients' rights."""
    op.create_table(
        "rights_rule",
        sa.Column("rule", _BYTEWISE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("patient", _BYTEWISE, nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("ender", sa.Text(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("subject", _COUNTED, nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["subject_key.subject"]),
        sa.PrimaryKeyConstraint("rule"),
    )
    op.create_index("rights_rule_by_patient", "rights_rule", ["patient"], unique=False)
    _trainings()
    op.create_table(
        "erased_row",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "number", "version"),
        sqlite_with_rowid=False,
    )


def _trainings() -> None:
    op.create_table(
        "training",
        sa.Column("training", _BYTEWISE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("patients", sa.Integer(), nullable=False),
        sa.Column("successor", sa.Text(), nullable=False),
        sa.Column("retrained", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("training"),
    )
    op.create_table(
        "trained_on",
        sa.Column("training", _BYTEWISE, nullable=False),
        sa.Column("pseudonym", _BYTEWISE, nullable=False),
        sa.ForeignKeyConstraint(["training"], ["training.training"]),
        sa.PrimaryKeyConstraint("pseudonym", "training"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "training_taint",
        sa.Column("training", _BYTEWISE, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["training"], ["training.training"]),
        sa.PrimaryKeyConstraint("training", "number"),
    )


def downgrade() -> None:
    """Removes them again. Holds and restrictions are lost: note them down first."""
    for table in ("erased_row", "training_taint", "trained_on", "training", "rights_rule"):
        op.drop_table(table)
