"""Own search parameters, and how names sound: where persons are stored already, that waits to be indexed.

Revision 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_PERSONS = ("Patient", "Person", "Practitioner", "RelatedPerson")
_DEFINITION = '{"expression":"","kind":"string","targets":[],"url":""}'


def upgrade() -> None:
    """Makes the table, and the rows that a new zone has."""
    made = op.create_table(
        "own_parameter",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    connection = op.get_bind()
    connection.execute(sa.text("INSERT INTO meta VALUES ('counter.parameters', '0')"))
    stored = sa.text("SELECT 1 FROM resource WHERE type = :type LIMIT 1")
    rows = [
        {
            "number": number, "type": kind, "code": "phonetic", "resource": "", "definition": _DEFINITION,
            "state": "waiting" if connection.execute(stored, {"type": kind}).first() else "on",
            "mark": 0, "counts": "{}", "changed": 0,
        }
        for number, kind in enumerate(_PERSONS, 1)
    ]  # fmt: skip
    connection.execute(made.insert(), rows)


def downgrade() -> None:
    """Removes them again. Their search entries stay, and are found by nothing: careloom store check tells of them."""
    op.drop_table("own_parameter")
    op.get_bind().execute(sa.text("DELETE FROM meta WHERE name = 'counter.parameters'"))
