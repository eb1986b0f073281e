"""Checks of single values as the generated functions use them: what was accepted before is only looked up.

Each memory is a set bounded in size; it holds codes, urls, times and references, never names or texts.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from careloom.fhir.narrative import is_narrative
from careloom.fhir.primitives import (
    ID_FORM,
    MAX_STRING,
    is_absolute,
    is_base64,
    is_canonical,
    is_code,
    is_date,
    is_datetime,
    is_instant,
    is_oid,
    is_string,
    is_time,
    is_uri,
    is_uuid,
    remembering,
)
from careloom.fhir.validate_content import coding_problem, extension_problem
from careloom.fhir.validate_links import allowed, canonical_problem, is_reference
from careloom.fhir.validate_tables import system_codes, value_set_urls

Seen = set[Any]
Test = Callable[..., bool]


def _link(value: Any) -> bool:
    """A uri that is no link within the resource (those are left to the explaining pass)."""
    return is_uri(value) and value[0] != "#"


_MEMORIES: list[Seen] = []


def forget() -> None:
    """Empties every memory of accepted values."""
    for seen in _MEMORIES:
        seen.clear()


def _memory_set() -> Seen:
    seen: Seen = set()
    _MEMORIES.append(seen)
    return seen


def _remembered(check: Callable[[Any], bool]) -> tuple[Seen, Test]:
    seen = _memory_set()
    return seen, remembering(check, seen)


def _memory(name: str, check: Callable[[Any], bool]) -> tuple[str, dict[str, Any]]:
    seen, test = _remembered(check)
    return f"({{}} in {name}_seen or {name}_test({{}}))", {f"{name}_seen": seen, f"{name}_test": test}


def _call(name: str, check: Callable[[Any], object]) -> tuple[str, dict[str, Any]]:
    return f"{name}({{}})", {name: check}


_STRING = (
    f"({{}}.isprintable() and {{}} >= '!' and len({{}}) <= {MAX_STRING} or is_string({{}}))",
    {"is_string": is_string},
)
_INTEGER = "({{}}.__class__ is int and {low} <= {{}} <= 2147483647)"
_URI = _memory("uri", _link)

VALUE_CHECKS: dict[str, tuple[str, dict[str, Any]]] = {
    "base64Binary": _call("is_base64", is_base64),
    "boolean": ("({} is True or {} is False)", {}),
    "canonical": _URI,
    "code": _memory("code", is_code),
    "date": _memory("date", is_date),
    "dateTime": _memory("datetime", is_datetime),
    "decimal": ("({}.__class__ is float and {} - {} == 0 or {}.__class__ is int)", {}),
    "id": _call("id_form", ID_FORM),
    "instant": _memory("instant", is_instant),
    "integer": (_INTEGER.format(low=-2147483648), {}),
    "markdown": _STRING,
    "oid": _call("is_oid", is_oid),
    "positiveInt": (_INTEGER.format(low=1), {}),
    "string": _STRING,
    "time": _call("is_time", is_time),
    "unsignedInt": (_INTEGER.format(low=0), {}),
    "uri": _URI,
    "url": _URI,
    "uuid": _call("is_uuid", is_uuid),
    "xhtml": _call("is_narrative", is_narrative),
}
"""Primitive type to a test (``{}`` stands for the value) and the names that it needs."""


@cache
def reference_check() -> tuple[Seen, Test]:
    """References that are not local: memory and test."""
    return _remembered(lambda text: text[0] != "#" and is_reference(text))


@cache
def local_check(targets: tuple[str, ...]) -> Test:
    """Test of ``#id`` against the contained resources; marks the one named as used."""

    def named(text: str, local: dict[str, list[Any]] | None) -> bool:
        if local is None or text[0] != "#" or text[1:] not in local:
            return False
        entry = local[text[1:]]
        entry[1] = True
        return allowed(entry[0], targets)

    return named


def local_ids(contained: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Id to [type, named yet] of each contained resource; KeyError where one has no id or two have the same."""
    found = {item["id"]: [item["resourceType"], False] for item in contained}
    if len(found) != len(contained):
        raise KeyError("id")
    return found


@cache
def system_check() -> tuple[Seen, Test]:
    """A system: absolute, no value set."""
    return _remembered(lambda url: is_uri(url) and is_absolute(url) and url not in value_set_urls() and url[0] != "#")


@cache
def coding_check() -> tuple[Seen, Test]:
    """System and code of a Coding, together."""
    seen = _memory_set()

    def known(system: Any, code: Any) -> bool:
        if not (is_uri(system) and is_code(code)) or coding_problem(system, code):
            return False
        if len(seen) >= 50_000:
            seen.clear()
        if len(system) + len(code) < 256:
            seen.add((system, code))
        return True

    return seen, known


@cache
def extension_check(value: str, variant: str) -> tuple[Seen, Test]:
    """The url of an extension with this value property at this kind of place."""
    return _remembered(lambda url: is_uri(url) and not extension_problem(url, value, variant))


@cache
def canonical_check(targets: tuple[str, ...]) -> tuple[Seen, Test]:
    """A canonical with limited targets, not local."""
    return _remembered(lambda url: is_canonical(url) and url[0] != "#" and not canonical_problem(url, targets))


@cache
def bound_concept(codes: str) -> Test:
    """A CodeableConcept bound with strength required."""
    lists = system_codes(codes)

    def bound(concept: dict[str, Any]) -> bool:
        return any(coding["code"] in lists[coding["system"]] for coding in concept["coding"])

    return bound
