"""JSON as configurations of Microsoft's anonymizer are written: comments, and commas before a bracket, are allowed."""

import json
import re
from decimal import Decimal
from typing import Any

_SKIPPED = re.compile(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|//[^\r\n]*', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', re.DOTALL)


class NotJson(ValueError):  # noqa: N818 - reads as what happened
    """No JSON object; `line` where it can be told, else 0."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


def read_lenient(raw: bytes) -> dict[str, Any]:
    """The JSON object of a file, with or without byte order mark. raises NotJson"""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    text = _SKIPPED.sub(lambda found: found[1] or re.sub(r"[^\r\n]", " ", found[0]), text)
    text = _TRAILING.sub(lambda found: found[1] or " ", text)
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_float=Decimal, parse_constant=_refused)
    except json.JSONDecodeError as error:
        raise NotJson("it is not JSON", error.lineno) from None
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    if not isinstance(value, dict):
        raise NotJson("it is no JSON object")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("an object has a setting twice")
    return found


def _refused(_: str) -> Any:
    raise NotJson("it has a number that JSON does not know")
