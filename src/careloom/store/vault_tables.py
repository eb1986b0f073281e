"""The tables of the pseudonym vault: the epochs of each project's keys, and who asked who is behind which pseudonyms.

No table leads from a pseudonym to a person: names are computed again each time. What was asked, and why, is sealed
under the key that the patients concerned share, so that erasing any of them destroys it.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from careloom.store.schema import metadata

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")
_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

vault_epoch = Table(
    "vault_epoch",
    metadata,
    Column("project", _BYTEWISE, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("begun", BigInteger, nullable=True),
    Column("finished", BigInteger, nullable=True),
    Column("retired", BigInteger, nullable=True),
    PrimaryKeyConstraint("project", "epoch"),
)
"""One epoch of a project's pseudonyms and date shifts. `salt`: what its keys are derived with beside the root, empty
for the first epoch and for a retired one; `begun` and `finished`: the last run that began to write the research zone
under it, and the last one that ended."""

vault_request = Table(
    "vault_request",
    metadata,
    Column("request", _BYTEWISE, primary_key=True),
    Column("project", _BYTEWISE, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("names", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("decider", Text, nullable=False),
    Column("decided", BigInteger, nullable=True),
    Column("expires", BigInteger, nullable=True),
    Column("reveals", Integer, nullable=False),
    Column("revealed", BigInteger, nullable=True),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=True),
    Column("body", LargeBinary, nullable=False),
    Column("remark", LargeBinary, nullable=False),
    Index("vault_request_by_time", "created", "request"),
    Index("vault_request_by_subject", "subject"),
)
"""One question: `names` counts the pseudonyms; `state`: asked, approved, refused or erased; `decider` is empty where
nobody had to approve. `body` (reason and pseudonyms) and `remark` (of the decider) are sealed, empty once erased."""
