"""From a stored fact back to the bytes it came from: the Provenance of a record, and the proof of a fact."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from careloom import __version__
from careloom.crypto.pseudonyms import digest_of
from careloom.errors import Erased, IntegrityError, NotFound
from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.landing import HASH_BYTES, chunks_of, record_context, root_of
from careloom.store.rows import Stored, instant
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

_RECORD = "SELECT rec, format, subject, received, manifest, position, body FROM record WHERE record_id = ?"
_TARGETS = """
SELECT r.type, r.id, r.version FROM resource r WHERE r.record = ?
UNION SELECT r.type, r.id, h.version FROM resource_history h JOIN resource r ON r.rid = h.rid WHERE h.record = ?
UNION SELECT r.type, r.id, r.version FROM record_link l JOIN resource r ON r.rid = l.rid WHERE l.rec = ?
ORDER BY 1, 2, 3"""

_RECORDS = """
SELECT c.record_id FROM resource r JOIN record c ON c.rec = r.record WHERE r.type = ? AND r.id = ?
UNION SELECT c.record_id FROM resource r JOIN resource_history h ON h.rid = r.rid JOIN record c ON c.rec = h.record
WHERE r.type = ? AND r.id = ?
UNION SELECT c.record_id FROM resource r JOIN record_link l ON l.rid = r.rid JOIN record c ON c.rec = l.rec
WHERE r.type = ? AND r.id = ?
ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A landed record with its exact bytes. `raw` is a patient's content: never log or print it unasked."""

    record_id: str
    format: str
    received: datetime
    raw: bytes


class Place(NamedTuple):
    """Where a record stands: the manifest, the position from 0, and whether the manifest's root still matches.

    root_matches  None while the manifest is open and has no root
    """

    manifest_id: str
    position: int
    root: str
    root_matches: bool | None


@dataclass(frozen=True, slots=True)
class FactProof:
    """What was recomputed for one stored resource. Constructed only when the resource itself unsealed.

    record_matches  the sealed source bytes still hash to the record's id; None if the fact came from no record
    places          every file the record arrived in
    is_retained     false where the source bytes were removed by retention
    """

    type: str
    id: str
    version: int
    record_id: str
    record_matches: bool | None
    places: tuple[Place, ...]
    is_retained: bool = True

    @property
    def is_whole(self) -> bool:
        """True when the fact leads to source bytes and every hash on the way matches."""
        return self.record_matches is True and all(place.root_matches is not False for place in self.places)


class Provenances:
    """Reads records and manifests over one connection."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._zone_keys = zone_keys
        self._keys = keys
        self._bodies = bodies

    def raw(self, record_id: str) -> RawRecord:
        """The record with its bytes unsealed. raises NotFound; Erased; IntegrityError if a byte was changed."""
        _, record_format, subject, received, _, _, body = self._row(record_id)
        if not body:
            raise Erased("the bytes of this record were removed by retention", "Its hash still stands in its manifest.")
        sealer = self._keys.numbered(self._connection, (subject,))[subject]
        raw = self._bodies.open(sealer, body, record_context(self._zone_keys.zone, record_id))
        return RawRecord(record_id, record_format, time_of(received), raw)

    def resource(self, record_id: str) -> Resource:
        """The Provenance resource: `target` all that was made from the record, `entity` the file, position and hash."""
        rec, _, _, received, _, _, _ = self._row(record_id)
        targets = bulk.fetch(self._connection, _TARGETS, (rec, rec, rec))
        entities = [
            {
                "role": "source",
                "what": {
                    "identifier": {"system": "urn:careloom:manifest", "value": place.manifest_id},
                    "display": f"record {place.position} of the file",
                },
            }
            for place in self._places(record_id, check=False)
        ]
        source = {"identifier": {"system": "urn:careloom:record", "value": record_id}, "display": "keyed record hash"}
        return {
            "resourceType": "Provenance",
            "id": record_id,
            "target": [{"reference": f"{name}/{target}/_history/{version}"} for name, target, version in targets],
            "recorded": instant(time_of(received)),
            "activity": {"coding": [{"system": _ACTIVITIES, "code": "CREATE"}]},
            "agent": [{"type": {"text": "assembler"}, "who": {"display": f"Careloom {__version__}"}}],
            "entity": [{"role": "source", "what": source}, *entities],
        }

    def records_of(self, resource_type: str, resource_id: str) -> list[str]:
        """The ids of all records behind a resource: of its versions, and those that only repeated one; sorted."""
        return [row[0] for row in bulk.fetch(self._connection, _RECORDS, (resource_type, resource_id) * 3)]

    def verify(self, stored: Stored) -> FactProof:
        """Recomputes the hashes between a stored version and the files its record came in."""
        fact = (stored.type, stored.id, stored.version, stored.record_id)
        if not stored.record_id:
            return FactProof(*fact, None, ())
        try:
            record = self.raw(stored.record_id)
        except IntegrityError:
            return FactProof(*fact, record_matches=False, places=())
        except Erased:
            return FactProof(*fact, None, tuple(self._places(stored.record_id, check=True)), is_retained=False)
        matches = self._zone_keys.records.record_id(record.format, record.raw) == stored.record_id
        return FactProof(*fact, matches, tuple(self._places(stored.record_id, check=True)))

    def _row(self, record_id: str) -> tuple[int, str, int, int, int | None, int, bytes]:
        rows = bulk.fetch(self._connection, _RECORD, (record_id,))
        if not rows:
            raise NotFound("there is no such record in landing", "it was never here, or it was erased")
        rec, record_format, subject, received, manifest, position, body = rows[0]
        return rec, record_format, subject, received, manifest, position, body

    def _places(self, record_id: str, *, check: bool) -> Iterator[Place]:
        """Every position of the record in every manifest."""
        digest = digest_of(record_id)
        for manifest in self._manifests_with(digest):
            sql = "SELECT manifest_id, root FROM manifest WHERE manifest = ?"
            ((manifest_id, root),) = bulk.fetch(self._connection, sql, (manifest,))
            chunks = chunks_of(self._connection, manifest)
            matches = None if root is None or not check else root_of(chunks) == root
            start = 0
            for chunk in chunks:
                for at in positions(chunk, digest):
                    yield Place(manifest_id, start + at, "" if root is None else root.hex(), matches)
                start += len(chunk) // HASH_BYTES

    def _manifests_with(self, digest: bytes) -> list[int]:
        find = "position(? in hashes)" if bulk.is_postgresql(self._connection) else "instr(hashes, ?)"
        sql = f"SELECT DISTINCT manifest FROM manifest_chunk WHERE {find} > 0 ORDER BY manifest"  # noqa: S608
        return [row[0] for row in bulk.fetch(self._connection, sql, (digest,))]


_ACTIVITIES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def positions(chunk: bytes, digest: bytes) -> list[int]:
    """Where a record hash stands in a chunk of them; a match across two hashes does not count."""
    found, at = [], chunk.find(digest)
    while at >= 0:
        if at % HASH_BYTES == 0:
            found.append(at // HASH_BYTES)
        at = chunk.find(digest, at + 1)
    return found
