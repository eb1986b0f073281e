"""Pairs of patients who may be one, what was decided about them, and the runs that found them.

Revision 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables of linkage."""
    op.create_table(
        "linkage_pair",
        sa.Column("pair", _BYTEWISE, nullable=False),
        sa.Column("one", _BYTEWISE, nullable=False),
        sa.Column("other", _BYTEWISE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("cautions", sa.Text(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pair"),
    )
    op.create_index("linkage_pair_by_state", "linkage_pair", ["state", "weight", "pair"], unique=False)
    op.create_index("linkage_pair_by_one", "linkage_pair", ["one"], unique=False)
    op.create_index("linkage_pair_by_other", "linkage_pair", ["other"], unique=False)
    _decisions()


def _decisions() -> None:
    op.create_table(
        "linkage_decision",
        sa.Column("pair", _BYTEWISE, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("subject", _COUNTED, nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["linkage_pair.pair"]),
        sa.ForeignKeyConstraint(["subject"], ["subject_key.subject"]),
        sa.PrimaryKeyConstraint("pair", "step"),
    )
    op.create_index("linkage_decision_by_subject", "linkage_decision", ["subject"], unique=False)
    op.create_table(
        "linkage_run",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("watermark", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run"),
    )


def downgrade() -> None:
    """Removes them again; decisions are lost."""
    for table in ("linkage_run", "linkage_decision", "linkage_pair"):
        op.drop_table(table)
