"""Security labels that tell what was done to a resource, as Microsoft's FHIR anonymizer adds them to ``meta``."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from careloom.deid.microsoft_elements import Json
from careloom.deid.microsoft_methods import Operation

_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
# CRYTOHASH is how HL7 spells it (v3-ObservationValue); codes without a system are Microsoft's own.
LABELS: tuple[tuple[Operation, Json], ...] = (
    ("redact", {"system": _SYSTEM, "code": "REDACTED", "display": "redacted"}),
    ("abstract", {"system": _SYSTEM, "code": "ABSTRED", "display": "abstracted"}),
    ("cryptoHash", {"system": _SYSTEM, "code": "CRYTOHASH", "display": "cryptographic hash function"}),
    ("encrypt", {"system": _SYSTEM, "code": "MASKED", "display": "masked"}),
    ("perturb", {"code": "PERTURBED", "display": "exact value is replaced with another exact value"}),
    ("substitute", {"code": "SUBSTITUTED", "display": "exact value is replaced with a predefined value"}),
    ("generalize", {"code": "GENERALIZED", "display": "exact value is replaced with a general value"}),
)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


def add_labels(resource: Json, done: Iterable[Operation]) -> None:
    """Adds to ``meta.security`` what was done; a code that is there already is not added again."""
    wanted = set(done)
    if not wanted:
        return
    if resource.get("meta") is None:
        resource.pop("meta", None)
        _insert(resource, "meta", {}, behind=("resourceType", "id"))
    meta = resource["meta"]
    if meta.get("security") is None:
        meta.pop("security", None)
        _insert(meta, "security", [], behind=[key for key in meta if key not in ("tag", "_tag")])
    present = {str(coding.get("code") or "").upper() for coding in meta["security"] if coding is not None}
    fresh = [label for operation, label in LABELS if operation in wanted and label["code"].upper() not in present]
    meta["security"] += [dict(label) for label in fresh]
    if "lastUpdated" in meta:
        meta["lastUpdated"] = _spelled_out(meta["lastUpdated"])


def empty_resource(kind: str) -> Json:
    """What stands for a resource that could not be processed."""
    return {"resourceType": kind, "meta": {"security": [dict(LABELS[0][1])]}}


def _insert(held: Json, key: str, value: Any, behind: Collection[str]) -> None:
    """Puts a property after those at the beginning that are named, and before all others."""
    at = next((number for number, known in enumerate(held) if known not in behind), len(held))
    items = list(held.items())
    held.clear()
    held.update([*items[:at], (key, value), *items[at:]])


def _spelled_out(value: object) -> object:
    """An instant with its offset in numbers and no zeros at the end of its fraction: the original rewrites it so."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    fraction = (found[2] or "").rstrip("0").rstrip(".")
    return f"{found[1]}{fraction}{'+00:00' if found[3] == 'Z' else found[3]}"
