"""The table of a zone's own search parameters; beside `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from careloom.store.schema import metadata

own_parameter = Table(
    "own_parameter",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), nullable=False, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("mark", BigInteger, nullable=False),
    Column("counts", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    PrimaryKeyConstraint("number"),
)
"""One generation of an own parameter of one type. `number` names its slot and is never used twice; `resource`: id of
the SearchParameter that defines it, empty for one that comes with the zone; `definition`, `counts`: JSON; `mark`: the
last row id that was looked at. `state`: waiting (all writes write it, no search finds by it), on, failed, removing."""
