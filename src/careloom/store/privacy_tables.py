"""The table of the privacy ledger; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from careloom.store.schema import metadata

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")

privacy_entry = Table(
    "privacy_entry",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=False),
    Column("entry", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("privacy_entry_by_name", "entry", unique=True),
)
"""A chain: rows are added and never changed. `body`: canonical JSON of who did what to which account; `hash`: SHA-256
over the row and the hash before it, which the event of the same step in the signed audit chain names, too."""
