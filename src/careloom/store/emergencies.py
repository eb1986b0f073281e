"""Emergencies: leave to see one patient although consent withholds it, opened with a reason, looked at afterwards.

The reason and whose record it is are sealed under the patient's own key, so that an erasure takes them along.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from careloom.crypto.envelope import nonces
from careloom.errors import Erased, NotFound
from careloom.store import bulk
from careloom.store.audit_log import microseconds, time_of
from careloom.store.emergency_tables import emergency
from careloom.store.resources import WriteTools
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

_COLUMNS = "id, actor, pseudonym, subject, opened, until, body, acknowledged, acknowledged_by"


@dataclass(frozen=True, slots=True)
class Opened:
    """One emergency as it is kept.

    pseudonym  keyed, of the patient
    patient    stored id of the Patient; empty where the seal was not opened
    reason     why, in the words of who opened it; empty where the seal was not opened
    acknowledged, acknowledged_by   when and by whom it was looked at; None and empty until then
    """

    id: str
    actor: str
    pseudonym: str
    opened: datetime
    until: datetime
    patient: str = ""
    reason: str = ""
    acknowledged: datetime | None = None
    acknowledged_by: str = ""


class EmergencyReader:
    """Reads emergencies over a connection."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies

    def find(self, emergency_id: str) -> Opened:
        """One, with its seal opened. raises NotFound; Erased once its patient was erased"""
        sql = f"SELECT {_COLUMNS} FROM emergency WHERE id = ?"  # noqa: S608 our own names
        rows = bulk.fetch(self._connection, sql, (emergency_id,))
        if not rows:
            raise NotFound("there is no such emergency", "List them: careloom access emergencies.")
        return self._opened(rows[0])

    def page(self, *, limit: int, is_waiting: bool = False, after: tuple[datetime, str] | None = None) -> list[Opened]:
        """The newest ones first, seals opened; only those nobody has looked at if `is_waiting`.

        after  (opened, id) of the one that the page goes on behind; None for the first page
        """
        wanted, values = ["acknowledged IS NULL"] if is_waiting else [], list[object]()
        if after is not None:
            wanted.append("(opened < ? OR (opened = ? AND id > ?))")
            values += [microseconds(after[0]), microseconds(after[0]), after[1]]
        where = f"WHERE {' AND '.join(wanted)} " if wanted else ""
        sql = f"SELECT {_COLUMNS} FROM emergency {where}ORDER BY opened DESC, id LIMIT ?"  # noqa: S608 our own names
        return [self._opened(row) for row in bulk.fetch(self._connection, sql, (*values, limit))]

    def waiting(self) -> int:
        """How many nobody has looked at."""
        total: int = bulk.fetch(self._connection, "SELECT count(*) FROM emergency WHERE acknowledged IS NULL")[0][0]
        return total

    def _opened(self, row: Sequence[Any]) -> Opened:
        name, actor, pseudonym, subject, opened, until, body, acknowledged, by = row
        try:
            sealer = self._subject_keys.numbered(self._connection, (subject,))[subject]
            told = json.loads(self._bodies.open(sealer, body, _context(self._keys, name)))
        except Erased:
            told = {"patient": "", "reason": ""}
        moment = None if acknowledged is None else time_of(acknowledged)
        times = (time_of(opened), time_of(until))
        return Opened(name, actor, pseudonym, *times, told["patient"], told["reason"], moment, by)


class EmergencyWriter:
    """Writes emergencies within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools

    def add(self, opened: Opened) -> None:
        """Keeps a new one. raises Erased if its patient was erased."""
        tools, group = self._tools, (opened.patient,)
        key = tools.subjects.of_patients([group])[group]
        if key is None:
            raise Erased("this Patient was erased", "Nothing of it is left.")
        (nonce,) = nonces(1, tools.random_bytes)
        told = json.dumps({"patient": opened.patient, "reason": opened.reason}).encode()
        body = tools.bodies.seal(key.sealer, told, _context(tools.zone_keys, opened.id), nonce, 0)
        times = (microseconds(opened.opened), microseconds(opened.until))
        row = (opened.id, opened.actor, opened.pseudonym, key.number, *times, body, None, "")
        bulk.insert(tools.connection, emergency, [row])

    def acknowledge(self, emergency_id: str, by: str) -> None:
        """Notes that somebody has looked at it now; who did first stays."""
        sql = "UPDATE emergency SET acknowledged = ?, acknowledged_by = ? WHERE id = ? AND acknowledged IS NULL"
        bulk.run(self._tools.connection, sql, [(self._tools.now, by, emergency_id)])


def forget(connection: Connection, pseudonyms: Sequence[str]) -> int:
    """Removes the emergencies of patients who are being erased; how many."""
    return bulk.run_in(connection, "DELETE FROM emergency WHERE pseudonym {in}", pseudonyms)


def _context(zone_keys: ZoneKeys, name: str) -> bytes:
    return f"{zone_keys.zone}/emergency/{name}".encode()
