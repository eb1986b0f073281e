"""Erasure: after it, no byte under the data directory can be led back to the patient.

Destroyed: the patient's data key and every key shared with others; all records, resources (all versions), search
entries and quarantine rows under them; pairs of linkage that the patient is in, decisions about them, and replaced
versions of the other Patients of these pairs that name the patient; what was asked about the patient's pseudonyms;
resources and records nobody could assign that name the patient, and the records that such resources came from; file
names that name the patient.
Kept: the record hashes in manifests (other people's proofs stand on them), the keyed pseudonym in the audit chain, a
tombstone, so that the same feed does not bring the patient back, and the numbers of the removed rows, so that they
leave backups (`careloom.store.erased_rows`). Nothing is removed under a legal hold.
Afterwards the database is rewritten and its journal truncated.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from careloom.crypto.pseudonyms import digest_of, name_of
from careloom.errors import Conflict
from careloom.store import bulk, emergencies, erased_rows, linkage, predictions_gone, rights, vault
from careloom.store.engine import translated, writing
from careloom.store.landing import chunks_of, hashes_of, known_records, name_context, record_context, source_of
from careloom.store.resources import resource_context
from careloom.store.schema import metadata, tombstone
from careloom.store.seal import Bodies
from careloom.store.subjects import SHARED, SubjectKeys
from careloom.store.zone_keys import ZoneKeys

_SHARED_NOW = """
SELECT r.rid, r.type, r.id, r.version, r.body, m.counts FROM resource r
LEFT JOIN record c ON c.rec = r.record LEFT JOIN manifest m ON m.manifest = c.manifest
WHERE r.subject = ? AND NOT r.deleted"""
_SHARED_THEN = """
SELECT r.rid, r.type, r.id, h.version, h.body, m.counts FROM resource_history h JOIN resource r ON r.rid = h.rid
LEFT JOIN record c ON c.rec = h.record LEFT JOIN manifest m ON m.manifest = c.manifest
WHERE h.subject = ? AND NOT h.deleted"""
_UNASSIGNED = """
SELECT r.rec, r.record_id, r.subject, r.body, m.counts FROM record r JOIN subject_key k ON k.subject = r.subject
LEFT JOIN manifest m ON m.manifest = r.manifest
WHERE (r.subject = ? OR substr(k.pseudonym, 1, 7) = 'record:') AND length(r.body) > 0"""
_SOURCES = """
SELECT r.rec, r.record_id, r.subject FROM record r JOIN subject_key k ON k.subject = r.subject
WHERE (r.subject = ? OR substr(k.pseudonym, 1, 7) = 'record:') AND r.rec {in}"""
_MADE = """
SELECT record, type FROM resource WHERE subject = ?
UNION SELECT h.record, r.type FROM resource_history h JOIN resource r ON r.rid = h.rid WHERE h.subject = ?
UNION SELECT l.rec, r.type FROM record_link l JOIN resource r ON r.rid = l.rid WHERE r.subject = ?"""
_NOBODYS = frozenset(
    {
        "Endpoint",
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Substance",
    }
)
"""Types that are about no patient: a phone or street that one shares with a patient is no reason to lose it."""
COUNT_ERASURE = """
UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE name = 'counter.erasures'"""
NamesPatient = Callable[[bytes, str], bool]
"""(bytes, source system they came from, empty if not known) -> whether they name the patient."""


@dataclass(slots=True)
class ErasureReport:
    """What was destroyed, as counts; the patients only as keyed pseudonyms.

    record_ids  of the destroyed records: their hashes stay in the manifests
    rules       holds that were released, restrictions and objections
    predictions what models said of the patients
    tainted     trainings that read one of the patients
    digests     what was destroyed -> keyed hash over its sorted keyed names, see `careloom.store.erased_rows`
    """

    pseudonyms: tuple[str, ...] = ()
    keys: int = 0
    resources: int = 0
    versions: int = 0
    records: int = 0
    quarantined: int = 0
    index_rows: int = 0
    file_names: int = 0
    pairs: int = 0
    requests: int = 0
    rules: int = 0
    predictions: int = 0
    tombstones: int = 0
    tainted: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    record_ids: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """True when nothing was there to destroy."""
        return not (self.keys or self.records or self.resources or self.versions)


class Eraser:
    """Erases patients from one zone's database."""

    def __init__(
        self, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies, names_patient: NamesPatient | None
    ) -> None:
        self._zone_keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies
        self._names_patient = names_patient

    def erase(self, connection: Connection, patient_ids: Sequence[str], now: int) -> ErasureReport:
        """Removes all rows of the patients within the transaction of `connection`; `scrub` must follow its commit.

        raises  Held if a legal hold is on one of them or on the zone
        """
        rights.require_no_hold(connection, patient_ids)
        pseudonyms = sorted({self._zone_keys.pseudonym(patient_id) for patient_id in patient_ids})
        report = ErasureReport(tuple(pseudonyms))
        subjects = self._subjects(connection, pseudonyms)
        report.versions += self._naming_versions(connection, patient_ids)
        report.pairs = linkage.forget_patients(connection, patient_ids)
        sources = self._resources(connection, subjects, self._naming_resources(connection, patient_ids), report)
        names = self._records(connection, subjects, sources, report)
        subjects = sorted({*subjects, *names})
        report.digests["data keys"] = self._digest(erased_rows.keys(connection, subjects))
        erased_rows.note(connection, "subject", ((number, 0) for number in subjects if number != SHARED))
        asked = vault.forget_subjects(connection, subjects, self._names_sealed, self._zone_keys)
        report.requests = len(asked)
        erased_rows.note(connection, "request", ((erased_rows.number_of(one), 0) for one in asked))
        report.rules, report.tainted = rights.forget_patients(connection, patient_ids, pseudonyms, now)
        emergencies.forget(connection, pseudonyms)
        report.predictions = predictions_gone.forget(connection, subjects)
        bulk.run_in(connection, "DELETE FROM subject_link WHERE subject {in}", subjects)
        report.keys = bulk.run_in(connection, "DELETE FROM subject_key WHERE subject {in}", subjects)
        marks = [(self._zone_keys.tombstone(pseudonym), now) for pseudonym in pseudonyms]
        known = {row[0] for row in bulk.fetch(connection, "SELECT mark FROM tombstone")}
        new = [mark for mark in marks if mark[0] not in known]
        bulk.insert(connection, tombstone, new)
        report.tombstones = len(new)
        bulk.run(connection, COUNT_ERASURE, [()])
        return report

    def naming(self, connection: Connection, patient_ids: Sequence[str]) -> set[int]:
        """Row numbers of resources under nobody's key that name one of the patients."""
        return self._naming_resources(connection, patient_ids)

    def has_traces(self, connection: Connection, patient_ids: Sequence[str]) -> bool:
        """True when there is a key of one of the patients, or something unassigned that names one."""
        pseudonyms = [self._zone_keys.pseudonym(patient_id) for patient_id in patient_ids]
        return bool(
            self._subjects(connection, pseudonyms)
            or self._naming_resources(connection, patient_ids)
            or self._unassigned(connection)
        )

    def _subjects(self, connection: Connection, pseudonyms: Sequence[str]) -> list[int]:
        own = bulk.fetch_in(connection, "SELECT subject FROM subject_key WHERE pseudonym {in}", pseudonyms)
        joint = bulk.fetch_in(connection, "SELECT DISTINCT subject FROM subject_link WHERE pseudonym {in}", pseudonyms)
        return sorted({row[0] for row in own} | {row[0] for row in joint})

    def _naming_resources(self, connection: Connection, patient_ids: Sequence[str]) -> set[int]:
        """Resources under the shared key that name one of the patients, by row id.

        By their stored id; or, where the type may be about a patient, as the source does (a logical reference, one to
        another server).
        """
        named = [patient_id.encode() for patient_id in patient_ids]
        found: set[int] = set()
        for sql in (_SHARED_NOW, _SHARED_THEN):
            for rid, name, resource_id, version, body, counts in bulk.fetch(connection, sql, (SHARED,)):
                context = resource_context(self._zone_keys.zone, name, resource_id, version)
                content = self._open(connection, SHARED, body, context)
                is_stored_id = any(patient_id in content for patient_id in named)
                if is_stored_id or (name not in _NOBODYS and self._names(content, counts)):
                    found.add(rid)
        return found

    def _resources(
        self, connection: Connection, subjects: Sequence[int], naming: set[int], report: ErasureReport
    ) -> set[int]:
        """Removes resources with all their versions, and old versions of resources that belong to others now.

        returns  the records that they came from
        """
        own = bulk.fetch_in(connection, "SELECT rid FROM resource WHERE subject {in}", subjects)
        rids = sorted({row[0] for row in own} | naming)
        sources: set[int] = set()
        for sql in (
            "SELECT record FROM resource WHERE rid {in}",
            "SELECT record FROM resource_history WHERE rid {in}",
            "SELECT rec FROM record_link WHERE rid {in}",
        ):
            sources |= {row[0] for row in bulk.fetch_in(connection, sql, rids) if row[0] is not None}
        lost = erased_rows.versions(connection, subjects, rids)
        report.digests["resources"] = self._digest(erased_rows.resources(connection, rids))
        report.digests["versions"] = self._digest(erased_rows.earlier(connection, rids, lost))
        report.digests["index rows"] = self._digest(erased_rows.index_rows(connection, rids))
        erased_rows.note(connection, "resource", ((rid, 0) for rid in rids))
        erased_rows.note(connection, "version", lost)
        for sql in ("DELETE FROM idx_eq WHERE rid {in}", "DELETE FROM idx_range WHERE rid {in}"):
            report.index_rows += bulk.run_in(connection, sql, rids)
        bulk.run_in(connection, "DELETE FROM record_link WHERE rid {in}", rids)
        report.versions += bulk.run_in(connection, "DELETE FROM resource_history WHERE rid {in}", rids)
        report.versions += bulk.run_in(connection, "DELETE FROM resource_history WHERE subject {in}", subjects)
        report.resources = bulk.run_in(connection, "DELETE FROM resource WHERE rid {in}", rids)
        return sources

    def _naming_versions(self, connection: Connection, patient_ids: Sequence[str]) -> int:
        """Removes replaced versions of the Patients in a pair with one of these that name one; returns how many."""
        named = [patient_id.encode() for patient_id in patient_ids]
        beside = linkage.patients_beside(connection, patient_ids)
        gone = []
        for rid, patient, version, subject, body in linkage.earlier_versions(connection, beside):
            context = linkage.version_context(self._zone_keys.zone, patient, version)
            content = self._open(connection, subject, body, context)
            gone += [(rid, version)] if any(one in content for one in named) else []
        bulk.run(connection, "DELETE FROM resource_history WHERE rid = ? AND version = ?", gone)
        erased_rows.note(connection, "version", gone)
        return len(gone)

    def _records(
        self, connection: Connection, subjects: list[int], sources: set[int], report: ErasureReport
    ) -> list[int]:
        """Removes records and file names; returns further keys to be destroyed: of names and unassigned records.

        sources  records that the removed resources came from: those that are under nobody's key go too
        """
        rows = list(
            bulk.fetch_in(connection, "SELECT rec, record_id, subject FROM record WHERE subject {in}", subjects)
        )
        rows += bulk.fetch_in(connection, _SOURCES, sorted(sources), SHARED)
        rows += self._unassigned(connection)
        recs = sorted({row[0] for row in rows})
        report.record_ids = sorted({row[1] for row in rows})
        report.digests["source records"] = self._digest(report.record_ids)
        erased_rows.note(connection, "record", ((rec, 0) for rec in recs))
        names = self._file_names(connection, {digest_of(record_id) for record_id in report.record_ids})
        report.quarantined = bulk.run_in(connection, "DELETE FROM quarantine WHERE rec {in}", recs)
        bulk.run_in(connection, "DELETE FROM record_link WHERE rec {in}", recs)
        bulk.run_in(connection, "DELETE FROM record_fact WHERE rec {in}", recs)
        for table in ("resource", "resource_history"):
            bulk.run_in(connection, f"UPDATE {table} SET record = NULL WHERE record {{in}}", recs)  # noqa: S608
        report.records = bulk.run_in(connection, "DELETE FROM record WHERE rec {in}", recs)
        gone = "UPDATE manifest SET name = NULL, subject = NULL WHERE subject {in}"
        report.file_names = bulk.run_in(connection, gone, names)
        return [*names, *(row[2] for row in rows if row[2] != SHARED)]

    def _unassigned(self, connection: Connection) -> list[tuple[int, str, int]]:
        """(rec, record id, key) of records that nobody could assign to a patient and that name one of these."""
        if self._names_patient is None:
            return []
        found = []
        about_nobody = self._about_nobody(connection)
        for rec, record_id, subject, body, counts in bulk.fetch(connection, _UNASSIGNED, (SHARED,)):
            raw = self._open(connection, subject, body, record_context(self._zone_keys.zone, record_id))
            if rec not in about_nobody and self._names(raw, counts):
                found.append((rec, record_id, subject))
        return found

    def _about_nobody(self, connection: Connection) -> set[int]:
        """Records under the shared key that made resources of `_NOBODYS` only: a namesake is no reason to lose them."""
        made: dict[int, set[str]] = {}
        for rec, kind in bulk.fetch(connection, _MADE, (SHARED, SHARED, SHARED)):
            made.setdefault(rec, set()).add(kind)
        return {rec for rec, kinds in made.items() if kinds <= _NOBODYS}

    def _file_names(self, connection: Connection, erased: set[bytes]) -> list[int]:
        """Keys of the file names to destroy.

        A name goes when it names the patient, or when its file held nothing that is still here; and, when nobody can
        tell whether it names the patient, when its file held a record of theirs.
        """
        doomed = []
        sql = "SELECT manifest, manifest_id, subject, name, counts FROM manifest WHERE subject IS NOT NULL"
        for manifest, manifest_id, subject, sealed, counts in bulk.fetch(connection, sql):
            hashes = {digest for chunk in chunks_of(connection, manifest) for digest in hashes_of(chunk)}
            is_touched = not hashes.isdisjoint(erased)
            if self._names_patient is None:
                is_doomed = is_touched
            else:
                name = self._open(connection, subject, sealed, name_context(self._zone_keys.zone, manifest_id))
                is_doomed = self._names_patient(name, source_of(counts)) or (
                    is_touched and not known_records(connection, map(name_of, hashes - erased))
                )
            if is_doomed:
                doomed.append(subject)
        return doomed

    def _digest(self, names: Iterable[str]) -> str:
        return erased_rows.digest(self._zone_keys.content_hasher(), names)

    def _names(self, raw: bytes, counts: str | None) -> bool:
        return self._names_patient is not None and self._names_patient(raw, source_of(counts))

    def _names_sealed(self, connection: Connection, body: bytes, context: bytes) -> bool:
        return self._names(self._open(connection, SHARED, body, context), None)

    def _open(self, connection: Connection, subject: int, body: bytes, context: bytes) -> bytes:
        sealer = self._subject_keys.numbered(connection, (subject,))[subject]
        return self._bodies.open(sealer, body, context)


def is_scrub_due(connection: Connection) -> bool:
    """True when an erasure was committed and the freed space of the database was not rewritten yet."""
    rows = dict(bulk.fetch(connection, "SELECT name, value FROM meta WHERE name IN ('counter.erasures', 'scrubbed')"))
    return bool(rows["counter.erasures"] != rows["scrubbed"])


def scrub(engine: Engine) -> None:
    """Rewrites the database so that what was removed is in no free page, and empties its journal.

    raises  Conflict if readers hold the database; the scrub stays due and is done when the store opens next
    """
    rewrite(engine, [table.name for table in metadata.sorted_tables])
    with writing(engine) as connection:
        sql = "UPDATE meta SET value = (SELECT e.value FROM meta e WHERE e.name = 'counter.erasures')"
        bulk.run(connection, sql + " WHERE name = 'scrubbed'", [()])


def rewrite(engine: Engine, tables: Sequence[str]) -> None:
    """Rewrites tables (on SQLite the whole database), so that what was removed is in no free page and no journal.

    raises  Conflict if readers hold the database
    """
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            for table in tables:
                connection.exec_driver_sql(f"VACUUM FULL {table}")
            connection.exec_driver_sql("CHECKPOINT")
        else:
            cursor = connection.connection.cursor()
            _truncate_journal(cursor)
            cursor.execute("VACUUM")
            _truncate_journal(cursor)
            cursor.close()


def _truncate_journal(cursor: Any) -> None:
    (busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise Conflict(
            "a reader holds the store, so erased bytes are still in its journal", "erase again when it is done"
        )
