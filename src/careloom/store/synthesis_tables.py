"""The table of synthetic data; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from careloom.store.schema import metadata

_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

synthesis = Table(
    "synthesis",
    metadata,
    Column("name", _BYTEWISE, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("parent", _BYTEWISE, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("synthesis_by_parent", "parent"),
)
"""What was made of data of nobody. `kind`: model or sample; `parent`: of a sample its model; `state`: of a model
fitting, fitted, failed or discarded, of a sample drawing, staged, judged, refused, releasing, released, withdrawn or
discarded; `body`: JSON without rows."""
