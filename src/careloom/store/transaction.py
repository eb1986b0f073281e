"""One durable step of a zone: what it lands, writes, refuses and says in the audit chain commits together."""

from collections import Counter as Count
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from careloom.audit import AuditEvent
from careloom.errors import Erased
from careloom.issues import Issue
from careloom.store import bulk, quarantine
from careloom.store.alarms import AlarmWriter
from careloom.store.audit_log import AuditChain, entry_of
from careloom.store.cards import CardWriter
from careloom.store.emergencies import EmergencyWriter
from careloom.store.landing import LandingWriter, known_records
from careloom.store.linkage import PairWriter
from careloom.store.models import ModelWriter
from careloom.store.own_indexing import OwnWriter
from careloom.store.predictions import PredictionWriter
from careloom.store.privacy import PrivacyWriter
from careloom.store.reads import Reader
from careloom.store.removal import remove_deleted, remove_earlier
from careloom.store.resources import ResourceWriter, WriteTools
from careloom.store.rights import RightsWriter
from careloom.store.rows import NOBODY, Landed, Landing, Manifest, Outcome, Sender, Stored, Tally, Write
from careloom.store.synthesis import SynthesisWriter
from careloom.store.vault import VaultWriter
from careloom.store.zone_policy import GUARDED, PolicyWriter, ZonePolicy, require_writer


class Transaction:
    """One durable step: records, resources, quarantine and audit commit together or not at all.

    written  grows with whatever is landed, written or said in the chain

    Made by `careloom.store.zone_store.ZoneStore.transaction`; holds the zone's one write lock, so keep it to about a
    thousand records.
    """

    def __init__(self, tools: WriteTools, chain: AuditChain, policy: ZonePolicy | None = None) -> None:
        self._tools = tools
        self._policy = policy
        self._chain = chain
        self._landing = LandingWriter(tools)
        self._resources = ResourceWriter(tools)
        self._outcomes: Count[str] = Count()
        self._tally = Tally()
        self._roots: dict[str, str] = {}
        self._asked: set[tuple[str, str]] = set()
        self._present: set[tuple[str, str]] = set()
        self._has_erased: bool | None = None
        self.written = 0

    def begin_manifest(
        self,
        *,
        name: str,
        file_hash: bytes,
        record_format: str,
        run: str,
        config_hash: str = "",
        sender: Sender = NOBODY,
    ) -> Manifest:
        """The manifest of a file, made or found again: the same bytes under the same configuration are the same one.

        name       the file's own name, kept sealed
        file_hash  digest of `ZoneKeys.file_hasher()` over all bytes of the file
        """
        return self._landing.begin(
            name=name, file_hash=file_hash, record_format=record_format, run=run, config_hash=config_hash, sender=sender
        )

    def land(self, manifest: Manifest | None, landings: Sequence[Landing]) -> list[Landed]:
        """Keeps the next records of a file, sealed, in order; a record that is known is not kept twice.

        manifest  None for records that came in no file
        """
        self.written += 1
        landed = self._landing.land(manifest, landings)
        new = sum(one.is_new for one in landed)
        refused = sum(one.rec == 0 for one in landed)
        self._tally.landed += new
        self._tally.refused += refused
        self._tally.known += len(landed) - new - refused
        return landed

    def finish_manifest(self, manifest: Manifest, *, counts: Mapping[str, Any], state: str = "done") -> bytes:
        """Closes a manifest and returns its root, which the audit event of this step names too."""
        root = self._landing.finish(manifest, counts, state)
        self._roots[manifest.manifest_id] = root.hex()
        return root

    def record_numbers(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Record id -> `Landed.rec` of those that are landed: a new version of a resource stands on the same record."""
        return known_records(self._tools.connection, record_ids)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Writes resources in order; one outcome each. The same (type, id) may come several times.

        raises  StateError in a guarded zone unless the step is of the policy that writes (`careloom.store.zone_policy`)
        """
        if self._tools.zone_keys.zone in GUARDED:
            require_writer(self._tools.connection, self._policy)
        self.written += 1
        self._asked, self._present = set(), set()
        if any(one.type == "Consent" for one in writes):
            self._tools.count("consents", 1)
        outcomes = self._resources.write(writes)
        self._outcomes.update(outcomes)
        return outcomes

    def as_written(self, write: Write, outcome: Outcome, record_id: str = "") -> Stored | None:
        """The version that a write of the last `write` made; None where it made none.

        record_id  of the landed record behind it
        """
        if outcome not in ("created", "updated", "deleted"):
            return None
        return self._resources.version_of(write, record_id)

    def quarantine(self, rec: int, *, issues: Sequence[Issue], place: str, context: bytes = b"") -> None:
        """Notes that a landed record was refused whole; again for a known one: counts an attempt.

        context  what a reader needs beside the bytes to try again; kept sealed until the record is redriven
        """
        quarantine.add(self._tools, rec, issues=issues, place=place, context=context)
        self._tally.quarantined += 1

    def redriven(self, rec: int, patients: tuple[str, ...]) -> None:
        """Notes that a quarantined record is now stored, and seals it under its patients' key.

        raises  Erased if it turns out to be about an erased patient: nothing of this step is kept
        """
        if not self._landing.adopt(rec, patients):
            raise Erased("a quarantined record is about an erased patient", "erase the record too")
        quarantine.redriven(self._tools, rec)

    def accepted(self, recs: Mapping[int, tuple[str, ...]]) -> None:
        """Known records that are stored now: those that waited in quarantine leave it, for their patients' key."""
        for rec in quarantine.waiting(self._tools.connection, recs):
            if self._landing.adopt(rec, recs[rec]):
                quarantine.redriven(self._tools, rec)

    @property
    def connection(self) -> Connection:
        """For reading the zone as it is within this step."""
        return self._tools.connection

    @property
    def reader(self) -> Reader:
        """Reads over `connection`."""
        return Reader(self._tools.zone_keys, self._tools.subject_keys, self._tools.bodies)

    def present(self, names: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these (type, id) under which there is something now; what was asked before is remembered."""
        missing = set(names) - self._asked
        by_type: dict[str, list[str]] = {}
        for kind, name in missing:
            by_type.setdefault(kind, []).append(name)
        for kind, ids in sorted(by_type.items()):
            self._present.update((kind, one) for one in self.reader.present(self.connection, kind, ids))
        self._asked |= missing
        return self._present.intersection(names)

    def erased(self, patient_ids: Iterable[str]) -> list[str]:
        """Those of these (keyed) Patient ids whose patient was erased from this zone."""
        if self._has_erased is None:
            self._has_erased = bool(bulk.fetch(self._tools.connection, "SELECT 1 FROM tombstone LIMIT 1"))
        if not self._has_erased:
            return []
        keys, sql = self._tools.zone_keys, "SELECT 1 FROM tombstone WHERE mark = ?"
        marks = ((one, keys.tombstone(keys.pseudonym(one))) for one in patient_ids)
        return [one for one, mark in marks if bulk.fetch(self._tools.connection, sql, (mark,))]

    @property
    def linkage(self) -> PairWriter:
        """Pairs of patients and decisions about them, written in this step."""
        return PairWriter(self._tools)

    @property
    def emergencies(self) -> EmergencyWriter:
        """Emergencies in which the glass was broken, written in this step."""
        self.written += 1
        return EmergencyWriter(self._tools)

    @property
    def predictions(self) -> PredictionWriter:
        """What models said of patients, and what came of it, written in this step."""
        self.written += 1
        return PredictionWriter(self._tools)

    @property
    def cards(self) -> CardWriter:
        """Cards of CDS Hooks, and what people made of them, written in this step."""
        self.written += 1
        return CardWriter(self._tools)

    @property
    def vault(self) -> VaultWriter:
        """Epochs of pseudonyms and requests for who is behind them, written in this step."""
        return VaultWriter(self._tools)

    @property
    def rights(self) -> RightsWriter:
        """Holds, restrictions, objections and trainings, written in this step."""
        return RightsWriter(self._tools)

    @property
    def privacy(self) -> PrivacyWriter:
        """The privacy ledger, as it is within this step and added to by it."""
        return PrivacyWriter(self._tools)

    @property
    def synthesis(self) -> SynthesisWriter:
        """Fitted generators and what was drawn of them, written in this step."""
        return SynthesisWriter(self._tools)

    @property
    def models(self) -> ModelWriter:
        """Versions of models, their traffic and runs of pipelines, written in this step."""
        return ModelWriter(self._tools)

    @property
    def alarms(self) -> AlarmWriter:
        """Alarms of watched models, and what is to be told of them, written in this step."""
        return AlarmWriter(self._tools)

    @property
    def own(self) -> OwnWriter:
        """The zone's own search parameters, changed and indexed in this step."""
        return OwnWriter(self._tools, self.reader)

    @property
    def policies(self) -> PolicyWriter:
        """Under which policies the zone may hold something, written in this step."""
        return PolicyWriter(self._tools.connection)

    def remove_deleted(self) -> int:
        """Removes deleted resources for good, versions and keys with them; `ZoneStore.scrub` must follow the commit."""
        return remove_deleted(self._tools.connection)

    def remove_earlier(self) -> int:
        """Removes earlier versions for good, and keys with them; `ZoneStore.scrub` must follow the commit."""
        return remove_earlier(self._tools.connection)

    def audit(self, event: AuditEvent) -> None:
        """Adds a further event to the chain, beside the transaction's own."""
        self.audit_all([event])

    def audit_all(self, events: Sequence[AuditEvent]) -> None:
        """Adds further events, in order."""
        self.written += len(events)
        self._chain.extend(map(entry_of, events))

    def rewrap(self) -> int:
        """Wraps all data keys under the current key-encryption key; returns how many lay under another."""
        return self._tools.subject_keys.rewrap(self._tools.connection)

    def tally(self) -> Tally:
        """What the transaction did so far."""
        self._tally.outcomes = dict(sorted(self._outcomes.items()))
        self._tally.pseudonyms = tuple(sorted(self._tools.subjects.touched))
        return self._tally

    def close(self, event: AuditEvent | Callable[[Tally], AuditEvent]) -> None:
        """Writes the transaction's own event; the last thing before the commit."""
        made = event if isinstance(event, AuditEvent) else event(self.tally())
        if self._roots:
            made = replace(made, detail={**made.detail, "manifest_roots": self._roots})
        self._chain.append(made)


def count_from(counters: dict[str, int]) -> Callable[[str, int], int]:
    """A `careloom.store.rows.Counter` over these numbers, which it moves on."""

    def count(name: str, n: int) -> int:
        first = counters[name] + 1
        counters[name] += n
        return first

    return count


def save_counters(tools: WriteTools, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Writes the counters that moved."""
    moved = [(f"counter.{name}", str(after[name])) for name in after if after[name] != before[name]]
    sql = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    bulk.run(tools.connection, sql, moved)
