"""Cards of CDS Hooks that were shown, and what people made of them.

Revision 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table, protected as the others of the zone are."""
    op.create_table(
        "cds_card",
        sa.Column("card", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("service", "kind")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("shown", "answered")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("answer", "reason")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("suggestions", "taken")),
        sa.PrimaryKeyConstraint("card"),
    )
    op.create_index("cds_card_by_shown", "cds_card", ["shown"])
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    sql = "SELECT coalesce((SELECT value FROM meta WHERE name = 'zone'), current_setting('careloom.zone'))"
    zone = connection.exec_driver_sql(sql).scalar_one().replace("'", "''")
    declared = f"(SELECT 1 WHERE current_setting('careloom.zone', true) = '{zone}') IS NOT NULL"
    op.execute("ALTER TABLE cds_card ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cds_card FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY zone ON cds_card USING ({declared}) WITH CHECK ({declared})")


def downgrade() -> None:
    """Removes it again; what people made of cards is forgotten then."""
    op.drop_table("cds_card")
