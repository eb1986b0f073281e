"""The first tables of a zone.

Revision 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SQLITE_TRIGGERS = (
    "CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    "CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
)
_POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$",
    "CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)


def upgrade() -> None:
    """Makes all tables and the triggers that keep the audit chain append-only."""
    _tables_1()
    _tables_2()
    _tables_3()
    _tables_4()
    _tables_4_more()
    _tables_5()
    _tables_6()
    _tables_7()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL_TRIGGERS if is_postgresql else _SQLITE_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first version."""
    raise NotImplementedError


def _tables_1() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "idx_eq",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("rid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "rid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idx_range",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("rid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "low", "high", "unit", "rid"),
        sqlite_with_rowid=False,
    )
    op.create_index("idx_range_by_rid", "idx_range", ["rid", "key"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _tables_2() -> None:
    op.create_table(
        "record_link",
        sa.Column("rec", _COUNTED, nullable=False),
        sa.Column("rid", _COUNTED, nullable=False),
        sa.PrimaryKeyConstraint("rec", "rid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subject_key",
        sa.Column("subject", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("kek_id", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        sa.UniqueConstraint("pseudonym"),
    )
    op.create_table(
        "token_system",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("param", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("type", "param", "system"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstone",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mark"),
    )


def _tables_3() -> None:
    op.create_table(
        "manifest",
        sa.Column("manifest", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("manifest_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("subject", _COUNTED, nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["subject_key.subject"],
        ),
        sa.PrimaryKeyConstraint("manifest"),
        sa.UniqueConstraint("manifest_id"),
    )
    op.create_index("manifest_by_file", "manifest", ["file_hash"], unique=False)


def _tables_4() -> None:
    op.create_table(
        "record",
        sa.Column("rec", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("subject", _COUNTED, nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("manifest", _COUNTED, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["subject_key.subject"],
        ),
        sa.PrimaryKeyConstraint("rec"),
        sa.UniqueConstraint("record_id"),
    )
    op.create_index("record_by_subject", "record", ["subject"], unique=False)


def _tables_4_more() -> None:
    op.create_table(
        "subject_link",
        sa.Column("subject", _COUNTED, nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["subject_key.subject"],
        ),
        sa.PrimaryKeyConstraint("pseudonym", "subject"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "manifest_chunk",
        sa.Column("manifest", _COUNTED, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["manifest"],
            ["manifest.manifest"],
        ),
        sa.PrimaryKeyConstraint("manifest", "chunk"),
    )


def _tables_5() -> None:
    op.create_table(
        "quarantine",
        sa.Column("qid", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("rec", _COUNTED, nullable=False),
        sa.Column("manifest", _COUNTED, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("issues", sa.Text(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rec"],
            ["record.rec"],
        ),
        sa.PrimaryKeyConstraint("qid"),
        sa.UniqueConstraint("rec"),
    )


def _tables_6() -> None:
    op.create_table(
        "resource",
        sa.Column("rid", _COUNTED, autoincrement=False, nullable=False),
        sa.Column("type", _BYTEWISE, nullable=False),
        sa.Column("id", _BYTEWISE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("subject", _COUNTED, nullable=False),
        sa.Column("record", _COUNTED, nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record"],
            ["record.rec"],
        ),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["subject_key.subject"],
        ),
        sa.PrimaryKeyConstraint("rid"),
        sa.UniqueConstraint("type", "id"),
    )
    op.create_index("resource_by_record", "resource", ["record"], unique=False)
    op.create_index("resource_by_subject", "resource", ["subject"], unique=False)
    op.create_index("resource_by_update", "resource", ["type", "last_updated"], unique=False)


def _tables_7() -> None:
    op.create_table(
        "resource_history",
        sa.Column("rid", _COUNTED, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("subject", _COUNTED, nullable=False),
        sa.Column("record", _COUNTED, nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record"],
            ["record.rec"],
        ),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["subject_key.subject"],
        ),
        sa.PrimaryKeyConstraint("rid", "version"),
    )
    op.create_index("resource_history_by_record", "resource_history", ["record"], unique=False)
    op.create_index("resource_history_by_subject", "resource_history", ["subject"], unique=False)
