"""What references and canonicals may name."""

import re
from functools import cache
from typing import Any

from careloom.fhir.primitives import ID_FORM, is_string
from careloom.fhir.references import parse_reference
from careloom.fhir.validate_tables import resource_types

_CORE = "http://hl7.org/fhir/"


_UUID = re.compile(r"urn:uuid:[0-9A-Fa-f\-]{36}").fullmatch


def is_reference(text: Any) -> bool:
    """True for an absolute reference, ``Type/id``, ``Type?query`` or ``#id``."""
    if not isinstance(text, str):
        return False
    if _UUID(text):
        return True
    kind, _, identity = text.partition("/")
    if kind in resource_types() and ID_FORM(identity):
        return True
    return parse_reference(text).form != "other" and is_string(text)


def named_type(text: Any, kind: Any) -> str:
    """Resource type that a Reference claims by its string or its type; "" when it claims none."""
    if isinstance(kind, str) and kind in resource_types():
        return kind
    return parse_reference(text).type if isinstance(text, str) else ""


@cache
def allowed(kind: str, targets: tuple[str, ...]) -> bool:
    """True when a resource of this type may be named."""
    return not targets or kind in targets or "Resource" in targets


def canonical_problem(text: str, targets: tuple[str, ...]) -> str:
    """Issue code of a canonical against the allowed target types; "" when fine.

    Only urls of the specification itself tell their type: ``http://hl7.org/fhir/<Type>/<id>``.
    """
    if not targets or not text.startswith(_CORE):
        return ""
    kind, _, rest = text[len(_CORE) :].partition("/")
    if rest and kind in resource_types() and not allowed(kind, targets):
        return "fhir.canonical-target"
    return ""
