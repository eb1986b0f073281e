"""FHIR JSON to drafts: a resource, an entry of a Bundle, or the envelope of one.

Three decisions:

* A resource without an id goes by its entry's ``fullUrl``; without that by its own content, so that the same content
  twice is one resource.
* A conditional reference (``Practitioner?identifier=system|value``) becomes a logical one (``type``, ``identifier``).
  A search for its target would depend on what is stored already, and so on the order in which files arrive.
* What only transports (envelopes, responses, reads, search outcomes) makes no draft and says so.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import orjson

from careloom.fhir.codec import has_duplicates
from careloom.fhir.drafts import Draft
from careloom.fhir.validate_tables import resource_types
from careloom.ingest.conversion import Conversion
from careloom.issues import Issue, Severity
from careloom.pipeline.record import Record

MAX_NESTED_BUNDLES = 4
"""How deep a Bundle may stand in a Bundle."""

MAX_DEPTH = 100
"""How deep objects and lists may nest; what reads resources recursively relies on it."""

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]{1,63})\?(.+)", re.DOTALL)
_ENTRY_MEMBERS = ("resource", "request", "response", "fullUrl", "search")


def convert(record: Record) -> Conversion:
    """The drafts of one resource or one Bundle entry.

    ``context.targets`` maps the ``fullUrl`` of each entry of the Bundle to ``Type/id``.
    """
    raw = record.raw
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _refused("fhir.not-json", "the bytes are no JSON that FHIR allows", "Check encoding and syntax")
    if type(document) is not dict:
        return _refused("fhir.not-a-resource", "the JSON is no object", "Send one resource or one Bundle")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_deeper(document, MAX_DEPTH):
        return _refused("fhir.too-deep", f"the JSON nests deeper than {MAX_DEPTH} levels", "Flatten the resource")
    conversion = Conversion()
    _document(document, record.context.targets or {}, conversion)
    kind = document.get("resourceType")
    if len(conversion.drafts) == 1 and kind != "Bundle":
        draft = conversion.drafts[0]
        draft.raw, draft.outside = raw, _properties(document, draft.resource) - ("id" not in draft.resource)
    elif conversion.drafts and has_duplicates(raw):
        return _refused("fhir.json-duplicate-key", "a JSON object has the same property twice", "Send each once")
    if conversion.issues and conversion.refused:
        conversion.drafts.clear()
    return conversion


def convert_document(document: dict[str, Any], targets: Mapping[str, str]) -> Conversion:
    """The drafts of one resource or one Bundle entry that was read from another form than JSON."""
    if _is_deeper(document, MAX_DEPTH):
        return _refused("fhir.too-deep", f"the resource nests deeper than {MAX_DEPTH} levels", "Flatten the resource")
    conversion = Conversion()
    _document(document, targets, conversion)
    if conversion.issues and conversion.refused:
        conversion.drafts.clear()
    return conversion


def _document(document: dict[str, Any], targets: Mapping[str, str], conversion: Conversion) -> None:
    kind = document.get("resourceType")
    if kind is None and any(member in document for member in _ENTRY_MEMBERS):
        _entry(document, targets, conversion, "", 0)
    elif kind == "Bundle":
        _bundle(document, targets, conversion, "", 0)
    else:
        _resource(document, "", targets, conversion, "")


def _resource(resource: Any, full_url: str, targets: Mapping[str, str], conversion: Conversion, place: str) -> None:
    """Adds the draft of one resource, or the issue that refuses it."""
    kind = resource.get("resourceType") if type(resource) is dict else None
    if type(kind) is not str or not (kind.isascii() and kind.isalpha()):
        message = "there is no resource with a resourceType"
        conversion.issues.append(Issue("fhir.not-a-resource", "error", place, message, "Send FHIR R4 JSON"))
        return
    if "id" in resource:
        original = resource["id"]
        if type(original) is str and _ID.fullmatch(original):
            conversion.drafts.append(Draft(resource, targets=targets))
        else:
            message = "the id is not 1 to 64 of the characters A-Z, a-z, 0-9, - and ."
            known = kind if kind in resource_types() else "Resource"  # any other word may be a patient's value
            conversion.issues.append(Issue("fhir.bad-id", "error", f"{known}.id", message))
        return
    name = full_url or orjson.dumps(resource, option=orjson.OPT_SORT_KEYS).decode()
    conversion.drafts.append(Draft(resource, source_id=name, targets=targets))


def _entry(entry: Any, targets: Any, conversion: Conversion, place: str, depth: int) -> None:
    """What one entry of a Bundle asks for: its resource is put, or named as gone, or only transports."""
    if type(entry) is not dict:
        conversion.issues.append(Issue("fhir.not-a-resource", "error", place, "the entry is no object"))
        return
    resource, request = entry.get("resource"), _object(entry.get("request"))
    method = request.get("method")
    if method == "DELETE":
        _delete(request.get("url"), resource, conversion, place)
    elif method == "PATCH":
        message = "a PATCH says how to change a resource that only its own server holds"
        conversion.issues.append(Issue("fhir.patch-entry", "error", place, message, "Send the whole resource"))
    elif method in ("GET", "HEAD") or resource is None:
        _note(conversion, "fhir.entry-without-resource", place, "the entry holds no resource to keep")
    elif _object(entry.get("search")).get("mode") == "outcome":
        _note(conversion, "fhir.search-outcome", place, "the entry tells about a search, not about a patient")
    elif type(resource) is dict and resource.get("resourceType") == "Bundle":
        _bundle(resource, targets, conversion, f"{place}resource.", depth + 1)
    else:
        _resource(resource, _name_of(entry.get("fullUrl"), targets), targets, conversion, f"{place}resource")


def _bundle(bundle: dict[str, Any], targets: Any, conversion: Conversion, place: str, depth: int) -> None:
    """The entries of a Bundle; its own envelope makes nothing."""
    if depth > MAX_NESTED_BUNDLES:
        message = f"Bundles stand in Bundles more than {MAX_NESTED_BUNDLES} deep"
        conversion.issues.append(Issue("fhir.bundle-too-deep", "error", place, message, "Send the inner Bundles alone"))
        return
    entries = bundle.get("entry", [])
    if type(entries) is not list:
        conversion.issues.append(Issue("fhir.not-a-resource", "error", f"{place}entry", "the entries are no list"))
        return
    if not entries:
        _note(conversion, "fhir.bundle-envelope", place, "a Bundle's envelope holds no resource of its own")
    inner = {**targets, **_targets(entries)}
    for index, entry in enumerate(entries):
        _entry(entry, inner, conversion, f"{place}entry[{index}].", depth)


def _targets(entries: list[Any]) -> dict[str, str]:
    found = {}
    for entry in entries:
        url, resource = _object(entry).get("fullUrl"), _object(_object(entry).get("resource"))
        if type(url) is str and type(resource.get("resourceType")) is str:
            found[url] = f"{resource['resourceType']}/{resource.get('id') or url}"
    return found


def _name_of(full_url: Any, targets: Any) -> str:
    """What references inside the Bundle will call a resource that has no id of its own."""
    if type(full_url) is not str or not full_url:
        return ""
    known = targets.get(full_url)
    return known.partition("/")[2] if known else full_url


def _delete(url: Any, resource: Any, conversion: Conversion, place: str) -> None:
    named = _object(resource)
    address = url if type(url) is str else f"{named.get('resourceType', '')}/{named.get('id', '')}"
    kind, _, name = address.partition("/")
    if _TYPE.fullmatch(kind) and _ID.fullmatch(name):
        conversion.drafts.append(Draft({"resourceType": kind, "id": name}, "delete"))
        return
    message = "a deletion that names no single resource depends on what its server holds"
    conversion.issues.append(Issue("fhir.delete-unclear", "error", f"{place}request.url", message, "Name Type/id"))


def resolve_references(references: Iterable[dict[str, Any]], targets: Mapping[str, str]) -> bool:
    """Writes references to entries of the Bundle as ``Type/id`` and conditional ones as logical ones, in place.

    references  the Reference objects of a draft, as `careloom.fhir.validate.check` met them
    returns     False if one leads to no entry and to no identifier
    """
    resolved = True
    for node in references:
        reference = node.get("reference")
        if type(reference) is str and (":" in reference or "?" in reference or reference in targets):
            resolved = _rewrite(node, reference, targets) and resolved
    return resolved


DANGLING = Issue(
    "fhir.reference-dangling",
    "warning",
    "",
    "a reference leads to no entry of the Bundle and to no identifier",
    "Send the target as well",
)


def _rewrite(node: dict[str, Any], reference: str, targets: Any) -> bool:
    """False where the reference leads nowhere that can be named."""
    target = targets.get(reference)
    if target is not None:
        node["reference"] = target
        return True
    named = _logical(reference)
    if named is None:
        return not reference.startswith("urn:")
    kind, system, code = named
    if not kind:
        return False
    del node["reference"]
    node["type"] = kind
    node["identifier"] = {"system": system, "value": code} if system else {"value": code}
    return True


@lru_cache(8192)
def _logical(reference: str) -> tuple[str, str, str] | None:
    """The type, and the identifier's system and value, that a conditional reference names; no type where it names
    something else than one identifier, None for any other reference."""
    conditional = _CONDITIONAL.fullmatch(reference)
    if conditional is None:
        return None
    name, equals, value = conditional[2].partition("=")
    system, _, code = unquote(value).rpartition("|")
    if name != "identifier" or not equals or "&" in value or not code:
        return "", "", ""
    return conditional[1], system, code


def _properties(node: Any, apart: Any) -> int:
    """How many properties stand in `node` but not in `apart`."""
    if node is apart:
        return 0
    if type(node) is dict:
        return len(node) + sum(_properties(value, apart) for value in node.values() if type(value) in (dict, list))
    return sum(_properties(value, apart) for value in node if type(value) in (dict, list))


def _is_deeper(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [
            value
            for node in level
            for value in (node.values() if type(node) is dict else node)
            if type(value) is dict or type(value) is list
        ]
        if not level:
            return False
    return True


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _note(conversion: Conversion, code: str, place: str, message: str) -> None:
    severity: Severity = "information"
    conversion.issues.append(Issue(code, severity, place, message))


def _refused(code: str, message: str, remedy: str) -> Conversion:
    return Conversion(issues=[Issue(code, "error", "", message, remedy)])
