"""Whether a resource is valid FHIR R4 4.0.1, and if not, where and why.

What is checked and what is not stands in docs/reference/fhir-validation.md, with measured rates.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from careloom.fhir.codec import BadJsonError, parse, refuse_duplicates, without_comments
from careloom.fhir.drafts import Resource
from careloom.fhir.issue_texts import TEXTS, Report
from careloom.fhir.validate_explain import explain
from careloom.fhir.validate_shapes import SHAPES
from careloom.issues import Issue

_COLON = b'":'
_ROOTS = SHAPES.roots
_DOUBTS = (TypeError, AttributeError, KeyError, ValueError, IndexError, RecursionError)
_IN_CONTAINED = re.compile(r"\.contained(?:\[|$)")
_loads = orjson.loads


def check(resource: Resource, references: list[dict[str, Any]] | None = None) -> list[Issue]:
    """What refuses a resource: nothing for a valid one.

    resource    plain JSON; it is not changed
    references  when given, every Reference object met is appended, contained resources and extensions included
    returns     issues of severity error, at most 200, in document order; places are FHIRPaths, messages hold no value
    """
    met: list[dict[str, Any]] = []
    try:
        find, miss = _ROOTS[resource["resourceType"]]
        accepted = (find(tuple(resource)) or miss(resource))(resource, met.append, None)
    except _DOUBTS:
        accepted = 0
    if not accepted:
        return _explained(resource, references).issues
    if references is not None:
        references += met
    return []


def advise(resource: Resource) -> list[Issue]:
    """What is doubtful in a resource but does not refuse it, as issues of severity warning."""
    return _explained(resource, None).advice


def check_read(
    resource: Resource, raw: bytes, outside: int, references: list[dict[str, Any]] | None = None
) -> list[Issue]:
    """`check` for a resource that was read from `raw`, which also refuses a property twice in one object.

    outside  how many properties of `raw` stand outside of the resource
    """
    met: list[dict[str, Any]] = []
    try:
        find, miss = _ROOTS[resource["resourceType"]]
        accepted = (find(tuple(resource)) or miss(resource))(resource, met.append, None)
    except _DOUBTS:
        accepted = 0
    if not accepted:
        return [*_explained(resource, references).issues, *_duplicates(raw)]
    if references is not None:
        references += met
    # as many properties in the bytes as in the object: none was there twice
    return [] if raw.count(_COLON) == accepted + outside else _duplicates(raw)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What is let pass on request, as HL7's validator does with its options of these names.

    allow_comments   JSON with ``//`` and ``/* */`` comments, which the specification forbids
    check_contained  False: what is wrong in or with contained resources does not refuse (validateContains IGNORE)
    """

    allow_comments: bool = False
    check_contained: bool = True


STRICT = CheckOptions()


def check_bytes(
    raw: bytes, references: list[dict[str, Any]] | None = None, options: CheckOptions = STRICT
) -> tuple[Resource | None, list[Issue]]:
    """The resource that the bytes hold, and what refuses it; None where they hold no JSON object.

    Refused before anything else: no UTF-8, no JSON (comments, trailing commas, NaN), no object, a property twice in
    one object, nesting beyond what FHIR needs.
    """
    if options is STRICT:
        return _check_bytes(raw, references)
    resource, issues = _check_bytes(without_comments(raw) if options.allow_comments else raw, references)
    if not options.check_contained:
        issues = [issue for issue in issues if not _IN_CONTAINED.search(issue.place)]
    return resource, issues


def _check_bytes(raw: bytes, references: list[dict[str, Any]] | None) -> tuple[Resource | None, list[Issue]]:
    met: list[dict[str, Any]] = []
    try:
        resource = _loads(raw)
        find, miss = _ROOTS[resource["resourceType"]]
        accepted = (find(tuple(resource)) or miss(resource))(resource, met.append, None)
    except _DOUBTS:
        return _decided(raw, references)
    if not accepted:
        return _decided(raw, references)
    if references is not None:
        references += met
    # as many properties in the bytes as in the object: none was there twice
    return resource, [] if raw.count(_COLON) == accepted else _duplicates(raw)


def _decided(raw: bytes, references: list[dict[str, Any]] | None) -> tuple[Resource | None, list[Issue]]:
    """The verdict of the explaining pass on bytes."""
    try:
        resource = parse(raw)
    except BadJsonError as reason:
        return None, [Issue(reason.code, "fatal", "", TEXTS[reason.code])]
    return resource, [*_explained(resource, references).issues, *_duplicates(raw)]


def _duplicates(raw: bytes) -> list[Issue]:
    try:
        refuse_duplicates(raw)
    except BadJsonError as reason:
        return [Issue(reason.code, "error", "", TEXTS[reason.code])]
    return []


def _explained(resource: Resource, references: list[dict[str, Any]] | None) -> Report:
    try:
        return explain(resource, [] if references is None else references)
    except RecursionError:
        report = Report()
        report.add("fhir.too-deep", "")
        return report
