"""The landing zone: every arriving record sealed, every file a manifest over keyed record hashes.

A manifest outlives what it lists: its 16-byte hashes stay when a patient is erased, so the proof of all other records
stands. Its root is ``SHA-256(tag || count || block hashes)`` over SHA-256 of each 1000 consecutive record hashes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from careloom.crypto.envelope import Sealer, nonces
from careloom.crypto.pseudonyms import name_of
from careloom.errors import Conflict
from careloom.pipeline.record import RecordFact
from careloom.store import bulk
from careloom.store.audit_log import microseconds
from careloom.store.resources import WriteTools
from careloom.store.rows import Landed, Landing, Manifest, Sender
from careloom.store.schema import manifest as manifest_table
from careloom.store.schema import manifest_chunk, record, record_fact
from careloom.store.seal import dictionary_for
from careloom.store.subjects import Subject

HASH_BYTES = 16
BLOCK = 1000
_ROOT_TAG = b"careloom-manifest-1"
_FIND = "SELECT manifest, manifest_id, state, records, counts FROM manifest WHERE manifest_id = ?"


def record_context(zone: str, record_id: str) -> bytes:
    """What the seal of a record is bound to."""
    return f"{zone}/record/{record_id}".encode()


def name_context(zone: str, manifest_id: str) -> bytes:
    """What the seal of a file's name is bound to."""
    return f"{zone}/manifest/{manifest_id}".encode()


def root_of(chunks: Iterable[bytes]) -> bytes:
    """The root over all record hashes of a file, however they are cut into chunks."""
    pending, count, size = bytearray(), 0, BLOCK * HASH_BYTES
    blocks = []
    for chunk in chunks:
        pending += chunk
        count += len(chunk) // HASH_BYTES
        while len(pending) >= size:
            blocks.append(sha256(pending[:size]).digest())
            del pending[:size]
    if pending:
        blocks.append(sha256(pending).digest())
    return sha256(_ROOT_TAG + count.to_bytes(8, "big") + b"".join(blocks)).digest()


def chunks_of(connection: Connection, manifest: int) -> list[bytes]:
    """The record hashes of a manifest, in order."""
    sql = "SELECT hashes FROM manifest_chunk WHERE manifest = ? ORDER BY chunk"
    return [row[0] for row in bulk.fetch(connection, sql, (manifest,))]


def open_feeds(connection: Connection, feed: str) -> list[Manifest]:
    """The manifests that a listener of this name has begun and not closed."""
    sql = "SELECT manifest, manifest_id, state, records, counts FROM manifest WHERE state = 'open' ORDER BY manifest"
    rows = bulk.fetch(connection, sql)
    found = [
        Manifest(number, name, state, records, json.loads(counts)) for number, name, state, records, counts in rows
    ]
    return [one for one in found if one.counts.get("feed") == feed]


def hashes_of(chunk: bytes) -> list[bytes]:
    """A chunk cut into its record hashes."""
    return [chunk[at : at + HASH_BYTES] for at in range(0, len(chunk), HASH_BYTES)]


def sources(connection: Connection) -> set[str]:
    """The source systems of all files."""
    rows = bulk.fetch(connection, "SELECT DISTINCT counts FROM manifest")
    return {source_of(row[0]) for row in rows} - {""}


def source_of(counts: str | None) -> str:
    """The source system that a manifest's counts name; empty if there is none."""
    return str(json.loads(counts).get("source", "")) if counts else ""


def source_of_record(connection: Connection, record_id: str) -> str:
    """The source system of the file in which a record arrived first; empty if there is none."""
    sql = "SELECT m.counts FROM record r JOIN manifest m ON m.manifest = r.manifest WHERE r.record_id = ?"
    rows = bulk.fetch(connection, sql, (record_id,))
    return source_of(rows[0][0]) if rows else ""


def known_records(connection: Connection, record_ids: Iterable[str]) -> dict[str, int]:
    """Record id -> row number of those that are landed."""
    sql = "SELECT record_id, rec FROM record WHERE record_id {in}"
    return {row[0]: row[1] for row in bulk.fetch_in(connection, sql, record_ids)}


class LandingWriter:
    """Lands records within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools
        self._connection = tools.connection

    def begin(
        self, *, name: str, file_hash: bytes, record_format: str, run: str, config_hash: str, sender: Sender
    ) -> Manifest:
        """The manifest of a file, made or found."""
        zone_keys = self._tools.zone_keys
        manifest_id = zone_keys.manifest_id(file_hash, config_hash)
        found = find_manifest(self._connection, manifest_id)
        if found is not None:
            return found
        (owner,) = self._tools.subjects.of_own([f"manifest:{manifest_id}"])
        (nonce,) = nonces(1, self._tools.random_bytes)
        raw = name.encode("utf-8", "surrogateescape")
        sealed = self._tools.bodies.seal(owner.sealer, raw, name_context(zone_keys.zone, manifest_id), nonce, 0)
        number = self._tools.count("manifest", 1)
        row = (number, manifest_id, run, owner.number, sealed, file_hash, config_hash, record_format)
        counts = {key: value for key, value in sender._asdict().items() if value}
        begun = (0, None, "open", self._tools.now, None, json.dumps(counts))
        bulk.insert(self._connection, manifest_table, [(*row, *begun)])
        return Manifest(number, manifest_id, "open", 0, counts)

    def land(self, manifest: Manifest | None, landings: Sequence[Landing]) -> list[Landed]:
        """Keeps records and notes their hashes in the manifest, in order."""
        records = self._tools.zone_keys.records
        hashes = [records.record_hash(landing.format, landing.raw) for landing in landings]
        names = [name_of(digest) for digest in hashes]
        start = 0 if manifest is None else self._note(manifest, hashes)
        known = known_records(self._connection, names)
        landed: list[Landed] = []
        rows: list[tuple[Any, ...]] = []
        facts: list[tuple[Any, ...]] = []
        keys = self._keys(landings, names, known)
        pool = nonces(len(landings), self._tools.random_bytes)
        bodies: dict[str, Callable[[Sealer, bytes, bytes, bytes], bytes]] = {}
        zone = self._tools.zone_keys.zone
        first = (None if manifest is None else manifest.manifest, start)
        for index, (landing, name) in enumerate(zip(landings, names, strict=True)):
            if name in known:
                landed.append(Landed(known[name], name, False))
                continue
            key = keys[index]
            if key is None:
                landed.append(Landed(0, name, False))
                continue
            rec = known[name] = self._tools.count("rec", 1)
            seal = bodies.get(landing.format) or bodies.setdefault(landing.format, self._seal_for(landing.format))
            body = seal(key.sealer, landing.raw, record_context(zone, name), pool[index])
            rows.append((rec, name, landing.format, key.number, self._tools.now, first[0], first[1] + index, body))
            landed.append(Landed(rec, name, True))
            if landing.fact is not None:
                facts.append(self._fact(rec, landing.fact))
        bulk.insert(self._connection, record, rows)
        bulk.insert(self._connection, record_fact, facts)
        return landed

    def _fact(self, rec: int, fact: RecordFact) -> tuple[Any, ...]:
        control = self._tools.zone_keys.control_key(fact.control_id) if fact.control_id else None
        return rec, fact.kind, microseconds(fact.moment) if fact.moment else None, control, fact.faults

    def _seal_for(self, record_format: str) -> Callable[[Sealer, bytes, bytes, bytes], bytes]:
        return self._tools.bodies.batch_seal(dictionary_for(record_format))

    def _keys(
        self, landings: Sequence[Landing], names: Sequence[str], known: Mapping[str, int]
    ) -> dict[int, Subject | None]:
        groups = self._tools.subjects.of_patients([one.patients for one in landings if one.patients is not None])
        keys: dict[int, Subject | None] = {}
        alone: dict[str, int] = {}
        for index, landing in enumerate(landings):
            if landing.patients is not None:
                keys[index] = groups[landing.patients]
            elif names[index] not in known:
                alone.setdefault(names[index], index)
        made = self._tools.subjects.of_own([f"record:{name}" for name in alone])
        keys |= dict(zip(alone.values(), made, strict=True))
        return keys

    def _note(self, manifest: Manifest, hashes: Sequence[bytes]) -> int:
        """Adds hashes to the manifest; returns the position of the first."""
        sql = "SELECT state, records, (SELECT count(*) FROM manifest_chunk c WHERE c.manifest = m.manifest) "
        rows = bulk.fetch(self._connection, sql + "FROM manifest m WHERE manifest = ?", (manifest.manifest,))
        state, start, chunk = rows[0]
        if state != "open":
            raise Conflict(f"manifest {manifest.manifest_id} is closed", "begin it again to read what it holds")
        cut = range(0, len(hashes), BLOCK)
        chunks = [(manifest.manifest, chunk + n, b"".join(hashes[at : at + BLOCK]), "{}") for n, at in enumerate(cut)]
        bulk.insert(self._connection, manifest_chunk, chunks)
        sql = "UPDATE manifest SET records = ? WHERE manifest = ?"
        bulk.run(self._connection, sql, [(start + len(hashes), manifest.manifest)])
        return int(start)

    def finish(self, manifest: Manifest, counts: Mapping[str, Any], state: str) -> bytes:
        """Closes the manifest; returns its root."""
        root = root_of(chunks_of(self._connection, manifest.manifest))
        counts = {**manifest.counts, **counts, "root": root.hex()}
        sql = "UPDATE manifest SET root = ?, state = ?, finished = ?, counts = ? WHERE manifest = ?"
        text = json.dumps(counts, sort_keys=True)
        bulk.run(self._connection, sql, [(root, state, self._tools.now, text, manifest.manifest)])
        return root

    def adopt(self, rec: int, patients: tuple[str, ...]) -> bool:
        """Seals a record that lay under a key of its own under its patients' key, now that they are known.

        returns  false if a patient is erased: the record is then removed
        """
        sql = "SELECT r.record_id, r.format, r.body, k.subject, k.pseudonym FROM record r JOIN subject_key k"
        rows = bulk.fetch(self._connection, sql + " ON k.subject = r.subject WHERE r.rec = ?", (rec,))
        if not rows or not rows[0][4].startswith("record:"):
            return bool(rows)
        record_id, record_format, body, old, _ = rows[0]
        if not body:
            return True  # its bytes are gone by retention, and nothing is left to be sealed
        new = self._tools.subjects.of_patients([patients])[patients]
        if new is None:
            return False
        context = record_context(self._tools.zone_keys.zone, record_id)
        sealer = self._tools.subject_keys.numbered(self._connection, (old,))[old]
        raw = self._tools.bodies.open(sealer, body, context)
        (nonce,) = nonces(1, self._tools.random_bytes)
        sealed = self._tools.bodies.seal(new.sealer, raw, context, nonce, dictionary_for(record_format))
        bulk.run(self._connection, "UPDATE record SET subject = ?, body = ? WHERE rec = ?", [(new.number, sealed, rec)])
        bulk.run(self._connection, "DELETE FROM subject_key WHERE subject = ?", [(old,)])
        return True


def find_manifest(connection: Connection, manifest_id: str) -> Manifest | None:
    """The manifest with this id, None if there is none."""
    rows = bulk.fetch(connection, _FIND, (manifest_id,))
    if not rows:
        return None
    number, found_id, state, records, counts = rows[0]
    return Manifest(number, found_id, state, records, json.loads(counts))
