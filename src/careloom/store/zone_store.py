"""One zone's store, opened: transactions that write, reads that unseal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine

from careloom.audit import AuditEvent
from careloom.crypto.keys import KeyProvider
from careloom.errors import CareloomError
from careloom.fhir.drafts import Resource
from careloom.runtime import Runtime
from careloom.store import audit_log, bulk, database, landing, quarantine, reads
from careloom.store.audit_fhir import all_events, newest_events
from careloom.store.check import StoreReport, check
from careloom.store.emergencies import EmergencyReader
from careloom.store.engine import is_url, open_engine, private_folder, writing
from careloom.store.erasure import Eraser, ErasureReport, NamesPatient, is_scrub_due, scrub
from careloom.store.group_commit import GroupCommit, Take
from careloom.store.linkage import PairReader
from careloom.store.own_parameters import read as read_own
from careloom.store.predictions import PredictionReader
from careloom.store.provenance import FactProof, Provenances, RawRecord
from careloom.store.quarantine import Quarantined
from careloom.store.raw_records import FoundRecord, RecordQuery, find, find_one
from careloom.store.resources import WriteTools
from careloom.store.rights import RightsReader
from careloom.store.rows import Indexer, Tally, no_index
from careloom.store.seal import Bodies
from careloom.store.steps import Phased, Step, run_all
from careloom.store.subject_content import Rows, SubjectContent
from careloom.store.subjects import SubjectKeys, SubjectWriter
from careloom.store.transaction import Transaction, count_from, save_counters
from careloom.store.vault import VaultReader
from careloom.store.zone_keys import ZoneKeys
from careloom.store.zone_policy import ZonePolicy
from careloom.store.zone_reads import ZoneReads

Zone = Literal["identified", "research", "synthetic"]
ANCHOR_NAME = "audit.anchor"
T = TypeVar("T")

__all__ = ["Transaction", "Zone", "ZoneStore"]


class ZoneStore(ZoneReads):
    """The store of one zone. Close it when done; one process may hold several, and threads may share one.

    Reads run on their own connections and see committed data only. Reading is not audited here: services do that.
    """

    def __init__(
        self,
        engine: Engine,
        zone_keys: ZoneKeys,
        runtime: Runtime,
        indexer: Indexer,
    ) -> None:
        self.zone = zone_keys.zone
        self.runtime = runtime
        self._indexer = indexer
        self._subject_keys = SubjectKeys(zone_keys, runtime.random_bytes)
        self._bodies = Bodies()
        super().__init__(engine, zone_keys, reads.Reader(zone_keys, self._subject_keys, self._bodies))
        self._commits = GroupCommit(self._write_events, self._settle_anchor)
        self._steps = GroupCommit[Step[Any]](self._write_steps, self._settle_anchor)
        self.anchor: audit_log.Anchor | None = None

    @classmethod
    def open(
        cls,
        place: Path | str,
        *,
        zone: Zone,
        keys: KeyProvider,
        runtime: Runtime,
        indexer: Indexer = no_index,
        anchor: Path | None = None,
    ) -> "ZoneStore":
        """The store of `zone`, made if it is not there.

        place    the data directory (SQLite: ``<place>/<zone>/store.db``) or a ``postgresql+psycopg://`` URL, in which
                 ``{zone}`` stands for the zone
        indexer  search entries of a resource; without it nothing can be searched
        anchor   where the head of the audit chain is kept outside the database; beside it by default on SQLite
        raises   SetupError if the database is of another zone, under other keys or of another version, or not reachable
        """
        zone_keys = ZoneKeys(keys, zone)
        store = cls(open_engine(place, zone), zone_keys, runtime, indexer)
        if anchor is None and not is_url(place):
            anchor = Path(place) / zone / ANCHOR_NAME
        if anchor is not None:
            private_folder(anchor.parent)
            store.anchor = audit_log.Anchor(anchor, zone)
        try:
            database.prepare(store._engine, zone_keys, store._subject_keys, audit_log.microseconds(runtime.now()))
        except CareloomError:
            store.close()  # a connection to a database that is not ours
            raise
        store._anchor_empty_chain()
        with store.connect() as connection:
            is_due = is_scrub_due(connection)
        if is_due:
            scrub(store._engine)
        return store

    def _anchor_empty_chain(self) -> None:
        """A new chain is anchored before its first row, so that a missing anchor always means that it was removed."""
        if self.anchor is not None and not self.anchor.path.exists():
            with self.connect() as connection:
                is_empty = not bulk.fetch(connection, "SELECT 1 FROM audit LIMIT 1")
            if is_empty:
                self._move_anchor(audit_log.EMPTY)
                self._settle_anchor()

    def anchor_again(self) -> None:
        """Anchors the chain where it ends now: after the database was replaced by a backup."""
        with self.connect() as connection:
            rows = bulk.fetch(connection, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        self._move_anchor(audit_log.Head(rows[0][0], bytes(rows[0][1])) if rows else audit_log.EMPTY)
        self._settle_anchor()

    @contextmanager
    def transaction(
        self, event: AuditEvent | Callable[[Tally], AuditEvent], policy: ZonePolicy | None = None
    ) -> Iterator[Transaction]:
        """A write transaction with its audit event (a function gets the tally); all durable when the block ends.

        policy  under which it writes resources; a zone of `careloom.store.zone_policy.GUARDED` takes none without
        raises  Conflict when another writer holds the zone for too long, SetupError when the disk is full: nothing was
                written then; IntegrityError when the audit chain lacks its anchored head
        """
        with self._writing(policy) as step:
            yield step
            step.close(event)
        self._settle_anchor()

    def step(self, act: Callable[[Transaction], T] | Phased[Any, T]) -> T:
        """What `act` returns, once all that it wrote is durable. Steps of several threads share one transaction.

        act     looks first, and writes last, its audit events too; what it raises before it writes is raised here and
                touches nobody else's step. In two phases where what several look for may be written at once
        raises  as `transaction`, in every thread whose step was to be written with this one
        """
        mine = Step(act)
        self._steps.append(mine)
        return mine.result()

    def _write_steps(self, take: Take[Step[Any]]) -> None:
        with self._writing(None) as transaction:
            run_all(transaction, take())

    @contextmanager
    def _writing(self, policy: ZonePolicy | None) -> Iterator[Transaction]:
        """A write transaction; whoever writes in it sees to its audit events."""
        try:
            with writing(self._engine) as connection:
                before = database.counters(connection)
                self._subject_keys.forget(before["erasures"])
                after = dict(before)
                tools = self._tools(connection, after)
                chain = audit_log.AuditChain(connection, self.keys.provider.sign, self._anchored())
                with bulk.sent_together(connection):
                    yield Transaction(tools, chain, policy)
                    save_counters(tools, before, after)
        except BaseException:
            self._subject_keys.forget()  # keys made in this step are in no database now
            raise
        self._subject_keys.remember(tools.subjects.made)
        self._move_anchor(chain.head)

    def _tools(self, connection: Connection, counters: dict[str, int]) -> WriteTools:
        count, clock = count_from(counters), audit_log.microseconds(self.runtime.now())
        newest = counters[database.NEWEST]
        now = counters[database.NEWEST] = clock if clock >= newest else newest + 1  # it was set back: time goes on
        self._own = read_own(connection, self._own, counters["parameters"])
        return WriteTools(
            connection=connection,
            zone_keys=self.keys,
            subjects=SubjectWriter(connection, self._subject_keys, self.keys, count, now),
            subject_keys=self._subject_keys,
            bodies=self._bodies,
            indexer=self._indexer,
            random_bytes=self.runtime.random_bytes,
            count=count,
            now=now,
            own=self._own,
        )

    def _anchored(self) -> audit_log.Head | None:
        return None if self.anchor is None else self.anchor.read(self.keys.provider.public_key())

    def _move_anchor(self, head: audit_log.Head) -> None:
        if self.anchor is not None:
            self.anchor.write(head, self.keys.provider.sign)

    def _settle_anchor(self) -> None:
        """Whoever wrote for others does this last: they need not wait until the disk has the anchor, too."""
        if self.anchor is not None:
            self.anchor.settle()

    def pseudonym(self, patient_id: str) -> str:
        """The keyed pseudonym of a (keyed) Patient id: what audit and erasure call the patient."""
        return self.keys.pseudonym(patient_id)

    def is_erased(self, patient_id: str) -> bool:
        """True if the patient with this (keyed) id was erased from this zone."""
        mark = self.keys.tombstone(self.keys.pseudonym(patient_id))
        with self.connect() as connection:
            return bool(bulk.fetch(connection, "SELECT 1 FROM tombstone WHERE mark = ?", (mark,)))

    @contextmanager
    def linkage(self) -> Iterator[PairReader]:
        """Pairs of patients who may be one, in one committed state."""
        with self.connect() as connection:
            yield PairReader(connection, self.keys, self._subject_keys, self._bodies)

    @contextmanager
    def vault(self) -> Iterator[VaultReader]:
        """Epochs of pseudonyms and requests for who is behind them, in one committed state."""
        with self.connect() as connection:
            yield VaultReader(connection, self.keys, self._subject_keys, self._bodies)

    @contextmanager
    def rights(self) -> Iterator[RightsReader]:
        """Holds, restrictions, objections and trainings, in one committed state."""
        with self.connect() as connection:
            yield RightsReader(connection, self.keys, self._subject_keys, self._bodies)

    @contextmanager
    def emergencies(self) -> Iterator[EmergencyReader]:
        """Emergencies in which the glass was broken, in one committed state."""
        with self.connect() as connection:
            yield EmergencyReader(connection, self.keys, self._subject_keys, self._bodies)

    @contextmanager
    def predictions(self) -> Iterator[PredictionReader]:
        """What models said of patients, in one committed state."""
        with self.connect() as connection:
            yield PredictionReader(connection, self.keys, self._subject_keys, self._bodies)

    def raw_record(self, record_id: str) -> RawRecord:
        """A landed record with its bytes unsealed; ask for access first. raises NotFound."""
        with self.connect() as connection:
            return self._provenance(connection).raw(record_id)

    def find_records(self, query: RecordQuery) -> list[FoundRecord]:
        """Landed records without their content, newest first."""
        with self.connect() as connection:
            return find(connection, self.keys, query)

    def find_record(self, record_id: str) -> FoundRecord | None:
        """One landed record without its content, None if it is not here."""
        with self.connect() as connection:
            return find_one(connection, record_id)

    def provenance(self, record_id: str) -> Resource:
        """The FHIR Provenance of a source record: all resources made from it, its manifests and position."""
        with self.connect() as connection:
            return self._provenance(connection).resource(record_id)

    def records_of(self, resource_type: str, resource_id: str) -> list[str]:
        """The ids of all landed records behind a resource, sorted; none if it is not there."""
        with self.connect() as connection:
            return self._provenance(connection).records_of(resource_type, resource_id)

    def verify_fact(self, resource_type: str, resource_id: str, version: int = 0) -> FactProof:
        """Recomputes every hash between a version (0: the current one) and the file it came in. raises NotFound."""
        with self.connect() as connection:
            if version:
                stored = self._reader.version(connection, resource_type, resource_id, version)
            else:
                stored = self._reader.current(connection, resource_type, resource_id)
            return self._provenance(connection).verify(stored)

    def _provenance(self, connection: Connection) -> Provenances:
        return Provenances(connection, self.keys, self._subject_keys, self._bodies)

    def quarantined(
        self, *, state: str = "waiting", reason: str = "", limit: int = 1000, after: int = 0
    ) -> list[Quarantined]:
        """Refused records in order of arrival; `after` is the `rec` of the last one of the page before."""
        with self.connect() as connection:
            return quarantine.listed(connection, state=state, reason=reason, limit=limit, after=after)

    def quarantined_record(self, record_id: str) -> Quarantined | None:
        """The entry of one refused record, None if it is not in quarantine."""
        with self.connect() as connection:
            return quarantine.of_record(connection, record_id)

    def quarantine_context(self, record_id: str) -> bytes:
        """What was kept with a refused record for its next reader; empty if there is nothing."""
        with self.connect() as connection:
            found = quarantine.sealed_context(connection, record_id)
            if found is None:
                return b""
            sealer = self._subject_keys.numbered(connection, (found[0],))[found[0]]
            return self._bodies.open(sealer, found[1], quarantine.quarantine_context(self.zone, record_id))

    def quarantine_reasons(self) -> dict[str, int]:
        """How many refused records wait, by reason."""
        with self.connect() as connection:
            return quarantine.reasons(connection)

    def subjects_of_record(self, record_id: str) -> tuple[str, ...]:
        """The keyed pseudonyms of the patients for whom a record is sealed, sorted; none if nobody could tell."""
        with self.connect() as connection:
            return quarantine.subjects_of(connection, record_id)

    def append_audit(self, event: AuditEvent) -> None:
        """Adds one event (a read, a refusal), durable when this returns. This makes the store an AuditSink.

        Events of several threads at the same time share one transaction; if it fails, it fails for all of them.
        """
        self._commits.append(audit_log.entry_of(event))

    append = append_audit

    def _write_events(self, take: Take[audit_log.Entry]) -> None:
        anchored = self._anchored()  # before the lock, for its signature takes a while
        with writing(self._engine) as connection:
            self._subject_keys.forget(database.erasures(connection))
            chain = audit_log.AuditChain(connection, self.keys.provider.sign, anchored)
            chain.extend(take())
        self._move_anchor(chain.head)

    def verify_audit(self) -> audit_log.AuditReport:
        """Checks the whole audit chain against its signatures and its anchor."""
        with self.connect() as connection:
            return audit_log.verify(connection, self.keys.provider.public_key(), self.anchor)

    def audit_events(self, *, subject: str = "", limit: int = 1000) -> list[Resource]:
        """AuditEvents, newest first; only those about one keyed pseudonym if `subject` is given."""
        with self.connect() as connection:
            return newest_events(connection, subject, limit)

    def export_audit(self) -> Iterator[Resource]:
        """The whole audit chain as FHIR AuditEvent resources, in order."""
        with self.connect() as connection:
            yield from all_events(connection)

    def check(self, every: int = 1) -> StoreReport:
        """Opens every n-th resource, compares hashes and search entries with its content, and all manifest roots."""
        with self.connect() as connection:
            return check(connection, self.keys, self._reader, self._indexer, read_own(connection, self._own), every)

    def has_traces(self, patient_id: str, names_patient: NamesPatient) -> bool:
        """True when something of this (keyed) patient is here, if only a reference or a refused record."""
        with self.connect() as connection:
            eraser = Eraser(self.keys, self._subject_keys, self._bodies, names_patient)
            return eraser.has_traces(connection, [patient_id])

    def content_of(
        self, connection: Connection, patient_ids: Sequence[str], names_patient: NamesPatient
    ) -> tuple[SubjectContent, Rows]:
        """What is here of a patient, and the numbers of its rows, as the connection sees it."""
        content = SubjectContent(connection, self.keys, self._subject_keys, self._bodies)
        eraser = Eraser(self.keys, self._subject_keys, self._bodies, names_patient)
        return content, content.rows(patient_ids, eraser)

    def source_of_record(self, record_id: str) -> str:
        """The source system of the file in which a record arrived; "" if nobody knows."""
        with self.connect() as connection:
            return landing.source_of_record(connection, record_id)

    def sources(self) -> set[str]:
        """The source systems whose files arrived here."""
        with self.connect() as connection:
            return landing.sources(connection)

    def scrub(self) -> None:
        """Rewrites the database, so that what was removed lies in no free page. raises Conflict if readers hold it."""
        scrub(self._engine)

    def erase(
        self,
        patient_ids: Sequence[str],
        event: Callable[[ErasureReport], AuditEvent],
        *,
        names_patient: NamesPatient | None = None,
    ) -> ErasureReport:
        """Erases patients for good, as `careloom.store.erasure` says; the second time there is nothing left to do.

        names_patient  true if bytes (a record or resource whose patient nobody could tell, a file's name) name one of
                       them; without it the names of all files that held a record of theirs are destroyed
        """
        eraser = Eraser(self.keys, self._subject_keys, self._bodies, names_patient)
        try:
            with writing(self._engine) as connection:
                chain = audit_log.AuditChain(connection, self.keys.provider.sign, self._anchored())
                report = eraser.erase(connection, patient_ids, audit_log.microseconds(self.runtime.now()))
                chain.append(event(report))
        finally:
            self._subject_keys.forget()
        self._move_anchor(chain.head)
        self._settle_anchor()
        scrub(self._engine)
        return report
