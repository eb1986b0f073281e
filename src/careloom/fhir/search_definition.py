"""A SearchParameter resource as own parameters: checked before anything is indexed by it.

source  FHIR R4 4.0.1, SearchParameter; what is not answered is refused with the reason
"""

import re
from collections.abc import Iterator
from typing import Any

from careloom.errors import Unprocessable
from careloom.fhir import fhirpath_check
from careloom.fhir.fhirpath import compile_fhirpath
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.search_own import EMITS, PERSONS, is_taken, own_parameter
from careloom.fhir.search_parameters import Parameter, resource_types

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9\-_]{0,63}").fullmatch
MOST_CHARACTERS = 2_000
"""Of an expression."""


def parameters_of(resource: dict[str, Any]) -> list[Parameter]:
    """The own parameters that a valid SearchParameter defines, one for each base; none unless its status is active.

    raises  Unprocessable for what cannot be indexed: a code that is taken, an unknown base, a kind or an expression
    """
    if resource.get("status") != "active":
        return []
    code, kind, text = resource["code"], resource["type"], resource.get("expression", "")
    if not _CODE(code):
        raise _refused("its code is no name", "Use a letter, then letters, digits, - and _, 64 at most.")
    if kind not in EMITS:
        raise _refused(f"a parameter of type {kind} is not indexed", f"Give one of {', '.join(EMITS)}.")
    if not text or len(text) > MOST_CHARACTERS:
        raise _refused("it has no expression, or a very long one", f"Give a FHIRPath of {MOST_CHARACTERS} characters.")
    unknown = [base for base in resource["base"] if base not in resource_types()]
    if unknown:
        raise _refused("a base is no resource type of R4", "Name each type that it is to search.")
    targets = tuple(resource.get("target", ())) if kind == "reference" else ()
    return [_of_base(base, code, kind, text, targets) for base in dict.fromkeys(resource["base"])]


def _of_base(base: str, code: str, kind: str, text: str, targets: tuple[str, ...]) -> Parameter:
    if is_taken(base, code):
        raise _refused(f"{base} has a parameter {code} by the standard", "Choose another code.")
    if kind in ("number", "quantity") and base in PERSONS:
        raise _refused(f"a {kind} of {base} would stand in the index as it is", "Make it a token.")
    expression = " | ".join(arm for arm in _arms(text) if _is_asked_of(arm, base))
    if not expression:
        raise _refused(f"its expression says nothing about {base}", "Begin a path with each base.")
    try:
        compiled = compile_fhirpath(expression, of=base)
        kinds = fhirpath_check.check(compiled.tree, base, strict=False).kinds
    except PathError as error:
        raise _refused(error.where, error.remedy) from None
    if kinds is not None and not any(one.removeprefix("System.") in _found_as(kind) for one in kinds):
        raise _refused(
            f"its expression finds {', '.join(sorted(kinds)[:4]) or 'nothing'}",
            f"A {kind} takes {', '.join(EMITS[kind])}.",
        )
    return own_parameter(base, code, kind, expression, targets)


def _found_as(kind: str) -> set[str]:
    """Names of types, those of FHIRPath itself too, that a kind of parameter takes."""
    own = {"string": "String", "boolean": "Boolean", "integer": "Integer", "decimal": "Decimal", "date": "Date",
           "dateTime": "DateTime", "Quantity": "Quantity"}  # fmt: skip
    return {*EMITS[kind], *(own[one] for one in EMITS[kind] if one in own)}


def _arms(text: str) -> Iterator[str]:
    """The parts of a union at its top: what stands between bars outside of brackets and quotes."""
    depth, quoted, start = 0, "", 0
    for at, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted and text[at - 1] != "\\" else quoted
        elif letter in "'`\"":
            quoted = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "|" and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _is_asked_of(arm: str, base: str) -> bool:
    """True unless the path begins with another type."""
    first = re.match(r"[(\s]*([A-Za-z]+)", arm)
    return bool(arm) and (first is None or first[1] == base or first[1] not in resource_types())


def _refused(problem: str, remedy: str) -> Unprocessable:
    return Unprocessable(f"the SearchParameter cannot be indexed: {problem}", remedy)
