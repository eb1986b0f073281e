"""Invariants of conformance and questionnaire resources, compiled by hand from the StructureDefinitions."""

from collections.abc import Iterator
from typing import Any

from careloom.fhir.rules import Node, Rule, along, at_most, count, distinct, has, has_choice, nodes

_WITH_OPTIONS = {"choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"}
_WITH_LENGTH = {"boolean", "decimal", "integer", "string", "text", "url", "open-choice"}


def _one_of(path: str, key: str, *names: str) -> Rule:
    return Rule(path, key, lambda n: count(n, *names) > 0)


def _not_both(path: str, key: str, name: str, other: str) -> Rule:
    return Rule(path, key, lambda n: not (has(n, name) and has(n, other)))


def _needs(path: str, key: str, name: str, other: str) -> Rule:
    return Rule(path, key, lambda n: not has(n, name) or has(n, other))


def _deep(node: Node, child: str, name: str) -> Iterator[Any]:
    """`name` of every descendant reached through `child`, at any depth."""
    todo = nodes(node, child)
    while todo:
        item = todo.pop()
        if name in item:
            yield item[name]
        todo.extend(nodes(item, child))


def _positive(node: Node) -> bool:
    return node.get("max") == "*" or (str(node.get("max")).isdigit() and int(node["max"]) > 0)


def _group_has_items(node: Node) -> bool:
    return has(node, "item") == (node["type"] == "group") or node["type"] not in ("group", "display")


def _display_lacks(key: str, *names: str) -> Rule:
    return Rule("Questionnaire.item", key, lambda n: n.get("type") != "display" or count(n, *names) == 0, names)


def _options(node: Node) -> bool:
    return node.get("type") in _WITH_OPTIONS


def _exists_answer(node: Node) -> bool:
    return node.get("operator") != "exists" or has(node, "answerBoolean")


def _equivalence(node: Node) -> bool:
    return has(node, "comment") or node.get("equivalence") not in ("narrower", "inexact")


def _kind(path: str, key: str, kind: str, implementation: bool | None, software: bool | None) -> Rule:
    """What a statement of this kind must (True) or must not (False) have."""

    def holds(node: Node) -> bool:
        return node.get("kind") != kind or (
            implementation in (None, has(node, "implementation")) and software in (None, has(node, "software"))
        )

    return Rule(path, key, holds, ("kind",))


def _statement(path: str, prefix: str, keys: tuple[str, str, str, str]) -> tuple[Rule, ...]:
    about, instance, capability, requirements = (f"{prefix}-{key}" for key in keys)
    return (
        _one_of(path, about, "description", "software", "implementation"),
        _kind(path, instance, "instance", True, None),
        _kind(path, capability, "capability", False, True),
        _kind(path, requirements, "requirements", False, False),
    )


def _groups(node: Node) -> bool:
    known = {group.get("id") for group in nodes(node, "grouping")}
    return all(value in known for value in along(node, "resource", "groupingId"))


def _guide_versions(node: Node) -> bool:
    known = set(along(node, "fhirVersion"))
    return all(value in known for value in along(node, "definition", "resource", "fhirVersion"))


def _stratifiers(node: Node) -> bool:
    return all(
        (count(s, "code", "description", "criteria") > 0) != has(s, "component")
        for s in along(node, "group", "stratifier")
        if isinstance(s, dict)
    )


def _document_profiles(node: Node) -> bool:
    return distinct(f"{d.get('profile', '')}&{d.get('mode', '')}" for d in nodes(node, "document"))


def _messaging(node: Node) -> bool:
    return node.get("kind") == "instance" or not any(has(m, "endpoint") for m in nodes(node, "messaging"))


def _sources(node: Node) -> bool:
    kind = node.get("type")
    code = kind.get("code") if isinstance(kind, dict) else None
    return (
        has(node, "sourceId")
        or count(node, "targetId", "url", "params") == 1
        or code in ("capabilities", "search", "transaction", "history")
    )


def _one_assertion(node: Node) -> bool:
    named = ("contentType", "expression", "headerField", "minimumId", "navigationLinks", "path", "requestMethod")
    rest = ("resource", "responseCode", "response", "validateProfileId")
    return has(node, "extension") or count(node, *named, *rest) <= 1


def _assert_direction(node: Node) -> bool:
    return node.get("direction") != "request" or count(node, "response", "responseCode") == 0


def _compared(node: Node) -> bool:
    return has(node, "compareToSourceId") == (count(node, "compareToSourceExpression", "compareToSourcePath") > 0)


_TEST_SCRIPT: tuple[Rule, ...] = (
    Rule("TestScript.setup.action", "tst-1", lambda n: has(n, "operation") != has(n, "assert")),
    Rule("TestScript.test.action", "tst-2", lambda n: has(n, "operation") != has(n, "assert")),
    Rule("TestScript.setup.action.operation", "tst-7", _sources, ("method", "type", "url", "params", "targetId")),
    Rule("TestScript.setup.action.assert", "tst-5", _one_assertion),
    Rule("TestScript.setup.action.assert", "tst-10", _compared),
    Rule("TestScript.setup.action.assert", "tst-12", _assert_direction, ("direction",)),
)
"""The test and teardown actions refer to these types (contentReference), so that their twins need no rules."""

RULES: tuple[Rule, ...] = (
    Rule(
        "CapabilityStatement.rest.resource",
        "cpb-12",
        lambda n: distinct(along(n, "searchParam", "name")),
        ("searchParam",),
    ),
    _one_of("CapabilityStatement", "cpb-1", "rest", "messaging", "document"),
    *_statement("CapabilityStatement", "cpb", ("2", "14", "15", "16")),
    *_statement("TerminologyCapabilities", "tcp", ("2", "3", "4", "5")),
    Rule("CapabilityStatement", "cpb-3", _messaging, ("messaging",)),
    Rule("CapabilityStatement", "cpb-7", _document_profiles, ("document",)),
    Rule("CapabilityStatement.rest", "cpb-9", lambda n: distinct(along(n, "resource", "type")), ("resource",)),
    Rule(
        "TerminologyCapabilities.codeSystem",
        "tcp-1",
        lambda n: at_most(1, along(n, "version")) or all(has(v, "code") for v in nodes(n, "version")),
        ("version",),
    ),
    Rule("CodeSystem", "csd-1", lambda n: distinct(_deep(n, "concept", "code")), ("concept",)),
    Rule("ConceptMap.group.element.target", "cmd-1", _equivalence, ("equivalence",)),
    Rule("ConceptMap.group.unmapped", "cmd-2", lambda n: n.get("mode") != "fixed" or has(n, "code"), ("mode",)),
    Rule("ConceptMap.group.unmapped", "cmd-3", lambda n: n.get("mode") != "other-map" or has(n, "url"), ("mode",)),
    Rule("ImplementationGuide.definition", "ig-1", _groups, ("resource",)),
    Rule("ImplementationGuide", "ig-2", _guide_versions, ("definition",)),
    Rule("Measure", "mea-1", _stratifiers, ("group",)),
    Rule("MessageDefinition.focus", "md-1", _positive, ("max",)),
    _one_of("OperationDefinition.parameter", "opd-1", "type", "part"),
    Rule("OperationDefinition.parameter", "opd-2", lambda n: n.get("type") == "string", ("searchType",)),
    Rule(
        "OperationDefinition.parameter",
        "opd-3",
        lambda n: n.get("type") in ("Reference", "canonical"),
        ("targetProfile",),
    ),
    Rule("Questionnaire.item", "que-1", _group_has_items, ("type",)),
    Rule("Questionnaire", "que-2", lambda n: distinct(_deep(n, "item", "linkId")), ("item",)),
    _display_lacks("que-3", "code"),
    _not_both("Questionnaire.item", "que-4", "answerOption", "answerValueSet"),
    Rule("Questionnaire.item", "que-5", _options, ("answerOption", "answerValueSet")),
    _display_lacks("que-6", "required", "repeats"),
    Rule("Questionnaire.item.enableWhen", "que-7", _exists_answer, ("operator",)),
    Rule("Questionnaire.item", "que-8", lambda n: n.get("type") not in ("group", "display"), ("initial",)),
    _display_lacks("que-9", "readOnly"),
    Rule("Questionnaire.item", "que-10", lambda n: n.get("type") in _WITH_LENGTH, ("maxLength",)),
    _not_both("Questionnaire.item", "que-11", "answerOption", "initial"),
    Rule(
        "Questionnaire.item",
        "que-12",
        lambda n: at_most(2, along(n, "enableWhen")) or has(n, "enableBehavior"),
        ("enableWhen",),
    ),
    Rule(
        "Questionnaire.item",
        "que-13",
        lambda n: n.get("repeats") is True or at_most(1, along(n, "initial")),
        ("initial",),
    ),
    _needs("SearchParameter", "spd-1", "xpath", "xpathUsage"),
    Rule("SearchParameter", "spd-2", lambda n: n.get("type") == "reference", ("chain",)),
    _needs("StructureMap.group.rule.target", "smp-1", "element", "context"),
    _needs("StructureMap.group.rule.target", "smp-2", "context", "contextType"),
    Rule("TestReport.setup.action", "inv-1", lambda n: has(n, "operation") != has(n, "assert")),
    Rule("TestReport.test.action", "inv-2", lambda n: has(n, "operation") != has(n, "assert")),
    Rule("TestScript.variable", "tst-3", lambda n: count(n, "expression", "headerField", "path") < 3),
    Rule(
        "TestScript.metadata",
        "tst-4",
        lambda n: any(has(c, "required") or has(c, "validated") for c in nodes(n, "capability")),
        ("capability",),
    ),
    *_TEST_SCRIPT,
    _one_of("ValueSet.compose.include", "vsd-1", "valueSet", "system"),
    Rule("ValueSet.compose.include", "vsd-2", lambda n: count(n, "concept", "filter") == 0 or has(n, "system")),
    _not_both("ValueSet.compose.include", "vsd-3", "concept", "filter"),
    _one_of("ValueSet.expansion.contains", "vsd-6", "code", "display"),
    Rule("ValueSet.expansion.contains", "vsd-9", lambda n: has(n, "code") or n.get("abstract") is True, ("display",)),
    _needs("ValueSet.expansion.contains", "vsd-10", "code", "system"),
    Rule("ElementDefinition.slicing", "eld-1", lambda n: has(n, "discriminator") or has(n, "description")),
    Rule("ElementDefinition", "eld-8", lambda n: not (has_choice(n, "pattern") and has_choice(n, "fixed"))),
    Rule("ElementDefinition", "eld-15", lambda n: not (has_choice(n, "defaultValue") and has(n, "meaningWhenMissing"))),
    _needs("ElementDefinition", "eld-22", "sliceIsConstraining", "sliceName"),
    _one_of("StructureDefinition.mapping", "sdf-2", "name", "uri"),
    _one_of("StructureDefinition", "sdf-6", "snapshot", "differential"),
)
