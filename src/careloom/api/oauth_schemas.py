"""What the OAuth routes take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from flask_openapi3.models.schema import Schema
from pydantic import BaseModel, ConfigDict, Field

from careloom.services.access import ROLES
from careloom.services.scopes import OF_PLATFORM

FORM_TYPE = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LETTERS = r"cr?u?d?s?|ru?d?s?|ud?s?|ds?|s|read|write|\*"
_SCOPE = rf"(careloom/({'|'.join(sorted(OF_PLATFORM))})|(system|user)/(\*|[A-Z][A-Za-z]{{1,63}})\.({_LETTERS}))"
SCOPE_PATTERN = f"^{_SCOPE}( {_SCOPE})*$"
_SHOWN = "header.claims.signature"

ClientId = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=256, description="As it was registered.")]
Secret = Annotated[str, Field(min_length=1, max_length=512, description="Of a client that has one; or by HTTP Basic.")]
AssertionText = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", max_length=8192, description="RFC 7523.")
]


class ClientProof(BaseModel):
    """How a client says who it is, in one way of three: HTTP Basic, its secret here, or an assertion that it signed."""

    client_id: ClientId | None = None
    client_secret: Secret | None = None
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"] | None = None
    client_assertion: AssertionText | None = None


class TokenRequest(ClientProof):
    """A request for an access token (RFC 6749, 4.4.2; SMART Backend Services)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "grant_type": "client_credentials",
                "scope": "system/Patient.rs",
                "client_id": "ward-viewer",
                "client_secret": "...",
            }
        }
    )

    grant_type: Literal["client_credentials", "authorization_code", "refresh_token"]
    scope: Annotated[
        str, Field(pattern=SCOPE_PATTERN, max_length=8192, description="Divided by spaces; without it all granted.")
    ] = ""
    code: Annotated[str, Field(max_length=512, description="That the person's browser brought.")] | None = None
    redirect_uri: Annotated[str, Field(max_length=2000, description="To which it was brought.")] | None = None
    code_verifier: Annotated[str, Field(max_length=128, description="PKCE (RFC 7636).")] | None = None
    refresh_token: Annotated[str, Field(max_length=512, description="Good once.")] | None = None
    purpose_of_use: Annotated[
        str,
        Field(pattern="^([A-Z]{1,32})?$", description="What the token is for: a code of HL7 v3 PurposeOfUse."),
    ] = ""


class RevocationRequest(ClientProof):
    """A token to make worthless (RFC 7009). Whoever holds a token may also end that one with it as bearer."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": _SHOWN, "token_type_hint": "access_token"}})

    token: Annotated[str, Field(min_length=1)]
    token_type_hint: str | None = None


class IntrospectionRequest(ClientProof):
    """A token whose worth is asked for (RFC 7662, 2.1)."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": _SHOWN, "token_type_hint": "access_token"}})

    token: Annotated[str, Field(min_length=1)]
    token_type_hint: str | None = None


class AccessToken(BaseModel):
    """An access token (RFC 6749, 5.1)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "access_token": _SHOWN,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "system/Patient.rs",
            }
        },
    )

    access_token: str
    token_type: Literal["Bearer"]
    patient: Annotated[
        str | None, Field(description="The id of the one Patient to whom the client is bound (SMART launch context).")
    ] = None
    expires_in: Annotated[int, Field(ge=1)]
    scope: str = Field(description="What it allows; it may be less than was asked for.")
    refresh_token: Annotated[str | None, Field(description="For the next token; good once.")] = None
    id_token: Annotated[str | None, Field(description="Who the person is (OpenID Connect).")] = None
    need_patient_banner: Annotated[bool | None, Field(description="Nobody else shows whose record it is.")] = None


class Revoked(BaseModel):
    """The token is worth nothing from now on, if it ever was worth something."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {}})


class OAuthError(BaseModel):
    """Why there is no token (RFC 6749, 5.2)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"error": "invalid_request", "error_description": "grant_type is missing"}},
    )

    error: Literal[
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "unauthorized_client",
        "insufficient_scope",
        "unsupported_grant_type",
        "temporarily_unavailable",
    ]
    error_description: str


class PublicKey(BaseModel):
    """The public key that verifies access tokens (RFC 7517, RFC 8037)."""

    model_config = ConfigDict(extra="forbid")

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    alg: Literal["Ed25519"]
    use: Literal["sig"]


class IdentityKey(BaseModel):
    """A public key that verifies id_tokens (RFC 7517)."""

    model_config = ConfigDict(extra="forbid")

    kty: Literal["RSA"]
    n: str
    e: str
    kid: str
    alg: Literal["RS256"]
    use: Literal["sig"]


class KeySet(BaseModel):
    """The public keys of this installation."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "keys": [
                    {
                        "kty": "OKP",
                        "crv": "Ed25519",
                        "x": "KRYbgi7jqWIKo4_vaIwgfM_nS48QsJPQiCwqhqycJ58",
                        "kid": "ql_fmcS4PlJN7S7cYf8o8nxXIGisFbP-SpdtmqS52RQ",
                        "alg": "Ed25519",
                        "use": "sig",
                    }
                ]
            }
        },
    )

    keys: list[PublicKey | IdentityKey]


_METADATA: dict[str, Any] = {
    "issuer": "https://careloom.example.org",
    "authorization_endpoint": "https://careloom.example.org/oauth2/authorize",
    "token_endpoint": "https://careloom.example.org/oauth2/token",
    "revocation_endpoint": "https://careloom.example.org/oauth2/revoke",
    "introspection_endpoint": "https://careloom.example.org/oauth2/introspect",
    "jwks_uri": "https://careloom.example.org/oauth2/jwks",
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "scopes_supported": ["openid", "system/*.rs", "careloom/monitor"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
    "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "revocation_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
    "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "introspection_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
}


def example_with(**more: Any) -> dict[str, Any]:
    """The example of the metadata with more members."""
    return _METADATA | more


class ServerMetadata(BaseModel):
    """How to get a token here (RFC 8414)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _METADATA})

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]


class Me(BaseModel):
    """Who asks, and what the token at hand allows."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "ward-viewer",
                "kind": "client",
                "roles": ["clinician"],
                "zones": ["identified"],
                "scopes": ["system/Patient.rs"],
                "purpose": "HOPERAT",
                "expires": "2026-11-22T01:07:05+00:00",
            }
        },
    )

    name: str
    kind: Literal["client", "person"]
    roles: list[Annotated[str, Field(json_schema_extra={"enum": sorted(ROLES)})]]
    zones: list[Literal["landing", "identified", "research", "synthetic"]]
    scopes: list[str]
    purpose: str = Field(description="Purpose of use of this request: a code of HL7 v3 PurposeOfUse.")
    expires: time.datetime = Field(description="When the token ends.")


_ERRORS = {
    400: ("invalid_scope", "scope 1 means nothing here", "The request breaks RFC 6749, or asks for too much."),
    401: ("invalid_client", "the client is not known, or did not prove who it is", "Nobody knows who asks."),
    403: ("insufficient_scope", "ward-viewer may not introspect anything", "The bearer may not ask."),
    503: ("temporarily_unavailable", "too many sign-ins at this moment", "Too many at once."),
}


def _with(*names: str, without: Iterable[str] = ()) -> dict[str, Any]:
    return {"required": list(names), "not": {"anyOf": [{"required": [name]} for name in without]}}


_ONE_PROOF: list[dict[str, Any]] = [
    _with(without=("client_secret", "client_assertion", "client_assertion_type")),
    _with("client_id", "client_secret", without=("client_assertion", "client_assertion_type")),
    _with("client_assertion", "client_assertion_type", without=("client_secret",)),
]
"""By the header, by a secret with its name, or by an assertion with its type."""


def errors() -> dict[int, dict[str, Any]]:
    """The answers of RFC 6749 by status, as OpenAPI writes them."""
    return {status: error(status) for status in _ERRORS if status != 403}


def error(status: int) -> dict[str, Any]:
    """The answer of RFC 6749 with this status, as OpenAPI writes it."""
    code, description, words = _ERRORS[status]
    example = {"error": code, "error_description": description}
    content = {"schema": {"$ref": f"#/components/schemas/{OAuthError.__name__}"}, "example": example}
    return {"description": words, "content": {"application/json": content}}


def form(model: type[BaseModel], *, is_proven: bool = True) -> dict[str, Any]:
    """A form as the body of a request, as OpenAPI writes it.

    is_proven  a client says who it is by the form or HTTP Basic; else a bearer token may stand for it
    """
    schema = model.model_json_schema()
    properties = {name: _without_null(one) for name, one in schema["properties"].items()}
    shown: dict[str, Any] = {"type": "object", "properties": properties, "required": schema.get("required", [])}
    if is_proven:
        shown["anyOf"] = _ONE_PROOF
    extra: Any = model.model_config["json_schema_extra"]
    content = {FORM_TYPE: {"schema": Schema(**shown), "example": extra["example"]}}
    return {"requestBody": {"required": True, "description": model.__doc__, "content": content}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: an optional member is there or not."""
    real = [one for one in schema.pop("anyOf", []) if one.get("type") != "null"]
    told = {name: value for name, value in schema.items() if name not in ("title", "default")}
    return told | (real[0] if real else {})
