"""The table of models; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from careloom.store.schema import metadata

_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

model_work = Table(
    "model_work",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", _BYTEWISE, primary_key=True),
    Column("parent", _BYTEWISE, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("model_work_by_parent", "kind", "parent"),
)
"""What is known of models, never a patient. `kind`: version (``NAME@NUMBER``), traffic (of a model: who is champion),
count (what a version answered in a while), run (of a pipeline), mirror (what MLflow shows) or card (of
a version); `parent`: the model, of a
run the pipeline; `body`: JSON."""
