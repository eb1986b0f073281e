"""The resource that a FHIR request brings in its body, as JSON or XML, and what its bytes break."""

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from careloom.api.fhir_formats import JSON_TYPE
from careloom.api.problems import FHIR_TYPE
from careloom.errors import Invalid
from careloom.fhir.codec import BadJsonError, parse, refuse_duplicates
from careloom.fhir.drafts import Resource
from careloom.fhir.issue_texts import TEXTS
from careloom.issues import Issue
from careloom.services.fhir_xml import resource_of_xml

XML_TYPES = frozenset({"application/fhir+xml", "application/xml", "text/xml"})


def resource_sent() -> Resource:
    """The resource in the body. raises 415; Invalid for what is no resource in JSON or XML, or has a property twice"""
    resource, issues = resource_read()
    if issues:
        raise _no_resource(issues)
    return resource


def resource_read() -> tuple[Resource, list[Issue]]:
    """The resource in the body, and what refuses its bytes though it can be read: a property that is there twice.

    raises  415; Invalid for what is neither a JSON object nor a resource in XML
    """
    if request.mimetype in XML_TYPES:
        return _of_xml(request.get_data(cache=False))
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


def _of_xml(raw: bytes) -> tuple[Resource, list[Issue]]:
    resource, issues = resource_of_xml(raw)
    if not resource:
        raise _no_resource(issues)
    return resource, issues


def _issue(error: BadJsonError) -> Issue:
    return Issue(error.code, "error", "", TEXTS[error.code])


def _no_resource(issues: list[Issue]) -> Invalid:
    return Invalid("the body holds no resource", "Send one resource, as JSON or XML.", issues)
