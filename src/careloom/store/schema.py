"""The tables of a zone's database, the same on SQLite and PostgreSQL.

Nothing here is readable without keys: bodies are sealed, hashes and ids are keyed, names are sealed.
Times are microseconds since 1970-01-01 UTC. Ids that the application counts (`rid`, `rec`, ...) are never used twice.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
_COUNTED = BigInteger().with_variant(Integer(), "sqlite")
_BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its bytes on both databases, so that a scan has the same order everywhere."""

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts about the database itself: zone, counters, version of the index."""

subject_key = Table(
    "subject_key",
    metadata,
    Column("subject", _COUNTED, primary_key=True, autoincrement=False),
    Column("pseudonym", Text, nullable=False, unique=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("kek_id", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""One data key per patient, wrapped. `subject` 1 is the zone's shared key (content about no patient)."""

subject_link = Table(
    "subject_link",
    metadata,
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=False),
    Column("pseudonym", Text, nullable=False),
    PrimaryKeyConstraint("pseudonym", "subject"),
    sqlite_with_rowid=False,
)
"""The patients behind a key that several share: erasing any of them destroys what it seals."""

manifest = Table(
    "manifest",
    metadata,
    Column("manifest", _COUNTED, primary_key=True, autoincrement=False),
    Column("manifest_id", Text, nullable=False, unique=True),
    Column("run", Text, nullable=False),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=True),
    Column("name", LargeBinary, nullable=True),
    Column("file_hash", LargeBinary, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=True),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("finished", BigInteger, nullable=True),
    Column("counts", Text, nullable=False),
    Index("manifest_by_file", "file_hash"),
)
"""One arrived file: `root` is the Merkle root over its ordered record hashes; `name` is sealed, null once erased.
`state`: open, done or failed."""

manifest_chunk = Table(
    "manifest_chunk",
    metadata,
    Column("manifest", _COUNTED, ForeignKey("manifest.manifest"), nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("counts", Text, nullable=False),
    PrimaryKeyConstraint("manifest", "chunk"),
)
"""Up to 1000 consecutive record hashes of a manifest, 16 bytes each."""

record = Table(
    "record",
    metadata,
    Column("rec", _COUNTED, primary_key=True, autoincrement=False),
    Column("record_id", Text, nullable=False, unique=True),
    Column("format", Text, nullable=False),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("manifest", _COUNTED, nullable=True),
    Column("position", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("record_by_subject", "subject"),
)
"""One arriving record, its exact bytes sealed; `manifest` and `position` say where it arrived first."""

record_fact = Table(
    "record_fact",
    metadata,
    Column("rec", _COUNTED, ForeignKey("record.rec"), primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("moment", BigInteger, nullable=True),
    Column("control", BigInteger, nullable=True),
    Column("faults", Integer, nullable=True),
    Index("record_fact_by_kind", "kind", "rec"),
    Index("record_fact_by_control", "control"),
)
"""What a message or document says of itself: its type, when it was made, and the keyed hash of its control id;
`faults`: in how many ways its structure is not that of its type."""

resource = Table(
    "resource",
    metadata,
    Column("rid", _COUNTED, primary_key=True, autoincrement=False),
    Column("type", _BYTEWISE, nullable=False),
    Column("id", _BYTEWISE, nullable=False),
    Column("version", Integer, nullable=False),
    Column("last_updated", BigInteger, nullable=False),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=False),
    Column("record", _COUNTED, ForeignKey("record.rec"), nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("type", "id"),
    Index("resource_by_subject", "subject"),
    Index("resource_by_update", "type", "last_updated"),
    Index("resource_by_record", "record"),
)
"""The current version of each resource; a deleted one stays as a row with an empty body and `deleted` true."""

resource_history = Table(
    "resource_history",
    metadata,
    Column("rid", _COUNTED, nullable=False),
    Column("version", Integer, nullable=False),
    Column("last_updated", BigInteger, nullable=False),
    Column("subject", _COUNTED, ForeignKey("subject_key.subject"), nullable=False),
    Column("record", _COUNTED, ForeignKey("record.rec"), nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("rid", "version"),
    Index("resource_history_by_subject", "subject"),
    Index("resource_history_by_record", "record"),
)
"""Earlier versions; type and id are those of the current row with the same `rid`."""

record_link = Table(
    "record_link",
    metadata,
    Column("rec", _COUNTED, nullable=False),
    Column("rid", _COUNTED, nullable=False),
    PrimaryKeyConstraint("rec", "rid"),
    sqlite_with_rowid=False,
)
"""Records whose content was already stored: they stand behind the resource too, but made no version of it."""

idx_eq = Table(
    "idx_eq",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("rid", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", "rid"),
    sqlite_with_rowid=False,
)
"""Equality search: `key` is a keyed 64-bit hash of (type, parameter, kind, value)."""

idx_range = Table(
    "idx_range",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("unit", BigInteger, nullable=False),
    Column("rid", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", "low", "high", "unit", "rid"),
    Index("idx_range_by_rid", "rid", "key"),
    sqlite_with_rowid=False,
)
"""Order search: dates (milliseconds, half-open), numbers, quantities; `key` hashes (type, parameter)."""

token_system = Table(
    "token_system",
    metadata,
    Column("type", Text, nullable=False),
    Column("param", Text, nullable=False),
    Column("system", Text, nullable=False),
    PrimaryKeyConstraint("type", "param", "system"),
    sqlite_with_rowid=False,
)
"""The code systems seen per type and parameter: a token search without a system expands over them."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("qid", _COUNTED, primary_key=True, autoincrement=False),
    Column("rec", _COUNTED, ForeignKey("record.rec"), nullable=False, unique=True),
    Column("manifest", _COUNTED, nullable=True),
    Column("position", BigInteger, nullable=False),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("issues", Text, nullable=False),
    Column("context", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
"""Records that were refused whole: `reason` is the code of the first refusing issue; `state`: waiting or redriven.
`context` (what a reader needs beside the bytes) is sealed under the record's key, empty once redriven."""

tombstone = Table(
    "tombstone",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("created", BigInteger, nullable=False),
)
"""Marks of erased patients, under a key of their own: not their pseudonym, not their id."""

audit = Table(
    "audit",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
"""The audit chain: `hash` covers `prev` and the canonical JSON of the row; signed with Ed25519. Rows never change."""
