"""The pipeline of ingestion: source records to checked resources under keyed ids, ready to be sealed and stored.

Stages: ``convert`` (bytes to drafts, by format), ``check`` (keyed ids, R4 validation, references), both pure.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from careloom.crypto.pseudonyms import KeyedNames
from careloom.fhir import validate
from careloom.fhir.drafts import Draft
from careloom.fhir.references import patients_of
from careloom.fhir.validate_tables import resource_types
from careloom.ingest import delimited, fhir_json, hl7v2_to_fhir, notes
from careloom.ingest.conversion import Conversion
from careloom.ingest.identity import Identity, find_references
from careloom.issues import Issue
from careloom.pipeline.batch import Batch, Merge, Outcome, Refusal, Schema
from careloom.pipeline.pipeline import Pipeline
from careloom.pipeline.record import Record
from careloom.pipeline.stage import Stage
from careloom.store.blind_index import BlindIndex
from careloom.store.rows import Indexer, Write, canonical

RECORD = Schema("record")
DRAFT = Schema("draft")
WRITE = Schema("write")


def _clinical_document(record: Record) -> Conversion:
    from careloom.ingest import ccda  # noqa: PLC0415 - the XML library is loaded when such a record arrives

    return ccda.convert(record)


def _fhir_xml(record: Record) -> Conversion:
    from careloom.ingest import fhir_xml  # noqa: PLC0415 - as above

    return fhir_xml.convert(record)


AT_A_TIME = 16
"""Records that go through the stages together: their parsed resources fit into a processor's second cache."""

CONVERTERS: dict[str, Callable[[Record], Conversion]] = {
    "fhir": fhir_json.convert,
    "hl7v2": hl7v2_to_fhir.convert,
    "ccda": _clinical_document,
    "fhir-xml": _fhir_xml,
    "csv": delimited.convert,
    "notes": notes.convert,
}
"""Format of a record -> what makes drafts of it."""


class IngestConfig(NamedTuple):
    """What the pipeline depends on besides the records.

    names_key     secret under which ids are keyed
    source        name of the sending system
    mapping       the user's own mapping of delimited files as TOML text, empty for none
    format        the format that the operator named, or ``auto``: another one reads the same bytes anew
    index_key     secret of the search index: search entries are made here, while the resource is at hand; empty to
                  leave them to whoever writes
    """

    names_key: bytes
    source: str
    mapping: str = ""
    format: str = "auto"
    index_key: bytes = b""


def build(config: IngestConfig) -> Pipeline:
    """The pipeline from records to writes, for one source system.

    raises  SetupError if a mapping is not usable
    """
    indexer = BlindIndex(config.index_key).index if config.index_key else None
    identity = Identity(KeyedNames(config.names_key).resource_id, config.source, resource_types())
    return Pipeline(
        "ingest",
        [
            Stage("convert", "1", RECORD, DRAFT, _convert),
            Stage("check", "1", DRAFT, WRITE, lambda batch: _check(batch, identity, indexer)),
        ],
        {"source": config.source, "mapping": config.mapping, "format": config.format},
        at_a_time=AT_A_TIME,
    )


def _convert(batch: Batch[Record]) -> Outcome[Draft]:
    drafts: list[Draft] = []
    origins: list[int] = []
    refused: list[Refusal] = []
    merged: list[Merge] = []
    warnings: list[tuple[int, Issue]] = []
    for record, origin in zip(batch.items, batch.origins, strict=True):
        if record.problem is not None:
            code, message, remedy = record.problem
            refused.append(Refusal(origin, (Issue(code, "error", record.place, message, remedy),)))
            continue
        if (record.context.options or {}).get("part"):
            merged.append(Merge(origin, origin, "header or envelope"))
            continue
        conversion = CONVERTERS[record.context.format](record)
        if conversion.issues:
            if conversion.refused:
                refused.append(Refusal(origin, tuple(conversion.issues)))
                continue
            warnings += [(origin, issue) for issue in conversion.issues]
        if not conversion.drafts:
            merged.append(Merge(origin, origin, "kept in landing only"))
        drafts += conversion.drafts
        origins += [origin] * len(conversion.drafts)
    return Outcome(Batch(DRAFT, drafts, origins), refused, merged, warnings)


def _checked(draft: Draft, identity: Identity) -> list[Issue]:
    """What is wrong with a draft; its references are keyed when this returns."""
    resource = draft.resource
    references: list[dict[str, Any]] = []
    if draft.targets is None:
        find_references(resource, references)
        identity.rewrite(references)
        return validate.check(resource)
    if draft.raw:
        issues = validate.check_read(resource, draft.raw, draft.outside, references)
    else:
        issues = validate.check(resource, references)
    if not fhir_json.resolve_references(references, draft.targets):
        issues.append(fhir_json.DANGLING)
    identity.rewrite(references)
    return issues


def _check(batch: Batch[Draft], identity: Identity, indexer: Indexer | None) -> Outcome[Write]:
    writes: list[Write] = []
    origins: list[int] = []
    found: dict[int, list[Issue]] = {}
    subjects: dict[int, set[str]] = {}  # of refused records: of all that they hold, not of what is wrong alone
    warnings: list[tuple[int, Issue]] = []
    for draft, origin in zip(batch.items, batch.origins, strict=True):
        resource_id = identity.name(draft)
        resource = draft.resource
        if draft.action == "delete":
            writes.append(Write(resource["resourceType"], resource_id, b"", patients_of(resource), None, "delete"))
            origins.append(origin)
            continue
        issues = _checked(draft, identity)
        if issues:
            if any(issue.refuses for issue in issues):
                found.setdefault(origin, []).extend(issues)
                subjects.setdefault(origin, set()).update(patients_of(resource))
                continue
            warnings += [(origin, issue) for issue in issues]
        write = Write(
            resource["resourceType"], resource_id, canonical(resource), patients_of(resource), None, draft.action
        )
        if indexer is None:
            write.resource = resource
        elif draft.action == "put":
            write.rows = indexer(resource)
        writes.append(write)
        origins.append(origin)
    if found:
        kept = []
        for write, origin in zip(writes, origins, strict=True):
            if origin in found:
                subjects[origin].update(write.patients)
            else:
                kept.append((write, origin))
        writes, origins = [write for write, _ in kept], [origin for _, origin in kept]
    refused = [Refusal(origin, tuple(issues), tuple(sorted(subjects[origin]))) for origin, issues in found.items()]
    return Outcome(Batch(WRITE, writes, origins), refused, [], warnings)
