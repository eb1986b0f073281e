"""What is said of the outcome of a prediction before it can be final, beside what is final.

Revision 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; outcomes of before stay final, as they were taken."""
    op.add_column("prediction", sa.Column("told", sa.LargeBinary(), nullable=False, server_default=""))
    op.add_column("prediction", sa.Column("told_at", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Removes them again; what was told early is forgotten then."""
    op.drop_column("prediction", "told_at")
    op.drop_column("prediction", "told")
