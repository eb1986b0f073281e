"""A resource and what came out of it, element by element: which value of one stands for which of the other.

Lists lose items on the way, so items find each other by what they have in common, in their order.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MOST_ITEMS = 100
"""Of longer lists items stand beside each other by their number."""


@dataclass(frozen=True, slots=True)
class Element:
    """One value before and after; None where there is none.

    place  as FHIRPath writes it, by the old resource where it has one: ``name[0].family``
    """

    place: str
    old: str | None
    new: str | None


def elements(old: Any, new: Any, place: str = "") -> Iterator[Element]:
    """Every value of both, the old one's order first; `meta` is the platform's own and left out."""
    if isinstance(old, dict) or isinstance(new, dict):
        before, after = _dict(old), _dict(new)
        for key in [*before, *(key for key in after if key not in before)]:
            if place or key != "meta":
                yield from elements(before.get(key), after.get(key), f"{place}.{key}" if place else key)
    elif isinstance(old, list) or isinstance(new, list):
        for number, (first, second) in enumerate(_pairs(_list(old), _list(new))):
            yield from elements(first, second, f"{place}[{number}]")
    elif old is not None or new is not None:
        yield Element(place, _said(old), _said(new))


def at_place(resource: Any, place: str) -> str | None:
    """The string at a place below a resource, as `careloom.client` names it: ``Observation.note[0].text``."""
    found = resource
    for step in place.split(".")[1:]:
        key, _, number = step.partition("[")
        found = _dict(found).get(key)
        if number:
            at, items = int(number.rstrip("]")), _list(found)
            found = items[at] if at < len(items) else None
    return found if isinstance(found, str) else None


def _pairs(old: list[Any], new: list[Any]) -> list[tuple[Any, Any]]:
    """Items beside each other: those that have most in common, none crossing another."""
    if len(old) == len(new) or max(len(old), len(new)) > _MOST_ITEMS:
        longer = max(len(old), len(new))
        return list(zip(old + [None] * (longer - len(old)), new + [None] * (longer - len(new)), strict=True))
    told = [Counter(_values(one)) for one in old], [Counter(_values(one)) for one in new]
    alike = [[2 * (first & second).total() + 1 for second in told[1]] for first in told[0]]
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + alike[i][j])
    found: list[tuple[Any, Any]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            found.append((old[i], new[j]))
            i, j = i + 1, j + 1
        elif i < len(old) and (j == len(new) or best[i][j] == best[i + 1][j]):
            found.append((old[i], None))
            i += 1
        else:
            found.append((None, new[j]))
            j += 1
    return found


def _values(item: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below an item with its place, whose lists have no numbers: read once, so that work grows evenly."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield from _values(value, f"{place}.{key}")
    elif isinstance(item, list):
        for one in item:
            yield from _values(one, f"{place}[]")
    elif item is not None:
        yield place, item


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _said(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
