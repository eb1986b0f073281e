"""What an invariant is here, and the few words that invariants are written in."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Node = dict[str, Any]


class Rule(NamedTuple):
    """One invariant of FHIR R4, compiled by hand from its FHIRPath.

    path   the type or backbone it belongs to, e.g. ``Period``, ``Observation.referenceRange``
    key    the id in the specification, e.g. ``per-1``
    holds  True where the node keeps the rule
    keys   () when the answer depends only on which elements are there (whatever their values), else the elements of
           which at least one must be there before the rule can be broken
    """

    path: str
    key: str
    holds: Callable[[Node], bool]
    keys: tuple[str, ...] = ()


def has(node: Node, name: str) -> bool:
    """FHIRPath ``name.exists()`` for an element that is no choice."""
    return name in node or f"_{name}" in node


def has_choice(node: Node, name: str) -> bool:
    """FHIRPath ``name.exists()`` for an element written ``name[x]`` in the specification."""
    return any(is_choice(key, name) for key in node)


def is_choice(key: str, name: str) -> bool:
    """True when the JSON key is a form of the choice ``name[x]``."""
    plain = key[1:] if key[:1] == "_" else key
    size = len(name)
    return plain[:size] == name and plain[size : size + 1].isupper()


def count(node: Node, *names: str) -> int:
    """How many of the named elements are there."""
    return sum(1 for name in names if name in node or f"_{name}" in node)


def nodes(node: Node, name: str) -> list[Node]:
    """The objects of an element, in order; nothing where it is absent or not what it should be."""
    value = node.get(name)
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def along(node: Node, *names: str) -> Iterator[Any]:
    """The values reached from a node by element names, arrays flattened, as FHIRPath navigates."""
    if not names:
        yield node
        return
    value = node.get(names[0]) if isinstance(node, dict) else None
    for item in value if isinstance(value, list) else [value]:
        if item is not None:
            yield from along(item, *names[1:])


def distinct(values: Iterator[Any]) -> bool:
    """FHIRPath ``isDistinct()`` for strings and numbers."""
    seen = [value for value in values if not isinstance(value, (dict, list))]
    return len(set(seen)) == len(seen)


def coded(node: Node, name: str, system: str, *codes: str) -> bool:
    """True when a CodeableConcept element holds one of these codes of the system."""
    return any(
        isinstance(coding, dict) and coding.get("system") == system and coding.get("code") in codes
        for coding in along(node, name, "coding")
    )


def at_most(limit: int, values: Iterator[Any]) -> bool:
    """True when there are no more values than the limit."""
    return sum(1 for _ in values) <= limit
