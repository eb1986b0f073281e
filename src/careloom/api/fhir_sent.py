"""The resource that a FHIR request brings in its body, and what its bytes break."""

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from careloom.api.fhir_formats import JSON_TYPE
from careloom.api.problems import FHIR_TYPE
from careloom.errors import Invalid
from careloom.fhir.codec import BadJsonError, parse, refuse_duplicates
from careloom.fhir.drafts import Resource
from careloom.fhir.issue_texts import TEXTS
from careloom.issues import Issue


def resource_sent() -> Resource:
    """The resource in the body. raises 415; Invalid for what is no JSON object, or has a property twice"""
    resource, issues = resource_read()
    if issues:
        raise _no_resource(issues)
    return resource


def resource_read() -> tuple[Resource, list[Issue]]:
    """The resource in the body, and what refuses its bytes though it can be read: a property that is there twice.

    raises  415; Invalid for what is no JSON object
    """
    if request.mimetype not in (FHIR_TYPE, JSON_TYPE):
        raise UnsupportedMediaType
    raw = request.get_data(cache=False)
    try:
        resource = parse(raw)
    except BadJsonError as error:
        raise _no_resource([_issue(error)]) from None
    try:
        refuse_duplicates(raw)
    except BadJsonError as error:
        return resource, [_issue(error)]
    return resource, []


def _issue(error: BadJsonError) -> Issue:
    return Issue(error.code, "error", "", TEXTS[error.code])


def _no_resource(issues: list[Issue]) -> Invalid:
    return Invalid("the body holds no resource", "Send one JSON object.", issues)
