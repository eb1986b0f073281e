"""What an erasure took, as numbers of rows and keyed digests: neither leads to anybody.

The numbers are kept, for backups hold the same rows (no number is used twice). A digest stands in the certificate: who
still has the keyed names of what was there can show that it is what was destroyed.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.rights_tables import erased_row

Kind = Literal["subject", "resource", "version", "record", "request"]
Numbered = tuple[int, int]
"""(number of the row, its version or 0)."""


def note(connection: Connection, kind: Kind, rows: Iterable[Numbered]) -> None:
    """Keeps the numbers of removed rows."""
    bulk.insert(connection, erased_row, sorted({(kind, number, version) for number, version in rows}), ignore=True)


def noted(connection: Connection) -> list[tuple[str, int, int]]:
    """All that was noted: (kind, number, version)."""
    sql = "SELECT kind, number, version FROM erased_row ORDER BY kind, number, version"
    return [(kind, number, version) for kind, number, version in bulk.fetch(connection, sql)]


def number_of(name: str) -> int:
    """A number for a row that has a name: of 63 bits."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 1


def digest(hasher: Any, names: Iterable[str]) -> str:
    """A keyed hash over sorted names, hex; empty where there is none."""
    listed = sorted(names)
    for name in listed:
        hasher.update(name.encode() + b"\n")
    return str(hasher.hexdigest()) if listed else ""


def keys(connection: Connection, subjects: Sequence[int]) -> Iterator[str]:
    """The names of data keys."""
    sql = "SELECT pseudonym FROM subject_key WHERE subject {in}"
    return (row[0] for row in bulk.fetch_in(connection, sql, subjects))


def resources(connection: Connection, rids: Sequence[int]) -> Iterator[str]:
    """``Type/id/version/content hash`` of current resources."""
    sql = "SELECT type, id, version, content_hash FROM resource WHERE rid {in}"
    return (_told(row) for row in bulk.fetch_in(connection, sql, rids))


def versions(connection: Connection, subjects: Sequence[int], rids: Sequence[int]) -> list[Numbered]:
    """(row, version) of the earlier versions under these keys that belong to none of these resources."""
    own = set(rids)
    sql = "SELECT rid, version FROM resource_history WHERE subject {in}"
    return sorted((rid, version) for rid, version in bulk.fetch_in(connection, sql, subjects) if rid not in own)


def earlier(connection: Connection, rids: Sequence[int], lost: Sequence[Numbered]) -> Iterator[str]:
    """``Type/id/version/content hash`` of earlier versions: of these resources, and those that others lose."""
    sql = (
        "SELECT r.type, r.id, h.version, h.content_hash, h.rid FROM resource_history h "
        "JOIN resource r ON r.rid = h.rid WHERE h.rid {in}"
    )
    own, going = set(rids), set(lost)
    rows = bulk.fetch_in(connection, sql, sorted(own | {rid for rid, _ in lost}))
    return (_told(row) for row in rows if row[4] in own or (row[4], row[2]) in going)


def index_rows(connection: Connection, rids: Sequence[int]) -> Iterator[str]:
    """The keys of search entries."""
    for table in ("idx_eq", "idx_range"):
        sql = f"SELECT key, rid FROM {table} WHERE rid {{in}}"  # noqa: S608 our own names
        yield from (f"{key}/{rid}" for key, rid in bulk.fetch_in(connection, sql, rids))


def _told(row: Sequence[Any]) -> str:
    return f"{row[0]}/{row[1]}/{row[2]}/{bytes(row[3]).hex()}"
