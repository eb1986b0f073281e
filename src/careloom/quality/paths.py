"""Paths into resources as rules write them: ``name.family``, ``onsetDateTime|onsetPeriod.start|recordedDate``."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from careloom.errors import InputError
from careloom.fhir.drafts import Resource

Find = Callable[[Resource], list[Any]]
"""The values at a path, in document order; arrays are flattened; nothing where it leads nowhere."""

WHOLE = "."
"""The path of the resource itself."""
_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@lru_cache(maxsize=4096)
def compiled(path: str) -> Find:
    """Finds the values at a path; of alternatives divided by ``|`` the first that is there.

    raises  InputError if it is no path
    """
    ways = [_way(part) for part in path.split("|")]
    if len(ways) == 1:
        return ways[0]

    def first(resource: Resource) -> list[Any]:
        for way in ways:
            found = way(resource)
            if found:
                return found
        return []

    return first


def _way(text: str) -> Find:
    if text == WHOLE:
        return lambda resource: [resource]
    steps = text.split(".")
    if not all(_STEP.fullmatch(step) for step in steps):
        raise InputError("a path of a quality rule is not well-formed", "Write element names divided by dots.")
    if len(steps) == 1:
        return lambda resource: _listed(resource.get(text))
    return lambda resource: _along(resource, steps)


def _listed(value: Any) -> list[Any]:
    if value is None or (not value and value.__class__ in (str, dict)):
        return []
    return value if isinstance(value, list) else [value]


def _along(resource: Resource, steps: list[str]) -> list[Any]:
    here: list[Any] = [resource]
    for step in steps:
        following: list[Any] = []
        for node in here:
            if isinstance(node, dict):
                value = node.get(step)
                if isinstance(value, list):
                    following += value
                elif value is not None and value != "":
                    following.append(value)
        if not following:
            return following
        here = following
    return here


def codings_of(value: Any) -> list[dict[str, Any]]:
    """The codings of a CodeableConcept, a Coding, or a list of either."""
    if isinstance(value, list):
        return [coding for item in value for coding in codings_of(item)]
    if not isinstance(value, dict):
        return []
    inner = value.get("coding")
    if isinstance(inner, list):
        return [coding for coding in inner if isinstance(coding, dict)]
    return [value] if "code" in value or "system" in value else []
