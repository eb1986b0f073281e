"""The read path of the FHIR store: finds rows, opens their seals, in bulk."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from careloom.errors import NotFound
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.resources import resource_context
from careloom.store.rows import Stored
from careloom.store.seal import Bodies
from careloom.store.search_plan import Term, joined
from careloom.store.search_rows import fetch
from careloom.store.sight import EVERYTHING, Sight
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

PAGE = 500
_COLUMNS = "{r}.rid, r.type, r.id, {r}.version, {r}.last_updated, {r}.deleted, {r}.subject, {r}.body, c.record_id"
_NOW = f"SELECT {_COLUMNS.format(r='r')} FROM resource r LEFT JOIN record c ON c.rec = r.record "  # noqa: S608
_THEN = (
    f"SELECT {_COLUMNS.format(r='h')} FROM resource_history h JOIN resource r ON r.rid = h.rid "  # noqa: S608
    "LEFT JOIN record c ON c.rec = h.record "
)


@dataclass(frozen=True, slots=True)
class HistoryAsk:
    """Which versions: of one resource, of a type (no id), or of all (no type).

    since   microseconds since 1970: versions made from then on; 0 for all
    sight   what may be known of; content is not looked at here
    before  the place behind which the page begins (`HistoryPage.following`), None for the newest
    """

    resource_type: str = ""
    resource_id: str = ""
    since: int = 0
    limit: int = 50
    before: tuple[int, int, int] | None = None
    sight: Sight = EVERYTHING


class HistoryPage(NamedTuple):
    """Versions newest first, deletions included; `following` is None on the last page."""

    versions: list[Stored]
    following: tuple[int, int, int] | None


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

    def history_page(self, connection: Connection, ask: HistoryAsk) -> HistoryPage:
        """One page, by time, then row, then version, all descending; raises NotFound for a resource that never was."""
        rows = [
            row for start, r in ((_NOW, "r"), (_THEN, "h"))
            for row in fetch(connection, _term(ask, start, r))
        ]  # fmt: skip
        if not rows and ask.resource_id:
            any_one = replace(ask, since=0, before=None, limit=0)
            if not any(fetch(connection, _term(any_one, start, r)) for start, r in ((_NOW, "r"), (_THEN, "h"))):
                raise _missing(ask.resource_type, ask.resource_id)
        rows.sort(key=lambda row: (row[4], row[0], row[3]), reverse=True)
        shown = rows[: ask.limit]
        last = shown[-1] if len(rows) > ask.limit and shown else None
        return HistoryPage(self.opened(connection, shown), None if last is None else (last[4], last[0], last[3]))

    def versions(self, connection: Connection, resource_type: str, resource_id: str) -> int:
        """How many versions a resource has; 0 if it never was."""
        sql = "SELECT version FROM resource WHERE type = ? AND id = ?"
        return sum(row[0] for row in bulk.fetch(connection, sql, (resource_type, resource_id)))

    def present(self, connection: Connection, resource_type: str, ids: Iterable[str]) -> set[str]:
        """Those ids of a type under which there is something now; no seal is opened."""
        sql = "SELECT id FROM resource WHERE type = ? AND NOT deleted AND id {in}"
        return {row[0] for row in bulk.fetch_in(connection, sql, ids, resource_type)}

    def types(self, connection: Connection) -> list[str]:
        """The types of which there is, or was, a resource."""
        return [row[0] for row in bulk.fetch(connection, "SELECT DISTINCT type FROM resource ORDER BY type")]

    def with_keys(self, connection: Connection, keys: Sequence[int]) -> list[tuple[int, str, str]]:
        """(row id, type, id) of each resource that has one of these search entries, by row id."""
        rids = sorted({row[0] for row in bulk.fetch_in(connection, "SELECT rid FROM idx_eq WHERE key {in}", keys)})
        sql = "SELECT rid, type, id FROM resource WHERE NOT deleted AND rid {in}"
        return sorted((row[0], row[1], row[2]) for row in bulk.fetch_in(connection, sql, rids))

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

    def of_rows(
        self, connection: Connection, rids: Sequence[int], subjects: Sequence[int], shared: Sequence[int]
    ) -> Iterator[tuple[Stored, bool]]:
        """(version, whether it is current) of these rows, by type, id and version; deletions have no content.

        subjects  numbers of data keys: versions that others seal are left out, but for rows that are in `shared`
        """
        wanted, whole = set(subjects), set(shared)
        for start in range(0, len(rids), PAGE):
            some = rids[start : start + PAGE]
            now = [(*row, True) for row in bulk.fetch_in(connection, _NOW + "WHERE r.rid {in}", some)]
            then = [(*row, False) for row in bulk.fetch_in(connection, _THEN + "WHERE h.rid {in}", some)]
            rows = [row for row in now + then if row[6] in wanted or row[0] in whole]
            rows.sort(key=lambda row: (row[1], row[2], row[3]))
            opened = self.opened(connection, [row[:9] for row in rows])
            yield from zip(opened, (row[9] for row in rows), strict=True)

    def of_keys(self, connection: Connection, numbers: Iterable[int], types: Iterable[str]) -> list[Stored]:
        """Current versions of some types that the data keys with these numbers seal, by row; deleted ones left out."""
        wanted = frozenset(types)
        rows = bulk.fetch_in(connection, _NOW + "WHERE NOT r.deleted AND r.subject {in}", numbers)
        return self.opened(connection, sorted(row for row in rows if row[1] in wanted))

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


_ORDERED = "WHERE {where} ORDER BY {r}.last_updated DESC, r.rid DESC, {r}.version DESC LIMIT ?"


def _term(ask: HistoryAsk, start: str, r: str) -> Term:
    """The versions of a history in a table, narrowed to what may be known of, one more than asked."""
    limits = [Term(one.sql.replace("r.subject", f"{r}.subject"), one.values) for one in ask.sight.limits()]
    *bounds, limit = _bounds(ask)
    where = joined("AND", [Term(_where(ask, r), tuple(bounds)), *limits])
    return Term(start + _ORDERED.replace("{where}", where.sql).replace("{r}", r), (*where.values, limit))


def _where(ask: HistoryAsk, r: str) -> str:
    """What narrows a history; its values are those of `_bounds`, in order."""
    parts = [f"{r}.last_updated >= ?"]
    parts += ["r.type = ?"] if ask.resource_type else []
    parts += ["r.id = ?"] if ask.resource_id else []
    if ask.before is not None:
        parts += [f"({r}.last_updated, r.rid, {r}.version) < (?, ?, ?)"]
    return " AND ".join(parts)


def _bounds(ask: HistoryAsk) -> tuple[Any, ...]:
    named = tuple(word for word in (ask.resource_type, ask.resource_id) if word)
    return (ask.since, *named, *(ask.before or ()), ask.limit + 1)


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
