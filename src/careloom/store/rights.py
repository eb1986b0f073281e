"""Patients' rights as a zone keeps them: holds, restrictions, objections, and what models learnt from whom.

Reading and writing run on a connection of the caller; a write is part of the transaction whose audit event tells of it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.crypto.envelope import nonces
from careloom.crypto.pseudonyms import name_of
from careloom.errors import Erased, Held, NotFound
from careloom.store import bulk
from careloom.store.audit_log import microseconds, time_of
from careloom.store.resources import WriteTools
from careloom.store.rights_tables import rights_rule, trained_on, training, training_taint
from careloom.store.seal import Bodies
from careloom.store.subjects import Subject, SubjectKeys
from careloom.store.zone_keys import ZoneKeys

Kind = Literal["hold", "restrict", "object"]
_RULES = "SELECT rule, kind, patient, zone, actor, created, ender, ended, subject, reason FROM rights_rule "
_TRAININGS = (
    "SELECT t.training, t.name, t.kind, t.digest, t.zone, t.actor, t.created, t.patients, t.successor, t.retrained, "
    "(SELECT count(*) FROM training_taint n WHERE n.training = t.training) FROM training t "
)
_TAINTS = "SELECT cause, created FROM training_taint WHERE training = ? ORDER BY number"


@dataclass(frozen=True, slots=True)
class RightsRule:
    """One hold, restriction or objection; see `careloom.store.rights_tables.rights_rule`.

    patient  stored id; empty for a hold on the whole zone
    ended    None while it holds
    """

    rule: str
    kind: Kind
    patient: str
    zone: str
    actor: str
    created: datetime
    ender: str
    ended: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Training:
    """What learnt from patients; see `careloom.store.rights_tables.training`. `taints`: (cause, when)."""

    training: str
    name: str
    kind: str
    digest: str
    zone: str
    actor: str
    created: datetime
    patients: int
    successor: str
    retrained: datetime | None
    taints: tuple[tuple[str, datetime], ...]

    @property
    def is_waiting(self) -> bool:
        """True while it is tainted and nothing took its place."""
        return bool(self.taints) and self.retrained is None


class RightsReader:
    """Reads rules and trainings over a connection."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies

    def rules(
        self, kinds: Collection[str] = (), *, patient: str | None = None, ended: bool = False
    ) -> list[RightsRule]:
        """Rules, oldest first: of some kinds, of one patient, with those that ended."""
        rows = bulk.fetch(self._connection, _RULES + "ORDER BY created, rule")
        return [
            self._opened(row) for row in rows
            if (not kinds or row[1] in kinds) and patient in (None, row[2]) and (ended or row[7] is None)
        ]  # fmt: skip

    def rule(self, name: str) -> RightsRule:
        """One rule. raises NotFound"""
        rows = bulk.fetch(self._connection, _RULES + "WHERE rule = ?", (name,))
        if not rows:
            raise NotFound("there is no such rule", "List them: careloom retain holds, careloom subject rules.")
        return self._opened(rows[0])

    def patients(self, kinds: Collection[str]) -> set[str]:
        """The stored ids of all patients on whom a rule of one of these kinds is now."""
        return patients_under(self._connection, kinds)

    def trainings(self, *, waiting: bool = False) -> list[Training]:
        """All trainings, newest first, or those alone that are tainted and wait to be done anew."""
        rows = bulk.fetch(self._connection, _TRAININGS + "ORDER BY t.created DESC, t.training")
        found = [self._training(row) for row in rows]
        return [one for one in found if one.is_waiting] if waiting else found

    def training(self, name: str) -> Training:
        """One training. raises NotFound"""
        rows = bulk.fetch(self._connection, _TRAININGS + "WHERE t.training = ?", (name,))
        if not rows:
            raise NotFound("there is no such training", "List them: careloom train list.")
        return self._training(rows[0])

    def trained_on(self, pseudonym: str) -> list[str]:
        """The trainings that read a patient, sorted."""
        sql = "SELECT training FROM trained_on WHERE pseudonym = ? ORDER BY training"
        return [row[0] for row in bulk.fetch(self._connection, sql, (pseudonym,))]

    def _opened(self, row: Sequence[Any]) -> RightsRule:
        rule, kind, patient, zone, actor, created, ender, ended, subject, reason = row
        text = ""
        if subject is not None:
            sealer = self._subject_keys.numbered(self._connection, (subject,))[subject]
            text = self._bodies.open(sealer, reason, _context(self._keys, rule)).decode()
        over = None if ended is None else time_of(ended)
        return RightsRule(rule, kind, patient, zone, actor, time_of(created), ender, over, text)

    def _training(self, row: Sequence[Any]) -> Training:
        name, title, kind, digest, zone, actor, created, patients, successor, retrained, taints = row
        told = bulk.fetch(self._connection, _TAINTS, (row[0],)) if taints else ()
        done = None if retrained is None else time_of(retrained)
        causes = tuple((cause, time_of(moment)) for cause, moment in told)
        made = time_of(created)
        return Training(name, title, kind, digest, zone, actor, made, patients, successor, done, causes)


class RightsWriter:
    """Writes rules and trainings within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools
        self.reader = RightsReader(tools.connection, tools.zone_keys, tools.subject_keys, tools.bodies)

    def add(self, kind: Kind, patient: str, zone: str, actor: str, reason: str) -> str:
        """A new rule; its name. raises Erased where the patient was erased"""
        tools = self._tools
        key = tools.subjects.of_patients([(patient,) if patient else ()])[(patient,) if patient else ()]
        if key is None:
            raise Erased("this patient was erased", "Nothing is left that a rule could be about.")
        name = name_of(tools.random_bytes(16))
        self._keep(name, kind, patient, (zone, actor, reason), key)
        return name

    def _keep(self, name: str, kind: Kind, patient: str, told: tuple[str, str, str], key: Subject) -> None:
        """Writes a rule: `told` is zone, actor and reason."""
        tools, (zone, actor, reason) = self._tools, told
        (nonce,) = nonces(1, tools.random_bytes)
        sealed = tools.bodies.seal(key.sealer, reason.encode(), _context(tools.zone_keys, name), nonce, 0)
        row = (name, kind, patient, zone, actor, tools.now, "", None, key.number, sealed)
        bulk.insert(tools.connection, rights_rule, [row])

    def carry(self, rule: RightsRule) -> None:
        """Keeps a rule of another state of this zone under its own name; of an erased patient nothing is kept."""
        patients = (rule.patient,) if rule.patient else ()
        key = self._tools.subjects.of_patients([patients])[patients]
        if key is not None:
            self._keep(rule.rule, rule.kind, rule.patient, (rule.zone, rule.actor, rule.reason), key)
            sql = "UPDATE rights_rule SET created = ? WHERE rule = ?"
            bulk.run(self._tools.connection, sql, [(microseconds(rule.created), rule.rule)])

    def end(self, name: str, actor: str) -> None:
        """Ends a rule."""
        sql = "UPDATE rights_rule SET ender = ?, ended = ? WHERE rule = ?"
        bulk.run(self._tools.connection, sql, [(actor, self._tools.now, name)])

    def register(self, made: Training, pseudonyms: Iterable[str]) -> None:
        """Keeps a training with the patients whom it read."""
        connection = self._tools.connection
        named = sorted(set(pseudonyms))
        row = (
            made.training, made.name, made.kind, made.digest, made.zone, made.actor, self._tools.now, len(named), "",
            None,
        )  # fmt: skip
        bulk.insert(connection, training, [row])
        bulk.insert(connection, trained_on, [(made.training, one) for one in named])

    def taint(self, pseudonym: str, cause: str) -> list[str]:
        """Marks every training that read a patient; which."""
        return taint(self._tools.connection, [pseudonym], cause, self._tools.now)

    def retrained(self, name: str, successor: str) -> None:
        """Notes that another training took the place of a tainted one."""
        sql = "UPDATE training SET successor = ?, retrained = ? WHERE training = ?"
        bulk.run(self._tools.connection, sql, [(successor, self._tools.now, name)])


def patients_under(connection: Connection, kinds: Collection[str]) -> set[str]:
    """The stored ids of all patients on whom a rule of one of these kinds is now; no seal is opened."""
    rows = bulk.fetch(connection, "SELECT kind, patient FROM rights_rule WHERE ended IS NULL AND patient <> ''")
    return {patient for kind, patient in rows if kind in kinds}


def held_zone(connection: Connection) -> bool:
    """True while a hold is on the whole zone."""
    sql = "SELECT 1 FROM rights_rule WHERE kind = 'hold' AND ended IS NULL AND patient = ''"
    return bool(bulk.fetch(connection, sql))


def require_no_hold(connection: Connection, patient_ids: Iterable[str]) -> None:
    """Returns where nothing keeps these patients. raises Held"""
    if held_zone(connection):
        raise Held("a legal hold is on the zone", "It must be released first: careloom retain holds.")
    if not patients_under(connection, ("hold",)).isdisjoint(patient_ids):
        raise Held("a legal hold is on this patient", "It must be released first: careloom retain holds.")


def taint(connection: Connection, pseudonyms: Sequence[str], cause: str, now: int) -> list[str]:
    """Marks every training that read one of these patients, and opens it again where it was done anew; which."""
    rows = bulk.fetch_in(connection, "SELECT DISTINCT training FROM trained_on WHERE pseudonym {in}", pseudonyms)
    names = sorted(row[0] for row in rows)
    sql = "SELECT count(*) FROM training_taint WHERE training = ?"
    marks = [(name, bulk.fetch(connection, sql, (name,))[0][0] + 1, cause, now) for name in names]
    bulk.insert(connection, training_taint, marks)
    return names


def forget_patients(
    connection: Connection, patient_ids: Sequence[str], pseudonyms: Sequence[str], now: int
) -> tuple[int, list[str]]:
    """Removes the rules of patients and that trainings read them; (how many rules, trainings that are tainted now)."""
    tainted = taint(connection, pseudonyms, "erasure", now)
    bulk.run_in(connection, "DELETE FROM trained_on WHERE pseudonym {in}", pseudonyms)
    return bulk.run_in(connection, "DELETE FROM rights_rule WHERE patient {in}", patient_ids), tainted


def _context(zone_keys: ZoneKeys, rule: str) -> bytes:
    return f"{zone_keys.zone}/rights/{rule}".encode()
