"""The table of emergencies in which the glass was broken; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from careloom.store.schema import metadata

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")

emergency = Table(
    "emergency",
    metadata,
    Column("id", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("pseudonym", Text, nullable=False),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("acknowledged", BigInteger, nullable=True),
    Column("acknowledged_by", Text, nullable=False),
    Index("emergency_by_time", "opened", "id"),
    Index("emergency_by_pseudonym", "pseudonym"),
)
"""`body` (the patient's stored id and the reason) is sealed under the patient's key `subject`; an erasure removes the
row. `acknowledged_by` is empty until somebody has looked at it."""
