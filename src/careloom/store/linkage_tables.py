"""The tables of linkage: pairs of patients, what was decided about them, and the runs that found them.

Patients stand here by their stored, keyed ids; scores and reasons hold no value of theirs. What a person wrote about a
decision is sealed under the key that both patients share, so that erasing either destroys it.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from careloom.store.schema import metadata

COUNTED = BigInteger().with_variant(Integer(), "sqlite")
BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

linkage_pair = Table(
    "linkage_pair",
    metadata,
    Column("pair", BYTEWISE, primary_key=True),
    Column("one", BYTEWISE, nullable=False),
    Column("other", BYTEWISE, nullable=False),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("weight", Double, nullable=False),
    Column("probability", Double, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("cautions", Text, nullable=False),
    Column("marks", LargeBinary, nullable=False),
    Column("run", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("linkage_pair_by_state", "state", "weight", "pair"),
    Index("linkage_pair_by_one", "one"),
    Index("linkage_pair_by_other", "other"),
)
"""Two patients who are, or may be, one. `state`: review, linked or rejected; `origin`: whose word that is (model,
person or feed). `marks`: keyed hash of what both were compared by; when it changes, a rejected pair may come back."""

linkage_decision = Table(
    "linkage_decision",
    metadata,
    Column("pair", BYTEWISE, ForeignKey("linkage_pair.pair"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("subject", COUNTED, ForeignKey("subject_key.subject"), nullable=True),
    Column("reason", LargeBinary, nullable=False),
    PrimaryKeyConstraint("pair", "step"),
    Index("linkage_decision_by_subject", "subject"),
)
"""What happened to a pair, in order. `before` and `after` are ``state/origin``; `reason` is sealed, empty if none."""

linkage_run = Table(
    "linkage_run",
    metadata,
    Column("run", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("watermark", BigInteger, nullable=False),
    Column("counts", Text, nullable=False),
    Column("model", Text, nullable=False),
)
"""One run: `kind` full or fresh; `watermark`: the newest patient that it saw; `model`: the trained m and u as JSON."""
