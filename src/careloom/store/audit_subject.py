"""What a zone's audit chain holds about one patient: rows that name a keyed pseudonym, in order."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from careloom.store import bulk

_PAGE = 1000
_SQL = (
    "SELECT seq, time, body, hash FROM audit WHERE seq > ? AND time >= ? AND time < ? AND body LIKE ? "
    "ORDER BY seq LIMIT ?"
)


class About(NamedTuple):
    """One row: its number, microseconds since 1970, the event as JSON, and the hash that proves it."""

    seq: int
    time: int
    event: dict[str, Any]
    hash: bytes


def rows_about(connection: Connection, pseudonym: str, since: int, until: int) -> Iterator[About]:
    """Rows that are about the pseudonym of a patient, or that name it as the one resource they tell of.

    since, until  microseconds since 1970, half-open
    """
    last = 0
    while rows := bulk.fetch(connection, _SQL, (last, since, until, f'%"{pseudonym}"%', _PAGE)):
        for seq, time, body, digest in rows:
            last = seq
            event = orjson.loads(body)
            if pseudonym in event["subjects"] or pseudonym == event["detail"].get("fact"):
                yield About(seq, time, event, digest)
        if len(rows) < _PAGE:
            return
