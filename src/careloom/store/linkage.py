"""Pairs of patients who may be one, as a zone keeps them: found, decided, listed, and forgotten with either patient.

Reading and writing run on a connection of the caller; a write is part of the transaction whose audit event tells of it.
"""

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from careloom.crypto.envelope import nonces
from careloom.errors import Erased, NotFound
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.linkage_tables import linkage_decision, linkage_pair, linkage_run
from careloom.store.resources import WriteTools, resource_context
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

State = Literal["review", "linked", "rejected"]
Origin = Literal["model", "person", "feed"]
_COLUMNS = "pair, one, other, state, origin, weight, probability, reasons, cautions, marks, run, created, updated"
_SELECT = f"SELECT {_COLUMNS} FROM linkage_pair "  # noqa: S608 our own names
_UPDATE = """
UPDATE linkage_pair SET state = ?, origin = ?, weight = ?, probability = ?, reasons = ?, cautions = ?, marks = ?,
run = ?, updated = ? WHERE pair = ?"""
_DECISIONS = "SELECT step, action, actor, time, before, after, subject, reason FROM linkage_decision WHERE pair = ?"


@dataclass(frozen=True, slots=True)
class KeptPair:
    """One pair. `one` sorts before `other`; both are stored ids of Patients.

    reasons   (trait, level, bits); none where nobody compared the two
    cautions  names of rules for which a person must look
    marks     keyed hash of what both were compared by; empty where nobody compared them
    """

    pair: str
    one: str
    other: str
    state: State
    origin: Origin
    weight: float
    probability: float
    reasons: tuple[tuple[str, str, float], ...]
    cautions: tuple[str, ...]
    marks: bytes
    run: str
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a pair once. `reason`: what the person wrote, "" if nothing."""

    step: int
    action: str
    actor: str
    time: datetime
    before: tuple[str, str]
    after: tuple[str, str]
    reason: str


class Filter(NamedTuple):
    """Which pairs: of a state, of an origin, of a patient, of at least this probability; empty for all."""

    state: str = ""
    origin: str = ""
    patient: str = ""
    least: float = 0.0


class Run(NamedTuple):
    """One run of linkage, see `careloom.store.linkage_tables.linkage_run`; `watermark` in microseconds since 1970."""

    run: str
    time: datetime
    kind: str
    watermark: int
    counts: dict[str, Any]
    model: dict[str, Any]


def pair_name(keys: ZoneKeys, one: str, other: str) -> str:
    """The keyed name of two patients, in whatever order."""
    return keys.pseudonym_of_several((keys.pseudonym(one), keys.pseudonym(other))).removeprefix("set:")


def _reason_context(zone: str, pair: str, step: int) -> bytes:
    return f"{zone}/linkage/{pair}/{step}".encode()


class PairReader:
    """Reads pairs over a connection."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies

    def find(self, pair: str) -> KeptPair:
        """One pair. raises NotFound."""
        rows = bulk.fetch(self._connection, _SELECT + "WHERE pair = ?", (pair,))
        if not rows:
            raise NotFound("there is no such pair", "List them: careloom linkage list.")
        return _pair(rows[0])

    def page(self, which: Filter, *, limit: int, after: tuple[float, str] | None = None) -> list[KeptPair]:
        """Pairs by falling weight; `after`: (weight, pair) of the last one of the page before."""
        least, pair = after or (math.inf, "")
        sql = _SELECT + (
            "WHERE (? = '' OR state = ?) AND (? = '' OR origin = ?) AND (? = '' OR one = ? OR other = ?) "
            "AND probability >= ? AND (weight < ? OR (weight = ? AND pair > ?)) ORDER BY weight DESC, pair LIMIT ?"
        )
        values = (which.state, which.state, which.origin, which.origin, which.patient, which.patient, which.patient)
        rows = bulk.fetch(self._connection, sql, (*values, which.least, least, least, pair, limit))
        return [_pair(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many pairs there are, by state."""
        sql = "SELECT state, count(*) FROM linkage_pair GROUP BY state ORDER BY state"
        return {"review": 0, "linked": 0, "rejected": 0} | dict(bulk.fetch(self._connection, sql))

    def of_patients(self, patients: Iterable[str]) -> list[KeptPair]:
        """All pairs of these patients."""
        found = {}
        for column in ("one", "other"):
            for row in bulk.fetch_in(self._connection, _SELECT + f"WHERE {column} {{in}}", patients):
                found[row[0]] = _pair(row)
        return [found[pair] for pair in sorted(found)]

    def all(self) -> list[KeptPair]:
        """Every pair, by name."""
        return [_pair(row) for row in bulk.fetch(self._connection, _SELECT + "ORDER BY pair")]

    def group(self, patient: str) -> tuple[str, ...]:
        """The patients whom linked pairs make one person with this one, itself among them, sorted."""
        found, new = {patient}, {patient}
        while new:
            linked = [pair for pair in self.of_patients(sorted(new)) if pair.state == "linked"]
            new = {each for pair in linked for each in (pair.one, pair.other)} - found
            found |= new
        return tuple(sorted(found))

    def steps(self, pair: str) -> list[Step]:
        """What happened to a pair, oldest first."""
        rows = bulk.fetch(self._connection, _DECISIONS + " ORDER BY step", (pair,))
        return [self._step(pair, row) for row in rows]

    def _step(self, pair: str, row: Sequence[Any]) -> Step:
        step, action, actor, time, before, after, subject, sealed = row
        reason = ""
        if sealed:
            sealer = self._subject_keys.numbered(self._connection, (subject,))[subject]
            reason = self._bodies.open(sealer, sealed, _reason_context(self._keys.zone, pair, step)).decode()
        return Step(step, action, actor, time_of(time), _split(before), _split(after), reason)

    def newest_run(self, kind: str = "") -> Run | None:
        """The last run, of a kind if one is named; None if there was none."""
        sql = (
            "SELECT run, time, kind, watermark, counts, model FROM linkage_run WHERE (? = '' OR kind = ?) "
            "ORDER BY time DESC, run DESC LIMIT 1"
        )
        rows = bulk.fetch(self._connection, sql, (kind, kind))
        if not rows:
            return None
        run, time, name, watermark, counts, model = rows[0]
        return Run(run, time_of(time), name, watermark, json.loads(counts), json.loads(model))


class PairWriter:
    """Writes pairs within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools
        self.reader = PairReader(tools.connection, tools.zone_keys, tools.subject_keys, tools.bodies)

    def keep(self, pairs: Sequence[KeptPair]) -> None:
        """Writes pairs as they are now, new or known."""
        now = self._tools.now
        sql = "SELECT pair FROM linkage_pair WHERE pair {in}"
        known = {row[0] for row in bulk.fetch_in(self._tools.connection, sql, [pair.pair for pair in pairs])}
        new = [(*_row(pair), now, now) for pair in pairs if pair.pair not in known]
        changed = [(*_row(pair)[3:], now, pair.pair) for pair in pairs if pair.pair in known]
        bulk.insert(self._tools.connection, linkage_pair, new)
        bulk.run(self._tools.connection, _UPDATE, changed)

    def note(self, before: KeptPair | None, after: KeptPair, *, action: str, actor: str, reason: str = "") -> None:
        """Adds what happened to a pair; `after` must have been kept. raises Erased if one of the two was erased."""
        rows = bulk.fetch(
            self._tools.connection, "SELECT max(step) FROM linkage_decision WHERE pair = ?", (after.pair,)
        )
        step = (rows[0][0] or 0) + 1
        subject, sealed = None, b""
        if reason:
            both = (after.one, after.other)
            key = self._tools.subjects.of_patients([both])[both]
            if key is None:
                raise Erased("one of the two patients was erased", "Nothing is left to decide.")
            (nonce,) = nonces(1, self._tools.random_bytes)
            context = _reason_context(self._tools.zone_keys.zone, after.pair, step)
            subject, sealed = key.number, self._tools.bodies.seal(key.sealer, reason.encode(), context, nonce, 0)
        was = f"{before.state}/{before.origin}" if before else "/"
        row = (after.pair, step, action, actor, self._tools.now, was, f"{after.state}/{after.origin}", subject, sealed)
        bulk.insert(self._tools.connection, linkage_decision, [row])

    def forget(self, pairs: Collection[str]) -> None:
        """Removes pairs that nobody decided about and the model does not find any more."""
        bulk.run_in(self._tools.connection, "DELETE FROM linkage_decision WHERE pair {in}", pairs)
        bulk.run_in(self._tools.connection, "DELETE FROM linkage_pair WHERE pair {in}", pairs)

    def records_of_patients(self, patients: Iterable[str]) -> dict[str, int]:
        """The row number of the record that the current version of each Patient came in; those without are left out."""
        sql = "SELECT id, record FROM resource WHERE type = 'Patient' AND record IS NOT NULL AND id {in}"
        return dict(bulk.fetch_in(self._tools.connection, sql, patients))

    def keep_run(self, run: Run) -> None:
        """Notes a finished run."""
        row = (run.run, self._tools.now, run.kind, run.watermark, json.dumps(run.counts), json.dumps(run.model))
        bulk.insert(self._tools.connection, linkage_run, [row])


def patients_beside(connection: Connection, patients: Collection[str]) -> list[str]:
    """Those who are in a pair with one of these patients, without these."""
    found: set[str] = set()
    for mine, theirs in (("one", "other"), ("other", "one")):
        sql = f"SELECT {theirs} FROM linkage_pair WHERE {mine} {{in}}"  # noqa: S608 our own names
        found |= {row[0] for row in bulk.fetch_in(connection, sql, patients)}
    return sorted(found - set(patients))


def forget_patients(connection: Connection, patients: Collection[str]) -> int:
    """Removes all pairs of these patients and what was decided about them; returns how many pairs."""
    gone: set[str] = set()
    for column in ("one", "other"):
        sql = f"SELECT pair FROM linkage_pair WHERE {column} {{in}}"  # noqa: S608 our own names
        gone |= {row[0] for row in bulk.fetch_in(connection, sql, patients)}
    bulk.run_in(connection, "DELETE FROM linkage_decision WHERE pair {in}", sorted(gone))
    bulk.run_in(connection, "DELETE FROM linkage_pair WHERE pair {in}", sorted(gone))
    return len(gone)


def earlier_versions(connection: Connection, patients: Collection[str]) -> Sequence[tuple[Any, ...]]:
    """(rid, id, version, subject, body) of the replaced versions of these Patients, deletions left out."""
    sql = (
        "SELECT h.rid, r.id, h.version, h.subject, h.body FROM resource_history h JOIN resource r ON r.rid = h.rid "
        "WHERE r.type = 'Patient' AND NOT h.deleted AND r.id {in}"
    )
    return bulk.fetch_in(connection, sql, patients)


def version_context(zone: str, patient: str, version: int) -> bytes:
    """What the seal of a version of a Patient is bound to."""
    return resource_context(zone, "Patient", patient, version)


def _row(pair: KeptPair) -> tuple[Any, ...]:
    return (
        pair.pair, pair.one, pair.other, pair.state, pair.origin, pair.weight, pair.probability,
        json.dumps(pair.reasons), json.dumps(pair.cautions), pair.marks, pair.run,
    )  # fmt: skip


def _pair(row: Sequence[Any]) -> KeptPair:
    pair, one, other, state, origin, weight, probability, reasons, cautions, marks, run, created, updated = row
    return KeptPair(
        pair, one, other, state, origin, weight, probability,
        tuple((trait, level, bits) for trait, level, bits in json.loads(reasons)), tuple(json.loads(cautions)),
        bytes(marks), run, time_of(created), time_of(updated),
    )  # fmt: skip


def _split(text: str) -> tuple[str, str]:
    state, _, origin = text.partition("/")
    return state, origin
