"""Reading a whole zone for a survey: names without opening a seal, resources with the source they came from."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.landing import source_of
from careloom.store.reads import PAGE, Reader
from careloom.store.rows import Stored

_COLUMNS = (
    "r.rid, r.type, r.id, r.version, r.last_updated, r.deleted, r.subject, r.body, c.record_id, c.manifest, r.record, "
    "f.moment"
)
_SCAN = (
    f"SELECT {_COLUMNS} FROM resource r LEFT JOIN record c ON c.rec = r.record "  # noqa: S608
    "LEFT JOIN record_fact f ON f.rec = r.record "
    f"WHERE r.type = ? AND r.id > ? AND r.last_updated >= ? ORDER BY r.id LIMIT {PAGE}"
)
_NAMES = f"SELECT rid, type, id FROM resource WHERE NOT deleted AND rid > ? ORDER BY rid LIMIT {PAGE}"  # noqa: S608
_NAMES_OF = f"SELECT id FROM resource WHERE NOT deleted AND type = ? AND id > ? ORDER BY id LIMIT {PAGE}"  # noqa: S608
_ROWS = (
    "SELECT r.rid, r.type, r.id, c.record_id FROM resource r LEFT JOIN record c ON c.rec = r.record "
    "WHERE NOT r.deleted AND r.rid {in}"
)


_MOMENTS = (
    "SELECT c.rec, c.subject, c.manifest, f.moment FROM record c JOIN record_fact f ON f.rec = c.rec "
    "WHERE f.moment IS NOT NULL AND c.rec > ? ORDER BY c.rec LIMIT 5000"
)


class Surveyed(NamedTuple):
    """One resource as a survey meets it.

    source   name of the system that sent it; empty if it came from no file
    is_late  its message stands behind one of the same patient that was made later; None where it came from nothing that
             says when it was made
    """

    stored: Stored
    source: str
    is_late: bool | None


class RowName(NamedTuple):
    """What a row number stands for now; `record_id` is empty where it came from no record."""

    row: int
    type: str
    id: str
    record_id: str


def surveyed(connection: Connection, reader: Reader, types: Sequence[str], since: int = 0) -> Iterator[Surveyed]:
    """Every current resource of these types, by type and id.

    since  microseconds since 1970: only what was stored from then on
    """
    sources = _sources(connection)
    late = _late_records(connection)
    for name in types:
        last = ""
        while rows := bulk.fetch(connection, _SCAN, (name, last, since)):
            last = rows[-1][2]
            kept = [row for row in rows if not row[5]]
            opened = reader.opened(connection, [row[:9] for row in kept])
            for stored, row in zip(opened, kept, strict=True):
                yield Surveyed(stored, sources.get(row[9], ""), None if row[11] is None else row[10] in late)


def _sources(connection: Connection) -> dict[int, str]:
    return {row[0]: source_of(row[1]) for row in bulk.fetch(connection, "SELECT manifest, counts FROM manifest")}


def _late_records(connection: Connection) -> set[int]:
    """Messages that stand behind one of the same patient that was made later, in one file or one connection's stream.

    Across files nothing is said: a hospital may send its admissions and its results in files of their own.
    """
    newest: dict[tuple[int, int], int] = {}
    late: set[int] = set()
    last = 0
    while rows := bulk.fetch(connection, _MOMENTS, (last,)):
        last = rows[-1][0]
        for rec, subject, manifest, moment in rows:
            whose = subject, manifest or 0
            if moment < newest.get(whose, moment):
                late.add(rec)
            else:
                newest[whose] = moment
    return late


def names(connection: Connection, types: Sequence[str] = ()) -> Iterator[str]:
    """``Type/id`` of every current resource; of all types if none is named."""
    for kind in types:
        after = ""
        while found := bulk.fetch(connection, _NAMES_OF, (kind, after)):
            after = found[-1][0]
            yield from (f"{kind}/{resource_id}" for (resource_id,) in found)
    last = 0
    while not types and (rows := bulk.fetch(connection, _NAMES, (last,))):
        last = rows[-1][0]
        yield from (f"{kind}/{resource_id}" for _, kind, resource_id in rows)


def row_names(connection: Connection, rows: Sequence[int]) -> list[RowName]:
    """What these row numbers stand for, in their order; what was deleted or erased since is left out."""
    found: dict[int, RowName] = {}
    for start in range(0, len(rows), PAGE):
        for row in bulk.fetch_in(connection, _ROWS, rows[start : start + PAGE]):
            found[row[0]] = RowName(row[0], row[1], row[2], row[3] or "")
    return [found[row] for row in rows if row in found]
