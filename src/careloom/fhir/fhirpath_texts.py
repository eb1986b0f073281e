"""Functions of FHIRPath on texts.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), section 5.6; encode, escape, split, join, trim: FHIRPath 3.0, section 5.6
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from typing import Any

from careloom.fhir import fhirpath_regex
from careloom.fhir.fhirpath_errors import PathEvaluationError
from careloom.fhir.fhirpath_scope import Scope
from careloom.fhir.fhirpath_tokens import whole_characters
from careloom.fhir.fhirpath_values import STRING_AT_MOST, Items, single

_JSON_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_JSON_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b"}


def text(items: Items, what: str) -> str | None:
    """The text of a collection; None of an empty one.

    raises  PathEvaluationError where it is no text, or several
    """
    value = single(items, what)
    if value is not None and value.__class__ is not str:
        raise PathEvaluationError(f"{what} is no text", "Write .toString() after what is no text.")
    found: str | None = value
    return found


def whole(items: Items, what: str) -> int | None:
    """The whole number of a collection; None of an empty one. raises PathEvaluationError"""
    value = single(items, what)
    if value is not None and value.__class__ is not int:
        raise PathEvaluationError(f"{what} is no whole number", "Write .toInteger() after it.")
    found: int | None = value
    return found


def of_texts(work: Callable[..., Any]) -> Callable[..., Items]:
    """A function of one text and arguments that are texts; nothing where one of them is empty."""

    def worked(scope: Scope, items: Items, *arguments: Items) -> Items:
        texts = [text(items, "the input"), *(text(one, "an argument") for one in arguments)]
        if None in texts:
            return []
        scope.spend(1 + sum(len(one) for one in texts if one is not None) // 64)
        found = work(*texts)
        return [] if found is None else found if found.__class__ is list else [found]

    return worked


def substring(_scope: Scope, items: Items, start: Items, length: Items | None = None) -> Items:
    """The part of a text from a position; nothing where the position is outside."""
    value, at = text(items, "the input"), whole(start, "the start")
    size = None if length is None else whole(length, "the length")
    if value is None or at is None or not 0 <= at < len(value):
        return []
    return [value[at:] if size is None else value[at : at + max(size, 0)]]


def split(value: str, separator: str) -> Items:
    """The parts between the separators; the characters where it is empty."""
    return list(value) if not separator else list(value.split(separator))


def join(scope: Scope, items: Items, separator: Items | None = None) -> Items:
    """All texts as one, ``''`` of none."""
    between = "" if separator is None else text(separator, "the separator")
    texts = [text([item], "an item") for item in items]
    scope.spend(len(texts) + sum(len(one or "") for one in texts) // 64)
    if between is None:
        return []
    return [_limited(between.join(one for one in texts if one is not None))]


def _limited(value: str) -> str:
    if len(value) > STRING_AT_MOST:
        raise PathEvaluationError("the text grows too long", f"Keep texts below {STRING_AT_MOST} characters.")
    return value


def _replace(value: str, pattern: str, substitution: str) -> str:
    times = value.count(pattern) if pattern else len(value) + 1
    if len(value) + times * len(substitution) > STRING_AT_MOST:
        raise PathEvaluationError("the text grows too long", f"Keep texts below {STRING_AT_MOST} characters.")
    return value.replace(pattern, substitution)


def _encode(value: str, form: str) -> str | None:
    if form == "hex":
        return value.encode().hex()
    if form in ("base64", "urlbase64"):
        return (base64.b64encode if form == "base64" else base64.urlsafe_b64encode)(value.encode()).decode()
    return None


def _decode(value: str, form: str) -> str | None:
    try:
        if form == "hex":
            return bytes.fromhex(value).decode()
        if form in ("base64", "urlbase64"):
            return base64.b64decode(value, b"+/" if form == "base64" else b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        return None
    return None


def _escape(value: str, form: str) -> str | None:
    if form == "html":
        return _limited(html.escape(value, quote=True).replace("&#x27;", "&#39;"))
    return _limited(json.dumps(value, ensure_ascii=False)[1:-1]) if form == "json" else None


def _unescape(value: str, form: str) -> str | None:
    if form == "html":
        return html.unescape(value)
    return whole_characters(_JSON_ESCAPE.sub(_json_letter, value)) if form == "json" else None


def _json_letter(found: re.Match[str]) -> str:
    letter = found[1]
    return chr(int(letter[1:], 16)) if len(letter) == 5 else _JSON_LETTERS.get(letter, letter)


TEXTS: dict[str, tuple[Callable[..., Items], int, int]] = {
    "contains": (of_texts(lambda value, part: part in value), 1, 1),
    "decode": (of_texts(_decode), 1, 1),
    "encode": (of_texts(_encode), 1, 1),
    "endsWith": (of_texts(lambda value, part: value.endswith(part)), 1, 1),
    "escape": (of_texts(_escape), 1, 1),
    "indexOf": (of_texts(lambda value, part: value.find(part)), 1, 1),
    "join": (join, 0, 1),
    "length": (of_texts(len), 0, 0),
    "lower": (of_texts(str.lower), 0, 0),
    "matches": (of_texts(fhirpath_regex.matches), 1, 1),
    "matchesFull": (of_texts(lambda value, pattern: fhirpath_regex.matches(value, pattern, full=True)), 1, 1),
    "replace": (of_texts(_replace), 2, 2),
    "replaceMatches": (of_texts(lambda *texts: _limited(fhirpath_regex.replaced(*texts))), 2, 2),
    "split": (of_texts(split), 1, 1),
    "startsWith": (of_texts(lambda value, part: value.startswith(part)), 1, 1),
    "substring": (substring, 1, 2),
    "toChars": (of_texts(list), 0, 0),
    "trim": (of_texts(str.strip), 0, 0),
    "unescape": (of_texts(_unescape), 1, 1),
    "upper": (of_texts(str.upper), 0, 0),
}
"""Name -> (function, fewest arguments, most arguments)."""
