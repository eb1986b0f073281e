"""A text without which no resource can be in a view, told from its conditions: what lacks it need not be parsed.

``category.coding.where(system = %categories and code = 'laboratory').exists()`` needs ``"laboratory"``.
"""

from collections.abc import Mapping
from typing import Any

from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir import views_walk as steps
from careloom.fhir.fhirpath_types import system_name
from careloom.fhir.views_definition import Definition
from careloom.fhir.views_walk import NotPlainError, walk


def needed_text(definition: Definition) -> bytes:
    """As JSON writes it, quotes included; b"" where nothing is needed that could be told.

    Holds for JSON as the store keeps it: without escapes that JSON does not ask for.
    """
    found = {text for one in definition.where for text in _needed(one.tree, definition.resource, definition.constants)}
    plain = [text for text in found if text and text.isascii() and text.isprintable() and not {'"', "\\"} & {*text}]
    chosen = min(plain, key=lambda text: (":" in text, -len(text), text), default="")  # systems are in most resources
    return f'"{chosen}"'.encode() if chosen else b""


def _needed(tree: grammar.Tree, kind: str, constants: Mapping[str, Any]) -> set[str]:
    """Texts that stand in every object of that type of which the condition is true."""
    try:
        match tree:
            case grammar.Operation(sign="and", left=left, right=right):
                return _needed(left, kind, constants) | _needed(right, kind, constants)
            case grammar.Operation(sign="=", left=left, right=right):
                if isinstance(left, (grammar.Literal, grammar.Variable)):
                    left, right = right, left
                return _equal(walk(left, kind), steps.fixed(right, constants), constants)
            case grammar.Call(name="exists"):
                return _kept(walk(tree, kind), constants)
    except NotPlainError:
        pass
    return set()


def _equal(found: steps.Walk, value: str | bool, constants: Mapping[str, Any]) -> set[str]:
    last = found.steps[-1] if found.steps else None
    is_text = isinstance(value, str) and system_name(found.kind) == "String"
    if not is_text or not isinstance(last, (steps.Get, steps.At)):  # a key is put together, not written
        return set()
    return set() if _is_of_meta(found) else {str(value)} | _kept(found, constants)


def _kept(found: steps.Walk, constants: Mapping[str, Any]) -> set[str]:
    """What the conditions on the way need."""
    texts: set[str] = set()
    for step in found.steps if not _is_of_meta(found) else ():
        if isinstance(step, steps.Keep):
            texts |= _needed(step.tree, step.kind, constants)
        elif isinstance(step, steps.KeepUrl):
            texts.add(step.url)
    return texts


def _is_of_meta(found: steps.Walk) -> bool:
    """True for what is below a meta: its version, time and source are added by who reads the store."""
    return any(isinstance(step, steps.Get) and step.kind == "Meta" for step in found.steps)
