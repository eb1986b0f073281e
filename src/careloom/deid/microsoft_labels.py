"""Security labels that tell what was done to a resource, as Microsoft's FHIR anonymizer adds them to ``meta``."""

import re
from collections.abc import Iterable

from careloom.deid.microsoft_methods import Operation
from careloom.deid.typed_nodes import Json, Node, read_fragment

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


def add_labels(resource: Node, done: Iterable[Operation]) -> None:
    """Adds to ``meta.security`` what was done; a code that is there already is not added again."""
    wanted = set(done)
    if not wanted:
        return
    meta = next(iter(resource.named("meta")), None)
    if meta is None:
        meta = _new(resource, "meta", "Meta", many=False)
        resource.children.insert(1 if resource.children[:1] and resource.children[0].name == "id" else 0, meta)
    present = {_code(coding) for coding in meta.named("security")}
    fresh = [label for operation, label in LABELS if operation in wanted and label["code"].upper() not in present]
    codings = [_coding(meta, label) for label in fresh]
    at = next((number for number, child in enumerate(meta.children) if child.name == "tag"), len(meta.children))
    meta.children[at:at] = codings
    for child in meta.named("lastUpdated"):
        child.value = _spelled_out(child.value)


def empty_resource(kind: str) -> Json:
    """What stands for a resource that could not be processed."""
    return {"resourceType": kind, "meta": {"security": [dict(LABELS[0][1])]}}


def _new(parent: Node, name: str, kind: str, *, many: bool) -> Node:
    made = Node(name, kind, kind, parent)
    made.many = many
    return made


def _coding(meta: Node, label: Json) -> Node:
    coding = read_fragment(label, _new(meta, "security", "Coding", many=True))
    coding.parent, coding.many = meta, True
    return coding


def _code(coding: Node) -> str:
    return "".join(str(child.value or "") for child in coding.named("code")).upper()


def _spelled_out(value: object) -> object:
    """An instant with its offset in numbers and no zeros at the end of its fraction: the original rewrites it so."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    fraction = (found[2] or "").rstrip("0").rstrip(".")
    return f"{found[1]}{fraction}{'+00:00' if found[3] == 'Z' else found[3]}"
