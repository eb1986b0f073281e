"""The table of predictions; made with those of `careloom.store.schema`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from careloom.store.schema import metadata

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")
_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

prediction = Table(
    "prediction",
    metadata,
    Column("prediction", _BYTEWISE, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("matures", BigInteger, nullable=False),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Column("answer", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("noted", BigInteger, nullable=False),
    Column("told", LargeBinary, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Index("prediction_by_model", "model", "version", "time"),
    Index("prediction_by_subject", "subject"),
)
"""One score of one patient. `body` (score, alert, index time, bins of the features, groups), `outcome` (empty until it
is final, or sure that nobody will know it) and `told` (what somebody said of it before, at `told_at`; empty and 0 where
nobody did) are sealed under the patient's key `subject`; an erasure removes the row.
`matures`: when the horizon has passed. `noted`: when the outcome was noted, 0 before. `role`: champion, challenger,
shadow or batch. `answer`: empty, accepted or overridden; `reason`: the code of an override."""
