"""JSON for Microsoft's anonymizer: configurations as leniently as they are written, resources to the last digit.

Configurations have comments, and commas before a bracket. Decimals of resources keep their precision: 1.50 stays 1.50.
"""

import json
import re
from decimal import Decimal
from typing import Any

_SKIPPED = re.compile(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|//[^\r\n]*', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', re.DOTALL)

_LARGEST_EXPONENT = 400  # beyond what any reader of FHIR holds; written out it would fill the memory


class NotJson(ValueError):  # noqa: N818 - reads as what happened
    """No JSON object; `line` where it can be told, else 0."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


def read_lenient(raw: bytes) -> dict[str, Any]:
    """The JSON object of a file, with or without byte order mark. raises NotJson"""
    text = _SKIPPED.sub(lambda found: found[1] or re.sub(r"[^\r\n]", " ", found[0]), _decoded(raw))
    text = _TRAILING.sub(lambda found: found[1] or " ", text)
    return _read(text)


def read_exact(raw: bytes) -> dict[str, Any]:
    """The JSON object of a resource, with or without byte order mark; decimals as they are written. raises NotJson"""
    return _read(_decoded(raw))


def write_exact(value: Any, indent: int = 0) -> bytes:
    """A value as JSON: on one line, or with every level indented by so many blanks."""
    return _written(value, " " * indent, "\n" if indent else "").encode()


def _written(value: Any, step: str, line: str) -> str:
    if isinstance(value, str):
        return _quoted(value)
    inner = line + step
    if isinstance(value, dict) and value:
        colon = ": " if line else ":"
        members = [f"{inner}{_quoted(key)}{colon}{_written(item, step, inner)}" for key, item in value.items()]
        return "{" + ",".join(members) + line + "}"
    if isinstance(value, list) and value:
        return "[" + ",".join(inner + _written(item, step, inner) for item in value) + line + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _quoted(text: str) -> str:
    is_whole = text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)  # half a character alone
    return json.dumps(text, ensure_ascii=not is_whole)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None


def _read(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_float=_decimal, parse_constant=_refused)
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        raise NotJson("it is not JSON", error.lineno) from None
    except ValueError:
        raise NotJson("it has a number of too many digits") from None
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


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise NotJson("it has a number of too many digits")
    return number


def _refused(_: str) -> Any:
    raise NotJson("it has a number that JSON does not know")
