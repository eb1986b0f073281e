"""The write path of the FHIR store: one batch of resources into current versions, history and search entries.

Written for speed: heads of all resources are read with one query per type, and rows go out with one prepared statement
per table. A resource that occurs several times in a batch is carried in memory from version to version.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.crypto.envelope import RandomBytes, nonces
from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.own_parameters import OwnIndex, read
from careloom.store.rows import Counter, Indexer, IndexRows, Outcome, Stored, Write
from careloom.store.schema import idx_eq, idx_range, record_link, resource, resource_history, token_system
from careloom.store.seal import FHIR, Bodies
from careloom.store.subjects import Subject, SubjectKeys, SubjectWriter
from careloom.store.zone_keys import ZoneKeys

_FIRST = itemgetter(0)
_NO_ROWS = IndexRows(())
_BODY = "SELECT subject, body FROM resource WHERE rid = ?"
_TO_HISTORY = """
INSERT INTO resource_history (rid, version, last_updated, subject, record, deleted, content_hash, body)
SELECT rid, version, last_updated, subject, record, deleted, content_hash, body FROM resource WHERE rid = ?"""
_UPDATE = """
UPDATE resource SET version = ?, last_updated = ?, subject = ?, record = ?, deleted = ?, content_hash = ?, body = ?
WHERE rid = ?"""
_REMOVE_RANGE = "DELETE FROM idx_range WHERE key = ? AND low = ? AND high = ? AND unit = ? AND rid = ?"


def resource_context(zone: str, resource_type: str, resource_id: str, version: int) -> bytes:
    """What the seal of a version is bound to. Types and ids hold no slash, so no two versions share it."""
    return f"{zone}/{resource_type}/{resource_id}/{version}".encode()


class _Head:
    """The newest version of one resource, as it stands within the batch."""

    __slots__ = ("body", "content_hash", "deleted", "dirty", "fresh", "old_rows", "record", "rid", "rows", "subject",
                 "version")  # fmt: skip

    def __init__(
        self, rid: int, version: int, content_hash: bytes, deleted: bool, record: int | None, subject: int = 0
    ) -> None:
        self.rid = rid
        self.version = version
        self.content_hash = content_hash
        self.deleted = deleted
        self.record = record
        self.fresh = version == 0  # not in the database before this batch
        self.dirty = False  # differs from the database
        self.subject = subject
        self.body = b""
        self.rows: IndexRows = _NO_ROWS
        self.old_rows: IndexRows = _NO_ROWS  # entries in the database


@dataclass(frozen=True, slots=True)
class WriteTools:
    """What a batch of writes is made with; one per transaction.

    now  microseconds since 1970, the `lastUpdated` of all that the transaction writes
    own  the zone's own search parameters when the transaction began
    """

    connection: Connection
    zone_keys: ZoneKeys
    subjects: SubjectWriter
    subject_keys: SubjectKeys
    bodies: Bodies
    indexer: Indexer
    random_bytes: RandomBytes
    count: Counter
    now: int
    own: OwnIndex = field(default_factory=OwnIndex)


class ResourceWriter:
    """Writes resources within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools
        self._connection = tools.connection
        self._content_hash = tools.zone_keys.content_hash
        self._zone = tools.zone_keys.zone
        self._seal = tools.bodies.batch_seal(FHIR)
        self._systems: set[tuple[str, str, str]] = set()
        self._history: list[tuple[Any, ...]] = []
        self._links: list[tuple[int, int]] = []
        self._newest: Mapping[tuple[str, str], _Head] = {}
        self._own = tools.own

    def version_of(self, write: Write, record_id: str) -> Stored:
        """The version that one of the last batch made."""
        head = self._newest[write.type, write.id]
        content = b"" if head.deleted else write.content
        time = time_of(self._tools.now)
        return Stored(head.rid, write.type, write.id, head.version, time, head.deleted, record_id, content)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Writes resources in order; one outcome each."""
        if not writes:
            return []
        self._own = read(self._connection, self._own, self._tools.count("parameters", 0) - 1)
        heads = self._heads(writes)
        subjects = self._tools.subjects.of_patients([write.patients for write in writes])
        pool = nonces(len(writes), self._tools.random_bytes)
        outcomes: list[Outcome] = []
        for write, nonce in zip(writes, pool, strict=True):
            subject = subjects[write.patients]
            if subject is None:
                outcomes.append("refused")
                continue
            head = heads.get((write.type, write.id))
            if head is None:
                if write.action == "delete":
                    outcomes.append("unchanged")
                    continue
                head = heads[write.type, write.id] = _Head(self._tools.count("rid", 1), 0, b"", True, None)
            outcomes.append(self._write_one(write, head, subject, nonce))
        self._flush(heads)
        self._newest = heads
        return outcomes

    def _heads(self, writes: Sequence[Write]) -> dict[tuple[str, str], _Head]:
        by_type: dict[str, set[str]] = {}
        for write in writes:
            by_type.setdefault(write.type, set()).add(write.id)
        heads = {}
        sql = "SELECT id, rid, version, content_hash, deleted, record, subject FROM resource WHERE type = ? AND id {in}"
        for name in sorted(by_type):
            for row in bulk.fetch_in(self._connection, sql, by_type[name], name):
                heads[name, row[0]] = _Head(row[1], row[2], row[3], bool(row[4]), row[5], row[6])
        return heads

    def _write_one(self, write: Write, head: _Head, subject: Subject, nonce: bytes) -> Outcome:
        is_known = head.version > 0
        if write.action == "mention" and is_known:
            return "mentioned"
        content = b"" if write.action == "delete" else write.content
        content_hash = self._content_hash(content)
        if is_known:
            if content_hash == head.content_hash:
                if write.rec is not None and write.rec != head.record:
                    self._links.append((write.rec, head.rid))
                return "unchanged"
            self._supersede(write, head)
        was_deleted = head.deleted
        head.version += 1
        head.content_hash = content_hash
        head.deleted = write.action == "delete"
        head.record = write.rec
        head.dirty = True
        if head.deleted:  # the row stays its patient's own: a deletion seldom says whose it is
            head.body, head.rows = b"", _NO_ROWS
            return "deleted"
        head.subject = subject.number
        context = resource_context(self._zone, write.type, write.id, head.version)
        head.body = self._seal(subject.sealer, content, context, nonce)
        head.rows = self._rows(write)
        return "created" if was_deleted else "updated"

    def _rows(self, write: Write) -> IndexRows:
        """The search entries of what is written."""

        def parsed() -> Resource:
            return write.resource if write.resource is not None else orjson.loads(write.content)

        rows = write.rows if write.rows is not None else self._tools.indexer(parsed())
        return self._own.added(rows, write.type, parsed)

    def _supersede(self, write: Write, head: _Head) -> None:
        """Keeps the version that is about to be replaced, and finds the search entries it has in the database."""
        if head.dirty:
            state = (head.subject, head.record, head.deleted, head.content_hash, head.body)
            self._history.append((head.rid, head.version, self._tools.now, *state))
            return
        bulk.run(self._connection, _TO_HISTORY, [(head.rid,)])
        if head.deleted:
            return
        ((subject, body),) = bulk.fetch(self._connection, _BODY, (head.rid,))
        sealer = self._tools.subject_keys.numbered(self._connection, (subject,))[subject]
        context = resource_context(self._tools.zone_keys.zone, write.type, write.id, head.version)
        before = orjson.loads(self._tools.bodies.open(sealer, body, context))
        head.old_rows = self._own.added(self._tools.indexer(before), write.type, lambda: before, is_leaving=True)

    def _flush(self, heads: Mapping[tuple[str, str], _Head]) -> None:
        now = self._tools.now
        created, changed = [], []
        eq: list[tuple[int, int]] = []
        ranges: list[tuple[int, float, float, int, int]] = []
        systems: set[tuple[str, str, str]] = set()
        for (name, resource_id), head in heads.items():
            if not head.dirty:
                continue
            rid, rows = head.rid, head.rows
            state = (head.subject, head.record, head.deleted, head.content_hash, head.body)
            if head.fresh:
                created.append((rid, name, resource_id, head.version, now, *state))
            else:
                changed.append((head.version, now, *state, rid))
                self._remove_rows(head)
            eq.extend(zip(rows.eq, repeat(rid)))
            ranges.extend([(*entry, rid) for entry in rows.ranges])
            systems.update(rows.systems)
        eq.sort(key=_FIRST)  # by key alone: integers compare three times faster than pairs
        ranges.sort(key=_FIRST)
        with bulk.sent_together(self._connection):
            self._send(created, changed, eq, ranges, systems - self._systems)
        self._systems |= systems
        self._history, self._links = [], []

    def _send(
        self,
        created: Sequence[tuple[Any, ...]],
        changed: Sequence[tuple[Any, ...]],
        eq: Sequence[tuple[int, int]],
        ranges: Sequence[tuple[int, float, float, int, int]],
        systems: Collection[tuple[str, str, str]],
    ) -> None:
        bulk.insert(self._connection, resource, created)
        bulk.run(self._connection, _UPDATE, changed)
        bulk.insert(self._connection, resource_history, self._history)
        bulk.insert(self._connection, idx_eq, eq, ignore=True)
        bulk.insert(self._connection, idx_range, ranges, ignore=True)
        bulk.insert(self._connection, token_system, sorted(systems), ignore=True)
        bulk.insert(self._connection, record_link, self._links, ignore=True)

    def _remove_rows(self, head: _Head) -> None:
        gone_eq = [(key, head.rid) for key in set(head.old_rows.eq) - set(head.rows.eq)]
        gone_ranges = [(*entry, head.rid) for entry in set(head.old_rows.ranges) - set(head.rows.ranges)]
        bulk.run(self._connection, "DELETE FROM idx_eq WHERE key = ? AND rid = ?", gone_eq)
        bulk.run(self._connection, _REMOVE_RANGE, gone_ranges)
