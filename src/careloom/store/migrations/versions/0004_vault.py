"""Epochs of a project's pseudonyms, and requests for who is behind them.

Revision 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables of the vault."""
    op.create_table(
        "vault_epoch",
        sa.Column("project", _BYTEWISE, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("retired", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project", "epoch"),
    )
    op.create_table(
        "vault_request",
        sa.Column("request", _BYTEWISE, nullable=False),
        sa.Column("project", _BYTEWISE, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("names", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("decider", sa.Text(), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("reveals", sa.Integer(), nullable=False),
        sa.Column("revealed", sa.BigInteger(), nullable=True),
        sa.Column("subject", _COUNTED, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("remark", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["subject"], ["subject_key.subject"]),
        sa.PrimaryKeyConstraint("request"),
    )
    op.create_index("vault_request_by_time", "vault_request", ["created", "request"], unique=False)
    op.create_index("vault_request_by_subject", "vault_request", ["subject"], unique=False)


def downgrade() -> None:
    """Removes them again. Later epochs lose their salt: what was named under them cannot be reversed any more."""
    for table in ("vault_request", "vault_epoch"):
        op.drop_table(table)
