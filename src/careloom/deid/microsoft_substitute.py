"""Substitution as Microsoft's FHIR anonymizer does it: a fragment replaced, what earlier rules changed in it kept."""

from decimal import Decimal, InvalidOperation
from typing import Any

from careloom.deid.microsoft import Rule
from careloom.deid.microsoft_elements import ShapeError, add, is_primitive, name_of, put, read_element, remove
from careloom.deid.microsoft_json import NotJson, read_lenient
from careloom.deid.microsoft_methods import Operation, ProcessingError, Run
from careloom.fhir.fhirpath_values import Node, all_children, children, each_below

_INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt"})


def substitute(node: Node, rule: Rule, run: Run) -> Operation | None:
    """The configured value or fragment in the place of a node; below it nothing is left for later rules.

    raises  ProcessingError where the replacement does not fit the node
    """
    replacement = _replacement(node, rule)
    kept: set[Node] = set()
    _keep_changed(node, run.visited, kept)
    before = list(each_below([node]))
    _replace(node, replacement, run.visited, kept)
    run.visited.update([node, *before, *each_below([node])])
    return "substitute"


def _replacement(node: Node, rule: Rule) -> Node:
    given = rule.replace_with
    if is_primitive(node):
        if isinstance(given, dict | list):
            raise ProcessingError(rule, f"replaceWith is an object or list, and {node.kind} a plain value")
        return Node(_as_kind(node.kind, given), node.kind)
    if isinstance(given, str):  # a fragment written as text is taken too
        try:
            given = read_lenient(given.encode())
        except NotJson:
            raise ProcessingError(rule, f"replaceWith is a text, and {node.kind} wants an object") from None
    try:
        return Node(_without_empty_texts(read_element({} if given is None else given, node.kind)), node.kind)
    except ShapeError as error:
        raise ProcessingError(rule, f"replaceWith does not fit: {error}") from None


def _without_empty_texts(value: Any) -> Any:
    """The same JSON with nothing in the place of empty texts, which FHIR does not have."""
    if isinstance(value, dict):
        return {key: _without_empty_texts(item) for key, item in value.items()}
    return [_without_empty_texts(item) for item in value] if isinstance(value, list) else None if value == "" else value


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
    for child in all_children(node):
        keeps = _keep_changed(child, visited, kept) or keeps
    if keeps:
        kept.add(node)
    return keeps


def _replace(node: Node, replacement: Node, visited: set[Node], kept: set[Node]) -> None:
    if node in visited:
        return
    names = dict.fromkeys(name_of(child) for child in all_children(replacement))
    for name in names:
        _replace_named(node, name, children(replacement, name), visited, kept)
    for child in all_children(node):
        if name_of(child) not in names and child not in visited:
            _empty_or_remove(child, visited, kept)
    if is_primitive(node):
        put(node, replacement.value)


def _replace_named(node: Node, name: str, targets: list[Node], visited: set[Node], kept: set[Node]) -> None:
    used = 0
    for child in children(node, name):
        if child in visited:
            used += 1
        elif used < len(targets) and (child.key, child.kind) == (targets[used].key, targets[used].kind):
            _replace(child, targets[used], visited, kept)
            used += 1
        else:
            _empty_or_remove(child, visited, kept)
    for target in targets[used:]:
        add(node, target)


def _empty_or_remove(child: Node, visited: set[Node], kept: set[Node]) -> None:
    if child in kept:
        _replace(child, Node(None if is_primitive(child) else {}, child.kind), visited, kept)
    else:
        remove(child)
