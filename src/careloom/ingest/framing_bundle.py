"""A Bundle, or a list of resources, cut into the exact bytes of its entries without building one of them."""

import json
import re
from dataclasses import replace

import msgspec

from careloom.ingest.detect import Problem
from careloom.ingest.framing_limits import FrameLimits, Frames, too_long
from careloom.pipeline.record import FileContext, Record

_BETWEEN = re.compile(rb"[\s,]*")
_PREFIX_BYTES = 4096
_SAME_URL: Problem = (
    "ingest.bundle-duplicate-entry",
    "an earlier entry has the same fullUrl and version and says something else",
    "give each entry of a Bundle a fullUrl of its own; the first one was taken",
)
_TWICE: Problem = (
    "ingest.json-duplicate-key",
    "the Bundle names its entries more than once",
    "write each member of a JSON object once",
)


class _Bundle(msgspec.Struct):
    resourceType: str = ""  # noqa: N815  FHIR's name
    type: str = ""
    entry: list[msgspec.Raw] = []


class _Meta(msgspec.Struct):
    versionId: str = ""  # noqa: N815  FHIR's name


class _Resource(msgspec.Struct):
    resourceType: str = ""  # noqa: N815  FHIR's name
    id: str = ""
    meta: _Meta | None = None


class _Entry(msgspec.Struct):
    fullUrl: str = ""  # noqa: N815  FHIR's name
    resource: _Resource | None = None


_read_bundle = msgspec.json.Decoder(_Bundle).decode
_read_entry = msgspec.json.Decoder(_Entry).decode
_read_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_any = msgspec.json.Decoder().decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def frame_bundle(data: bytes, context: FileContext, limits: FrameLimits, *, place: str, position: int) -> Frames:
    """The envelope, then the entries of the Bundle that `data` is; nothing when it is none or cannot be read.

    place     goes in front of each place, e.g. ``line 3 ``
    position  of the envelope; entry n stands n + 1 after it
    """
    try:
        bundle = _read_bundle(data)
    except _UNREADABLE:
        return position
    if bundle.resourceType != "Bundle":
        return position
    entries = bundle.entry
    span = _find_entries(data, entries)
    if span is None:
        yield Record(position, data.strip(), f"{place}Bundle", context, _TWICE)
        return position + 1
    targets, doubled = _targets(entries)
    shared = replace(
        context,
        targets=targets,
        options={**(context.options or {}), "resource_type": "Bundle", "bundle_type": bundle.type},
    )
    envelope = replace(shared, options={**(shared.options or {}), "part": "envelope"})
    yield Record(position, data[: span[0]] + data[span[1] :], f"{place}Bundle", envelope)
    count = len(entries)
    order = reversed(range(count)) if bundle.type == "history" else range(count)
    for index in order:
        raw = bytes(entries[index])
        problem = too_long(limits) if len(raw) > limits.max_record_bytes else None
        if index in doubled and bundle.type != "history":
            problem = _SAME_URL
        yield Record(position + 1 + index, raw, f"{place}entry[{index}]", shared, problem)
    return position + 1 + count


def frame_array(data: bytes, context: FileContext, limits: FrameLimits) -> Frames:
    """The elements of the JSON list that `data` is; nothing when it is none, is empty or cannot be read."""
    if data.lstrip()[:1] != b"[":
        return 0
    try:
        elements = _read_array(data)
    except _UNREADABLE:
        return 0
    for index, element in enumerate(elements):
        raw = bytes(element)
        yield Record(
            index, raw, f"[{index}]", context, too_long(limits) if len(raw) > limits.max_record_bytes else None
        )
    return len(elements)


def _targets(entries: list[msgspec.Raw]) -> tuple[dict[str, str], set[int]]:
    """fullUrl -> ``Type/id``; and the entries that say something else under a fullUrl and version named before.

    A resource without id goes by its fullUrl. Invariant bdl-7 of FHIR R4 demands that fullUrl and version are unique.
    """
    targets: dict[str, str] = {}
    first: dict[tuple[str, str], int] = {}
    doubled = set()
    for index, raw in enumerate(entries):
        try:
            entry = _read_entry(raw)
        except _UNREADABLE:
            continue
        url, resource = entry.fullUrl, entry.resource
        if not url or resource is None or not resource.resourceType:
            continue
        targets[url] = f"{resource.resourceType}/{resource.id or url}"
        before = first.setdefault((url, resource.meta.versionId if resource.meta else ""), index)
        if before != index and bytes(entries[before]) != bytes(raw):
            doubled.add(index)
    return targets, doubled


def _find_entries(data: bytes, entries: list[msgspec.Raw]) -> tuple[int, int] | None:
    """Where the first entry begins and the last one ends; None when the Bundle names ``entry`` twice or the like."""
    if not entries:
        return 0, 0
    first = bytes(memoryview(entries[0])[:_PREFIX_BYTES])
    start = data.find(first)
    while start >= 0:
        end = _walk(data, entries, start)
        if end is not None and _is_empty_envelope(data[:start] + data[end:]):
            return start, end
        start = data.find(first, start + 1)
    return None


def _walk(data: bytes, entries: list[msgspec.Raw], start: int) -> int | None:
    """Where the last entry ends if the first one begins at `start`."""
    end = start
    for entry in entries:
        between = _BETWEEN.match(data, end)
        start = between.end() if between else end
        end = start + len(memoryview(entry))
        if data[start:end] != bytes(entry):
            return None
    return end


def _is_empty_envelope(envelope: bytes) -> bool:
    try:
        document = _read_any(envelope)
    except _UNREADABLE:
        return False
    if not isinstance(document, dict) or document.get("entry") != []:
        return False
    if envelope.count(b'"entry"') == 1:
        return True
    pairs: list[tuple[str, object]] = json.loads(envelope, object_pairs_hook=lambda found: found)
    return [key for key, _ in pairs].count("entry") == 1
