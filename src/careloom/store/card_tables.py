"""The table of cards that a CDS client was shown; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from careloom.store.schema import metadata

_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

cds_card = Table(
    "cds_card",
    metadata,
    Column("card", _BYTEWISE, primary_key=True),
    Column("service", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("shown", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("suggestions", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Index("cds_card_by_shown", "shown"),
)
"""A card that was shown, never of whom. `card`: its UUID; `kind`: what it is about (allergy, duplicate, done, rule,
risk, stranger); `answered`: 0 until it is; `answer`: accepted, overridden or empty; `suggestions`: how many it had;
`taken`: bit by bit which of them were accepted."""
