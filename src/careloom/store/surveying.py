"""Reading a whole zone for a survey: names without opening a seal, resources with the source they came from."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.landing import source_of
from careloom.store.reads import PAGE, Reader
from careloom.store.rows import Stored

_COLUMNS = "r.rid, r.type, r.id, r.version, r.last_updated, r.deleted, r.subject, r.body, c.record_id, c.manifest"
_SCAN = (
    f"SELECT {_COLUMNS} FROM resource r LEFT JOIN record c ON c.rec = r.record "  # noqa: S608
    f"WHERE r.type = ? AND r.id > ? AND r.last_updated >= ? ORDER BY r.id LIMIT {PAGE}"
)
_NAMES = "SELECT type, id FROM resource WHERE NOT deleted"
_ROWS = (
    "SELECT r.rid, r.type, r.id, c.record_id FROM resource r LEFT JOIN record c ON c.rec = r.record "
    "WHERE NOT r.deleted AND r.rid {in}"
)


class RowName(NamedTuple):
    """What a row number stands for now; `record_id` is empty where it came from no record."""

    row: int
    type: str
    id: str
    record_id: str


def surveyed(
    connection: Connection, reader: Reader, types: Sequence[str], since: int = 0
) -> Iterator[tuple[Stored, str]]:
    """Every current resource of these types with the name of its source system, by type and id.

    since  microseconds since 1970: only what was stored from then on
    """
    sources = {row[0]: source_of(row[1]) for row in bulk.fetch(connection, "SELECT manifest, counts FROM manifest")}
    for name in types:
        last = ""
        while rows := bulk.fetch(connection, _SCAN, (name, last, since)):
            last = rows[-1][2]
            kept = [row for row in rows if not row[5]]
            opened = reader.opened(connection, [row[:9] for row in kept])
            yield from zip(opened, (sources.get(row[9], "") for row in kept), strict=True)


def names(connection: Connection) -> Iterator[str]:
    """``Type/id`` of every current resource."""
    with connection.execution_options(yield_per=PAGE).exec_driver_sql(_NAMES) as result:
        for name, resource_id in result:
            yield f"{name}/{resource_id}"


def row_names(connection: Connection, rows: Sequence[int]) -> list[RowName]:
    """What these row numbers stand for, in their order; what was deleted or erased since is left out."""
    found: dict[int, RowName] = {}
    for start in range(0, len(rows), PAGE):
        for row in bulk.fetch_in(connection, _ROWS, rows[start : start + PAGE]):
            found[row[0]] = RowName(row[0], row[1], row[2], row[3] or "")
    return [found[row] for row in rows if row in found]
