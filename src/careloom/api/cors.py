"""Pages of other origins: none may read an answer, but those that the settings name, and never with cookies.

source  Fetch Standard, CORS protocol (WHATWG, 2026)
"""

import re

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from careloom.api.context import EXTENSION, platform
from careloom.errors import SetupError

_ORIGIN = re.compile(r"https://[a-z0-9.-]+(?::[0-9]{1,5})?|http://(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?")
HEADERS = (
    "Accept", "Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "If-Match", "If-Modified-Since",
    "If-None-Exist", "If-None-Match", "Prefer", "X-Break-Glass", "X-Purpose-Of-Use",
)  # fmt: skip
"""What a page may send."""
EXPOSED = (
    "Content-Location", "Deprecation", "ETag", "Idempotency-Replayed", "Last-Modified", "Link", "Location", "RateLimit",
    "RateLimit-Policy", "Retry-After", "Sunset", "WWW-Authenticate", "X-Progress", "X-Request-Id",
)  # fmt: skip
"""What a page may read beside the body."""
_AGE_SECONDS = "600"


def install(app: Flask) -> None:
    """Answers preflights of the origins that are named, and lets their pages read answers.

    raises  SetupError for an origin that is none, or stands for many
    """
    for origin in app.extensions[EXTENSION].settings.api.origins:
        if _ORIGIN.fullmatch(origin) is None:
            raise SetupError(
                f"settings: api.origins: {origin} is no origin", "Write each whole: https://app.example.org, no path."
            )
    app.before_request(_preflight)
    app.after_request(_allow)


def _is_named() -> bool:
    return request.headers.get("Origin", "") in platform().settings.api.origins


def _preflight() -> Response | None:
    """What a page may send to an address that is there; any other OPTIONS is 405, as without this."""
    wanted, refusal = request.headers.get("Access-Control-Request-Method"), request.routing_exception
    if request.method != "OPTIONS" or wanted is None or not _is_named() or not isinstance(refusal, MethodNotAllowed):
        return None
    if wanted not in (refusal.valid_methods or ()):
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = wanted
    response.headers["Access-Control-Allow-Headers"] = ", ".join(HEADERS)
    response.headers["Access-Control-Max-Age"] = _AGE_SECONDS
    return response


def _allow(response: Response) -> Response:
    if platform().settings.api.origins:
        response.vary.add("Origin")
        if _is_named():
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
    return response
