"""Errors as HTTP: one table from class to status; OperationOutcome under ``/fhir``, problem documents elsewhere.

source  RFC 9457 (2023), Problem Details for HTTP APIs; FHIR R4 (4.0.1) OperationOutcome and value set issue-type
"""

import logging
import traceback
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from careloom.errors import (
    AccessError,
    CareloomError,
    Conflict,
    Erased,
    InputError,
    IntegrityError,
    NotFound,
    NotSupported,
    Precondition,
    SetupError,
    StateError,
    TooLarge,
    Unauthenticated,
    Unprocessable,
)
from careloom.fhir.patch import PatchError
from careloom.issues import Issue
from careloom.logs import log

PROBLEM_TYPE = "application/problem+json"
FHIR_TYPE = "application/fhir+json"

STATUS: dict[type[CareloomError], int] = {
    NotFound: 404,
    TooLarge: 413,
    NotSupported: 405,
    Unprocessable: 422,
    PatchError: 422,
    InputError: 400,
    Unauthenticated: 401,
    AccessError: 403,
    Erased: 410,
    Precondition: 412,
    Conflict: 409,
    StateError: 409,
    SetupError: 503,
    IntegrityError: 500,
}
"""The first class of an error's ancestry that stands here gives its status."""

FHIR_ISSUE_TYPE = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported",
    408: "timeout", 409: "conflict", 410: "deleted", 411: "required", 412: "conflict", 413: "too-long", 414: "too-long",
    415: "not-supported", 422: "processing", 429: "throttled", 431: "too-long", 503: "transient",
}  # fmt: skip
"""HTTP status -> code of the value set issue-type; ``exception`` for any other."""


def install(app: Flask) -> None:
    """Adds the last handlers: nothing leaves the application but a document that says where and what to do."""
    app.register_error_handler(CareloomError, of_error)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_surprise)


def status_of(error: CareloomError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def of_validation(error: ValidationError) -> Response:
    """The answer to a request whose parameters or body break their schema: places and rules, never the values."""
    faults = [
        {"name": ".".join(map(str, _declared(fault["type"], fault["loc"]))), "rule": fault["type"]}
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    names = ", ".join(sorted({fault["name"] or "the body" for fault in faults}))
    return answer(400, "input.schema", f"the request breaks the schema at {names}", "See /openapi.", errors=faults)


def _declared(rule: str, place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where a fault is, without the name of a member that nobody declared: it may be a patient's value."""
    return place[:-1] if rule == "extra_forbidden" else place


def _is_fhir() -> bool:
    """True for what was asked of FHIR, where nothing stands too."""
    return request.path == "/fhir" or request.path.startswith("/fhir/")


def answer(status: int, code: str, where: str, remedy: str, **more: Any) -> Response:
    """A problem as the path of the request wants it."""
    if _is_fhir():
        body, kind = outcome(status, code, where, remedy), FHIR_TYPE
    else:
        body, kind = problem(status, code, where, remedy) | more, PROBLEM_TYPE
    response = Response(orjson.dumps(body), status, content_type=kind)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="careloom"'
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def problem(status: int, code: str, where: str, remedy: str) -> dict[str, Any]:
    """A problem document; ``code`` is stable, ``detail`` says where, ``remedy`` what to do."""
    return {
        "type": f"urn:careloom:problem:{code}",
        "title": code.replace(".", ": ").replace("-", " "),
        "status": status,
        "detail": where,
        "code": code,
        "remedy": remedy,
        "instance": f"urn:careloom:request:{g.get('request_id', '')}",
    }


def outcome(status: int, code: str, where: str, remedy: str) -> dict[str, Any]:
    """An OperationOutcome with one issue."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": FHIR_ISSUE_TYPE.get(status, "exception"),
                "details": {
                    "coding": [{"system": "urn:careloom:problem", "code": code}],
                    "text": where,
                },
                "diagnostics": remedy or where,
            }
        ],
    }


def outcome_of(error: CareloomError) -> dict[str, Any]:
    """The OperationOutcome of an error: what is wrong with a resource, place by place, and which entry is at fault."""
    status = status_of(error)
    told = outcome(status, error.code, f"{error.entry}: {error.where}" if error.entry else error.where, error.remedy)
    if error.entry:
        told["issue"][0]["expression"] = [error.entry]
    issues = [one for one in getattr(error, "issues", ()) if isinstance(one, Issue)]
    told["issue"] += [issue_of(one) for one in issues]
    return told


def issue_of(one: Issue) -> dict[str, Any]:
    """One thing wrong with a resource, or doubtful in it."""
    shown = {
        "severity": one.severity,
        "code": "invariant" if one.code.startswith("fhir.invariant") else "structure",
        "details": {"coding": [{"system": "urn:careloom:issue", "code": one.code}], "text": one.message},
        "diagnostics": one.remedy or "Correct the element.",
    }
    return shown | ({"expression": [one.place]} if one.place else {})


def of_error(error: CareloomError) -> Response:
    """What any address says of an error of ours."""
    status = status_of(error)
    response = answer(status, error.code, error.where, error.remedy)
    if _is_fhir():
        response.set_data(orjson.dumps(outcome_of(error)))
    if status == 405:
        response.headers["Allow"] = "GET, HEAD, DELETE"  # of what is not there, and must be made elsewhere
    return response


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    code = f"http.{error.name.lower().replace(' ', '-')}"
    response = answer(status, code, HTTP_WORDS.get(status, error.name.lower()), HTTP_REMEDIES.get(status, ""))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after", "location"}:
            response.headers[name] = value
    return response


def _of_surprise(error: Exception) -> Response:
    places = [f"{Path(frame.filename).stem}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log(
        __name__, "request failed unexpectedly", level=logging.ERROR, request_id=g.get("request_id", ""),
        error_code=type(error).__name__, places=places[-8:],
    )  # fmt: skip
    return answer(500, "internal", "something unexpected happened", "Tell the operator the id of this request.")


HTTP_WORDS = {
    400: "the request is not well-formed",
    404: "there is nothing at this address",
    405: "this address does not take that method",
    406: "this address does not give that media type",
    408: "the request came too slowly",
    413: "the request is larger than this installation takes",
    415: "this address does not take that media type",
    422: "the request is well-formed and cannot be done",
    429: "too many requests in a short time",
    503: "as much of this is under way as the server takes at once",
}
HTTP_REMEDIES = {
    404: "The addresses stand in /openapi.",
    405: "The header Allow names those it takes.",
    406: "Ask for application/json or application/fhir+json.",
    429: "Wait as long as the header Retry-After says.",
    503: "Try again after as many seconds as the header Retry-After says.",
}
