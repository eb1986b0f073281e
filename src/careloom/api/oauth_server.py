"""The protocol of tokens (RFC 6749, 7009, 7523) over Authlib; who may have one is decided by the services."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from authlib.integrations.flask_oauth2 import AuthorizationServer  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import (  # type: ignore[import-untyped]
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint  # type: ignore[import-untyped]
from flask import Request, Response, request

from careloom.api.context import base_url, platform, request_id
from careloom.api.oauth_schemas import ASSERTION_TYPE, FORM_TYPE, RevocationRequest, TokenRequest
from careloom.errors import AccessError, QueryError, StateError, Unauthenticated
from careloom.services.app_tokens import AppTokens, end, exchange, refresh
from careloom.services.apps import public_app
from careloom.services.introspect import introspect_any, introspect_own
from careloom.services.tokens import authenticate_assertion, authenticate_secret, issue, revoke, session_of
from careloom.store.clients import Client

_PARAMETERS = frozenset({*TokenRequest.model_fields, *RevocationRequest.model_fields})
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


class _NotProvenError(InvalidClientError):  # type: ignore[misc]
    """Authlib's error with the realm that RFC 7617 asks for."""

    def get_headers(self) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in super().get_headers() if name != "WWW-Authenticate"]
        return [*kept, ("WWW-Authenticate", 'Basic realm="careloom", charset="UTF-8"')]


class _Form(OAuth2Payload):  # type: ignore[misc]
    """The parameters of the body alone: what stands in an address ends in logs."""

    def __init__(self, sent: Request) -> None:
        self._sent = sent

    @property
    def data(self) -> Mapping[str, str]:
        """The first value of each."""
        return self._sent.form

    @property
    def datalist(self) -> Mapping[str, list[str]]:
        """All values of each."""
        return dict(self._sent.form.lists())


class _Sent(OAuth2Request):  # type: ignore[misc]
    """The request at hand, as Authlib looks at it: under the public address, so that it sees the TLS of a proxy."""

    def __init__(self, sent: Request) -> None:
        super().__init__(method=sent.method, uri=base_url() + sent.path, headers=sent.headers)
        self.payload = _Form(sent)

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters of the body."""
        return request.form


class TokenServer(AuthorizationServer):  # type: ignore[misc]
    """Answers at the two addresses where a client proves who it is."""

    def __init__(self) -> None:
        super().__init__()
        for grant in _GRANTS.values():
            self.register_grant(grant)
        self.register_endpoint(_Revocation)

    def create_oauth2_request(self, _request: object) -> _Sent:
        """The request at hand. raises InvalidRequestError if it is no form, or says a thing twice or in its address."""
        if request.args:
            raise InvalidRequestError("parameters belong into the body, never into the address")
        if request.mimetype != FORM_TYPE:
            raise InvalidRequestError(f"the body is not {FORM_TYPE}")
        sent = _Sent(request)
        if any(len(values) > 1 for name, values in sent.payload.datalist.items() if name in _PARAMETERS):
            raise InvalidRequestError("a parameter stands in the body twice")
        return sent

    def get_token_grant(self, sent: _Sent) -> Any:
        """The grant that is asked for. raises OAuth2Error; Authlib's own would repeat what was asked for."""
        asked = sent.payload.grant_type
        if not asked:
            raise InvalidRequestError("grant_type is missing")
        if asked not in _GRANTS:
            words = f"supported are {', '.join(_GRANTS)}"
            raise OAuth2Error(words, error="unsupported_grant_type", status_code=400)
        return _GRANTS[asked](sent, self)

    def token_response(self) -> Response:
        """The answer to a request for a token."""
        return self._answered(lambda: self.get_token_grant(self.create_oauth2_request(None)).respond())

    def revocation_response(self) -> Response:
        """The answer to a request to revoke a token."""
        endpoint = self._endpoints[_Revocation.ENDPOINT_NAME][0]
        return self._answered(lambda: endpoint.create_endpoint_response(self.create_oauth2_request(None)))

    def introspection_response(self) -> Response:
        """The answer to who asks what a token is worth."""
        return self._answered(lambda: self._introspected(self.create_oauth2_request(None)))

    def _introspected(self, sent: _Sent) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        token = sent.form.get("token", "")
        if not token:
            raise InvalidRequestError("token is missing")
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            client = self.authenticate_client(sent, METHODS)
            if public_app(platform(), client.id) is not None:
                raise _NotProvenError("a public application does not prove who it is", status_code=401)
            return 200, introspect_own(platform(), client, token, request=request_id()), _Grant.TOKEN_RESPONSE_HEADER
        try:
            who = session_of(platform(), bearer.strip(), request=request_id()).principal(request_id())
        except Unauthenticated as error:
            raise _NotProvenError(error.where, status_code=401) from None
        try:
            return 200, introspect_any(platform(), who, token), _Grant.TOKEN_RESPONSE_HEADER
        except AccessError as error:
            raise OAuth2Error(error.where, error="insufficient_scope", status_code=403) from None

    def _answered(self, work: Any) -> Response:
        try:
            response: Response = self.handle_response(*work())
        except OAuth2Error as error:
            response = self.handle_error_response(None, error)
        except StateError as error:
            busy = OAuth2Error(error.where, error="temporarily_unavailable", status_code=503)
            response = self.handle_error_response(None, busy)
            response.headers["Retry-After"] = "5"
        return response

    def authenticate_client(self, sent: _Sent, _methods: list[str], _endpoint: str = "token") -> Client:
        """The client that proved who it is, in exactly one way. raises OAuth2Error."""
        ways = {
            "basic": request.headers.get("Authorization", "")[:6].lower() == "basic ",
            "form": bool(sent.form.get("client_secret")),  # a parameter without a value counts as left out: 3.2
            "assertion": bool(sent.form.get("client_assertion") or sent.form.get("client_assertion_type")),
        }
        if sum(ways.values()) > 1:
            raise InvalidRequestError("the client proves who it is in more than one way")
        if not any(ways.values()):
            app = public_app(platform(), sent.form.get("client_id", ""))
            if app is not None:
                return app
            raise _NotProvenError("the client does not prove who it is", status_code=401)
        try:
            return self._by_assertion(sent) if ways["assertion"] else self._by_secret(sent, is_basic=ways["basic"])
        except Unauthenticated as error:
            raise _NotProvenError(error.where, status_code=401) from None

    def _by_secret(self, sent: _Sent, *, is_basic: bool) -> Client:
        named = sent.form.get("client_id", "")
        client_id, secret = _basic() if is_basic else (named, sent.form["client_secret"])
        if named not in ("", client_id):
            raise InvalidRequestError("client_id differs from the one of the Authorization header")
        return authenticate_secret(platform(), client_id, secret, request=request_id())

    def _by_assertion(self, sent: _Sent) -> Client:
        if sent.form.get("client_assertion_type") != ASSERTION_TYPE or not sent.form.get("client_assertion"):
            raise InvalidRequestError(f"an assertion comes with client_assertion_type {ASSERTION_TYPE}")
        named = sent.form.get("client_id", "")
        return authenticate_assertion(platform(), sent.form["client_assertion"], client_id=named, request=request_id())


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]
    """A token for the client itself (RFC 6749, 4.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def respond(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Status, body and headers; not Authlib's own, which writes tokens to its log. raises OAuth2Error."""
        client = self.server.authenticate_client(self.request, METHODS)
        if client.kind == "app":
            raise UnauthorizedClientError("this application acts for people alone: grant_type is authorization_code")
        try:
            purpose = self.request.form.get("purpose_of_use", "")
            issued = issue(platform(), client, self.request.payload.scope or "", purpose=purpose, request=request_id())
        except QueryError as error:
            raise InvalidScopeError(error.where) from None
        body = {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scope": issued.scope,
        } | ({"patient": issued.patient} if issued.patient else {})
        return 200, body, self.TOKEN_RESPONSE_HEADER


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    """Tokens for a code that a person's browser brought (RFC 6749, 4.1.3), with PKCE by S256 always."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def respond(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Status, body and headers; not Authlib's own, which writes tokens to its log. raises OAuth2Error."""
        client, form = self.server.authenticate_client(self.request, METHODS), self.request.form
        for name in ("code", "redirect_uri", "code_verifier"):
            if not form.get(name):
                raise InvalidRequestError(f"{name} is missing")
        try:
            made = exchange(
                platform(), client, form["code"], form["redirect_uri"], form["code_verifier"], request=request_id()
            )
        except AccessError as error:
            raise InvalidGrantError(error.where) from None
        return 200, _of_app(made), self.TOKEN_RESPONSE_HEADER


class _RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    """The next tokens of an application that stays signed in (RFC 6749, 6)."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def respond(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Status, body and headers. raises OAuth2Error."""
        client, form = self.server.authenticate_client(self.request, METHODS), self.request.form
        if not form.get("refresh_token"):
            raise InvalidRequestError("refresh_token is missing")
        try:
            made = refresh(platform(), client, form["refresh_token"], form.get("scope", ""), request=request_id())
        except AccessError as error:
            raise InvalidGrantError(error.where) from None
        except QueryError as error:
            raise InvalidScopeError(error.where) from None
        return 200, _of_app(made), self.TOKEN_RESPONSE_HEADER


def _of_app(made: AppTokens) -> dict[str, Any]:
    """The tokens as RFC 6749, 5.1 writes them, with what SMART adds."""
    body = {"access_token": made.access_token, "token_type": "Bearer", "expires_in": made.expires_in}
    told = {"refresh_token": made.refresh_token, "id_token": made.id_token, "patient": made.patient}
    more: dict[str, Any] = {name: value for name, value in told.items() if value}
    if made.patient:
        more["need_patient_banner"] = True
    return {**body, "scope": made.scope, **more}


_GRANTS: dict[str, Any] = {
    "authorization_code": _CodeGrant,
    "client_credentials": _Grant,
    "refresh_token": _RefreshGrant,
}


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Makes a token worthless: for its client, or for whoever holds it and shows it as bearer too."""

    CLIENT_AUTH_METHODS = METHODS

    def create_endpoint_response(self, sent: _Sent) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Status, body and headers. raises OAuth2Error."""
        token = sent.form.get("token", "")
        if not token:
            raise InvalidRequestError("token is missing")
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer.strip() == token:
            client = self._holder(token)
        else:
            client = self.authenticate_endpoint_client(sent)
        try:
            if not end(platform(), client, token, request=request_id()):
                revoke(platform(), client, token, request=request_id())
        except AccessError as error:
            raise InvalidGrantError(error.where) from None
        return 200, {}, _Grant.TOKEN_RESPONSE_HEADER

    def _holder(self, token: str) -> Client:
        try:
            session = session_of(platform(), token, request=request_id())
            return session.app or session.client
        except Unauthenticated as error:
            raise _NotProvenError(error.where, status_code=401) from None


def _basic() -> tuple[str, str]:
    """Name and secret of the Authorization header; empty if it is broken, which proves nothing.

    source  RFC 6749 (2012), 2.3.1: both are form-encoded before they are joined
    """
    try:
        raw = b64decode(request.headers["Authorization"][6:].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    client_id, _, secret = raw.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
