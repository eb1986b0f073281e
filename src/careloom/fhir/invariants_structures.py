"""Invariants of StructureDefinition and ElementDefinition, compiled by hand from the StructureDefinitions."""

import re
from typing import Any

from careloom.fhir.rules import Node, Rule, along, count, distinct, has, has_choice, nodes

_CORE = "http://hl7.org/fhir/StructureDefinition"
_BOUND = {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri"}
_SLICE = re.compile(r"[a-zA-Z0-9/\-_\[\]@]+")
_STEP = r"[^\s.,:;'\"/|?!@#$%&*()\[\]{}]{1,64}"
_PATH = re.compile(rf"{_STEP}(\.{_STEP}(\[x\])?(:[^\s.]+)?)*")
_TYPE = re.compile(r"[a-zA-Z0-9.]+|http://hl7\.org/fhirpath/System\.[A-Z][A-Za-z]+")
_ALONE = ("type", "maxLength", "binding")
_ALONE_CHOICES = ("defaultValue", "fixed", "pattern", "minValue", "maxValue")


def _cardinality(node: Node) -> bool:
    low, high = node.get("min"), node.get("max")
    if not isinstance(low, int) or not isinstance(high, str) or high == "*":
        return True
    return high.isdigit() and low <= int(high)


def _max(node: Node) -> bool:
    high = node["max"]
    return high == "*" or (isinstance(high, str) and high.isdigit())


def _content_reference(node: Node) -> bool:
    return count(node, *_ALONE) == 0 and not any(has_choice(node, name) for name in _ALONE_CHOICES)


def _one_type(name: str) -> Any:
    return lambda n: not has_choice(n, name) or len(nodes(n, "type")) <= 1


def _binding(node: Node) -> bool:
    codes = [code for code in along(node, "type", "code") if isinstance(code, str)]
    return not codes or any(code in _BOUND for code in codes)


def _value_set(node: Node) -> bool:
    url = node["valueSet"]
    return isinstance(url, str) and url.startswith(("http:", "https", "urn:", "#"))


def _targets(node: Node) -> bool:
    return node.get("code") in ("Reference", "canonical")


def _matches(pattern: re.Pattern[str], name: str) -> Any:
    return lambda n: isinstance(n[name], str) and pattern.fullmatch(n[name]) is not None


_ELEMENT: tuple[Rule, ...] = (
    Rule("ElementDefinition", "eld-2", _cardinality, ("min",)),
    Rule("ElementDefinition", "eld-3", _max, ("max",)),
    Rule("ElementDefinition.type", "eld-4", _targets, ("aggregation",)),
    Rule("ElementDefinition", "eld-5", _content_reference, ("contentReference",)),
    Rule("ElementDefinition", "eld-6", _one_type("fixed"), ("fixed[x]",)),
    Rule("ElementDefinition", "eld-7", _one_type("pattern"), ("pattern[x]",)),
    Rule("ElementDefinition", "eld-11", _binding, ("binding",)),
    Rule("ElementDefinition.binding", "eld-12", _value_set, ("valueSet",)),
    Rule("ElementDefinition", "eld-13", lambda n: distinct(along(n, "type", "code")), ("type",)),
    Rule("ElementDefinition", "eld-14", lambda n: distinct(along(n, "constraint", "key")), ("constraint",)),
    Rule("ElementDefinition", "eld-16", _matches(_SLICE, "sliceName"), ("sliceName",)),
    Rule("ElementDefinition.type", "eld-17", _targets, ("targetProfile",)),
    Rule(
        "ElementDefinition",
        "eld-18",
        lambda n: n["isModifier"] is not True or has(n, "isModifierReason"),
        ("isModifier",),
    ),
    Rule("ElementDefinition", "eld-19", _matches(_PATH, "path"), ("path",)),
)


def _elements(node: Node, view: str) -> list[Node]:
    return [item for item in along(node, view, "element") if isinstance(item, dict)]


def _roots(node: Node) -> list[Node]:
    return [e for view in ("snapshot", "differential") for e in _elements(node, view) if "." not in str(e.get("path"))]


def _first(node: Node, view: str) -> Node:
    found = _elements(node, view)
    return found[0] if found else {}


def _unique_paths(node: Node) -> bool:
    return node.get("derivation") == "constraint" or distinct(along(node, "snapshot", "element", "path"))


def _root_path(node: Node) -> bool:
    return node.get("kind") == "logical" or _first(node, "snapshot").get("path") == node.get("type")


def _snapshot_paths(node: Node) -> bool:
    root = f"{_first(node, 'snapshot').get('path')}."
    return _root_path(node) and all(str(e.get("path")).startswith(root) for e in _elements(node, "snapshot")[1:])


def _differential_paths(node: Node) -> bool:
    first = str(_first(node, "differential").get("path"))
    root = first.split(".", maxsplit=1)[0] + "."
    own = node.get("kind") == "logical" or first.startswith(str(node.get("type")))
    return own and all(str(e.get("path")).startswith(root) for e in _elements(node, "differential")[1:])


def _ids(node: Node, view: str) -> bool:
    found = _elements(node, view)
    return all(has(e, "id") for e in found) and distinct(e.get("id") for e in found)


def _first_untyped(node: Node, view: str) -> bool:
    first = _first(node, view)
    return node.get("kind") == "logical" or "." in str(first.get("path")) or not has(first, "type")


def _core_types(node: Node) -> bool:
    codes = [
        *along(node, "differential", "element", "type", "code"),
        *along(node, "snapshot", "element", "type", "code"),
    ]
    return not str(node.get("url")).startswith(_CORE) or all(_TYPE.fullmatch(str(code)) for code in codes)


def _no_default(node: Node) -> bool:
    found = [*_elements(node, "snapshot"), *_elements(node, "differential")]
    return not str(node.get("url")).startswith(_CORE) or not any(has_choice(e, "defaultValue") for e in found)


def _default_derivation(node: Node) -> bool:
    return node.get("derivation") == "specialization" or not any(
        has_choice(e, "defaultValue") for e in _elements(node, "differential")
    )


def _context(node: Node) -> bool:
    return node.get("type") != "Extension" or node.get("derivation") == "specialization" or has(node, "context")


def _bound(node: Node) -> bool:
    bindings = [b for e in nodes(node, "element") for b in nodes(e, "binding")]
    return all(count(b, "valueSet", "description") for b in bindings)


def _complete(node: Node) -> bool:
    return all(count(e, "definition", "min", "max") == 3 for e in nodes(node, "element"))


RULES: tuple[Rule, ...] = (
    *_ELEMENT,
    Rule("StructureDefinition", "sdf-1", _unique_paths, ("snapshot",)),
    Rule("StructureDefinition.snapshot", "sdf-3", _complete, ("element",)),
    Rule("StructureDefinition.snapshot", "sdf-10", _bound, ("element",)),
    Rule("StructureDefinition", "sdf-4", lambda n: n["abstract"] is True or has(n, "baseDefinition"), ("abstract",)),
    Rule("StructureDefinition", "sdf-5", _context, ("type",)),
    Rule("StructureDefinition", "sdf-8", _snapshot_paths, ("snapshot",)),
    Rule("StructureDefinition", "sdf-8a", _differential_paths, ("differential",)),
    Rule(
        "StructureDefinition.snapshot",
        "sdf-8b",
        lambda n: all(has(e, "base") for e in nodes(n, "element")),
        ("element",),
    ),
    Rule(
        "StructureDefinition",
        "sdf-9",
        lambda n: all(count(e, "label", "code", "requirements") == 0 for e in _roots(n)),
        ("snapshot", "differential"),
    ),
    Rule("StructureDefinition", "sdf-11", _root_path, ("snapshot",)),
    Rule(
        "StructureDefinition",
        "sdf-15",
        lambda n: n.get("kind") == "logical" or not has(_first(n, "snapshot"), "type"),
        ("snapshot",),
    ),
    Rule("StructureDefinition", "sdf-15a", lambda n: _first_untyped(n, "differential"), ("differential",)),
    Rule("StructureDefinition", "sdf-16", lambda n: _ids(n, "snapshot"), ("snapshot",)),
    Rule("StructureDefinition", "sdf-17", lambda n: _ids(n, "differential"), ("differential",)),
    Rule("StructureDefinition", "sdf-18", lambda n: n.get("type") == "Extension", ("contextInvariant",)),
    Rule("StructureDefinition", "sdf-19", _core_types, ("snapshot", "differential")),
    Rule(
        "StructureDefinition",
        "sdf-20",
        lambda n: all(not has(e, "slicing") for e in _elements(n, "differential") if "." not in str(e.get("path"))),
        ("differential",),
    ),
    Rule("StructureDefinition", "sdf-21", _default_derivation, ("differential",)),
    Rule("StructureDefinition", "sdf-22", _no_default, ("snapshot", "differential")),
    Rule(
        "StructureDefinition",
        "sdf-23",
        lambda n: all(not has(e, "sliceName") for e in _roots(n)),
        ("snapshot", "differential"),
    ),
)
