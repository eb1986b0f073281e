"""Does the store hold together? Bodies of resources, their earlier versions and records open, hashes match, search
entries are those of the content, versions are without a gap, roots match."""

from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.crypto.pseudonyms import name_of
from careloom.errors import Erased, IntegrityError
from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.database import erasures
from careloom.store.landing import chunks_of, record_context, root_of
from careloom.store.own_parameters import OwnIndex
from careloom.store.reads import PAGE, Reader
from careloom.store.rows import Indexer, IndexRows, Stored
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

_PAGE_SQL = f"""
SELECT r.rid, r.type, r.id, r.version, r.last_updated, r.deleted, r.subject, r.body, NULL, r.content_hash
FROM resource r WHERE r.rid > ? ORDER BY r.rid LIMIT {PAGE}"""  # noqa: S608 our own number

_HISTORY_SQL = f"""
SELECT h.rid, r.type, r.id, h.version, h.last_updated, h.deleted, h.subject, h.body, NULL, h.content_hash, r.version
FROM resource_history h LEFT JOIN resource r ON r.rid = h.rid
WHERE h.rid > ? OR (h.rid = ? AND h.version > ?) ORDER BY h.rid, h.version LIMIT {PAGE}"""  # noqa: S608 our own number
_RECORD_SQL = f"SELECT rec, record_id, format, subject, body FROM record WHERE rec > ? ORDER BY rec LIMIT {PAGE}"  # noqa: S608


@dataclass(slots=True)
class StoreReport:
    """What was looked at and what was wrong: (code, name), at most 100.

    names  ``Type/id``, of an earlier version ``Type/id/_history/version``, ``record/id``, or a manifest's id
    codes  store.sealed (does not open), store.key (its key is not there), store.hash, store.version (an earlier version
           stands behind no resource, or one between others is gone and nobody was erased), store.index-missing,
           store.index-extra (without a name: it is only known how many), store.record (does not hold what its id
           says), store.root
    """

    resources: int = 0
    versions: int = 0
    records: int = 0
    manifests: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """True when nothing was wrong."""
        return not self.problems

    def note(self, code: str, name: str) -> None:
        """Adds a problem."""
        if len(self.problems) < 100:
            self.problems.append((code, name))


def check(
    connection: Connection, zone_keys: ZoneKeys, reader: Reader, indexer: Indexer, own: OwnIndex, every: int = 1
) -> StoreReport:
    """Checks every n-th resource, earlier version and record, and all manifests.

    Search entries that nothing asks for are only found with `every` = 1, and while no own parameter (`own`) waits to be
    indexed or removed.
    """
    report, is_settled = StoreReport(), all(one.state == "on" for one in own.all)
    settled = replace(own, all=tuple(one for one in own.all if one.state == "on"))

    def rows_of(resource: Resource) -> IndexRows:
        return settled.added(indexer(resource), resource["resourceType"], lambda: resource)

    last, expected = 0, [0, 0]
    while rows := bulk.fetch(connection, _PAGE_SQL, (last,)):
        last = rows[-1][0]
        for row in rows:
            if row[0] % every == 0:
                report.resources += 1
                stored = _checked(connection, zone_keys, reader, row, f"{row[1]}/{row[2]}", report)
                if stored is not None:
                    _check_index(connection, stored, rows_of, report, expected)
    if every == 1 and is_settled:
        _check_totals(connection, expected, report)
    _check_history(connection, zone_keys, reader, report, every)
    _check_records(connection, zone_keys, report, every)
    for number, manifest_id, root in bulk.fetch(connection, "SELECT manifest, manifest_id, root FROM manifest"):
        report.manifests += 1
        if root is not None and root_of(chunks_of(connection, number)) != root:
            report.note("store.root", manifest_id)
    return report


def _checked(
    connection: Connection, zone_keys: ZoneKeys, reader: Reader, row: tuple[Any, ...], name: str, report: StoreReport
) -> Stored | None:
    """A version that opens, its hash compared; None where it does not open."""
    try:
        stored = reader.opened(connection, [row[:9]])[0]
    except (IntegrityError, Erased) as error:
        report.note("store.key" if isinstance(error, Erased) else "store.sealed", name)
        return None
    if zone_keys.content_hash(stored.content) != row[9]:
        report.note("store.hash", name)
    return stored


def _check_history(
    connection: Connection, zone_keys: ZoneKeys, reader: Reader, report: StoreReport, every: int
) -> None:
    is_gapless = erasures(connection) == 0  # an erasure takes single versions of a resource that was about several
    place, before = (0, 0), (0, 0)
    while rows := bulk.fetch(connection, _HISTORY_SQL, (place[0], *place)):
        place = (rows[-1][0], rows[-1][3])
        for row in rows:
            name, here = f"{row[1]}/{row[2]}/_history/{row[3]}", (row[0], row[3])
            is_gap = is_gapless and before[0] == row[0] and row[3] != before[1] + 1
            if row[1] is None or row[3] >= row[10] or is_gap:
                report.note("store.version", name if row[1] else "")
            before = here
            if row[1] is not None and row[0] % every == 0:
                report.versions += 1
                _checked(connection, zone_keys, reader, row, name, report)


def _check_records(connection: Connection, zone_keys: ZoneKeys, report: StoreReport, every: int) -> None:
    keys, opened = SubjectKeys(zone_keys, lambda _: b""), Bodies().batch_open()
    last = 0
    while rows := bulk.fetch(connection, _RECORD_SQL, (last,)):
        last = rows[-1][0]
        for rec, record_id, record_format, subject, body in rows:
            if rec % every or not body:  # retention, or a rectification, removed its bytes and kept its hash
                continue
            report.records += 1
            try:
                sealer = keys.numbered(connection, (subject,))[subject]
                raw = opened(sealer, body, record_context(zone_keys.zone, record_id))
            except (IntegrityError, Erased) as error:
                report.note("store.key" if isinstance(error, Erased) else "store.sealed", f"record/{record_id}")
                continue
            if name_of(zone_keys.records.record_hash(record_format, raw)) != record_id:
                report.note("store.record", f"record/{record_id}")


def _check_index(
    connection: Connection, stored: Stored, indexer: Indexer, report: StoreReport, expected: list[int]
) -> None:
    if stored.deleted:
        return
    rows = indexer(orjson.loads(stored.content))
    eq, ranges = set(rows.eq), set(rows.ranges)
    expected[0] += len(eq)
    expected[1] += len(ranges)
    found = sum(
        bool(bulk.fetch(connection, "SELECT 1 FROM idx_eq WHERE key = ? AND rid = ?", (key, stored.rid))) for key in eq
    )
    sql = "SELECT 1 FROM idx_range WHERE key = ? AND low = ? AND high = ? AND unit = ? AND rid = ?"
    found += sum(bool(bulk.fetch(connection, sql, (*entry, stored.rid))) for entry in ranges)
    if found < len(eq) + len(ranges):
        report.note("store.index-missing", f"{stored.type}/{stored.id}")


def _check_totals(connection: Connection, expected: list[int], report: StoreReport) -> None:
    for table, count in zip(("idx_eq", "idx_range"), expected, strict=True):
        if bulk.fetch(connection, f"SELECT count(*) FROM {table}")[0][0] > count:  # noqa: S608 our own names
            report.note("store.index-extra", "")
