"""What was wrong goes for good: earlier versions of one resource, and the bytes of records that only they stood on."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from careloom.store import bulk, erased_rows
from careloom.store.erasure import COUNT_ERASURE

_BEHIND = """
SELECT h.record FROM resource_history h WHERE h.rid = ? AND h.record IS NOT NULL
UNION SELECT l.rec FROM record_link l WHERE l.rid = ?"""
_STANDING = (
    "SELECT record FROM resource WHERE record {in}",
    "SELECT record FROM resource_history WHERE record {in}",
    "SELECT rec FROM record_link WHERE rec {in}",
)


class Forgotten(NamedTuple):
    """How many versions went, of how many records the bytes, and how many records stay because others stand on them."""

    versions: int
    records: int
    kept_records: int


def forget_earlier(connection: Connection, resource_type: str, resource_id: str) -> Forgotten:
    """Removes every version of a resource but the current one; the database is to be rewritten afterwards."""
    found = bulk.fetch(connection, "SELECT rid FROM resource WHERE type = ? AND id = ?", (resource_type, resource_id))
    if not found:
        return Forgotten(0, 0, 0)
    rid = found[0][0]
    versions = [row[0] for row in bulk.fetch(connection, "SELECT version FROM resource_history WHERE rid = ?", (rid,))]
    behind = sorted({row[0] for row in bulk.fetch(connection, _BEHIND, (rid, rid))})
    bulk.run(connection, "DELETE FROM resource_history WHERE rid = ?", [(rid,)])
    bulk.run(connection, "DELETE FROM record_link WHERE rid = ?", [(rid,)])
    erased_rows.note(connection, "version", ((rid, version) for version in versions))
    kept = _standing(connection, behind)
    going = sorted(set(behind) - kept)
    bulk.run(connection, "UPDATE record SET body = ? WHERE rec = ?", [(b"", rec) for rec in going])
    erased_rows.note(connection, "record", ((rec, 0) for rec in going))
    if versions or going:
        bulk.run(connection, COUNT_ERASURE, [()])
    return Forgotten(len(versions), len(going), len(kept))


def _standing(connection: Connection, recs: Sequence[int]) -> set[int]:
    """Those records on which a resource stands now, or stood."""
    return {row[0] for sql in _STANDING for row in bulk.fetch_in(connection, sql, recs)}
