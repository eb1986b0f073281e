"""Quarantine: what was refused and why, and another try after something was mended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from careloom.audit import AuditEvent
from careloom.errors import Erased, NotFound
from careloom.ingest.delimited import MAPPING_OPTION
from careloom.ingest.framing import detect_source, frame
from careloom.ingest.framing_limits import CONTINUED
from careloom.ingest.source import of_bytes
from careloom.pipeline.batch import Batch
from careloom.pipeline.pipeline import Result
from careloom.pipeline.record import Record
from careloom.services.access import Principal, require
from careloom.services.arrivals import match_header
from careloom.services.ingest import landing_of, writes_by_origin
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from careloom.services.platform import Platform
from careloom.services.record_context import context_bytes, record_of, with_mapping
from careloom.store.quarantine import Quarantined
from careloom.store.transaction import Transaction
from careloom.store.zone_store import ZoneStore

PAGE = 500
_CONTINUED_CODE = CONTINUED[0]


def list_refused(platform: Platform, who: Principal, *, code: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Waiting records in order of arrival: record, format, place, reason, message, remedy, attempts."""
    require(who, "quarantine", "landing")
    rows = platform.store("identified").quarantined(reason=code, limit=limit)
    return [_summary(row) for row in rows]


def show_refused(platform: Platform, who: Principal, record_id: str, *, raw: bool = False) -> dict[str, Any]:
    """One refused record with all its issues; with `raw`, its bytes as text too, which is audited as disclosure.

    raises  AccessError; NotFound
    """
    require(who, "quarantine", "landing")
    store = platform.store("identified")
    row = store.quarantined_record(record_id)
    if row is None:
        raise NotFound("there is no such record in quarantine", "List them: careloom quarantine list.")
    entry = _summary(row) | {
        "state": row.state,
        "manifest": row.manifest_id,
        "position": row.position,
        "issues": [
            {"code": i.code, "severity": i.severity, "place": i.place, "message": i.message, "remedy": i.remedy}
            for i in row.issues
        ],
    }
    if raw:
        store.append_audit(_event(platform, who, "read", {"record": record_id}))
        entry["raw"] = store.raw_record(record_id).raw.decode("utf-8", "backslashreplace")
    return entry


def redrive(
    platform: Platform, who: Principal, record_ids: tuple[str, ...] = (), mapping: Path | None = None
) -> dict[str, int]:
    """Runs refused records through today's pipeline: ``tried``, ``stored``, ``refused``.

    record_ids  those to try; all waiting ones if none is named
    raises      AccessError; NotFound
    """
    require(who, "ingest", "landing")
    own = platform.read_text(mapping) if mapping else ""
    store = platform.store("identified")
    counts = {"tried": 0, "stored": 0, "refused": 0}
    for row in list(_rows(store, record_ids)):
        counts["tried"] += 1
        counts["stored" if _redrive_one(platform, who, row, own) else "refused"] += 1
    return counts


def _rows(store: ZoneStore, record_ids: tuple[str, ...]) -> Iterator[Quarantined]:
    for record_id in record_ids:
        row = store.quarantined_record(record_id)
        if row is None:
            raise NotFound("there is no such record in quarantine", "List them: careloom quarantine list.")
        yield row
    after = 0
    while not record_ids and (page := store.quarantined(limit=PAGE, after=after)):
        yield from page
        after = page[-1].rec


def _redrive_one(platform: Platform, who: Principal, row: Quarantined, own: str) -> bool:
    store = platform.store("identified")
    record, source = record_of(store.raw_record(row.record_id).raw, store.quarantine_context(row.record_id))
    if own and record.context.format == "csv":
        record = with_mapping(record, own, MAPPING_OPTION)
    pipeline = build(IngestConfig(platform.names_key, source, own))
    records = [record] if record.problem is None else _framed_again(record, own)
    result = pipeline.run(Batch.of(RECORD, records))
    is_stored = bool(result.batch.items) and (record.problem is not None or not result.refused)
    event = _event(platform, who, "create", {"record": row.record_id, "stored": is_stored})
    try:
        with store.transaction(event) as tx:
            if is_stored:
                _keep(tx, row, records, result, source)
            else:
                issues = result.refused[0].issues if result.refused else row.issues
                tx.quarantine(row.rec, issues=issues, place=row.place, context=context_bytes(record, source))
    except Erased:
        return False
    return is_stored


def _framed_again(record: Record, own: str) -> list[Record]:
    """What today's framers see in bytes that could not be framed before; the same refused record if nothing changed."""
    if record.problem is not None and record.problem[0] == _CONTINUED_CODE:
        return [record]
    source = of_bytes(record.raw)
    return list(frame(source, detect_source(source, lambda header: match_header(header, own))))


def _keep(tx: Transaction, row: Quarantined, records: list[Record], result: Result, source: str) -> None:
    by_origin = writes_by_origin(result)
    patients = tuple(sorted({p for writes in by_origin.values() for write in writes for p in write.patients}))
    if len(records) == 1 and records[0].problem is None and not result.refused and records[0].raw:
        recs = [row.rec]
    else:
        refused = {refusal.origin: refusal for refusal in result.refused}
        landings = [landing_of(r, by_origin.get(number), refused.get(number)) for number, r in enumerate(records)]
        recs = [landed.rec for landed in tx.land(None, landings)]
    tx.redriven(row.rec, patients)
    for origin, writes in by_origin.items():
        for write in writes:
            write.rec = recs[origin] or None
        tx.write(writes)
    for refusal in result.refused:
        record = records[refusal.origin]
        if recs[refusal.origin] not in (0, row.rec):
            tx.quarantine(
                recs[refusal.origin], issues=refusal.issues, place=record.place, context=context_bytes(record, source)
            )


def _summary(row: Quarantined) -> dict[str, Any]:
    first = next((issue for issue in row.issues if issue.refuses), None)
    return {
        "record": row.record_id,
        "format": row.format,
        "place": row.place,
        "where": first.place if first else "",
        "reason": row.reason,
        "message": first.message if first else "",
        "remedy": (first.remedy if first else "") or "Correct the record at its source and send it again.",
        "attempts": row.attempts,
        "since": row.created.isoformat(),
    }


def _event(platform: Platform, who: Principal, action: Any, detail: dict[str, Any]) -> AuditEvent:
    return AuditEvent(
        time=platform.runtime.now(), actor=who.name, action=action, operation="quarantine", zone="landing",
        purpose=who.purpose, detail=detail,
    )  # fmt: skip
