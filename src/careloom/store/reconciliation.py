"""What became of every record of a file, told anew from the tables.

A run counts while it goes on. This counts afterwards, and from other rows: each keyed hash of the file's manifest is
looked up as a record, as a version of a resource, as a mention of one that was there, and as a refusal that waits.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from careloom.crypto.pseudonyms import name_of
from careloom.store import bulk
from careloom.store.landing import chunks_of, hashes_of, root_of

FATES = ("stored", "known", "quarantined", "kept", "erased")
"""``stored``: it made a version of a resource. ``known``: the record, or its content, was here before. ``quarantined``:
refused whole, and waiting. ``kept``: landed, and made nothing. ``erased``: about an erased patient, and not here."""
_TAG = b"careloom-reconciliation-1"
_RECORDS = "SELECT record_id, rec, manifest, position FROM record WHERE record_id {in}"
_WAITING = "SELECT rec, rec FROM quarantine WHERE state = 'waiting' AND rec {in}"
_CURRENT = "SELECT record, type FROM resource WHERE record {in}"
_EARLIER = "SELECT h.record, r.type FROM resource_history h JOIN resource r ON r.rid = h.rid WHERE h.record {in}"
_LINKED = "SELECT l.rec, r.type FROM record_link l JOIN resource r ON r.rid = l.rid WHERE l.rec {in}"

TypeOfRefused = Callable[[str], str]
"""The id of a refused record -> the resource type that it calls itself; empty where nobody can tell."""


@dataclass(slots=True)
class Fate:
    """What became of the records of one type in one file; `digest` grows with each, in the order of the file."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FATES, 0))
    digest: Any = field(default_factory=lambda: sha256(_TAG))

    def as_json(self) -> dict[str, Any]:
        """``received``, the `FATES`, and ``hash``: SHA-256 over the keyed hashes of the records, in hex."""
        return {"received": sum(self.counts.values()), **self.counts, "hash": self.digest.hexdigest()}


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What the tables say of up to a thousand records, by the record's row number or id."""

    records: Mapping[str, tuple[int, int | None, int]]
    waiting: frozenset[int]
    made: Mapping[int, str]
    linked: Mapping[int, str]


def reconciled(connection: Connection, manifest_id: str, type_of_refused: TypeOfRefused) -> dict[str, Any] | None:
    """``root``, ``is_verified`` (the root over all hashes is that of the manifest) and ``types``: type -> `Fate`.

    The type is empty where nobody can tell it. None where the zone has no such file. Memory: a thousand records.
    """
    rows = bulk.fetch(connection, "SELECT manifest, root FROM manifest WHERE manifest_id = ?", (manifest_id,))
    if not rows:
        return None
    number, root = rows[0]
    found: dict[str, Fate] = defaultdict(Fate)
    position, chunks = 0, chunks_of(connection, number)
    for chunk in chunks:
        hashes = hashes_of(chunk)
        looked_up = _looked_up(connection, [name_of(digest) for digest in hashes])
        for digest in hashes:
            kind, fate = _fate(looked_up, name_of(digest), (number, position), type_of_refused)
            found[kind].counts[fate] += 1
            found[kind].digest.update(digest)
            position += 1
    computed = root_of(chunks)
    return {"root": computed.hex(), "is_verified": root is None or root == computed, "types": found}


def _looked_up(connection: Connection, names: Sequence[str]) -> _Chunk:
    records = {name: (rec, manifest, at) for name, rec, manifest, at in bulk.fetch_in(connection, _RECORDS, names)}
    recs = [rec for rec, _, _ in records.values()]
    made = dict(sorted(bulk.fetch_in(connection, _EARLIER, recs), reverse=True))
    made |= dict(sorted(bulk.fetch_in(connection, _CURRENT, recs), reverse=True))
    linked = dict(sorted(bulk.fetch_in(connection, _LINKED, recs), reverse=True))
    waiting = frozenset(rec for rec, _ in bulk.fetch_in(connection, _WAITING, recs))
    return _Chunk(records, waiting, made, linked)


def _fate(chunk: _Chunk, name: str, here: tuple[int, int], type_of_refused: TypeOfRefused) -> tuple[str, str]:
    """(type, fate) of one record of a file."""
    if name not in chunk.records:
        return "", "erased"
    rec, *first = chunk.records[name]
    if rec in chunk.waiting:
        return type_of_refused(name), "quarantined"
    kind = chunk.made.get(rec, chunk.linked.get(rec, ""))
    if not kind:
        return "", "kept"
    return kind, "stored" if tuple(first) == here and rec in chunk.made else "known"
