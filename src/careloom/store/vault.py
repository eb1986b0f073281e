"""The pseudonym vault as a zone keeps it: epochs of projects, requests, and names of resources to compute anew.

Reading and writing run on a connection of the caller; a write is part of the transaction whose audit event tells of it.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from careloom.crypto.envelope import Sealer, nonces
from careloom.errors import Erased, NotFound
from careloom.store import bulk
from careloom.store.audit_log import microseconds, time_of
from careloom.store.resources import WriteTools
from careloom.store.seal import Bodies
from careloom.store.subjects import SHARED, SubjectKeys
from careloom.store.vault_tables import vault_epoch, vault_request
from careloom.store.zone_keys import ZoneKeys

State = Literal["asked", "approved", "refused", "erased"]
PAGE = 5000
_EPOCHS = "SELECT project, epoch, salt, actor, created, begun, finished, retired FROM vault_epoch "
_REQUESTS = (
    "SELECT request, project, epoch, actor, purpose, names, state, created, decider, decided, expires, reveals, "
    "revealed, subject FROM vault_request "
)
_KEEP = (
    "UPDATE vault_request SET state = ?, decider = ?, decided = ?, expires = ?, reveals = ?, revealed = ? "
    "WHERE request = ?"
)
_FORGET = "UPDATE vault_request SET state = 'erased', subject = NULL, body = ?, remark = ? WHERE request = ?"
_NOT_ANY_MORE = "a patient of this request was erased", "Ask anew without the name that is not found any more."
_ABOUT_NOBODY = "SELECT request, body, remark FROM vault_request WHERE subject = ?"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a project's keys; see `careloom.store.vault_tables.vault_epoch`."""

    project: str
    epoch: int = 1
    salt: bytes = b""
    actor: str = ""
    created: datetime | None = None
    begun: datetime | None = None
    finished: datetime | None = None
    retired: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One question who is behind some pseudonyms; see `careloom.store.vault_tables.vault_request`."""

    request: str
    project: str
    epoch: int
    actor: str
    purpose: str
    names: int
    state: State
    created: datetime
    decider: str = ""
    decided: datetime | None = None
    expires: datetime | None = None
    reveals: int = 0
    revealed: datetime | None = None
    subject: int | None = None


class Asked(NamedTuple):
    """What is sealed of a request: the pseudonyms as ``Type/name``, why somebody asks, what the decider remarked."""

    names: tuple[str, ...]
    reason: str
    remark: str


class VaultReader:
    """Reads the vault over a connection."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies

    def epochs(self, project: str = "") -> list[Epoch]:
        """The epochs that were written down, of one project if it is named, oldest first."""
        sql = _EPOCHS + "WHERE ? = '' OR project = ? ORDER BY project, epoch"
        return [_epoch(row) for row in bulk.fetch(self._connection, sql, (project, project))]

    def find(self, request: str) -> Request:
        """One request. raises NotFound."""
        rows = bulk.fetch(self._connection, _REQUESTS + "WHERE request = ?", (request,))
        if not rows:
            raise NotFound("there is no such request", "List them: careloom vault list.")
        return _request(rows[0])

    def page(self, actor: str, *, limit: int, before: tuple[int, str] | None = None) -> list[Request]:
        """Requests, newest first, of one person unless `actor` is empty.

        before  (microseconds since 1970, request) of the last one of the page before
        """
        time, request = before or (1 << 62, "")
        sql = _REQUESTS + (
            "WHERE (? = '' OR actor = ?) AND (created < ? OR (created = ? AND request > ?)) "
            "ORDER BY created DESC, request LIMIT ?"
        )
        rows = bulk.fetch(self._connection, sql, (actor, actor, time, time, request, limit))
        return [_request(row) for row in rows]

    def asked(self, request: Request) -> Asked:
        """What is sealed of a request. raises Erased once one of its patients was erased."""
        if request.subject is None:
            raise Erased(*_NOT_ANY_MORE)
        sealer = self._subject_keys.numbered(self._connection, (request.subject,))[request.subject]
        sql = "SELECT body, remark FROM vault_request WHERE request = ?"
        body, remark = bulk.fetch(self._connection, sql, (request.request,))[0]
        told = json.loads(self._bodies.open(sealer, body, _context(self._keys, request.request, "body")))
        said = self._bodies.open(sealer, remark, _context(self._keys, request.request, "remark")) if remark else b""
        return Asked(tuple(told["names"]), told["reason"], said.decode())

    def subjects(self, request: Request) -> tuple[str, ...]:
        """Keyed pseudonyms of the patients whom a request is about, sorted; none once one was erased."""
        if request.subject in (None, SHARED):
            return ()
        sql = "SELECT pseudonym FROM subject_link WHERE subject = ?"
        joint = bulk.fetch(self._connection, sql, (request.subject,))
        own = "SELECT pseudonym FROM subject_key WHERE subject = ?"
        rows = joint or bulk.fetch(self._connection, own, (request.subject,))
        return tuple(sorted(row[0] for row in rows))

    def resource_ids(self, kind: str) -> Iterator[tuple[str, bool]]:
        """(id, whether it is deleted) of every resource of a type, by id, in pages: no seal is opened."""
        sql = f"SELECT id, deleted FROM resource WHERE type = ? AND id > ? ORDER BY id LIMIT {PAGE}"  # noqa: S608
        last = ""
        while rows := bulk.fetch(self._connection, sql, (kind, last)):
            last = rows[-1][0]
            for name, is_deleted in rows:
                yield name, bool(is_deleted)


class VaultWriter:
    """Writes the vault within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools
        self.reader = VaultReader(tools.connection, tools.zone_keys, tools.subject_keys, tools.bodies)

    def add_epoch(self, epoch: Epoch) -> None:
        """Writes a new epoch down."""
        begun = microseconds(epoch.begun) if epoch.begun else None
        row = (epoch.project, epoch.epoch, epoch.salt, epoch.actor, self._tools.now, begun, None, None)
        bulk.insert(self._tools.connection, vault_epoch, [row])

    def mark(self, epoch: Epoch, what: Literal["begun", "finished", "retired"]) -> None:
        """Notes what happened to an epoch now; a retired one loses its salt."""
        sets = "retired = ?, salt = ?" if what == "retired" else f"{what} = ?"
        values = (self._tools.now, b"") if what == "retired" else (self._tools.now,)
        sql = f"UPDATE vault_epoch SET {sets} WHERE project = ? AND epoch = ?"  # noqa: S608 our own names
        bulk.run(self._tools.connection, sql, [(*values, epoch.project, epoch.epoch)])

    def add(self, request: Request, names: Sequence[str], reason: str, patients: Collection[str]) -> Request:
        """Keeps a new request, sealed under the key that its patients share; () seals under nobody's.

        returns  the request as it is kept
        raises   Erased if one of the patients was erased meanwhile
        """
        group = tuple(sorted(patients))
        key = self._tools.subjects.of_patients([group])[group]
        if key is None:
            raise Erased(*_NOT_ANY_MORE)
        body = self._sealed(key.sealer, json.dumps({"names": list(names), "reason": reason}), request, "body")
        before, after = _facts(request)
        row = (*before, *after, key.number, body, b"")
        bulk.insert(self._tools.connection, vault_request, [row])
        return replace(request, subject=key.number)

    def keep(self, request: Request, remark: str = "") -> None:
        """Writes a known request as it is now, and what its decider remarked. raises Erased."""
        _, (decider, decided, expires, reveals, revealed) = _facts(request)
        row = (request.state, decider, decided, expires, reveals, revealed, request.request)
        bulk.run(self._tools.connection, _KEEP, [row])
        if remark:
            if request.subject is None:
                raise Erased(*_NOT_ANY_MORE)
            tools = self._tools
            sealer = tools.subject_keys.numbered(tools.connection, (request.subject,))[request.subject]
            sql = "UPDATE vault_request SET remark = ? WHERE request = ?"
            bulk.run(tools.connection, sql, [(self._sealed(sealer, remark, request, "remark"), request.request)])

    def _sealed(self, sealer: Sealer, text: str, request: Request, part: str) -> bytes:
        tools = self._tools
        (nonce,) = nonces(1, tools.random_bytes)
        return tools.bodies.seal(sealer, text.encode(), _context(tools.zone_keys, request.request, part), nonce, 0)


def forget_subjects(
    connection: Connection,
    subjects: Sequence[int],
    names_patient: Callable[[Connection, bytes, bytes], bool],
    zone_keys: ZoneKeys,
) -> list[str]:
    """Empties every request under these keys, and under nobody's key those whose words name a patient.

    names_patient  (connection, sealed bytes, context) -> whether they name a patient who is being erased
    returns        the ids of the requests, sorted
    """
    sql = "SELECT request FROM vault_request WHERE subject {in}"
    gone = {row[0] for row in bulk.fetch_in(connection, sql, subjects)}
    for request, body, remark in bulk.fetch(connection, _ABOUT_NOBODY, (SHARED,)):
        parts = [(body, "body"), *([(remark, "remark")] if remark else [])]
        if any(names_patient(connection, sealed, _context(zone_keys, request, part)) for sealed, part in parts):
            gone.add(request)
    bulk.run(connection, _FORGET, [(b"", b"", request) for request in sorted(gone)])
    return sorted(gone)


def _context(zone_keys: ZoneKeys, request: str, part: str) -> bytes:
    return f"{zone_keys.zone}/vault/{request}/{part}".encode()


def _moment(value: int | None) -> datetime | None:
    return None if value is None else time_of(value)


def _number(value: datetime | None) -> int | None:
    return None if value is None else microseconds(value)


def _epoch(row: Sequence[Any]) -> Epoch:
    project, epoch, salt, actor, *moments = row
    return Epoch(project, epoch, bytes(salt), actor, *map(_moment, moments))


def _request(row: Sequence[Any]) -> Request:
    request, project, epoch, actor, purpose, names, state, created, *became = row
    decider, decided, expires, reveals, revealed, subject = became
    return Request(
        request, project, epoch, actor, purpose, names, state, time_of(created), decider, _moment(decided),
        _moment(expires), reveals, _moment(revealed), subject,
    )  # fmt: skip


def _facts(request: Request) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The columns of a request that never change, its state among them, and those of what became of it."""
    return (
        (request.request, request.project, request.epoch, request.actor, request.purpose, request.names,
         request.state, microseconds(request.created)),
        (request.decider, _number(request.decided), _number(request.expires), request.reveals,
         _number(request.revealed)),
    )  # fmt: skip
