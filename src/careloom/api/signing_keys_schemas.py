"""What the routes of signing keys take and give, as the OpenAPI document shows it."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import Body, Model

KID = "2YV6tyPL_5aB6bX2sq3Oa4wK9JxkJr0xw2pTn1mXq8s"
KEY: dict[str, Any] = {
    "kid": KID, "use": "access", "algorithm": "Ed25519", "state": "current", "created": "2026-11-22T01:02:03+00:00",
    "signs_from": "2026-11-23T01:02:03+00:00", "until": None,
}  # fmt: skip


class SigningKey(Model):
    """A key that signs tokens, without anything of it that is secret."""

    kid: str = Field(description="The thumbprint of its public half (RFC 7638).")
    use: Literal["access", "identity"] = Field(description="Access tokens, or id_tokens.")
    algorithm: Literal["Ed25519", "RS256"]
    state: Literal["next", "current", "retired"] = Field(
        description="Shown and not signing yet; signing; not signing any more."
    )
    created: time.datetime
    signs_from: time.datetime
    until: time.datetime | None = Field(description="When it leaves; null while no newer key is there.")


class SigningKeys(Model):
    """All keys whose signatures hold, or will."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [KEY]}})

    items: list[SigningKey]


class RotateKeysAsk(Body):
    """Which keys to renew."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"use": "all"}})

    use: Literal["access", "identity", "all"] = "all"


class SigningKeyPath(Model):
    """Which key."""

    kid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")] = told(..., "Its kid.", KID)


class NoQuery(Model):
    """No parameter is taken."""
