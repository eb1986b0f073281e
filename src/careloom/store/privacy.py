"""The privacy ledger as it is kept: an append-only chain of budgets, reservations and what became of them.

It knows no mathematics: what an entry costs and whether a budget admits it is decided by who writes, within the step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.crypto.pseudonyms import name_of
from careloom.errors import IntegrityError
from careloom.store import bulk
from careloom.store.audit_log import microseconds, time_of
from careloom.store.privacy_tables import privacy_entry
from careloom.store.resources import WriteTools

_TAG = b"careloom-privacy-1"
_START = bytes(32)
_ROWS = "SELECT seq, entry, time, body, prev, hash FROM privacy_entry "


@dataclass(frozen=True, slots=True)
class Kept:
    """One row of the ledger.

    body  as it was written: account, kind, actor, run and what the kind tells
    hash  hex, of the row and all before it
    """

    seq: int
    entry: str
    time: datetime
    body: dict[str, Any]
    hash: str


def entries(connection: Connection) -> list[Kept]:
    """All rows, oldest first. raises IntegrityError where the chain is not whole: nothing may be spent on its word"""
    found, previous = [], _START
    for number, row in enumerate(bulk.fetch(connection, _ROWS + "ORDER BY seq"), 1):
        seq, entry, time, body, prev, digest = row
        if (seq, bytes(prev), bytes(digest)) != (number, previous, _digest(previous, number, entry, time, body)):
            raise IntegrityError(
                f"the privacy ledger is not whole at row {number}", "restore it; see careloom synthesize ledger verify"
            )
        found.append(Kept(seq, entry, time_of(time), orjson.loads(body), bytes(digest).hex()))
        previous = bytes(digest)
    return found


def said_in_audit(connection: Connection, operations: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(entry, hash) of each row of the ledger that an event of these operations in the audit chain tells of."""
    for (body,) in bulk.fetch(connection, "SELECT body FROM audit WHERE body LIKE ?", ('%"ledger_hash"%',)):
        told = orjson.loads(body)
        if told["operation"] in operations and "ledger_hash" in told["detail"]:
            yield told["detail"]["entry"], told["detail"]["ledger_hash"]


class PrivacyWriter:
    """Adds rows within one transaction, which holds the zone's one write lock: nobody else adds any meanwhile."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools
        self.entries = entries(tools.connection)

    def add(self, body: Mapping[str, Any]) -> Kept:
        """Adds a row; durable with the transaction."""
        tools = self._tools
        name = name_of(tools.random_bytes(16))
        return self._append(name, tools.now, orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS).decode())

    def _append(self, name: str, time: int, body: str) -> Kept:
        seq = len(self.entries) + 1
        previous = bytes.fromhex(self.entries[-1].hash) if self.entries else _START
        digest = _digest(previous, seq, name, time, body)
        bulk.insert(self._tools.connection, privacy_entry, [(seq, name, time, body, previous, digest)])
        made = Kept(seq, name, time_of(time), orjson.loads(body), digest.hex())
        self.entries.append(made)
        return made

    def carry(self, later: list[Kept]) -> int:
        """Adds what another, later state of this ledger has beyond this one; how many: what was spent stays spent."""
        known = {one.entry for one in self.entries}
        new = [one for one in later if one.entry not in known]
        for one in new:
            body = orjson.dumps(one.body, option=orjson.OPT_SORT_KEYS).decode()
            self._append(one.entry, microseconds(one.time), body)
        return len(new)


def _digest(previous: bytes, seq: int, name: str, time: int, body: str) -> bytes:
    head = _TAG + previous + seq.to_bytes(8, "big") + time.to_bytes(8, "big", signed=True)
    return sha256(head + len(name).to_bytes(2, "big") + name.encode() + body.encode()).digest()
