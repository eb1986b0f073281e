"""Quarantine: what was refused and why, and another try after something was mended."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from careloom.audit import Action, AuditEvent
from careloom.errors import NotFound
from careloom.ingest.delimited import MAPPING_OPTION
from careloom.ingest.framing import detect_source, frame
from careloom.ingest.framing_limits import CONTINUED
from careloom.ingest.source import of_bytes
from careloom.pipeline.batch import Batch
from careloom.pipeline.pipeline import Result
from careloom.pipeline.record import Record
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.arrivals import frame_limits, match_header
from careloom.services.ingest import INGEST_ZONES, landing_of, writes_by_origin
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.services.platform import Platform
from careloom.services.record_context import context_bytes, record_of, with_mapping
from careloom.services.sight import require_known
from careloom.store.quarantine import Quarantined
from careloom.store.rows import Write
from careloom.store.transaction import Transaction
from careloom.store.zone_store import ZoneStore

PAGE = 500
REMEDY = "Correct the record at its source and send it again."
"""Of issues whose only cure that is."""
_CONTINUED_CODE = CONTINUED[0]
Fate = Literal["stored", "refused", "erased"]


def list_refused(platform: Platform, who: Principal, *, code: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Waiting records in order of arrival: record, format, place, reason, message, remedy, attempts."""
    admit(platform, who, "quarantine", "landing")
    rows = platform.store("identified").quarantined(reason=code, limit=limit)
    note(platform, who, "quarantine", "landing", detail={"listed": len(rows)})
    return [summary(row) for row in rows]


def show_refused(platform: Platform, who: Principal, record_id: str, *, raw: bool = False) -> dict[str, Any]:
    """One refused record with all its issues; with `raw`, its bytes as text too.

    That is audited as disclosure, takes leave to read any type of resource in the identified zone, and is refused where
    a restriction or a consent keeps from `who` what is about a patient whom the record names.

    raises  AccessError; NotFound
    """
    admit(platform, who, "quarantine", "landing")
    store = platform.store("identified")
    row = store.quarantined_record(record_id)
    if row is None:
        raise NotFound("there is no such record in quarantine", "List them: careloom quarantine list.")
    entry = summary(row) | {
        "state": row.state,
        "manifest": row.manifest_id,
        "position": row.position,
        "issues": [
            {
                "code": i.code,
                "severity": i.severity,
                "place": i.place,
                "message": i.message,
                "remedy": i.remedy or (REMEDY if i.refuses else ""),
            }
            for i in row.issues
        ],
    }
    if raw:
        admit(platform, who, "read", "identified", operation="quarantine")
    subjects = store.subjects_of_record(record_id)
    if raw:
        require_known(platform, who, "identified", subjects)
    store.append_audit(_event(platform, who, "read", {"record": record_id, "disclosed": raw}, subjects))
    if raw:
        entry["raw"] = store.raw_record(record_id).raw.decode("utf-8", "backslashreplace")
    return entry


def summary(row: Quarantined) -> dict[str, Any]:
    """A refused record as lists show it: record, format, place, where, reason, message, remedy, attempts, since."""
    first = next((issue for issue in row.issues if issue.refuses), None)
    return {
        "record": row.record_id,
        "format": row.format,
        "place": row.place,
        "where": first.place if first else "",
        "reason": row.reason,
        "message": first.message if first else "",
        "remedy": (first.remedy if first else "") or REMEDY,
        "attempts": row.attempts,
        "since": row.created.isoformat(),
    }


def redrive(
    platform: Platform, who: Principal, record_ids: tuple[str, ...] = (), mapping: Path | None = None
) -> dict[str, int]:
    """Runs refused records through today's pipeline: ``tried`` = ``stored`` + ``refused`` + ``erased``.

    An erased one turned out to be about a patient who was erased: it goes now, with what was kept of it.

    record_ids  those to try; all waiting ones if none is named
    raises      AccessError; NotFound
    """
    for zone in INGEST_ZONES:
        admit(platform, who, "ingest", zone, operation="quarantine")
    own = platform.read_text(mapping) if mapping else ""
    store = platform.store("identified")
    counts = {"tried": 0, "stored": 0, "refused": 0, "erased": 0}
    for row in list(_rows(store, record_ids)):
        counts["tried"] += 1
        counts[redrive_row(platform, who, row, own)] += 1
    return counts


def _rows(store: ZoneStore, record_ids: tuple[str, ...]) -> Iterator[Quarantined]:
    for record_id in dict.fromkeys(record_ids):
        row = store.quarantined_record(record_id)
        if row is None or row.state != "waiting":
            raise NotFound("no such record waits in quarantine", "List them: careloom quarantine list.")
        yield row
    after = 0
    while not record_ids and (page := store.quarantined(limit=PAGE, after=after)):
        yield from page
        after = page[-1].rec


def redrive_row(platform: Platform, who: Principal, row: Quarantined, own: str = "") -> Fate:
    """Runs one waiting record through today's pipeline, in one transaction, and tells what became of it.

    own  text of a mapping for delimited files; empty for those that Careloom knows
    """
    store = platform.store("identified")
    raw = store.raw_record(row.record_id).raw
    record, source = record_of(raw, store.quarantine_context(row.record_id))
    if own and record.context.format == "csv":
        record = with_mapping(record, match_header(record.context.header, own), own, MAPPING_OPTION)
    pipeline = build(IngestConfig(platform.names_key, source, own))
    records = [record] if record.problem is None else _framed_again(platform, record, own)
    result = pipeline.run(Batch.of(RECORD, records))
    made = _Made(records, source, result, writes_by_origin(result))
    erased = tuple(patient for patient in made.patients if store.is_erased(patient))
    is_stored = bool(result.batch.items) and (record.problem is not None or not result.refused)
    if not (is_stored and erased and made.is_whole):
        with store.transaction(lambda tally: _driven(platform, who, row, is_stored, tally.pseudonyms)) as tx:
            if is_stored:
                _keep(tx, row, made, is_clean=not erased)
            else:
                issues = result.refused[0].issues if result.refused else row.issues
                tx.quarantine(row.rec, issues=issues, place=row.place, context=context_bytes(record, source))
    if not (is_stored and erased):
        return "stored" if is_stored else "refused"
    store.erase(
        erased,
        lambda done: _event(platform, who, "delete", {"record": row.record_id}, done.pseudonyms),
        names_patient=lambda named, _: named == raw,
    )
    return "erased" if made.is_whole else "stored"


def _framed_again(platform: Platform, record: Record, own: str) -> list[Record]:
    """What today's framers see in bytes that could not be framed before; the same refused record if nothing changed."""
    if record.problem is not None and record.problem[0] == _CONTINUED_CODE:
        return [record]
    source = of_bytes(record.raw)
    detection = detect_source(source, lambda header: match_header(header, own))
    return list(frame(source, detection, frame_limits(platform.settings.ingest)))


@dataclass(frozen=True, slots=True)
class _Made:
    """What today's pipeline makes of one refused record, which may hold several."""

    records: list[Record]
    source: str
    result: Result
    by_origin: dict[int, list[Write]]

    @property
    def patients(self) -> tuple[str, ...]:
        """Keyed ids of all who are written about, sorted."""
        return tuple(sorted({p for writes in self.by_origin.values() for write in writes for p in write.patients}))

    @property
    def is_whole(self) -> bool:
        """True when the refused record makes one record again, which takes its place."""
        one = self.records[0] if len(self.records) == 1 else None
        return one is not None and one.problem is None and not self.result.refused and bool(one.raw)


def _keep(tx: Transaction, row: Quarantined, made: _Made, *, is_clean: bool) -> None:
    """Writes what a refused record makes now; the record itself stays, under its patients' key, if none was erased."""
    records, refused = made.records, {refusal.origin: refusal for refusal in made.result.refused}
    if made.is_whole:
        recs = [row.rec]
    else:
        landings = [landing_of(r, made.by_origin.get(n), refused.get(n)) for n, r in enumerate(records)]
        recs = [landed.rec for landed in tx.land(None, landings)]
    if is_clean:
        tx.redriven(row.rec, made.patients)
    for origin, writes in made.by_origin.items():
        for write in writes:
            write.rec = recs[origin] or None
        tx.write(writes)
    for origin, refusal in refused.items():
        if recs[origin] not in (0, row.rec):
            context = context_bytes(records[origin], made.source)
            tx.quarantine(recs[origin], issues=refusal.issues, place=records[origin].place, context=context)


def _driven(
    platform: Platform, who: Principal, row: Quarantined, is_stored: bool, subjects: tuple[str, ...]
) -> AuditEvent:
    return _event(platform, who, "create", {"record": row.record_id, "stored": is_stored}, subjects)


def _event(
    platform: Platform, who: Principal, action: Action, detail: dict[str, Any], subjects: tuple[str, ...]
) -> AuditEvent:
    return event(platform, who, "quarantine", "landing", action=action, subjects=subjects, detail=detail)
