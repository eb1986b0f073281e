"""Bundles: who is in, under which fullUrl, and whether the references inside lead anywhere.

Source: FHIR R4 4.0.1, Bundle (resource, invariants bdl-1 to bdl-12, "Resolving references in Bundles") and documents.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from careloom.fhir.issue_texts import Report
from careloom.fhir.primitives import is_absolute, is_base64
from careloom.fhir.references import each_reference, parse_reference
from careloom.fhir.rules import Node, along, has, nodes
from careloom.fhir.validate_tables import resource_types

_SINGLE_LINKS = ("self", "first", "prev", "previous", "next", "last")
_WITHOUT_FULL_URL = ("transaction", "batch", "transaction-response", "batch-response", "history")
_REQUESTS = ("batch", "transaction", "history")
_RESPONSES = ("batch-response", "transaction-response", "history")
_SEARCH = re.compile(r"(?:[^?\s]*/)?([A-Z][A-Za-z]+)(?:\?|$)").match


class Link(NamedTuple):
    """A reference met inside a Bundle: where, what it says, the types that may be named there."""

    place: str
    text: str
    targets: tuple[str, ...]


def check_bundle(bundle: Node, path: str, report: Report, links: Sequence[Link]) -> None:
    """The rules of a Bundle beyond its elements; `links` are the references met in its entries."""
    kind = bundle.get("type")
    entries = nodes(bundle, "entry")
    _invariants(bundle, kind, entries, path, report)
    _relations(bundle, path, report)
    for index, entry in enumerate(entries):
        _full_url(entry, kind, f"{path}.entry[{index}]", report)
    if kind == "searchset":
        _search(bundle, entries, path, report)
    signature = bundle.get("signature")
    if isinstance(signature, dict) and isinstance(signature.get("data"), str) and not is_base64(signature["data"]):
        report.add("fhir.bundle-signature", f"{path}.signature.data")
    book = _Book(entries)
    _targets(book, links, path, report)
    if kind == "document" and entries:
        _document(book, path, report)
    elif kind == "message" and entries:
        _message(book, path, report)


def _invariants(bundle: Node, kind: Any, entries: list[Node], path: str, report: Report) -> None:
    first = entries[0].get("resource") if entries else None
    first_type = first.get("resourceType") if isinstance(first, dict) else None
    identifier = bundle.get("identifier")
    named = isinstance(identifier, dict) and has(identifier, "system") and has(identifier, "value")
    keys = (
        ("bdl-1", "total" not in bundle or kind in ("searchset", "history")),
        ("bdl-2", kind == "searchset" or not any("search" in e for e in entries)),
        ("bdl-3", all(("request" in e) == (kind in _REQUESTS) for e in entries)),
        ("bdl-4", all(("response" in e) == (kind in _RESPONSES) for e in entries)),
        ("bdl-5", all("resource" in e or "request" in e or "response" in e for e in entries)),
        ("bdl-7", kind == "history" or _distinct_full_urls(entries)),
        ("bdl-8", not any("/_history/" in str(e.get("fullUrl")) for e in entries)),
        ("bdl-9", kind != "document" or named),
        ("bdl-10", kind != "document" or "timestamp" in bundle),
        ("bdl-11", kind != "document" or first_type == "Composition"),
        ("bdl-12", kind != "message" or first_type == "MessageHeader"),
    )
    for key, holds in keys:
        if not holds:
            report.broken(key, path)


def _distinct_full_urls(entries: list[Node]) -> bool:
    seen = []
    for entry in entries:
        if isinstance(entry.get("fullUrl"), str):
            versions = list(along(entry, "resource", "meta", "versionId"))
            seen.append(entry["fullUrl"] + (str(versions[0]) if versions else ""))
    return len(set(seen)) == len(seen)


def _relations(bundle: Node, path: str, report: Report) -> None:
    seen: set[str] = set()
    for index, link in enumerate(nodes(bundle, "link")):
        relation = link.get("relation")
        if relation in _SINGLE_LINKS:
            if relation in seen:
                report.add("fhir.bundle-link-repeated", f"{path}.link[{index}]")
            seen.add(relation)


def _full_url(entry: Node, kind: Any, path: str, report: Report) -> None:
    url, resource = entry.get("fullUrl"), entry.get("resource")
    if not isinstance(resource, dict):
        return
    if not isinstance(url, str):
        if kind not in _WITHOUT_FULL_URL and "fullUrl" not in entry and "_fullUrl" not in entry:
            report.add("fhir.bundle-full-url-missing", path)
        return
    if not is_absolute(url):
        report.add("fhir.bundle-full-url-relative", f"{path}.fullUrl")
        return
    parts = parse_reference(url)
    same = parts.type == resource.get("resourceType") and parts.id == resource.get("id")
    if parts.base and not same and kind not in ("transaction", "batch"):
        report.add("fhir.bundle-full-url-mismatch", f"{path}.fullUrl")


def _search(bundle: Node, entries: list[Node], path: str, report: Report) -> None:
    selves = [link.get("url") for link in nodes(bundle, "link") if link.get("relation") == "self"]
    match = _SEARCH(selves[0]) if selves and isinstance(selves[0], str) else None
    wanted = match[1] if match and match[1] in resource_types() else ""
    for index, entry in enumerate(entries):
        resource, search = entry.get("resource"), entry.get("search")
        if not isinstance(resource, dict):
            continue
        kind = resource.get("resourceType")
        mode = search.get("mode") if isinstance(search, dict) else None
        if kind != "OperationOutcome" and "id" not in resource:
            report.add("fhir.bundle-search-without-id", f"{path}.entry[{index}].resource")
        if wanted and mode == "match" and kind not in (wanted, "OperationOutcome"):
            report.add("fhir.bundle-search-type", f"{path}.entry[{index}].resource")


class _Book:
    """The entries of a Bundle by fullUrl, and the resolution of references between them."""

    def __init__(self, entries: list[Node]) -> None:
        self.entries = entries
        self.by_url: dict[str, list[int]] = {}
        for index, entry in enumerate(entries):
            if isinstance(entry.get("fullUrl"), str):
                self.by_url.setdefault(entry["fullUrl"], []).append(index)

    def kind(self, index: int) -> str:
        """Resource type of an entry."""
        resource = self.entries[index].get("resource")
        return str(resource.get("resourceType")) if isinstance(resource, dict) else ""

    def find(self, text: str, source: int) -> list[int]:
        """Entries that a reference in entry `source` names, by the rules of the specification."""
        plain = text.partition("#")[0]
        url, _, version = plain.partition("/_history/")
        if not is_absolute(url):
            own = self.entries[source].get("fullUrl")
            base = parse_reference(own).base if isinstance(own, str) else ""
            url = base + url if base else ""
        found = self.by_url.get(url, [])
        if not version:
            return found
        return [i for i in found if version in along(self.entries[i], "resource", "meta", "versionId")]


def _targets(book: _Book, links: Sequence[Link], path: str, report: Report) -> None:
    """References that lead to an entry must lead to one of a type allowed there."""
    size = len(path) + len(".entry[")
    for link in links:
        source = link.place[size:].partition("]")[0]
        if not source.isdigit() or int(source) >= len(book.entries):
            continue
        found = book.find(link.text, int(source))
        kinds = {book.kind(index) for index in found} - {""}
        named = parse_reference(link.text).type
        allowed = set(link.targets)
        if kinds and (
            (named and named not in kinds) or (allowed and "Resource" not in allowed and not kinds & allowed)
        ):
            report.add("fhir.bundle-reference-target", link.place)


def _resolve(book: _Book, value: Any, place: str, report: Report) -> None:
    """A reference of the first entry that must find exactly one entry."""
    text = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(text, str) or text.startswith("#"):
        return
    found = book.find(text, 0)
    if not found:
        report.add("fhir.bundle-reference-unresolved", place)
    elif len(found) > 1:
        report.add("fhir.bundle-reference-ambiguous", place)


def _document(book: _Book, path: str, report: Report) -> None:
    composition = book.entries[0].get("resource")
    if not isinstance(composition, dict) or composition.get("resourceType") != "Composition":
        return
    place = f"{path}.entry[0].resource"
    for names in (
        ("subject",),
        ("author",),
        ("encounter",),
        ("custodian",),
        ("attester", "party"),
        ("event", "detail"),
    ):
        for value in along(composition, *names):
            _resolve(book, value, f"{place}.{'.'.join(names)}", report)
    for section in _sections(composition):
        for name in ("author", "focus", "entry"):
            for value in along(section, name):
                _resolve(book, value, f"{place}.section.{name}", report)
    for index in _unreached(book):
        report.add("fhir.bundle-entry-unreachable", f"{path}.entry[{index}]")


def _sections(composition: Node) -> Iterator[Node]:
    todo = nodes(composition, "section")
    while todo:
        section = todo.pop()
        yield section
        todo.extend(nodes(section, "section"))


def _unreached(book: _Book) -> list[int]:
    """Entries that no chain of references, followed either way, joins to the first."""
    joined: list[set[int]] = [set() for _ in book.entries]
    for source, entry in enumerate(book.entries):
        for reference in each_reference(entry.get("resource")):
            for target in book.find(reference["reference"], source):
                joined[source].add(target)
                joined[target].add(source)
    reached, todo = {0}, [0]
    while todo:
        for index in joined[todo.pop()] - reached:
            reached.add(index)
            todo.append(index)
    return [index for index in range(len(book.entries)) if index not in reached]


def _message(book: _Book, path: str, report: Report) -> None:
    for value in along(book.entries[0], "resource", "focus"):
        _resolve(book, value, f"{path}.entry[0].resource.focus", report)
