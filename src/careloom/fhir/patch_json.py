"""JSON Patch: operations on the JSON of a resource.

source  RFC 6902 (JSON Patch, 2013), RFC 6901 (JSON Pointer, 2013)
"""

import re
from decimal import Decimal
from typing import Any

from careloom.fhir.patch import OPERATIONS_AT_MOST, Growth, PatchError, copied

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}").fullmatch
_BAD_ESCAPE = re.compile(r"~(?![01])").search
_NEEDS = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from", "remove": "path"}


def json_patched(document: Any, operations: Any) -> Any:
    """The document after all operations in order; the document itself stays as it is.

    document    any JSON
    operations  the JSON of the patch: a list of objects
    raises      PatchError where one of them cannot be applied, or a test fails; then none counts
    """
    if not isinstance(operations, list) or len(operations) > OPERATIONS_AT_MOST:
        raise PatchError("it is no list of operations", f"Send a JSON array of at most {OPERATIONS_AT_MOST} objects.")
    growth = Growth()
    try:
        held = {"": copied(document)}
        for number, operation in enumerate(operations):
            path = operation.get("path") if isinstance(operation, dict) else None
            try:
                _apply(held, operation, growth)
            except PatchError as error:
                raise error.placed(number, path if isinstance(path, str) else "") from None
    except RecursionError:
        raise PatchError("the document is nested too deep", "Patch what has fewer levels.") from None
    return held[""]


def _apply(held: dict[str, Any], operation: Any, growth: Growth) -> None:
    """One operation on the document, which is the member ``""`` of `held`, so that the whole has a place as well."""
    kind = operation.get("op") if isinstance(operation, dict) else None
    if not isinstance(kind, str) or kind not in _NEEDS:
        raise PatchError("there is no such operation", "Use add, remove, replace, move, copy or test as op.")
    if _NEEDS[kind] not in operation:
        raise PatchError(f"{kind} needs {_NEEDS[kind]}", "Name it.")
    path = _pointer(operation.get("path"))
    if kind == "test":
        if not same(_get(held, path), operation["value"]):
            raise PatchError("the test fails", "Read the resource again, and make the patch from what it is now.")
    elif kind in ("add", "replace"):
        growth.allow(operation["value"], len(path))
        (_add if kind == "add" else _replace)(held, path, copied(operation["value"]))
    elif kind == "remove":
        _remove(held, path)
    else:
        _transfer(held, _pointer(operation["from"]), path, growth, keep=kind == "copy")


def _transfer(held: dict[str, Any], source: list[str], path: list[str], growth: Growth, *, keep: bool) -> None:
    if not keep and path[: len(source)] == source and len(path) > len(source):
        raise PatchError("a value is moved into itself", "Move it elsewhere.")
    value = _get(held, source)
    growth.allow(value, len(path))
    if keep:
        value = copied(value)
    elif path != source:
        _remove(held, source)
    if keep or path != source:
        _add(held, path, value)


def _pointer(text: Any) -> list[str]:
    """The tokens of a JSON pointer, after the ``""`` that stands for the whole document."""
    if not isinstance(text, str) or (text and text[0] != "/") or _BAD_ESCAPE(text):
        raise PatchError("a path is no JSON pointer", "Write /name/0/given; ~1 stands for a slash, ~0 for a tilde.")
    return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")]


def _missing() -> PatchError:
    return PatchError("there is nothing at this path", "Read the resource again; add what is above it first.")


def _number(token: str, most: int) -> int:
    if _INDEX(token) is None or int(token) > most:
        raise _missing()
    return int(token)


def _get(held: Any, path: list[str]) -> Any:
    for token in path:
        if isinstance(held, dict):
            if token not in held:
                raise _missing()
            held = held[token]
        elif isinstance(held, list):
            held = held[_number(token, len(held) - 1)]
        else:
            raise _missing()
    return held


def _add(held: Any, path: list[str], value: Any) -> None:
    parent, last = _get(held, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _number(last, len(parent)), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _missing()


def _replace(held: Any, path: list[str], value: Any) -> None:
    _get(held, path)
    parent, last = _get(held, path[:-1]), path[-1]
    parent[int(last) if isinstance(parent, list) else last] = value


def _remove(held: Any, path: list[str]) -> None:
    _get(held, path)
    if len(path) == 1:
        raise PatchError("the whole document is removed", "Delete the resource instead.")
    parent, last = _get(held, path[:-1]), path[-1]
    del parent[int(last) if isinstance(parent, list) else last]


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, objects in any order; true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if _is_number(one) and _is_number(other):
        return Decimal(str(one)) == Decimal(str(other))
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
