"""Every node of a resource with its place."""

from collections.abc import Iterator
from typing import Any

from careloom.fhir.drafts import Resource


def walk(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Each object and primitive of a resource as (path, value), parents before children, in document order.

    The path is a FHIRPath with JSON names: ``Patient``, ``Patient.name[0]``, ``Patient.name[0].given[1]``,
    ``Observation.valueQuantity.unit``; a resource inside keeps the path of where it stands. Iterative: any depth.
    """
    kind = resource.get("resourceType")
    stack: list[tuple[str, Any]] = [(kind if isinstance(kind, str) else "Resource", resource)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, list):
            stack.extend((f"{path}[{i}]", node[i]) for i in range(len(node) - 1, -1, -1))
            continue
        yield path, node
        if isinstance(node, dict):
            stack.extend((f"{path}.{name}", value) for name, value in reversed(node.items()) if name != "resourceType")
