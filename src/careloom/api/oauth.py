"""Routes of sign-in: tokens, their keys, how to get one, and who the holder of one is."""

import math
import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import orjson
from flask import Response, g, request
from flask_limiter import Limit, Limiter, RateLimitExceeded
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api import oauth_schemas as schemas
from careloom.api.answers import answers, document, problems
from careloom.api.context import EXTENSION, base_url, platform, who
from careloom.api.oauth_server import METHODS, TokenServer
from careloom.api.problems import HTTP_REMEDIES, HTTP_WORDS, answer
from careloom.api.schemas import Problem
from careloom.errors import SetupError
from careloom.services.client_keys import ALGORITHMS
from careloom.services.scopes import SUPPORTED
from careloom.services.tokens import TOKEN_PATH, describe

_CACHED = "public, max-age=300"
_TAG = Tag(name="Sign-in", description="OAuth 2 client credentials and SMART Backend Services.")
_REFUSED: Any = {**schemas.errors(), **problems(413, 429)}
_UNKNOWN: Any = problems(401)
oauth = APIBlueprint("oauth", __name__, abp_tags=[_TAG])
_server = TokenServer()


def register(app: OpenAPI) -> None:
    """Adds the routes; where a client proves who it is, each address may ask so often and no more.

    raises  SetupError if the rate of the settings is none
    """
    shown = (Problem, schemas.AccessToken, schemas.Revoked, schemas.OAuthError, schemas.KeySet, schemas.ServerMetadata)
    document(oauth, *shown, schemas.Me)
    app.register_api(oauth)
    rate = app.extensions[EXTENSION].settings.api.sign_in_rate
    if not _is_rate(rate):
        raise SetupError("settings: api.sign_in_rate is no rate", "Write it as 60/minute.")
    limiter = _limiter(app)
    app.register_error_handler(RateLimitExceeded, lambda _: _too_many(limiter))
    for endpoint in ("oauth.token", "oauth.revoke"):
        limited: Any = limiter.limit(rate)(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited


def _limiter(app: OpenAPI) -> Limiter:
    """A limiter that acts where a view asks it to, and nowhere else.

    Its hooks, which look at every request for 75 us, are taken off again: the views that it limits look themselves.
    """
    kept = [list(hooks) for hooks in _hooks(app)]
    limiter = Limiter(_address, app=app, storage_uri="memory://")
    for hooks, before in zip(_hooks(app), kept, strict=True):
        hooks[:] = before
    return limiter


def _hooks(app: OpenAPI) -> list[list[Any]]:
    """What is called around every request."""
    return [app.before_request_funcs[None], app.after_request_funcs[None], app.teardown_request_funcs[None]]


def _is_rate(text: str) -> bool:
    """True unless the limiter would find no limit in the text, and let everybody pass."""
    try:
        return bool(list(Limit(text, key_function=_address)))
    except ValueError:
        return False


def _too_many(limiter: Limiter) -> Response:
    response = answer(429, "http.too-many-requests", HTTP_WORDS[429], HTTP_REMEDIES[429])
    limit = limiter.current_limit
    response.headers["Retry-After"] = str(max(1, math.ceil(limit.reset_at - time.time()))) if limit else "60"
    return response


def _address() -> str:
    """Who is counted together: one IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


@oauth.post(
    TOKEN_PATH,
    summary="Get an access token",
    operation_id="token",
    security=[],
    openapi_extensions=schemas.form(schemas.TokenRequest),
    responses={200: answers(schemas.AccessToken, "The token."), **_REFUSED},
)
def token() -> Response:
    """Client credentials (RFC 6749, 4.4) by secret or by a signed assertion (SMART Backend Services).

    A token allows what was asked for, as far as it was granted; it lasts minutes, a person's an hour. Audited.
    """
    return _server.token_response()


@oauth.post(
    "/oauth2/revoke",
    summary="Make a token worthless",
    operation_id="revoke",
    security=[],
    openapi_extensions=schemas.form(schemas.RevocationRequest),
    responses={200: answers(schemas.Revoked, "Done."), **_REFUSED},
)
def revoke() -> Response:
    """RFC 7009. A token that is none is no error. Audited."""
    return _server.revocation_response()


@oauth.get(
    "/oauth2/jwks",
    summary="The keys that verify access tokens",
    operation_id="jwks",
    security=[],
    responses={200: answers(schemas.KeySet, "A JWK Set (RFC 7517).")},
)
def keys() -> Response:
    """Public keys only. Clients need none of them: to them a token is opaque."""
    return _json(platform().token_signer.public_keys(), _CACHED)


@oauth.get(
    "/.well-known/oauth-authorization-server",
    summary="How to get a token",
    operation_id="authorization_server",
    security=[],
    responses={200: answers(schemas.ServerMetadata, "RFC 8414.")},
)
def discovery() -> Response:
    """The addresses and ways of this authorization server."""
    return _json(server_metadata(base_url()), _CACHED)


@oauth.get(
    "/api/v1/me",
    summary="Who am I?",
    operation_id="me",
    security=[{"oauth2": []}],
    responses={200: answers(schemas.Me, "The holder of the token."), **_UNKNOWN},
)
def me() -> Response:
    """The client or person behind the token, and what the token allows; any token that holds may ask. Audited."""
    return _json(describe(platform(), g.session, who()), "no-store")


def server_metadata(base: str) -> dict[str, Any]:
    """The metadata of RFC 8414 of the installation that clients call `base`."""
    return {
        "issuer": base,
        "token_endpoint": base + TOKEN_PATH,
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "jwks_uri": f"{base}/oauth2/jwks",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": list(SUPPORTED),
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
    }


def smart_configuration(base: str) -> dict[str, Any]:
    """What ``.well-known/smart-configuration`` says of the installation that clients call `base`.

    source  SMART App Launch 2.2 (2024), conformance; PKCE is named because the page asks for it, not because there is
            an address that takes it
    """
    return {
        "token_endpoint": base + TOKEN_PATH,
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": list(SUPPORTED),
        "code_challenge_methods_supported": ["S256"],
        "capabilities": [
            "client-confidential-asymmetric",
            "client-confidential-symmetric",
            "permission-v1",
            "permission-v2",
            "permission-patient",
            "permission-user",
        ],
    }


def _json(body: dict[str, Any], cache: str) -> Response:
    return Response(orjson.dumps(body), content_type="application/json", headers={"Cache-Control": cache})
