"""One zone's store, opened: transactions that write, reads that unseal."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.audit import AuditEvent
from careloom.fhir.drafts import Resource
from careloom.issues import Issue
from careloom.runtime import Runtime
from careloom.store.rows import Indexer, Landed, Landing, Manifest, Outcome, Stored, Tally, Write, no_index

Zone = Literal["identified", "research", "synthetic"]


class Transaction:
    """One durable step: records, resources, quarantine and audit commit together or not at all.

    Made by `ZoneStore.transaction`; holds the zone's one write lock, so keep it to about a thousand records.
    """

    def begin_manifest(
        self, *, name: str, file_hash: bytes, record_format: str, run: str, config_hash: str = ""
    ) -> Manifest:
        """The manifest of a file, made or found again: the same file with the same configuration is the same manifest.

        file_hash  digest of `ZoneStore.file_hasher()` over all bytes of the file
        """
        raise NotImplementedError

    def land(self, manifest: Manifest, landings: Sequence[Landing]) -> list[Landed]:
        """Keeps the next records of a file, sealed, in order; a record that is known is not kept twice."""
        raise NotImplementedError

    def finish_manifest(self, manifest: Manifest, *, counts: Mapping[str, Any], state: str = "done") -> bytes:
        """Closes a manifest and returns its Merkle root."""
        raise NotImplementedError

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Writes resources in order; one outcome each. The same (type, id) may come several times."""
        raise NotImplementedError

    def quarantine(self, rec: int, *, issues: Sequence[Issue], place: str) -> None:
        """Notes that a landed record was refused whole; again for a known one: counts an attempt."""
        raise NotImplementedError

    def redriven(self, rec: int) -> None:
        """Notes that a quarantined record has now been stored."""
        raise NotImplementedError

    def audit(self, event: AuditEvent) -> None:
        """Adds a further event to the chain, beside the transaction's own."""
        raise NotImplementedError


class ZoneStore:
    """The store of one zone. Close it when done; one process may hold several.

    Reads run on their own connections and see committed data only.
    """

    @classmethod
    def open(
        cls,
        place: Path | str,
        *,
        zone: Zone,
        keys: Any,
        runtime: Runtime,
        indexer: Indexer = no_index,
    ) -> "ZoneStore":
        """The store of `zone`, made if it is not there.

        place    the data directory (SQLite: ``<place>/<zone>/store.db``) or a ``postgresql+psycopg://`` URL
        keys     a `careloom.crypto.keys.KeyProvider`
        indexer  search entries of a resource; without it nothing can be searched
        raises   SetupError if the database was made for another zone, by a newer version, or cannot be reached
        """
        raise NotImplementedError

    def close(self) -> None:
        """Closes all connections."""
        raise NotImplementedError

    @contextmanager
    def transaction(self, event: AuditEvent | Callable[[Tally], AuditEvent]) -> Iterator[Transaction]:
        """A write transaction with its audit event (a function gets the tally); all durable when the block ends.

        raises  StateError when the database is locked for too long or full; then nothing was written
        """
        yield Transaction()

    def connect(self) -> Connection:
        """A connection for reading SQL (search); close it."""
        raise NotImplementedError

    def pseudonym(self, patient_id: str) -> str:
        """The keyed pseudonym of a Patient id: what audit and erasure call the patient."""
        raise NotImplementedError

    def record_id(self, record_format: str, raw: bytes) -> str:
        """The keyed id of a record: the same bytes in the same format are the same record."""
        raise NotImplementedError

    def known_records(self, record_ids: Iterable[str]) -> set[str]:
        """Those that are already landed."""
        raise NotImplementedError

    def file_hasher(self) -> Any:
        """A keyed hash object with ``update`` and ``digest``, for `Transaction.begin_manifest`."""
        raise NotImplementedError

    def read(self, resource_type: str, resource_id: str) -> Stored:
        """The current version. raises NotFound; StateError (code ``state.deleted``) if it was deleted."""
        raise NotImplementedError

    def read_version(self, resource_type: str, resource_id: str, version: int) -> Stored:
        """One version, current or earlier."""
        raise NotImplementedError

    def history(self, resource_type: str, resource_id: str) -> list[Stored]:
        """All versions, newest first; deletions included."""
        raise NotImplementedError

    def read_many(self, rids: Sequence[int]) -> list[Stored]:
        """The current versions with these row ids, in the order asked; missing or deleted ones are left out."""
        raise NotImplementedError

    def scan(self, types: Sequence[str] = ()) -> Iterator[Stored]:
        """Every current resource, ordered by type and id; all types if none is named."""
        raise NotImplementedError

    def content_hash(self) -> str:
        """One keyed hash of all content of the zone: equal exactly if types, ids, versions and contents are equal."""
        raise NotImplementedError

    def provenance(self, record_id: str) -> Resource:
        """The FHIR Provenance of a source record: all resources made from it, its manifests and position."""
        raise NotImplementedError

    def append_audit(self, event: AuditEvent) -> None:
        """Adds one event (a read, a refusal) in a transaction of its own."""
        raise NotImplementedError
