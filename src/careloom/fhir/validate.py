"""Whether a resource is valid FHIR R4 4.0.1, and if not, where and why.

What is checked and what is not stands in docs/reference/fhir-validation.md, with measured rates.
"""

from typing import Any

from careloom.fhir.codec import BadJson, parse, refuse_duplicates
from careloom.fhir.drafts import Resource
from careloom.fhir.issue_texts import TEXTS, Report
from careloom.fhir.validate_explain import explain
from careloom.issues import Issue


def check(resource: Resource, references: list[dict[str, Any]] | None = None) -> list[Issue]:
    """What refuses a resource: nothing for a valid one.

    resource    plain JSON; it is not changed
    references  when given, every Reference object met is appended, contained resources and extensions included
    returns     issues of severity error, at most 200, in document order; places are FHIRPaths, messages hold no value
    """
    return _explained(resource, references).issues


def advise(resource: Resource) -> list[Issue]:
    """What is doubtful in a resource but does not refuse it, as issues of severity warning."""
    return _explained(resource, None).advice


def check_bytes(raw: bytes, references: list[dict[str, Any]] | None = None) -> tuple[Resource | None, list[Issue]]:
    """The resource that the bytes hold, and what refuses it; None where they hold no JSON object.

    Refused before anything else: no UTF-8, no JSON (comments, trailing commas, NaN), no object, a property twice in
    one object, nesting beyond what FHIR needs.
    """
    try:
        resource = parse(raw)
    except BadJson as reason:
        return None, [Issue(reason.code, "fatal", "", TEXTS[reason.code])]
    issues = check(resource, references)
    try:
        refuse_duplicates(raw)
    except BadJson as reason:
        issues.append(Issue(reason.code, "error", "", TEXTS[reason.code]))
    return resource, issues


def _explained(resource: Resource, references: list[dict[str, Any]] | None) -> Report:
    try:
        return explain(resource, [] if references is None else references)
    except RecursionError:
        report = Report()
        report.add("fhir.too-deep", "")
        return report
