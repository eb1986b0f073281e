"""Routes of sign-in: tokens, their keys, how to get one, and who the holder of one is."""

import math
import time
from typing import Any

import orjson
from flask import Response, g, request
from flask_limiter import Limit, Limiter, RateLimitExceeded
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api import oauth_passkeys as keyed
from careloom.api import oauth_people_schemas as more
from careloom.api import oauth_providers as others
from careloom.api import oauth_schemas as schemas
from careloom.api.answers import answers, document, problems
from careloom.api.context import EXTENSION, base_url, platform, who
from careloom.api.oauth_authorize import PACED, people
from careloom.api.oauth_metadata import openid_configuration, server_metadata
from careloom.api.oauth_server import TokenServer
from careloom.api.pace_address import address
from careloom.api.problems import HTTP_REMEDIES, HTTP_WORDS, answer
from careloom.api.schemas import Problem
from careloom.errors import SetupError
from careloom.services.signing_keys import public_keys
from careloom.services.tokens import TOKEN_PATH, describe

_CACHED = "public, max-age=300"
_TAG = Tag(name="Sign-in", description="OAuth 2 client credentials and SMART Backend Services.")
_REFUSED: Any = {**schemas.errors(), **problems(413, 429)}
_UNKNOWN: Any = problems(401)
oauth = APIBlueprint("oauth", __name__, abp_tags=[_TAG])
_server = TokenServer()


def register(app: OpenAPI) -> None:
    """Adds the routes; where a client proves who it is, each address may ask so often and no more.

    raises  SetupError if the rate of the settings is none, or a file of other issuers or providers is not usable
    """
    _ = app.extensions[EXTENSION].issuers
    _ = app.extensions[EXTENSION].providers
    shown = (Problem, schemas.AccessToken, schemas.Revoked, schemas.OAuthError, schemas.KeySet, schemas.ServerMetadata)
    document(oauth, *shown, schemas.Me, more.Introspection, more.OpenidConfiguration)
    app.register_api(oauth)
    app.register_api(people)
    app.register_api(others.providers)
    app.register_api(keyed.passkeys)
    rate = app.extensions[EXTENSION].settings.api.sign_in_rate
    if not _is_rate(rate):
        raise SetupError("settings: api.sign_in_rate is no rate", "Write it as 60/minute.")
    limiter = _limiter(app)
    app.register_error_handler(RateLimitExceeded, lambda _: _too_many(limiter))
    for endpoint in ("oauth.token", "oauth.revoke", *PACED, *others.PACED, *keyed.PACED):
        limited: Any = limiter.limit(rate)(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited
    asks: Any = limiter.limit(rate, exempt_when=_is_bearer)(app.view_functions["oauth.introspect"])
    app.view_functions["oauth.introspect"] = asks


def _limiter(app: OpenAPI) -> Limiter:
    """A limiter that acts where a view asks it to, and nowhere else.

    Its hooks, which look at every request for 75 us, are taken off again: the views that it limits look themselves.
    """
    kept = [list(hooks) for hooks in _hooks(app)]
    limiter = Limiter(address, app=app, storage_uri="memory://")
    for hooks, before in zip(_hooks(app), kept, strict=True):
        hooks[:] = before
    return limiter


def _hooks(app: OpenAPI) -> list[list[Any]]:
    """What is called around every request."""
    return [app.before_request_funcs[None], app.after_request_funcs[None], app.teardown_request_funcs[None]]


def _is_bearer() -> bool:
    """True for a resource server with a token of its own, which asks as often as it is asked."""
    return bool(request.headers.get("Authorization", "")[:7].lower() == "bearer ")


def _is_rate(text: str) -> bool:
    """True unless the limiter would find no limit in the text, and let everybody pass."""
    try:
        return bool(list(Limit(text, key_function=address)))
    except ValueError:
        return False


def _too_many(limiter: Limiter) -> Response:
    response = answer(429, "http.too-many-requests", HTTP_WORDS[429], HTTP_REMEDIES[429])
    limit = limiter.current_limit
    response.headers["Retry-After"] = str(max(1, math.ceil(limit.reset_at - time.time()))) if limit else "60"
    return response


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
    summary="The keys that verify tokens",
    operation_id="jwks",
    security=[],
    responses={200: answers(schemas.KeySet, "A JWK Set (RFC 7517).")},
)
def keys() -> Response:
    """Public keys only: of id_tokens (RS256), and of access tokens, which are opaque to clients."""
    return _json({"keys": public_keys(platform())}, _CACHED)


@oauth.post(
    "/oauth2/introspect",
    summary="What a token is worth",
    operation_id="introspect",
    security=[],
    openapi_extensions=schemas.form(schemas.IntrospectionRequest, is_proven=False),
    responses={200: answers(more.Introspection, "What it is worth now."), 403: schemas.error(403), **_REFUSED},
)
def introspect() -> Response:
    """RFC 7662, as SMART has it: any token, for a bearer with `careloom/introspect`; its own, for a client. Audited."""
    return _server.introspection_response()


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
    "/.well-known/openid-configuration",
    summary="How to know who a person is",
    operation_id="openid_configuration",
    security=[],
    responses={200: answers(more.OpenidConfiguration, "OpenID Connect Discovery 1.0.")},
)
def openid_discovery() -> Response:
    """The same for OpenID Connect, with how id_tokens are signed."""
    return _json(openid_configuration(base_url()), _CACHED)


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


def _json(body: dict[str, Any], cache: str) -> Response:
    return Response(orjson.dumps(body), content_type="application/json", headers={"Cache-Control": cache})
