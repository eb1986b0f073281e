"""What a resource says, as (type, path, value) triples: how two conversions of one record are compared.

A path has no array indexes (``name.given``); an extension's step holds its URL (``extension(URL).valueString``). Left
out: ids, meta, the narrative, and what references point at, which differ between converters of equal worth. A value is
normalised so that only what it says counts: text with straight quotes and single spaces, times as the same
instant, numbers without trailing zeros, names of systems in lower case and by one name where they have several.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

Triple = tuple[str, str, str]

_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_LEFT_OUT = frozenset(("id", "meta", "resourceType", "reference", "fullUrl"))
_ADDRESSES = frozenset(("system", "url", "profile"))
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
_SECONDS = re.compile(r"(T\d\d:\d\d)(?=$|Z|[+-])")
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def triples(resources: list[dict[str, Any]], systems: Mapping[str, str] = MappingProxyType({})) -> set[Triple]:
    """The triples of some resources.

    systems  prefix of an address -> prefix that means the same, both in lower case; the first that fits counts
    """
    return {
        (resource["resourceType"], path, value)
        for resource in resources
        for path, value in _leaves(resource, "", systems)
    }


def _leaves(node: Any, path: str, systems: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for entry in node:
            yield from _leaves(entry, path, systems)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in _LEFT_OUT or (key == "text" and isinstance(value, dict) and "div" in value):
                continue
            if (key == "url" and path.endswith(")")) or (key == "type" and "reference" in node):
                continue
            if key in ("extension", "modifierExtension"):
                for one in value:
                    yield from _leaves(one, _step(path, f"{key}({one.get('url', '')})"), systems)
            elif key == "contained":
                continue
            else:
                yield from _leaves(value, _step(path, key), systems)
    elif node is not None:
        text = normalised(node, path.rsplit(".", 1)[-1], systems)
        if text:
            yield path, text


def _step(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def normalised(value: Any, key: str = "", systems: Mapping[str, str] = MappingProxyType({})) -> str:
    """A leaf as comparable text; `key` is the element that holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{Decimal(str(value)).normalize():f}"
    text = " ".join(str(value).translate(_QUOTES).split())
    if key in _ADDRESSES:
        folded = text.rstrip("/").casefold()
        for prefix, other in systems.items():
            if folded.startswith(prefix):
                return other + folded[len(prefix) :]
        return folded
    if _TIME.fullmatch(text):
        return _instant(text)
    return text


def _instant(text: str) -> str:
    """A time in UTC to the second, fractions only where they say something; as it stands where it is no time."""
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r".\1", _SECONDS.sub(r"\1:00", text)))
    except ValueError:
        return text
    if found.tzinfo is None:
        return found.isoformat()
    return found.astimezone(UTC).isoformat().replace("+00:00", "Z")
