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

    grant_type: Literal["client_credentials"]
    scope: Annotated[
        str, Field(pattern=SCOPE_PATTERN, max_length=8192, description="Divided by spaces; without it all granted.")
    ] = ""
    purpose_of_use: Annotated[
        str,
        Field(pattern="^([A-Z]{1,32})?$", description="What the token is for: a code of HL7 v3 PurposeOfUse."),
    ] = ""


class RevocationRequest(ClientProof):
    """A token to make worthless (RFC 7009). Whoever holds a token may also end that one with it as bearer."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": _SHOWN, "token_type_hint": "access_token"}})

    token: Annotated[str, Field(min_length=1, max_length=8192)]
    token_type_hint: Annotated[str, Field(max_length=64)] | None = None


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

    keys: list[PublicKey]


class ServerMetadata(BaseModel):
    """How to get a token here (RFC 8414)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "issuer": "https://careloom.example.org",
                "token_endpoint": "https://careloom.example.org/oauth2/token",
                "revocation_endpoint": "https://careloom.example.org/oauth2/revoke",
                "jwks_uri": "https://careloom.example.org/oauth2/jwks",
                "response_types_supported": [],
                "grant_types_supported": ["client_credentials"],
                "scopes_supported": ["system/*.rs", "careloom/monitor"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
                "revocation_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            }
        },
    )

    issuer: str
    token_endpoint: str
    revocation_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]


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
    return {status: _error(status) for status in _ERRORS}


def _error(status: int) -> dict[str, Any]:
    error, description, words = _ERRORS[status]
    example = {"error": error, "error_description": description}
    content = {"schema": {"$ref": f"#/components/schemas/{OAuthError.__name__}"}, "example": example}
    return {"description": words, "content": {"application/json": content}}


def form(model: type[BaseModel]) -> dict[str, Any]:
    """A form as the body of a request, as OpenAPI writes it."""
    schema = model.model_json_schema()
    properties = {name: _without_null(one) for name, one in schema["properties"].items()}
    shown = {"type": "object", "properties": properties, "required": schema.get("required", []), "anyOf": _ONE_PROOF}
    extra: Any = model.model_config["json_schema_extra"]
    content = {FORM_TYPE: {"schema": Schema(**shown), "example": extra["example"]}}
    return {"requestBody": {"required": True, "description": model.__doc__, "content": content}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: an optional member is there or not."""
    real = [one for one in schema.pop("anyOf", []) if one.get("type") != "null"]
    told = {name: value for name, value in schema.items() if name not in ("title", "default")}
    return told | (real[0] if real else {})
