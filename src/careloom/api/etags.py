"""Answers under /api/v1 carry a tag of their content; who has it already is told so (304) and gets no body.

source  RFC 9110 (2022) 8.8.3 and 13.1.2
"""

from hashlib import blake2b

from flask import Flask, Response, request
from flask_openapi3 import OpenAPI

from careloom.api.context import platform

_BELOW = "/api/v1/"
_KINDS = ("application/json",)


def install(app: Flask) -> None:
    """Tags answers to GET, before they are packed."""
    app.after_request(_tag)


_TAG = {
    "description": "Of the content, weak; with it in If-None-Match the answer is 304 while nothing changed.",
    "schema": {"type": "string"}, "example": 'W/"8d3f6c1e0b7a4d52c9e1f0a6b3d4c5e7"',
}  # fmt: skip


def describe(app: OpenAPI) -> None:
    """Tells of tags, and of 304, in the finished document: where a GET is answered in JSON."""
    app.spec_json["components"].setdefault("headers", {})["ETag"] = _TAG
    named = {"ETag": {"$ref": "#/components/headers/ETag"}}
    for path, methods in app.spec_json["paths"].items():
        operation = methods.get("get") if path.startswith(_BELOW) else None
        found = operation["responses"].get("200", {}) if operation else {}
        if operation and any(kind in found.get("content", {}) for kind in _KINDS):
            found["headers"] = {**found.get("headers", {}), **named}
            known = {"description": "The client holds this answer already.", "headers": dict(named)}
            operation["responses"].setdefault("304", known)


def _tag(response: Response) -> Response:
    if request.method not in ("GET", "HEAD") or not request.path.startswith(_BELOW) or response.status_code != 200:
        return response
    if response.is_streamed or response.mimetype not in _KINDS or "ETag" in response.headers:
        return response
    # Keyed: a plain hash of an answer with few possible values would tell them to whoever reads a proxy's log.
    key = platform().keys.derive("etags", "answers")
    response.set_etag(blake2b(response.get_data(), key=key, digest_size=16).hexdigest(), weak=True)
    response.make_conditional(request.environ)
    return response
