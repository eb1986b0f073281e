"""One state of one resource type, read in parts by row number, whatever is written to the zone meanwhile.

A snapshot is a moment: the newest update of the type that one read of the database saw. What was changed later is read
from its history as it stood then; what was erased later is gone.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from careloom.crypto.envelope import Sealer
from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.resources import resource_context
from careloom.store.rows import instant
from careloom.store.seal import Bodies
from careloom.store.subjects import SHARED, SubjectKeys
from careloom.store.zone_keys import ZoneKeys

_FETCHED = 20_000
_INSTANTS = 1_000
_ROWS = (
    "SELECT r.rid, r.id, r.version, r.last_updated, r.deleted, r.subject, r.body, c.record_id FROM resource r "
    "LEFT JOIN record c ON c.rec = r.record WHERE r.rid {in} ORDER BY r.rid"
)
_THEN = (
    "SELECT h.version, h.last_updated, h.deleted, h.subject, h.body, c.record_id FROM resource_history h "
    "LEFT JOIN record c ON c.rec = h.record WHERE h.rid = ? AND h.last_updated <= ? ORDER BY h.version DESC LIMIT 1"
)
_LISTED = (
    "SELECT last_updated, rid, deleted FROM resource WHERE type = ? AND (last_updated, rid) > (?, ?) "  # noqa: S608
    f"ORDER BY last_updated, rid LIMIT {_FETCHED}"
)


class Snapshot(NamedTuple):
    """What will be read.

    kind     the resource type
    as_of    microseconds since 1970 of the newest update; 0 where there is none
    rows     numbers of the rows of what is there, sorted: 8 bytes each
    deleted  numbers of the rows of what is deleted, sorted
    """

    kind: str
    as_of: int
    rows: "array[int]"
    deleted: "array[int]"


class Part(NamedTuple):
    """Resources in the order of their rows.

    resources  opened and parsed one by one as they are asked for: a parsed resource that is dropped before the next is
               made costs half of one that waits for its batch; raises IntegrityError where a seal was changed
    size       how many there are, those without the needed bytes included
    subjects   numbers of the data keys that seal them
    """

    resources: Iterator[Resource]
    size: int
    subjects: frozenset[int]


def snapshot(connection: Connection, kind: str, since: int = 0) -> Snapshot:
    """The state that the connection sees, of what was updated at `since` (microseconds since 1970) or later."""
    rows, deleted = array("q"), array("q")
    place = (since, -1)
    while found := bulk.fetch(connection, _LISTED, (kind, *place)):
        place = (found[-1][0], found[-1][1])
        rows.extend([row[1] for row in found if not row[2]])
        deleted.extend([row[1] for row in found if row[2]])
    return Snapshot(kind, place[0] if rows or deleted else 0, array("q", sorted(rows)), array("q", sorted(deleted)))


def without(connection: Connection, state: Snapshot, numbers: Sequence[int]) -> Snapshot:
    """The same without what is sealed under the data keys with these numbers."""
    if not numbers:
        return state
    hidden = {row[0] for row in bulk.fetch_in(connection, "SELECT rid FROM resource WHERE subject {in}", numbers)}
    rows, deleted = (array("q", [one for one in some if one not in hidden]) for some in (state.rows, state.deleted))
    return Snapshot(state.kind, state.as_of, rows, deleted)


def names_of_rows(connection: Connection, rows: Sequence[int]) -> list[str]:
    """The ids behind row numbers, in the order of the numbers; what is erased is left out."""
    found: list[str] = []
    for start in range(0, len(rows), _FETCHED):
        some = rows[start : start + _FETCHED]
        sql = "SELECT id FROM resource WHERE rid {in} ORDER BY rid"
        found += [row[0] for row in bulk.fetch_in(connection, sql, some)]
    return found


class SnapshotReader:
    """Reads parts of one snapshot; keeps unwrapped keys, so use one for all parts that a process reads.

    needed  bytes without which the JSON of a resource is of no use to the reader: what lacks them is not parsed
    """

    def __init__(
        self, zone_keys: ZoneKeys, random_bytes: Callable[[int], bytes], kind: str, as_of: int, needed: bytes = b""
    ) -> None:
        self._zone, self._kind, self._as_of = zone_keys.zone, kind, as_of
        self._keys = SubjectKeys(zone_keys, random_bytes)
        self._open = Bodies().batch_open()
        self._instants: dict[int, str] = {}
        self._needed = needed

    def part(self, connection: Connection, rows: Sequence[int]) -> Part:
        """The resources of these rows as they stood at the moment of the snapshot, with the meta that a read gives."""
        found = bulk.fetch_in(connection, _ROWS, rows)
        as_of = self._as_of
        kept = [row if row[3] <= as_of else self._as_it_was(connection, row) for row in found]
        then = [row for row in kept if row is not None and not row[4]]
        subjects = frozenset([row[5] for row in then])
        sealers = self._keys.numbered(connection, subjects)
        return Part(self._opened(then, sealers), len(then), subjects - {SHARED})

    def _opened(self, then: Sequence[tuple[Any, ...]], sealers: Mapping[int, Sealer]) -> Iterator[Resource]:
        opened, zone, kind, loads, needed = self._open, self._zone, self._kind, orjson.loads, self._needed
        for _, name, version, updated, _, subject, body, record_id in then:
            content = opened(sealers[subject], body, resource_context(zone, kind, name, version))
            if needed and needed not in content:
                continue
            resource = loads(content)
            meta = resource.get("meta")
            if meta is None:
                meta = resource["meta"] = {}
            meta["versionId"] = str(version)
            meta["lastUpdated"] = self._instants.get(updated) or self._instant(updated)
            if record_id:
                meta["source"] = f"urn:careloom:record:{record_id}"
            yield resource

    def _as_it_was(self, connection: Connection, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The row as it stood at the moment of the snapshot; None where it was not there yet."""
        found = bulk.fetch(connection, _THEN, (row[0], self._as_of))
        return (*row[:2], *found[0]) if found else None

    def _instant(self, updated: int) -> str:
        """As `careloom.store.rows.instant`: whole transactions share one."""
        if len(self._instants) > _INSTANTS:
            self._instants.clear()
        made = self._instants[updated] = instant(time_of(updated))
        return made
