"""The dashboard of this installation as an application of its own, in which people sign in without being asked more.

It is public, for PKCE proves all that a secret could: its codes go to one address of this very installation and to no
other, whoever registered what. So nobody is asked for consent: what the code leads to never leaves this origin.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from careloom.errors import Conflict
from careloom.services.access import Principal, local_operator
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.scopes import OF_PLATFORM
from careloom.store.clients import Change, Client
from careloom.store.grants import App, put_app

CLIENT_ID = "careloom-dashboard"
PATH = "/dashboard/callback"
SCOPES = " ".join(["user/*.cruds", *(f"careloom/{verb}" for verb in sorted(OF_PLATFORM))])
"""Everything: what a person may is decided by what was granted to that person."""


def callback(platform: Platform) -> str:
    """The one address to which its codes go."""
    return f"{platform.settings.base_url}{PATH}"


def ensure(platform: Platform) -> bool:
    """Registers the dashboard where it is not, or was at another address; audited when something changes.

    returns  False where something else has its name: people then come in with a secret alone
    """
    app = App(CLIENT_ID, "Careloom", (callback(platform),), "openid", is_public=True)
    known, client = platform.grants.app(CLIENT_ID), platform.clients.find(CLIENT_ID)
    if client is not None and (client.kind != "app" or known is None):
        return False
    if client is not None and known == app and client.scopes == SCOPES:
        return True
    detail = {"client": CLIENT_ID, "public": True}
    try:
        with platform.accounts.writing() as connection:
            if client is None:
                Change(connection).add(_client(platform))
            else:
                Change(connection).replace(replace(client, scopes=SCOPES))
            put_app(connection, app)
            note(platform, local_operator("careloom"), "register-app", "identified", action="create", detail=detail)
    except Conflict:  # another process was quicker
        return platform.grants.app(CLIENT_ID) == app
    return True


def is_ours(platform: Platform, client_id: str, redirect: str) -> bool:
    """True where a code would go to this installation's own dashboard: nobody has to be asked."""
    return client_id == CLIENT_ID and redirect == callback(platform)


def end_browser(platform: Platform, claims: Mapping[str, Any], *, request: str = "") -> None:
    """Signs the person out in the browser in which a token of the dashboard began, and ends its grant. Audited

    claims  of the token that is revoked; nothing happens for one of another application
    """
    grant = platform.grants.grant(str(claims.get("grant", ""))) if claims.get("client_id") == CLIENT_ID else None
    if grant is None:
        return
    platform.grants.revoke(grant.id, platform.runtime.now())
    if platform.grants.forget_browsers(grant.person, grant.signed_in):
        person = platform.clients.find(grant.person)
        who = Principal(person.name if person else grant.person, frozenset(), frozenset(), request=request)
        note(platform, who, "sign-out", "identified", action="execute")


def _client(platform: Platform) -> Client:
    return Client(
        id=CLIENT_ID, name=CLIENT_ID, kind="app", roles="", zones="", scopes=SCOPES, secret_hash="", jwks="",
        generation=1, created=platform.runtime.now(), expires=None, disabled=None,
    )  # fmt: skip
