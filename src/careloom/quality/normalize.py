"""One resource in the forms that analysis wants: units, codes, names, addresses, phones. Every change is told.

Nothing is guessed: what has no known spelling, map or shape stays as it came, with an issue where that matters. Times
keep the offset that they came with; tables hold them in UTC. The same resource twice changes nothing the second time.
"""

import copy
from collections.abc import Sequence
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.issues import Issue
from careloom.quality import normalize_codes, normalize_units, normalize_words
from careloom.quality.normalize_policy import Element, NormalizePolicy, Rewriting, packaged_policy
from careloom.terminology.concepts import Terminology


def normalize(
    resource: Resource, terminology: Terminology, policy: NormalizePolicy | None = None
) -> tuple[Resource | None, list[Issue]]:
    """The resource rewritten, None where nothing changed, with an issue for each change and for what could not be done.

    The resource that was given stays as it is.
    """
    work = Rewriting(copy.deepcopy(resource), packaged_policy() if policy is None else policy, terminology)
    for path, element in _elements(work.resource):
        normalize_codes.rewrite(work, path, element)
        normalize_words.rewrite(work, path, element)
    normalize_units.rewrite(work)
    return (work.resource if work.changes else None), [*work.changes, *work.warnings]


def _elements(resource: Resource) -> Sequence[tuple[str, Element]]:
    """Every object of a resource with its place, parents first."""
    found: list[tuple[str, Element]] = []
    waiting: list[tuple[str, Any]] = [(str(resource.get("resourceType", "Resource")), resource)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, list):
            waiting += [(f"{path}[{index}]", one) for index, one in reversed(list(enumerate(node)))]
        elif isinstance(node, dict):
            found.append((path, node))
            waiting += [(f"{path}.{name}", one) for name, one in reversed(node.items())]
    return found
