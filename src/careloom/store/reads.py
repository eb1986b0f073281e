"""The read path of the FHIR store: finds rows, opens their seals, in bulk."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from careloom.errors import NotFound
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.resources import resource_context
from careloom.store.rows import Stored
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

PAGE = 500
_COLUMNS = "{r}.rid, r.type, r.id, {r}.version, {r}.last_updated, {r}.deleted, {r}.subject, {r}.body, c.record_id"
_NOW = f"SELECT {_COLUMNS.format(r='r')} FROM resource r LEFT JOIN record c ON c.rec = r.record "  # noqa: S608
_THEN = (
    f"SELECT {_COLUMNS.format(r='h')} FROM resource_history h JOIN resource r ON r.rid = h.rid "  # noqa: S608
    "LEFT JOIN record c ON c.rec = h.record "
)


class Reader:
    """Reads resources over a connection; holds no state of its own."""

    def __init__(self, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._zone_keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies

    def current(self, connection: Connection, resource_type: str, resource_id: str) -> Stored:
        """The current version; raises NotFound."""
        rows = bulk.fetch(connection, _NOW + "WHERE r.type = ? AND r.id = ?", (resource_type, resource_id))
        if not rows:
            raise _missing(resource_type, resource_id)
        return self.opened(connection, rows)[0]

    def version(self, connection: Connection, resource_type: str, resource_id: str, version: int) -> Stored:
        """One version; raises NotFound."""
        wanted = (resource_type, resource_id, version)
        rows = bulk.fetch(connection, _NOW + "WHERE r.type = ? AND r.id = ? AND r.version = ?", wanted) or bulk.fetch(
            connection, _THEN + "WHERE r.type = ? AND r.id = ? AND h.version = ?", wanted
        )
        if not rows:
            raise _missing(resource_type, f"{resource_id}/_history/{version}")
        return self.opened(connection, rows)[0]

    def history(self, connection: Connection, resource_type: str, resource_id: str) -> list[Stored]:
        """All versions, newest first; raises NotFound."""
        wanted = (resource_type, resource_id)
        rows = list(bulk.fetch(connection, _NOW + "WHERE r.type = ? AND r.id = ?", wanted))
        rows += bulk.fetch(connection, _THEN + "WHERE r.type = ? AND r.id = ? ORDER BY h.version DESC", wanted)
        if not rows:
            raise _missing(resource_type, resource_id)
        return self.opened(connection, rows)

    def many(self, connection: Connection, rids: Sequence[int]) -> list[Stored]:
        """Current versions in the order asked; missing and deleted ones are left out."""
        found: dict[int, Stored] = {}
        for start in range(0, len(rids), PAGE):
            page = rids[start : start + PAGE]
            rows = [row for row in bulk.fetch_in(connection, _NOW + "WHERE r.rid {in}", page) if not row[5]]
            found |= {stored.rid: stored for stored in self.opened(connection, rows)}
        return [found[rid] for rid in rids if rid in found]

    def named(self, connection: Connection, resource_type: str, ids: Iterable[str]) -> dict[str, Stored]:
        """Current versions of one type by id, deleted ones included; missing ones are left out."""
        rows = bulk.fetch_in(connection, _NOW + "WHERE r.type = ? AND r.id {in}", ids, resource_type)
        return {stored.id: stored for stored in self.opened(connection, rows)}

    def scan(self, connection: Connection, types: Sequence[str], after: str = "") -> Iterator[Stored]:
        """Every current resource that is not deleted, by type and id; of each type those after an id."""
        if not types:
            types = [row[0] for row in bulk.fetch(connection, "SELECT DISTINCT type FROM resource")]
        sql = _NOW + f"WHERE r.type = ? AND r.id > ? ORDER BY r.id LIMIT {PAGE}"
        for name in sorted(set(types)):
            last = after
            while rows := bulk.fetch(connection, sql, (name, last)):
                last = rows[-1][2]
                yield from self.opened(connection, [row for row in rows if not row[5]])

    def every_version(self, connection: Connection) -> Iterator[Stored]:
        """Every version of every resource that has content, current and earlier, of deleted ones too."""
        last = 0
        while rows := bulk.fetch(connection, _NOW + f"WHERE r.rid > ? ORDER BY r.rid LIMIT {PAGE}", (last,)):
            last = rows[-1][0]
            yield from self.opened(connection, [row for row in rows if not row[5]])
        place = (0, 0)
        after = f"WHERE h.rid > ? OR (h.rid = ? AND h.version > ?) ORDER BY h.rid, h.version LIMIT {PAGE}"
        while rows := bulk.fetch(connection, _THEN + after, (place[0], *place)):
            place = (rows[-1][0], rows[-1][3])
            yield from self.opened(connection, [row for row in rows if not row[5]])

    def opened(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Stored]:
        """Rows with their seals opened; raises IntegrityError if one was changed."""
        sealers = self._subject_keys.numbered(connection, {row[6] for row in rows if not row[5]})
        zone = self._zone_keys.zone
        opened = []
        for rid, name, resource_id, version, updated, deleted, subject, body, record_id in rows:
            content = b""
            if not deleted:
                context = resource_context(zone, name, resource_id, version)
                content = self._bodies.open(sealers[subject], body, context)
            time = time_of(updated)
            opened.append(Stored(rid, name, resource_id, version, time, bool(deleted), record_id or "", content))
        return opened


def content_hash(connection: Connection, zone_keys: ZoneKeys) -> str:
    """A keyed hash over type, id, version and content hash of every version, in order."""
    hasher = zone_keys.content_hasher()
    now = "SELECT type, id, version, content_hash FROM resource ORDER BY type, id"
    then = (
        "SELECT r.type, r.id, h.version, h.content_hash FROM resource_history h JOIN resource r ON r.rid = h.rid "
        "ORDER BY r.type, r.id, h.version"
    )
    for sql in (now, then):
        with connection.execution_options(yield_per=PAGE).exec_driver_sql(sql) as result:
            for name, resource_id, version, digest in result:
                hasher.update(f"{name}/{resource_id}/{version}/".encode() + digest)
        hasher.update(b"|")
    return hasher.hexdigest()


def counts(connection: Connection) -> dict[str, int]:
    """How many current resources there are, by type."""
    sql = "SELECT type, count(*) FROM resource WHERE NOT deleted GROUP BY type ORDER BY type"
    return dict(bulk.fetch(connection, sql))


def _missing(resource_type: str, name: str) -> NotFound:
    return NotFound(f"there is no {resource_type}/{name} in this zone", "check the id; stored ids are keyed")
