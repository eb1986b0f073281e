"""What is needed to read a quarantined record again: kept sealed beside it."""

from dataclasses import replace
from typing import Any

import orjson

from careloom.ingest.detect import Match
from careloom.pipeline.record import FileContext, Record


def context_bytes(record: Record, source: str) -> bytes:
    """The record's context as JSON; of a Bundle's targets only those that its bytes name."""
    context = record.context
    targets = {url: name for url, name in (context.targets or {}).items() if url.encode() in record.raw}
    return orjson.dumps(
        {
            "source": source,
            "place": record.place,
            "position": record.position,
            "problem": record.problem,
            "format": context.format,
            "mapping": context.mapping,
            "header": context.header,
            "targets": targets,
            "options": dict(context.options or {}),
        }
    )


def record_of(raw: bytes, context: bytes) -> tuple[Record, str]:
    """The record again, and the source system it came from."""
    told: dict[str, Any] = orjson.loads(context)
    file = FileContext(told["format"], told["mapping"], tuple(told["header"]), told["targets"], told["options"])
    problem = tuple(told["problem"]) if told["problem"] else None
    return Record(told["position"], raw, told["place"], file, problem), told["source"]


def with_mapping(record: Record, match: Match | None, mapping: str, option: str) -> Record:
    """The same record read by another mapping text; `match` is what that text says to the record's header."""
    options = {**(record.context.options or {}), option: mapping}
    if match is None:
        return replace(record, context=replace(record.context, options=options))
    context = replace(record.context, mapping=match.mapping, options={**options, **match.options})
    return replace(record, context=context)
