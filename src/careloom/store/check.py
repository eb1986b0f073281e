"""Does the store hold together? Bodies open, hashes match, search entries are those of the content, roots match."""

from dataclasses import dataclass, field, replace

import orjson
from sqlalchemy import Connection

from careloom.errors import IntegrityError
from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.landing import chunks_of, root_of
from careloom.store.own_parameters import OwnIndex
from careloom.store.reads import PAGE, Reader
from careloom.store.rows import Indexer, IndexRows, Stored
from careloom.store.zone_keys import ZoneKeys

_PAGE_SQL = f"""
SELECT r.rid, r.type, r.id, r.version, r.last_updated, r.deleted, r.subject, r.body, NULL, r.content_hash
FROM resource r WHERE r.rid > ? ORDER BY r.rid LIMIT {PAGE}"""  # noqa: S608 our own number


@dataclass(slots=True)
class StoreReport:
    """What was looked at and what was wrong: (code, ``Type/id`` or manifest id), at most 100.

    codes  store.sealed (does not open), store.hash, store.index-missing, store.index-extra (Type/id empty: it is only
           known how many), store.root
    """

    resources: int = 0
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
    """Checks every n-th resource and all manifests.

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
                stored = _opened(connection, reader, row, report)
                if stored is not None:
                    if zone_keys.content_hash(stored.content) != row[9]:
                        report.note("store.hash", f"{stored.type}/{stored.id}")
                    _check_index(connection, stored, rows_of, report, expected)
    if every == 1 and is_settled:
        _check_totals(connection, expected, report)
    for number, manifest_id, root in bulk.fetch(connection, "SELECT manifest, manifest_id, root FROM manifest"):
        report.manifests += 1
        if root is not None and root_of(chunks_of(connection, number)) != root:
            report.note("store.root", manifest_id)
    return report


def _opened(connection: Connection, reader: Reader, row: tuple[object, ...], report: StoreReport) -> Stored | None:
    try:
        return reader.opened(connection, [row[:9]])[0]
    except IntegrityError:
        report.note("store.sealed", f"{row[1]}/{row[2]}")
        return None


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
