"""FHIR JSON: bytes to plain objects and back. Nothing is repaired on the way."""

import json
import re
from typing import Any

import orjson

from careloom.fhir.drafts import Resource

_STRING_OR_COMMENT = re.compile(rb'("(?:[^"\\]|\\.)*")|/\*.*?\*/|//[^\r\n]*', re.DOTALL)


class BadJsonError(ValueError):
    """Bytes that are no acceptable JSON object; `code` is the issue code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse(raw: bytes) -> Resource:
    """The JSON object that the bytes hold; duplicate properties are not looked for here (the last one stays).

    raises  BadJsonError with code ``fhir.json-invalid`` or ``fhir.object-expected``
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BadJsonError("fhir.json-invalid") from None
    if value.__class__ is not dict:
        raise BadJsonError("fhir.object-expected")
    resource: Resource = value
    return resource


def without_comments(raw: bytes) -> bytes:
    """The same JSON without ``// ...`` and ``/* ... */`` outside strings, which FHIR JSON never has."""
    return _STRING_OR_COMMENT.sub(lambda found: found[1] or b" ", raw)


def refuse_duplicates(raw: bytes) -> None:
    """Nothing where no object has a property twice (exact and slow: a second parse).

    raises  BadJsonError with code ``fhir.json-duplicate-key`` or ``fhir.json-too-deep``
    """
    try:
        json.loads(raw, object_pairs_hook=_distinct)
    except RecursionError:
        raise BadJsonError("fhir.json-too-deep") from None


def has_duplicates(raw: bytes) -> bool:
    """True where an object has a property twice, or nests too deep to tell."""
    try:
        refuse_duplicates(raw)
    except BadJsonError:
        return True
    return False


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJsonError("fhir.json-duplicate-key")
    return found
