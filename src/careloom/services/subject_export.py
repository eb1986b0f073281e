"""Everything that is kept of a patient, as one zip: FHIR as NDJSON, what arrived as it arrived, and an inventory.

The inventory names every file with its size and SHA-256, every table of the database with its rows, and what is not in
the zip and why; it is signed. What is told is one committed state of each zone.

source  GDPR articles 15 and 20; 45 CFR 164.524
"""

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any

import orjson
import polars as pl

from careloom.crypto.keys import is_signed
from careloom.errors import FormatError, NotFound
from careloom.fhir.drafts import Resource
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.exports import lines_of
from careloom.services.patient_words import names_patient
from careloom.services.patients_named import stored_id
from careloom.services.platform import Platform
from careloom.services.subject_rules import as_json as rule_as_json
from careloom.services.vault_epochs import naming, unretired
from careloom.store.audit_fhir import newest_events
from careloom.store.predictions import Logged
from careloom.store.rows import Stored
from careloom.store.subject_content import TABLES

INVENTORY, SIGNATURE = "inventory.json", "inventory.sig"
MOST_EVENTS = 1_000_000
_TAG = b"careloom subject export\0"
_ENDINGS = {"hl7v2": "hl7", "fhir": "json", "ccda": "xml", "csv": "csv", "delimited": "csv", "notes": "txt"}
_FIRST = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = (
    ("names of files", "a file holds many patients; of which file and position a record came is told in provenance"),
    ("search entries", "keyed hashes of what stands in the resources; counted under tables"),
    ("data keys", "a key is no content; counted under tables"),
    ("uploads and jobs that wait", "not read yet: nobody knows whom they are about"),
    ("backups", "earlier states of what is here"),
)
Json = dict[str, Any]


@dataclass(slots=True)
class SubjectExport:
    """A zip, and what it holds.

    content    the bytes of the zip
    inventory  what `INVENTORY` says
    """

    content: bytes
    inventory: Json


@dataclass(slots=True)
class _Zip:
    stream: BytesIO
    archive: zipfile.ZipFile
    files: list[Json] = field(default_factory=list)

    def add(self, name: str, content: bytes, items: int = 1) -> None:
        """Adds a file; the same content gives the same bytes."""
        self.archive.writestr(zipfile.ZipInfo(name, _FIRST), content, zipfile.ZIP_DEFLATED)
        told = {"name": name, "items": items, "bytes": len(content), "sha256": sha256(content).hexdigest()}
        self.files.append(told)

    def add_lines(self, name: str, lines: Iterable[Any]) -> int:
        """Adds NDJSON, no file where there is no line; how many lines."""
        listed = [orjson.dumps(one) for one in lines]
        if listed:
            self.add(name, b"\n".join(listed) + b"\n", len(listed))
        return len(listed)

    def end(self, inventory: bytes, signature: bytes) -> bytes:
        for name, content in ((INVENTORY, inventory), (SIGNATURE, signature)):
            self.archive.writestr(zipfile.ZipInfo(name, _FIRST), content, zipfile.ZIP_DEFLATED)
        self.archive.close()
        return self.stream.getvalue()


def export_subject(platform: Platform, who: Principal, patient: str, *, source: str = "") -> SubjectExport:
    """Everything that is kept of ``Patient/<id>``; who asked is in the audit chain before a byte leaves.

    raises  AccessError; QueryError; NotFound; Erased
    """
    for zone in ("landing", "identified", "research"):
        admit(platform, who, "rights", zone, operation="subject-export")
    patient_id = stored_id(platform, patient, source)
    stream = BytesIO()
    made = _Zip(stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED))
    tables = {"identified": _identified(platform, patient_id, made)}
    names = [naming(platform, epoch).rename("Patient", patient_id) for epoch in unretired(platform)]
    if platform.has_store("research"):
        tables["research"] = _research(platform, names, made)
    exports = sorted(lines_of(platform, platform.store("identified").pseudonym(patient_id)).items())
    made.add_lines("exports.ndjson", ({"export": name, "lines": count} for name, count in exports))
    store = platform.store("identified")
    inventory: Json = {
        "patient": f"Patient/{patient_id}", "pseudonym": store.pseudonym(patient_id), "research_names": names,
        "made": platform.runtime.now().isoformat(), "by": who.name, "files": made.files, "tables": tables,
        "sums": {"files": len(made.files), "items": sum(one["items"] for one in made.files),
                 "bytes": sum(one["bytes"] for one in made.files)},
        "left_out": [{"what": what, "why": why} for what, why in LEFT_OUT],
    }  # fmt: skip
    raw = orjson.dumps(inventory, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    content = made.end(raw, platform.keys.sign(_TAG + raw).hex().encode())
    detail = {**inventory["sums"], "digest": sha256(content).hexdigest()}
    note(platform, who, "subject-export", "identified", subjects=[inventory["pseudonym"]], detail=detail)
    return SubjectExport(content, inventory)


def check_export(content: bytes, public_key: bytes) -> Json:
    """Whether a zip is as it was signed, and every file as its inventory says; by the public key alone.

    returns  ``signed``, ``whole`` (every file is there, with its bytes and digest, and no other), ``sums``
    raises   FormatError
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as opened:
            raw, value = opened.read(INVENTORY), bytes.fromhex(opened.read(SIGNATURE).decode())
            inventory = orjson.loads(raw)
            held = {name: opened.read(name) for name in opened.namelist() if name not in (INVENTORY, SIGNATURE)}
    except (zipfile.BadZipFile, KeyError, ValueError):
        raise FormatError("the file is no export of a patient", "Give what careloom subject export wrote.") from None
    told = {one["name"]: (one["bytes"], one["sha256"]) for one in inventory["files"]}
    found = {name: (len(one), sha256(one).hexdigest()) for name, one in held.items()}
    return {
        "signed": is_signed(public_key, _TAG + raw, value),
        "whole": told == found,
        "sums": inventory["sums"],
        "patient": inventory["patient"],
    }


def _identified(platform: Platform, patient_id: str, made: _Zip) -> dict[str, Json]:
    """What the identified zone holds; table -> rows and the files that tell of them."""
    store = platform.store("identified")
    try:
        versions = [one.resource() for one in store.history("Patient", patient_id) if not one.deleted]
    except NotFound:
        versions = []
    sources = store.sources() | {platform.settings.ingest.source}
    named = names_patient(patient_id, versions, platform.names.resource_id, sources)
    pseudonym = store.pseudonym(patient_id)
    with store.connect() as connection:
        content, rows = store.content_of(connection, [patient_id], named)
        counts = dict(rows.counts)
        written = _resources(content.resources(rows), "", made)
        originals: list[Json] = []
        for one in content.originals(rows):
            name = ""
            if one.raw is not None:
                name = f"originals/{one.record_id}.{_ENDINGS.get(one.format, 'bin')}"
                made.add(name, one.raw)
            originals.append(
                {"record": one.record_id, "format": one.format, "received": one.received, "file": name,
                 "says": one.fact, "refused": one.quarantine}
            )  # fmt: skip
        made.add_lines("originals.ndjson", originals)
        events = newest_events(connection, pseudonym, MOST_EVENTS)[::-1]
    counts["audit"] = made.add_lines("audit/identified.ndjson", events)
    made.add_lines("provenance.ndjson", (store.provenance(one["record"]) for one in originals))
    _linkage(platform, patient_id, made)
    _requests(platform, pseudonym, made)
    with store.emergencies() as emergencies:
        opened = [one for one in emergencies.page(limit=MOST_EVENTS) if one.pseudonym == pseudonym]
        made.add_lines("emergencies.ndjson", map(asdict, opened))
    with store.predictions() as log:
        made.add_lines("predictions.ndjson", map(_prediction, log.of_patient(pseudonym)))
    with store.rights() as reader:
        made.add_lines("rules.ndjson", map(rule_as_json, reader.rules(patient=patient_id, ended=True)))
        made.add_lines("trainings.ndjson", ({"training": one} for one in reader.trained_on(pseudonym)))
    return _told(counts, written)


def _resources(found: Iterable[tuple[Stored, bool]], prefix: str, made: _Zip) -> Counter[str]:
    """Writes every version; how many rows of which table stand in the files."""
    by_file: dict[str, list[Resource]] = {}
    written: Counter[str] = Counter()
    for stored, is_current in found:
        written["resource" if is_current else "resource_history"] += 1
        place = f"{prefix}fhir/{stored.type}.ndjson" if is_current else f"{prefix}history/{stored.type}.ndjson"
        gone = {"resourceType": stored.type, "id": stored.id, "meta": {"versionId": str(stored.version)}}
        by_file.setdefault(place, []).append(gone | {"deleted": True} if stored.deleted else stored.resource())
    for place, resources in sorted(by_file.items()):
        made.add_lines(place, resources)
    return written


def _prediction(logged: Logged) -> Json:
    """What a model said of the patient: the score, whether somebody was told, and what came of it."""
    said = logged.said
    return {
        "prediction": logged.name, "model": said.model, "version": said.version, "role": said.role,
        "time": logged.time.isoformat(), "index_time": said.index_time.isoformat(), "score": said.score,
        "alert": said.alert, "groups": dict(said.groups), "outcome": logged.outcome, "answer": logged.answer,
        "reason": logged.reason, "outcome_unknown": logged.retired,
        "outcome_provisional": logged.told if logged.is_provisional else None,
    }  # fmt: skip


def _linkage(platform: Platform, patient_id: str, made: _Zip) -> None:
    """Pairs that the patient is in, and what people decided and wrote about them."""
    with platform.store("identified").linkage() as reader:
        pairs = reader.of_patients([patient_id])
        lines = [
            {"pair": one.pair, "patients": [one.one, one.other], "state": one.state, "origin": one.origin,
             "weight": one.weight, "probability": one.probability,
             "steps": [asdict(step) for step in reader.steps(one.pair)]}
            for one in pairs
        ]  # fmt: skip
    made.add_lines("linkage.ndjson", lines)


def _requests(platform: Platform, pseudonym: str, made: _Zip) -> None:
    """What was asked about the patient's pseudonyms, by whom and why."""
    with platform.store("identified").vault() as reader:
        asked = [one for one in reader.page("", limit=MOST_EVENTS) if pseudonym in reader.subjects(one)]
        lines = [
            {"request": one.request, "actor": one.actor, "purpose": one.purpose, "state": one.state,
             "created": one.created.isoformat(), "decider": one.decider, "reveals": one.reveals,
             **dict(zip(("names", "reason", "remark"), reader.asked(one), strict=True))}
            for one in asked
        ]  # fmt: skip
    made.add_lines("requests.ndjson", lines)


def _research(platform: Platform, names: list[str], made: _Zip) -> dict[str, Json]:
    """What the research zone and its tables hold under the patient's names there."""
    store = platform.store("research")
    with store.connect() as connection:
        content, rows = store.content_of(connection, names, lambda raw, source: False)
        counts = dict(rows.counts)
        written = _resources(content.resources(rows), "research/", made)
        events = [
            one for name in names for one in newest_events(connection, store.pseudonym(name), MOST_EVENTS)[::-1]
        ]  # fmt: skip
    counts["audit"] = made.add_lines("audit/research.ndjson", events)
    for path, lines in _table_rows(platform, names):
        counts[f"table {path}"] = made.add_lines(f"research/tables/{path.replace('/', '-')}.ndjson", lines)
    return _told(counts, written)


def _table_rows(platform: Platform, names: list[str]) -> Iterator[tuple[str, list[Json]]]:
    lake = platform.lake("research")
    for state in lake.tables():
        frame = lake.read(state.path)
        column = state.facts.get("subject", "patient_id")
        if column not in frame.columns:
            continue
        own = frame.filter(
            pl.col(column).cast(pl.String).str.split(",").list.eval(pl.element().is_in(names)).list.any()
        )
        yield state.path, [orjson.loads(line) for line in own.write_ndjson().splitlines()]


def _told(counts: dict[str, int], written: Counter[str]) -> dict[str, Json]:
    """Table -> rows, rows that stand in files, and how a row of it belongs to the patient."""
    found: dict[str, Json] = {}
    for table, count in sorted(counts.items()):
        found[table] = {"rows": count, "by": TABLES.get(table, "patient")}
        if table in ("resource", "resource_history"):
            found[table]["written"] = written[table]
    return found
