"""The header Idempotency-Key: a request that comes twice is done once, and answered twice.

source  draft-ietf-httpapi-idempotency-key-header-07 (2025); which routes keep answers stands in `idempotency.toml`
"""

import logging
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Flask, Response, g, request
from flask_openapi3 import OpenAPI
from werkzeug.http import parse_options_header

from careloom.api.answers import problems
from careloom.api.context import platform, who
from careloom.api.problems import answer
from careloom.api.route_names import named_route
from careloom.errors import CareloomError
from careloom.logs import log
from careloom.services.kept_answers import Answer, Ticket, UnderWay, begin, settle

HEADER = "Idempotency-Key"
AGAIN = "Idempotency-Replayed"
"""Stands on an answer that was kept."""
PATTERN = r'^(?:"([ !#-\[\]-~]{1,255})"|([A-Za-z0-9._~:+/=-]{1,255}))$'
_KEY = re.compile(PATTERN)
"""A string of RFC 9651 as the draft wants it, or the bare key that many clients send."""
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Link")
_AGAIN_SECONDS = "1"


@cache
def lists() -> Mapping[str, frozenset[str]]:
    """kept, repeatable and streamed routes by name."""
    table = tomllib.loads(files("careloom.api").joinpath("idempotency.toml").read_text("utf-8"))
    return {name: frozenset(routes) for name, routes in table.items()}


def install(app: Flask) -> None:
    """Looks for the header after the gate, and keeps answers as they leave the view."""
    app.before_request(_begin)
    app.after_request(_settle)


def _begin() -> Response | None:
    sent, route = request.headers.get(HEADER), named_route(request)
    if sent is None or route not in lists()["kept"]:
        return None
    key = _KEY.fullmatch(sent.strip())
    if key is None:
        return answer(400, "input.schema", f"the header {HEADER} is no key", 'Send up to 255 letters: "8e03978e-40d5".')
    try:
        found = begin(platform(), who(), key[1] or key[2], [route, request.full_path, *_asked(route)])
    except UnderWay as error:
        refused = answer(409, error.code, error.where, error.remedy)
        refused.headers["Retry-After"] = _AGAIN_SECONDS
        return refused
    if isinstance(found, Ticket):
        g.ticket = found
        return None
    return Response(found.body, found.status, {**found.headers, AGAIN: "true"})


def _asked(route: str) -> list[str | bytes]:
    kind = parse_options_header(request.content_type or "")[0]
    if route in lists()["streamed"]:
        digest = request.headers.get("Content-Digest", request.headers.get("Repr-Digest", ""))
        return [kind, str(request.content_length), request.headers.get("Content-Encoding", ""), digest]
    return [kind, request.get_data(cache=True)]


def _settle(response: Response) -> Response:
    ticket = g.pop("ticket", None)
    if ticket is not None:
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        try:
            settle(platform(), ticket, Answer(response.status_code, headers, response.get_data()))
        except CareloomError as error:  # it was done: the answer goes out, and a second request is told to look
            log(
                __name__, "an answer could not be kept", level=logging.WARNING, request_id=g.get("request_id", ""),
                error_code=error.code,
            )  # fmt: skip
    return response


_PARAMETER: dict[str, Any] = {
    "name": HEADER, "in": "header", "required": False,
    "description": "What the client calls this request: sent again within 24 hours it is not done again.",
    "schema": {"type": "string", "pattern": PATTERN.replace("?:", "")},
}  # fmt: skip


def describe(app: OpenAPI) -> None:
    """Tells of the header in the finished document."""
    paths: dict[str, Any] = app.spec_json["paths"]
    for route in sorted(lists()["kept"]):
        method, _, path = route.partition(" ")
        operation = paths.get(path, {}).get(method.lower())
        if operation is not None:
            operation.setdefault("parameters", []).append(_PARAMETER)
            for status, told in problems(400, 409, 422).items():
                operation["responses"].setdefault(str(status), told)
