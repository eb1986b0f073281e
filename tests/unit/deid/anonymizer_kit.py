"""An anonymizer made of rules as they are written in a configuration, with fixed keys, day and random bytes."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from careloom.deid.microsoft import read_configuration
from careloom.deid.microsoft_anonymizer import Anonymizer
from careloom.deid.microsoft_methods import Keys

TODAY = date(2024, 6, 1)
KEYS = Keys("123", "123", b"0123456789abcdef")
MIDDLE = b"\x80" + bytes(7)
"""Random bytes that make no noise."""


def middle(size: int) -> bytes:
    return (MIDDLE + bytes(8))[:size]


def anonymizer(
    *rules: dict[str, Any], random_bytes: Callable[[int], bytes] = middle, errors: str = "raise", **parameters: Any
) -> Anonymizer:
    raw = {"fhirPathRules": list(rules), "processingErrors": errors, "parameters": parameters}
    return Anonymizer(read_configuration(json.dumps(raw).encode()), KEYS, today=TODAY, random_bytes=random_bytes)


def rule(path: str, method: str, **settings: Any) -> dict[str, Any]:
    return {"path": path, "method": method, **settings}


def value_after(element: str, kind_json: dict[str, Any], *rules: dict[str, Any], **how: Any) -> Any:
    """The value of an Observation's element after rules; `kind_json` is the element's JSON."""
    given = {"resourceType": "Observation", "id": "o1", **kind_json}
    return anonymizer(*rules, **how).anonymize(given).resource.get(element)
