"""Checks of single types that no table and no invariant of the specification expresses."""

from collections.abc import Callable, Iterator

from careloom.fhir.issue_texts import Report
from careloom.fhir.primitives import base64_size, is_absolute
from careloom.fhir.rules import Node, along, nodes
from careloom.fhir.validate_tables import codes_of, extension_definitions, search_parameter_types, value_set_urls

Check = Callable[[Node, str, Report], None]

_URIS = "urn:ietf:rfc:3986"
_CORE_PARAMETER = "http://hl7.org/fhir/SearchParameter/"
_LOCKED = "http://hl7.org/fhir/"


def extension_problem(url: object, value: str) -> str:
    """Issue code of an extension's url with the JSON name of its value ("" for none); "" when fine."""
    if not isinstance(url, str):
        return ""
    if "|" in url:
        return "fhir.extension-url"
    definition = extension_definitions().get(url)
    if definition is not None:
        kinds = definition[0]
        if value and not any(value == "value" + kind[0].upper() + kind[1:] for kind in kinds):
            return "fhir.extension-value"
        return ""
    return ""


def _extension(node: Node, path: str, report: Report) -> None:
    value = next((key for key in node if key.startswith("value")), "")
    problem = extension_problem(node.get("url"), value)
    if problem:
        report.add(problem, path)
    if ("extension" in node) == any(key.startswith(("value", "_value")) for key in node):
        report.broken("ext-1", path)


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


def _search_parameters(node: Node, path: str, report: Report) -> None:
    """A search parameter of the specification must be declared with the type it has there."""
    for parameter in along(node, "rest", "resource", "searchParam"):
        definition = parameter.get("definition") if isinstance(parameter, dict) else None
        if isinstance(definition, str) and definition.startswith(_CORE_PARAMETER):
            known = search_parameter_types().get(definition.removeprefix(_CORE_PARAMETER).partition("|")[0])
            if known is not None and parameter.get("type") != known:
                report.add("fhir.search-parameter-type", f"{path}.rest.resource.searchParam")


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
    "Extension": (_extension,),
    "Identifier": (_identifier,),
}
"""Type name to checks of one node of it."""

RESOURCE_CHECKS: dict[str, tuple[Check, ...]] = {
    "CapabilityStatement": (_search_parameters,),
    "CodeSystem": (_code_system,),
    "Questionnaire": (_enable_when,),
}
"""Resource type to checks of the whole resource."""
