"""Substitution as Microsoft's FHIR anonymizer does it: a fragment replaced, what earlier rules changed in it kept."""

from decimal import Decimal, InvalidOperation
from typing import Any

from careloom.deid.microsoft import Rule
from careloom.deid.microsoft_json import NotJson, read_lenient
from careloom.deid.microsoft_methods import Operation, ProcessingError, Run
from careloom.deid.typed_nodes import Node, ShapeError, read_fragment, type_is_primitive

_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})


def substitute(node: Node, rule: Rule, run: Run) -> Operation | None:
    """The configured value or fragment in the place of a node; below it nothing is left for later rules.

    raises  ProcessingError where the replacement does not fit the node
    """
    replacement = _replacement(node, rule)
    kept: set[Node] = set()
    _keep_changed(node, run.visited, kept)
    _replace(node, replacement, run.visited, kept)
    run.visited.add(node)
    run.visited.update(node.descendants())
    return "substitute"


def _replacement(node: Node, rule: Rule) -> Node:
    given = rule.replace_with
    made = Node(node.name, node.kind, node.structure, None)
    if type_is_primitive(node.kind):
        if isinstance(given, dict | list):
            raise ProcessingError(rule, f"replaceWith is an object or list, and {node.kind} a plain value")
        made.value = _as_kind(node.kind, given)
        return made
    if isinstance(given, str):  # a fragment written as text is taken too
        try:
            given = read_lenient(given.encode())
        except NotJson:
            raise ProcessingError(rule, f"replaceWith is a text, and {node.kind} wants an object") from None
    try:
        fragment = read_fragment({} if given is None else given, node)
    except ShapeError as error:
        raise ProcessingError(rule, f"replaceWith does not fit: {error}") from None
    for inner in fragment.descendants():
        inner.value = None if inner.value == "" else inner.value  # FHIR has no empty text
    return fragment


def _as_kind(kind: str, given: Any) -> Any:
    """A replacement in the JSON type that the primitive has, where it can be."""
    if given is None or isinstance(given, bool):
        return given if given is None or kind == "boolean" else str(given)
    text = str(given)
    try:
        if kind in _INTEGERS:
            return int(text)
        if kind == "decimal":
            return Decimal(text)
    except (ValueError, InvalidOperation):
        return text
    return text.lower() == "true" if kind == "boolean" and text.lower() in ("true", "false") else text


def _keep_changed(node: Node, visited: set[Node], kept: set[Node]) -> bool:
    """Collects every node that an earlier rule had, and all above it: they must not be removed."""
    keeps = node in visited
    for child in node.children:
        keeps = _keep_changed(child, visited, kept) or keeps
    if keeps:
        kept.add(node)
    return keeps


def _replace(node: Node, replacement: Node, visited: set[Node], kept: set[Node]) -> None:
    if node in visited:
        return
    names = dict.fromkeys(child.name for child in replacement.children)
    for name in names:
        _replace_named(node, name, replacement.named(name), visited, kept)
    for child in [child for child in node.children if child.name not in names and child not in visited]:
        _empty_or_remove(node, child, visited, kept)
    node.value = replacement.value


def _replace_named(node: Node, name: str, targets: list[Node], visited: set[Node], kept: set[Node]) -> None:
    used = 0
    for child in node.named(name):
        if child in visited:
            used += 1
        elif used < len(targets):
            _replace(child, targets[used], visited, kept)
            used += 1
        else:
            _empty_or_remove(node, child, visited, kept)
    node.children += [target.copy(node) for target in targets[used:]]


def _empty_or_remove(node: Node, child: Node, visited: set[Node], kept: set[Node]) -> None:
    if child in kept:
        _replace(child, Node(child.name, child.kind, child.structure, None), visited, kept)
    else:
        node.children.remove(child)
