"""What can be read of a zone's resources: each call in one committed state, alone or in one look with others."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from threading import local

from sqlalchemy import Connection, Engine

from careloom.store import alarms, landing, reads, surveying
from careloom.store.audit_log import time_of
from careloom.store.database import newest_update
from careloom.store.engine import reading
from careloom.store.export_scan import numbers_of
from careloom.store.in_use import Use
from careloom.store.own_indexing import Verified, verified
from careloom.store.own_parameters import EntryRows, Own, OwnIndex
from careloom.store.own_parameters import read as read_own
from careloom.store.reads import HistoryAsk, HistoryPage
from careloom.store.rows import Manifest, Stored
from careloom.store.zone_keys import ZoneKeys


class ZoneReads:
    """Reads of one zone; nothing is audited here: services do that."""

    def __init__(self, engine: Engine, zone_keys: ZoneKeys, reader: reads.Reader) -> None:
        self._engine = engine
        self._use = Use(engine)
        self.keys = zone_keys
        self._reader = reader
        self._own = OwnIndex()
        self._look = local()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection for reading SQL (search), which sees one committed state."""
        held: Connection | None = getattr(self._look, "connection", None)
        if held is not None:
            yield held
            return
        with reading(self._engine) as connection:
            yield connection

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """All that this thread reads of the zone within the block is of one committed state, on one connection.

        What it writes meanwhile it does not see: write after the block.
        """
        with self.connect() as connection:
            before, self._look.connection = getattr(self._look, "connection", None), connection
            try:
                yield
            finally:
                self._look.connection = before

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else has the zone open while the block runs, nor opens it. raises Conflict where somebody has"""
        return self._use.alone()

    def disconnect(self) -> None:
        """Closes all connections; the next call opens one anew."""
        self._engine.dispose()

    def close(self) -> None:
        """Closes all connections, for good."""
        self.disconnect()
        self._use.close()

    def read(self, resource_type: str, resource_id: str) -> Stored:
        """The current version; a deletion has `Stored.deleted`. raises NotFound."""
        with self.connect() as connection:
            return self._reader.current(connection, resource_type, resource_id)

    def read_version(self, resource_type: str, resource_id: str, version: int) -> Stored:
        """One version, current or earlier. raises NotFound."""
        with self.connect() as connection:
            return self._reader.version(connection, resource_type, resource_id, version)

    def history(self, resource_type: str, resource_id: str) -> list[Stored]:
        """All versions, newest first; deletions included. raises NotFound."""
        with self.connect() as connection:
            return self._reader.history(connection, resource_type, resource_id)

    def history_page(self, ask: HistoryAsk) -> HistoryPage:
        """Versions of one resource, one type or all, newest first. raises NotFound for a resource that never was."""
        with self.connect() as connection:
            return self._reader.history_page(connection, ask)

    def versions(self, resource_type: str, resource_id: str) -> int:
        """How many versions a resource has, deletions included; 0 if it never was."""
        with self.connect() as connection:
            return self._reader.versions(connection, resource_type, resource_id)

    def read_many(self, rids: Sequence[int]) -> list[Stored]:
        """The current versions with these row ids, in the order asked; missing or deleted ones are left out."""
        with self.connect() as connection:
            return self._reader.many(connection, rids)

    def read_named(self, resource_type: str, ids: Iterable[str]) -> dict[str, Stored]:
        """The current versions of one type by id, deleted ones included; missing ones are left out."""
        with self.connect() as connection:
            return self._reader.named(connection, resource_type, ids)

    def read_of(self, pseudonym: str, types: Iterable[str]) -> list[Stored]:
        """The current resources of some types under a patient's own key, and under keys shared with others, by row."""
        with self.connect() as connection:
            return self._reader.of_keys(connection, numbers_of(connection, (pseudonym,)), types)

    def scan(self, types: Sequence[str] = (), *, every_version: bool = False, after: str = "") -> Iterator[Stored]:
        """Every current resource that is not deleted, by type and id, after an id; all types if none is named.

        every_version  all types, earlier versions too, also those of what was deleted since; deletions have no content
        """
        with self.connect() as connection:
            read = self._reader
            yield from read.every_version(connection) if every_version else read.scan(connection, types, after)

    def survey(self, types: Sequence[str], since: int = 0) -> Iterator[surveying.Surveyed]:
        """Every current resource of these types with where it came from, by type and id.

        since  microseconds since 1970: only what was stored from then on
        """
        with self.connect() as connection:
            yield from surveying.surveyed(connection, self._reader, types, since)

    def all_names(self, types: Sequence[str] = ()) -> Iterator[str]:
        """``Type/id`` of every current resource, of all types if none is named, without opening a seal."""
        with self.connect() as connection:
            yield from surveying.names(connection, types)

    def row_names(self, rows: Sequence[int]) -> list[surveying.RowName]:
        """What row numbers (`Stored.rid`) stand for now, in their order; what is gone is left out."""
        with self.connect() as connection:
            return surveying.row_names(connection, rows)

    def content_hash(self) -> str:
        """One keyed hash of all content of the zone: equal exactly if types, ids, versions and contents are equal."""
        with self.connect() as connection:
            return reads.content_hash(connection, self.keys)

    def types(self) -> list[str]:
        """The types of which there is, or was, something, sorted."""
        with self.connect() as connection:
            return sorted(self._reader.types(connection))

    def count(self) -> dict[str, int]:
        """How many current resources there are, by type."""
        with self.connect() as connection:
            return reads.counts(connection)

    def changed(self) -> datetime | None:
        """When a current version was made last; None in an empty zone."""
        with self.connect() as connection:
            newest = newest_update(connection)
        return time_of(newest) if newest else None

    def standing_alarms(self) -> int:
        """How many alarms of watched models stand, of all versions."""
        with self.connect() as connection:
            return alarms.standing_count(connection)

    def index_own_by(self, rows: EntryRows) -> None:
        """Makes rows of the entries of own search parameters so; without it those have none."""
        self._own = OwnIndex(rows=rows)

    def own_parameters(self) -> OwnIndex:
        """The zone's own search parameters as they are now."""
        with self.connect() as connection:
            self._own = read_own(connection, self._own)
        return self._own

    def verify_own(self, own: Own) -> Verified:
        """Counts the entries of an own search parameter anew, in one committed state."""
        with self.connect() as connection:
            return verified(connection, self._reader, read_own(connection, self._own), own)

    def known_records(self, record_ids: Iterable[str]) -> set[str]:
        """Those that are already landed."""
        with self.connect() as connection:
            return set(landing.known_records(connection, record_ids))

    def find_manifest(self, file_hash: bytes, config_hash: str = "") -> Manifest | None:
        """The manifest of a file that arrived before under the same configuration; ``counts["root"]`` once closed."""
        with self.connect() as connection:
            return landing.find_manifest(connection, self.keys.manifest_id(file_hash, config_hash))

    def open_feeds(self, feed: str) -> list[Manifest]:
        """What a listener of this name has begun and not closed: it was killed, or it is at work."""
        with self.connect() as connection:
            return landing.open_feeds(connection, feed)
