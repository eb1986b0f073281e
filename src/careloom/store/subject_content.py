"""Everything that a zone's database holds of one patient, row by row, with seals opened; and how many rows that is.

`TABLES` says of every table of a zone how a row of it belongs to a patient, or why none does: a table that is missing
there is a defect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.erasure import Eraser
from careloom.store.export_scan import numbers_of
from careloom.store.landing import record_context
from careloom.store.quarantine import quarantine_context
from careloom.store.reads import Reader
from careloom.store.rows import Stored, instant
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

_BY_SUBJECT, _BY_ROW, _BY_RECORD = "subject", "resource", "record"
TABLES: dict[str, str] = {
    "resource": _BY_SUBJECT,
    "resource_history": _BY_SUBJECT,
    "record": _BY_SUBJECT,
    "subject_key": _BY_SUBJECT,
    "subject_link": _BY_SUBJECT,
    "linkage_decision": _BY_SUBJECT,
    "vault_request": _BY_SUBJECT,
    "rights_rule": _BY_SUBJECT,
    "emergency": _BY_SUBJECT,
    "prediction": _BY_SUBJECT,
    "idx_eq": _BY_ROW,
    "idx_range": _BY_ROW,
    "record_link": _BY_ROW,
    "record_fact": _BY_RECORD,
    "quarantine": _BY_RECORD,
    "linkage_pair": "patient",
    "trained_on": "pseudonym",
    "audit": "pseudonym",
    "manifest": "a file of many patients: its name is sealed under a key of its own, its hashes are keyed",
    "manifest_chunk": "hashes of records, keyed: of which file and position is told in the Provenance",
    "meta": "facts about the database",
    "token_system": "code systems that were seen",
    "tombstone": "marks of erased patients",
    "erased_row": "numbers of rows of erased patients",
    "vault_epoch": "keys of a project",
    "linkage_run": "counts of runs",
    "training": "what was trained; who was in it stands in trained_on",
    "own_parameter": "search parameters of this installation",
    "synthesis": "generators and releases: facts about all their patients together, no row",
    "model_work": "versions and traffic of models: facts about all their patients together, no row",
    "alarm": "alarms of models: about all their patients together, no row",
    "alarm_message": "what is told of alarms",
    "cds_card": "cards that were shown, without whom they were of",
    "monitor_chart": "sums over all outcomes of a model",
    "prediction_gone": "counts of predictions by model",
    "privacy_entry": "what was spent of the privacy of all, by data set",
    "training_taint": "what has to be trained anew",
}


class Original(NamedTuple):
    """One landed record: its bytes, None where retention removed them, and what is known of it."""

    record_id: str
    format: str
    received: str
    raw: bytes | None
    fact: dict[str, Any]
    quarantine: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """The numbers of all rows of one patient.

    shared  resources under nobody's key that name the patient
    """

    subjects: tuple[int, ...]
    rids: tuple[int, ...]
    recs: tuple[int, ...]
    shared: tuple[int, ...]
    counts: dict[str, int]


class SubjectContent:
    """Reads what a zone holds of one patient over one connection."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies
        self._reader = Reader(zone_keys, subject_keys, bodies)

    def rows(self, patient_ids: Sequence[str], eraser: Eraser) -> Rows:
        """The numbers of the rows of a patient, who may have several ids (of epochs), and how many each table has."""
        connection = self._connection
        pseudonyms = [self._keys.pseudonym(one) for one in patient_ids]
        subjects = numbers_of(connection, pseudonyms)
        own = {row[0] for row in bulk.fetch_in(connection, "SELECT rid FROM resource WHERE subject {in}", subjects)}
        earlier = bulk.fetch_in(connection, "SELECT DISTINCT rid FROM resource_history WHERE subject {in}", subjects)
        shared = eraser.naming(connection, patient_ids) - own
        recs = [row[0] for row in bulk.fetch_in(connection, "SELECT rec FROM record WHERE subject {in}", subjects)]
        rids = sorted(own | shared)
        counts = self._counts(subjects, rids, recs, (patient_ids, pseudonyms))
        every = sorted({*rids, *(row[0] for row in earlier)})
        return Rows(subjects, tuple(every), tuple(sorted(recs)), tuple(sorted(shared)), counts)

    def _counts(
        self, subjects: Sequence[int], rids: Sequence[int], recs: Sequence[int],
        named: tuple[Sequence[str], Sequence[str]],
    ) -> dict[str, int]:  # fmt: skip
        patient_ids, pseudonyms = named
        found: dict[str, int] = {}
        for table, how in TABLES.items():
            column, values = {
                _BY_SUBJECT: ("subject", subjects), _BY_ROW: ("rid", rids), _BY_RECORD: ("rec", recs),
            }.get(how, ("", ()))  # fmt: skip
            if column:
                sql = f"SELECT count(*) FROM {table} WHERE {column} {{in}}"  # noqa: S608 our own names
                found[table] = bulk.fetch_in(self._connection, sql, values)[0][0] if values else 0
        sql = "SELECT count(*) FROM trained_on WHERE pseudonym {in}"
        found["trained_on"] = bulk.fetch_in(self._connection, sql, pseudonyms)[0][0]
        pairs: set[str] = set()
        for column in ("one", "other"):
            sql = f"SELECT pair FROM linkage_pair WHERE {column} {{in}}"  # noqa: S608 our own names
            pairs |= {row[0] for row in bulk.fetch_in(self._connection, sql, patient_ids)}
        found["linkage_pair"] = len(pairs)
        return found

    def resources(self, rows: Rows) -> Iterator[tuple[Stored, bool]]:
        """Every version of every resource, (version, whether it is the current one), by type, id and version."""
        yield from self._reader.of_rows(self._connection, rows.rids, rows.subjects, rows.shared)

    def originals(self, rows: Rows) -> Iterator[Original]:
        """Every landed record under a key of the patient, in order of arrival."""
        sql = (
            "SELECT r.rec, r.record_id, r.format, r.received, r.subject, r.body, f.kind, f.moment, f.faults, q.reason, "
            "q.issues, q.state, q.context FROM record r LEFT JOIN record_fact f ON f.rec = r.rec "
            "LEFT JOIN quarantine q ON q.rec = r.rec WHERE r.rec {in}"
        )
        for row in sorted(bulk.fetch_in(self._connection, sql, rows.recs)):
            _, record_id, record_format, received, subject, body, *told = row
            kind, moment, faults, reason, issues, state, context = told
            sealer = self._subject_keys.numbered(self._connection, (subject,))[subject]
            zone = self._keys.zone
            raw = self._bodies.open(sealer, bytes(body), record_context(zone, record_id)) if body else None
            context = self._bodies.open(sealer, bytes(context), quarantine_context(zone, record_id)) if context else b""
            kept = context.decode("utf-8", "replace")
            made = "" if moment is None else instant(time_of(moment))
            fact = {} if kind is None else {"type": kind, "made": made, "faults": faults}
            refused = {} if reason is None else {
                "reason": reason, "state": state, "issues": orjson.loads(issues), "context": kept,
            }  # fmt: skip
            yield Original(record_id, record_format, instant(time_of(received)), raw, fact, refused)
