"""The gate: who asks, before anything else happens. A route is closed unless it is named here."""

import time
from dataclasses import replace
from uuid import uuid4

from flask import Flask, Response, g, request

from careloom.api.context import platform
from careloom.errors import Unauthenticated
from careloom.logs import log
from careloom.services.access import Principal
from careloom.services.cds_tokens import is_signed_by_client, signed_session
from careloom.services.emergencies import under_emergency
from careloom.services.foreign_tokens import foreign_session_of
from careloom.services.purposes import told
from careloom.services.tokens import session_of

OPEN = frozenset(
    {
        "health.live",
        "health.ready",
        "oauth.token",  # authenticates the client itself
        "oauth.revoke",  # the same
        "oauth.introspect",  # the same, or whoever may ask by bearer token
        "oauth.openid_discovery",
        "oauth.keys",
        "oauth.discovery",
        "people",  # pages where people sign in, each with its own proof
        "providers",  # the same by another provider
        "passkeys",  # the same by a passkey, and a person's own passkeys
        "fhir.metadata",
        "fhir.metadata_of_all",
        "fhir.smart_configuration",
        "openapi",
        "swagger",
    }
)
"""Endpoints that anybody may reach: health, discovery, and those where a client authenticates itself. A trailing part
after a dot is a view; a bare name is a blueprint."""

SIGNED = "cds"
"""The blueprint where a client may sign each request itself, instead of getting a token first."""
PURPOSE = "X-Purpose-Of-Use"
"""The header that says what a request is for: a code of HL7 v3 PurposeOfUse, or ``system|code``."""
EMERGENCY = "X-Break-Glass"
"""The header with the id of the emergency under which a request reads: see `careloom.services.emergencies`."""
CHALLENGES = {401: "invalid_token", 403: "insufficient_scope"}
"""What a refused token is told to be (RFC 6750, 3.1)."""


def install(app: Flask) -> None:
    """Puts the gate before every view, and the request's id and security headers on every answer.

    Call it before any route is added. Flask's own answers to OPTIONS, and its redirects from double slashes (which say
    what the Host header says), are switched off: nothing answers that did not pass here.
    """
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.before_request(_begin)
    app.before_request(_authenticate)
    app.after_request(_finish)


def is_open(endpoint: str) -> bool:
    """True for endpoints that anybody may reach."""
    return endpoint in OPEN or endpoint.partition(".")[0] in OPEN


def _begin() -> None:
    g.request_id = uuid4().hex
    g.started = time.perf_counter()


def _authenticate() -> None:
    if request.endpoint is None or is_open(request.endpoint):
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():  # a token in an address or a body is none: it ends in logs
        raise Unauthenticated("this address needs a bearer token", "Get one at /oauth2/token.")
    g.is_token_shown = True
    if request.endpoint.partition(".")[0] == SIGNED and is_signed_by_client(token.strip()):
        g.session = signed_session(platform(), token.strip(), request.path, request=g.request_id)
    else:
        foreign = foreign_session_of(platform(), token.strip(), request=g.request_id)
        g.session = foreign or session_of(platform(), token.strip(), request=g.request_id)
    g.principal = _for_purpose(g.session.principal(g.request_id))


def _for_purpose(who: Principal) -> Principal:
    """The principal with the purpose of use of this request, and under its emergency.

    What names none, and an emergency that is not the caller's or over, is refused where it is decided.
    """
    named, emergency = request.headers.get(PURPOSE), request.headers.get(EMERGENCY)
    asking = who if named is None else replace(who, purpose=told(named))
    return asking if emergency is None else under_emergency(platform(), asking, emergency.strip())


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id", "")
    if g.get("is_token_shown") and response.status_code in CHALLENGES:
        headers["WWW-Authenticate"] = f'Bearer realm="careloom", error="{CHALLENGES[response.status_code]}"'
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if platform().settings.base_url.startswith("https:"):
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    route = request.url_rule.rule if request.url_rule else ""
    log(
        "careloom.access", "request", method=request.method, route=route, status=response.status_code,
        request_id=g.get("request_id", ""), actor=getattr(g.get("principal"), "name", ""),
        duration_seconds=round(time.perf_counter() - g.get("started", time.perf_counter()), 6),
    )  # fmt: skip
    return response
