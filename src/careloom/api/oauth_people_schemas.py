"""What the OAuth routes for people and resource servers take and give, as the OpenAPI document shows it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from careloom.api.oauth_schemas import ServerMetadata, example_with

_BASE = "https://careloom.example.org"


class Introspection(BaseModel):
    """What a token is worth now (RFC 7662, 2.2); of one that is worth nothing, only that."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "active": True,
                "client_id": "growth-chart",
                "scope": "openid fhirUser launch/patient patient/Observation.rs",
                "sub": "mara.lind",
                "iss": _BASE,
                "patient": "3bd2rvugk3xogvjzf4yjyli4um",
                "fhirUser": f"{_BASE}/fhir/identified/Practitioner/d1",
                "exp": 1597678964,
            }
        },
    )

    active: bool
    scope: str | None = None
    client_id: str | None = None
    exp: int | None = None
    iat: int | None = None
    iss: str | None = None
    aud: str | None = None
    sub: str | None = None
    jti: str | None = None
    token_type: Literal["Bearer"] | None = None
    patient: Annotated[str | None, Field(description="The id of the one Patient to whom it is narrowed.")] = None
    fhirUser: Annotated[str | None, Field(description="The resource that is the person.")] = None  # noqa: N815


class OpenidConfiguration(ServerMetadata):
    """How to know who a person is (OpenID Connect Discovery 1.0)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": example_with(
                subject_types_supported=["public"],
                id_token_signing_alg_values_supported=["RS256"],
                claims_supported=["sub", "fhirUser"],
                prompt_values_supported=["login"],
                request_parameter_supported=False,
                request_uri_parameter_supported=False,
                claims_parameter_supported=False,
            )
        },
    )

    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    claims_supported: list[str]
    prompt_values_supported: list[str]
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
    claims_parameter_supported: bool
