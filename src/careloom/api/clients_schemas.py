"""What the routes of clients take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import Body, Model

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
Zone = Literal["landing", "identified", "research", "synthetic"]
Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
Words = Annotated[list[Word], Field(max_length=100)]
Reference = Annotated[str, Field(max_length=200, pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}$")]

CLIENT: dict[str, Any] = {
    "client_id": "ward-viewer", "name": "ward-viewer", "kind": "client", "state": "active", "roles": ["clinician"],
    "zones": ["identified"], "scopes": ["system/Patient.rs"], "signs_in_with": "secret", "keys": [],
    "created": "2026-11-22T01:02:03+00:00", "expires": "2027-11-22T01:02:03+00:00", "is_bound_to_a_patient": False,
    "actors": [], "purposes": [], "disabled": None,
}  # fmt: skip
ALLOWED: dict[str, Any] = {"verb": "search", "zones": ["identified"], "roles": ["clinician"]}
GRANTS: dict[str, Any] = {
    "name": "ward-viewer", "roles": ["clinician"], "zones": ["identified"], "scopes": ["system/Patient.rs"],
    "purposes": [], "may_break_glass": True, "is_bound_to_a_patient": False, "expires": "2027-11-22T01:02:03+00:00",
    "allows": [ALLOWED],
}  # fmt: skip
ASKED: dict[str, Any] = {"roles": ["clinician"], "zones": ["identified"], "scopes": ["system/Patient.rs"]}
ROLE: dict[str, Any] = {
    "role": "auditor", "allows": [{"verb": "audit", "zones": ["identified"]}], "purposes": ["HOPERAT"],
}  # fmt: skip


class Client(Model):
    """Somebody who may come in, without what it signs in with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CLIENT})

    client_id: str = Field(description="What it calls itself.")
    name: str = Field(description="What the audit chain calls it.")
    kind: Literal["client", "person", "app"]
    state: Literal["active", "disabled", "expired"]
    roles: list[str]
    zones: list[Zone]
    scopes: list[str] = Field(description="What its tokens may allow at most.")
    signs_in_with: Literal["secret", "key", "account", "nothing"]
    keys: list[str] = Field(description="The kid of each public key.")
    created: time.datetime
    expires: time.datetime | None
    is_bound_to_a_patient: bool
    actors: list[str]
    purposes: list[str] = Field(description="Purposes of use that it may name at most; none for all of its roles.")
    disabled: time.datetime | None


class LetIn(Client):
    """A client with its secret, which is shown this once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CLIENT | {"client_secret": "careloom_..."}})

    client_secret: str | None = Field(description="Nobody can show it again; null for who signs with keys.")


class ClientPage(Model):
    """Clients, by name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [CLIENT], "next": None}})

    items: list[Client]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")


class Allowed(Model):
    """A verb, where, and which roles give it."""

    verb: str
    zones: list[Zone]
    roles: list[str]


class ClientGrants(Model):
    """What was granted to a client, and what it comes to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": GRANTS})

    name: str
    roles: list[str]
    zones: list[Zone]
    scopes: list[str]
    purposes: list[str]
    may_break_glass: bool = Field(description="It may open an emergency where consent withholds a record.")
    is_bound_to_a_patient: bool
    expires: time.datetime | None
    allows: list[Allowed] = Field(description="What its roles give in its zones; a token's scopes narrow that.")


class Verb(Model):
    """A verb, and the zones in which a role may have it."""

    verb: str
    zones: list[Zone]


class Role(Model):
    """What a role gives."""

    role: str
    allows: list[Verb]
    purposes: list[str] = Field(description="Purposes of use that it may name, each with all its kinds.")


class ScopeWords(Model):
    """A scope in words."""

    scope: str
    allows: str


class Roles(Model):
    """What can be granted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "roles": [ROLE],
                "zones": ["identified"],
                "scopes": [{"scope": "careloom/audit", "allows": "read the audit chains"}],
            }
        },
    )

    roles: list[Role]
    zones: list[Zone]
    scopes: list[ScopeWords]


class PublicKeys(Body):
    """Public keys as a JWK Set (RFC 7517)."""

    keys: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10)]


class GrantsAsk(Body):
    """What a client is to have, in place of all that it had."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ASKED})

    roles: Annotated[Words, Field(min_length=1)]
    zones: Annotated[list[Zone], Field(min_length=1, max_length=4)]
    scopes: Words = Field([], description="What its tokens may allow at most; none for all that the roles permit.")
    purposes: Words = Field([], description="Purposes of use that it may name at most; none for all of its roles.")
    days: Annotated[int, Field(ge=1, le=3650)] | None = Field(None, description="Let in for so many days from now.")


class ClientAsk(GrantsAsk):
    """A program to let in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "ward-viewer", **ASKED}})

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = Field(description="What it calls itself, and what audit says.")
    days: Annotated[int, Field(ge=1, le=3650)] = 365
    jwks: PublicKeys | None = Field(None, description="Its public keys: it then signs in without a secret.")
    patient: Annotated[str, Field(pattern=r"^(Patient/[A-Za-z0-9.-]{1,64})?$")] = Field(
        "", description="Everything is narrowed to the compartment of this patient; empty for nobody's."
    )
    actors: Annotated[list[Reference], Field(max_length=100)] = Field([], description="What FHIR calls it.")


class RotateAsk(Body):
    """New keys, or none for a new secret."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {}})

    jwks: PublicKeys | None = Field(None, description="New public keys of a client that signs with keys.")


class ClientPath(Model):
    """Which client."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = told(..., "Its name.", "ward-viewer")


class ClientsQuery(Model):
    """Which clients, and which page of them."""

    kind: Annotated[str, Field(pattern=r"^(client|person|app)?$")] = told("", "Only this kind.", "client")
    state: Annotated[str, Field(pattern=r"^(active|disabled|expired)?$")] = told("", "Only in this state.", "active")
    role: Annotated[str, Field(pattern=r"^[a-z-]{0,40}$")] = told("", "Only with this role.", "clinician")
    limit: Annotated[int, Field(ge=1, le=200)] = told(20, "Items of one page.", 20)
    cursor: Annotated[str, Field(pattern=f"^$|{NAME_PATTERN}")] = told("", "`next` of the page before.", "")


class NoQuery(Model):
    """No parameter is taken."""
