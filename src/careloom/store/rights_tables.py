"""The tables of patients' rights: holds, restrictions and objections, what models learnt from, what erasures took.

Patients stand here by their stored, keyed ids; reasons are sealed under the patient's key. Erasing a patient removes
all of it; of a training it leaves that it is tainted, and of the erased rows their numbers, which mean nobody.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from careloom.store.schema import metadata

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")
_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")

rights_rule = Table(
    "rights_rule",
    metadata,
    Column("rule", _BYTEWISE, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("patient", _BYTEWISE, nullable=False),
    Column("zone", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("ender", Text, nullable=False),
    Column("ended", BigInteger, nullable=True),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=True),
    Column("reason", LargeBinary, nullable=False),
    Index("rights_rule_by_patient", "patient"),
)
"""`kind`: hold (nothing may be removed), restrict (processed for care and privacy alone) or object (not for research).
`patient` is empty where a hold is on a whole `zone`; `ended` is null while the rule holds; `reason` is sealed."""

training = Table(
    "training",
    metadata,
    Column("training", _BYTEWISE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("patients", Integer, nullable=False),
    Column("successor", Text, nullable=False),
    Column("retrained", BigInteger, nullable=True),
)
"""One model, data set or release that learnt from patients. `kind`: model, corrections or synthetic; `digest`: SHA-256
of what was made; `successor`: the training that took its place after it was tainted, at `retrained`."""

trained_on = Table(
    "trained_on",
    metadata,
    Column("training", _BYTEWISE, ForeignKey("training.training"), nullable=False),
    Column("pseudonym", _BYTEWISE, nullable=False),
    PrimaryKeyConstraint("pseudonym", "training"),
    sqlite_with_rowid=False,
)
"""The patients a training read, by the keyed pseudonyms of the identified zone."""

training_taint = Table(
    "training_taint",
    metadata,
    Column("training", _BYTEWISE, ForeignKey("training.training"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    PrimaryKeyConstraint("training", "number"),
)
"""That a training read somebody who may not be in it any more. `cause`: erasure, object or restrict."""

erased_row = Table(
    "erased_row",
    metadata,
    Column("kind", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("kind", "number", "version"),
    sqlite_with_rowid=False,
)
"""Numbers of rows that erasures removed, so that they leave backups, too. `kind`: subject, resource, version or record;
`version` is 0 where the row has none."""
