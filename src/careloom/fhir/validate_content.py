"""Checks of single types that no table and no invariant of the specification expresses."""

import re
from collections.abc import Callable, Iterator
from functools import cache

from careloom.fhir.issue_texts import Report
from careloom.fhir.primitives import base64_size, is_absolute
from careloom.fhir.rules import Node, along, nodes
from careloom.fhir.validate_tables import (
    codes_of,
    extension_definitions,
    resource_types,
    search_parameters,
    value_set_urls,
)

Check = Callable[[Node, str, Report], None]

_URIS = "urn:ietf:rfc:3986"
_CORE_PARAMETER = "http://hl7.org/fhir/SearchParameter/"
_LOCKED = "http://hl7.org/fhir/"
_ABSTRACT = ("Resource", "DomainResource")
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|//[^\n]*|/\*.*?\*/""", re.DOTALL).sub


@cache
def _extension_cases() -> dict[str, str]:
    """Lower-case url of each extension of the specification to the url as it is."""
    return {url.lower(): url for url in extension_definitions()}


def extension_problem(url: str, value: str, variant: str) -> str:
    """Issue code of an extension's url; "" when fine.

    value    JSON name of its value property, "" for none
    variant  ``nested`` inside another extension, ``modifier`` in modifierExtension, else ""
    """
    if variant == "nested":
        return ""
    if "|" in url or not is_absolute(url):
        return "fhir.extension-url"
    definition = extension_definitions().get(url)
    if definition is None:
        return "fhir.extension-unknown" if _extension_cases().get(url.lower(), url) != url else ""
    kinds, modifier = definition
    if value and value not in {"value" + kind[0].upper() + kind[1:] for kind in kinds}:
        return "fhir.extension-value"
    return "fhir.extension-modifier" if modifier != (variant == "modifier") else ""


def extension(node: Node, path: str, variant: str, report: Report) -> None:
    """The checks of one extension."""
    value = next((key for key in node if key.startswith("value")), "")
    url = node.get("url")
    problem = extension_problem(url, value, variant) if isinstance(url, str) else ""
    if problem:
        report.add(problem, path)


def coding_problem(system: object, code: object) -> str:
    """Issue code of a Coding's system and code; "" when fine."""
    if not isinstance(system, str):
        return ""
    if not is_absolute(system):
        return "fhir.coding-system-relative"
    if system.startswith(_LOCKED) and system in value_set_urls():
        return "fhir.coding-system-valueset"
    if isinstance(code, str) and system.startswith(_LOCKED):
        codes = codes_of(system)
        if codes is not None and code not in codes:
            return "fhir.code-unknown"
    return ""


def _coding(node: Node, path: str, report: Report) -> None:
    problem = coding_problem(node.get("system"), node.get("code"))
    if problem:
        report.add(problem, path)


def _identifier(node: Node, path: str, report: Report) -> None:
    system, value = node.get("system"), node.get("value")
    if isinstance(system, str) and not is_absolute(system):
        report.add("fhir.coding-system-relative", path)
    if system == _URIS and isinstance(value, str) and not is_absolute(value):
        report.advise("fhir.identifier-uri", path)


def attachment_problem(node: Node) -> str:
    """Issue code of an Attachment whose size is not that of its data; "" when fine."""
    size = node.get("size")
    if isinstance(size, int) and "data" in node:
        actual = base64_size(node["data"])
        if actual is not None and actual != size:
            return "fhir.attachment-size"
    return ""


def _attachment(node: Node, path: str, report: Report) -> None:
    problem = attachment_problem(node)
    if problem:
        report.add(problem, path)


def _core_parameter(url: object) -> list[str]:
    """Type and bases of a search parameter of the specification; nothing for any other url."""
    if not isinstance(url, str) or not url.startswith(_CORE_PARAMETER):
        return []
    return search_parameters().get(url.removeprefix(_CORE_PARAMETER).partition("|")[0], [])


def _declared_parameters(node: Node, path: str, report: Report) -> None:
    """A search parameter of the specification must be declared with the type it has there."""
    for parameter in along(node, "rest", "resource", "searchParam"):
        known = _core_parameter(parameter.get("definition")) if isinstance(parameter, dict) else []
        if known and parameter.get("type") != known[0]:
            report.add("fhir.search-parameter-type", f"{path}.rest.resource.searchParam")


def _search_parameter(node: Node, path: str, report: Report) -> None:
    """What is derived from a search parameter of the specification keeps its type and narrows its bases."""
    known = _core_parameter(node.get("derivedFrom"))
    if known and node.get("type") != known[0]:
        report.add("fhir.search-parameter-type", f"{path}.type")
    if known and not set(along(node, "base")) <= {*known[1:], *(resource_types() if known[1] in _ABSTRACT else ())}:
        report.add("fhir.search-parameter-base", f"{path}.base")
    _expression(node, path, report)


def _expression(node: Node, path: str, report: Report) -> None:
    """A FHIRPath expression must at least close what it opens."""
    text = node.get("expression")
    if isinstance(text, str) and not _balanced(_QUOTED("", text)):
        report.add("fhir.expression-syntax", f"{path}.expression")


def _balanced(text: str) -> bool:
    waiting: list[str] = []
    for character in text:
        if character in _CLOSES:
            waiting.append(_CLOSES[character])
        elif character in ")]}" and (not waiting or waiting.pop() != character):
            return False
    return not waiting and not any(quote in text for quote in "'\"`")


def _code_system(node: Node, path: str, report: Report) -> None:
    """The stated content and count against the concepts that are there."""
    size = sum(1 for _ in _concepts(node))
    if node.get("content") == "complete" and isinstance(node.get("count"), int) and node["count"] != size:
        report.add("fhir.codesystem-count", f"{path}.count")
    if node.get("content") == "not-present" and size:
        report.add("fhir.codesystem-content", f"{path}.concept")


def _concepts(node: Node) -> Iterator[Node]:
    todo = nodes(node, "concept")
    while todo:
        concept = todo.pop()
        yield concept
        todo.extend(nodes(concept, "concept"))


def _enable_when(node: Node, path: str, report: Report) -> None:
    """A question may depend on a question that exists, is not itself and not inside it."""
    every: set[str] = {str(item.get("linkId")) for item in _items(node)}
    for item in _items(node):
        inside = {str(inner.get("linkId")) for inner in _items(item)} | {str(item.get("linkId"))}
        for condition in nodes(item, "enableWhen"):
            question = condition.get("question")
            if isinstance(question, str) and (question not in every or question in inside):
                report.add("fhir.enable-when", f"{path}.item")


def _items(node: Node) -> Iterator[Node]:
    todo = nodes(node, "item")
    while todo:
        item = todo.pop()
        yield item
        todo.extend(nodes(item, "item"))


ELEMENT_CHECKS: dict[str, tuple[Check, ...]] = {
    "Attachment": (_attachment,),
    "Coding": (_coding,),
    "ElementDefinition.constraint": (_expression,),
    "Identifier": (_identifier,),
}
"""Type name to checks of one node of it."""

RESOURCE_CHECKS: dict[str, tuple[Check, ...]] = {
    "CapabilityStatement": (_declared_parameters,),
    "CodeSystem": (_code_system,),
    "Questionnaire": (_enable_when,),
    "SearchParameter": (_search_parameter,),
}
"""Resource type to checks of the whole resource."""
