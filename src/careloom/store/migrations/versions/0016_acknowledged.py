"""Who has acknowledged an alarm of a watched model, when, and what they noted.

Revision 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TEXTS = ("acknowledged_by", "acknowledged_level", "note")


def upgrade() -> None:
    """Adds the columns; nobody has acknowledged alarms of before."""
    op.add_column("alarm", sa.Column("acknowledged", sa.BigInteger(), nullable=False, server_default="0"))
    for name in _TEXTS:
        op.add_column("alarm", sa.Column(name, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Removes them again; what was acknowledged is told again then."""
    for name in (*_TEXTS, "acknowledged"):
        op.drop_column("alarm", name)
