"""What the routes of people take and give, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.lists import NEXT
from careloom.api.schemas import Body, Model
from careloom.services.access import ROLES

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@\-]{0,63}$"
Role = Annotated[str, Field(json_schema_extra={"enum": sorted(ROLES)})]
ZoneName = Literal["landing", "identified", "research", "synthetic"]
ScopeText = Annotated[str, Field(max_length=200)]
USER: dict[str, Any] = {
    "client_id": "mara.lind", "name": "mara.lind", "state": "active", "roles": ["clinician"], "zones": ["identified"],
    "scopes": ["careloom/monitor", "system/*.rs"], "created": "2026-11-22T10:00:00+00:00", "expires": None,
    "is_bound_to_a_patient": False, "actors": [], "purposes": [], "disabled": None, "full_name": "Mara Lind",
    "account": "ready", "providers": [], "passkeys": 1, "recovery_codes_left": 10, "invited_until": None,
    "password_changed": "2026-11-22T10:05:00+00:00", "signed_in": None,  # pragma: allowlist secret
}  # fmt: skip
INVITED: dict[str, Any] = USER | {
    "account": "invited", "passkeys": 0, "recovery_codes_left": 0, "password_changed": None,
    "invited_until": "2026-11-25T10:00:00+00:00",
}  # fmt: skip
SIGN_INS: dict[str, Any] = {
    "name": "mara.lind",
    "browsers": [{"since": "2026-11-22T10:00:00+00:00", "seen": "2026-11-22T10:03:00+00:00"}],
    "apps": [
        {
            "app": "growth", "scopes": ["openid", "user/*.rs"], "since": "2026-11-22T10:00:00+00:00",
            "until": "2026-12-22T10:00:00+00:00",
        }
    ],
}  # fmt: skip
PASSKEY: dict[str, Any] = {
    "id": "mfrggzdfmzqwc2lomfrggzdfmz", "name": "Phone", "is_synced": True, "created": "2026-11-22T10:06:00+00:00",
    "used": None,
}  # fmt: skip
RIGHTS: dict[str, Any] = {"roles": ["clinician"], "zones": ["identified"], "scopes": []}


class InvitationAsk(Body):
    """A person to let in; without scopes all that the roles permit in these zones."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": RIGHTS | {"name": "mara.lind", "full_name": "Mara Lind"}}
    )

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = Field(description="What the person signs in as.")
    roles: Annotated[list[Role], Field(min_length=1, max_length=20)]
    zones: Annotated[list[ZoneName], Field(min_length=1, max_length=4)]
    scopes: Annotated[list[ScopeText], Field(max_length=100)] = Field([], description="At most these; empty for all.")
    full_name: Annotated[str, Field(max_length=200)] = Field("", description="As pages greet the person.")
    days: Annotated[int, Field(ge=1, le=3650)] = Field(365, description="Let in for so many days.")
    actors: Annotated[list[ScopeText], Field(max_length=20)] = Field(
        [], description="What FHIR calls the person: Practitioner/<id>."
    )


class User(Model):
    """A person with an account: nothing that the person signs in with."""

    model_config = ConfigDict(json_schema_extra={"example": USER})

    client_id: str
    name: str
    state: Literal["active", "disabled", "expired"]
    roles: list[Role]
    zones: list[ZoneName]
    scopes: list[str]
    created: time.datetime
    expires: time.datetime | None
    is_bound_to_a_patient: bool
    actors: list[str]
    purposes: list[str]
    disabled: time.datetime | None
    full_name: str
    account: Literal["ready", "invited", "invitation-over"]
    providers: list[str] = Field(description="Other providers by whom the person signs in.")
    passkeys: int = Field(description="How many passkeys the person has.")
    recovery_codes_left: int
    invited_until: time.datetime | None
    password_changed: time.datetime | None
    signed_in: time.datetime | None = Field(description="When the person last signed in.")


class InvitedUser(User):
    """A person, and the code that lets the person choose a password once."""

    model_config = ConfigDict(json_schema_extra={"example": INVITED | {"invitation": "mfrg-gzdf-mzqw-c2lo"}})

    invitation: str = Field(description="Shown this once; give it to the person by another way than the name.")


class UserPage(Model):
    """People, by name."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [USER], "next": None}})

    items: list[User]
    next: Annotated[str | None, NEXT]


class BrowserSignIn(Model):
    """A browser in which a person is signed in."""

    since: time.datetime
    seen: time.datetime


class AppSignIn(Model):
    """What a person lets an application do."""

    app: str
    scopes: list[str]
    since: time.datetime
    until: time.datetime


class SignIns(Model):
    """Where a person is signed in now."""

    model_config = ConfigDict(json_schema_extra={"example": SIGN_INS})

    name: str
    browsers: list[BrowserSignIn]
    apps: list[AppSignIn]


class Passkey(Model):
    """A passkey of a person, without its key."""

    id: str
    name: str = Field(description="As the person calls it.")
    is_synced: bool = Field(description="It may be copied to other devices of the person.")
    created: time.datetime
    used: time.datetime | None = Field(description="When the person last signed in with it.")


class Passkeys(Model):
    """The passkeys of a person, the oldest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "mara.lind", "passkeys": [PASSKEY]}})

    name: str
    passkeys: list[Passkey]
