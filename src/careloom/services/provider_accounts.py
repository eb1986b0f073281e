"""Who somebody is here who signed in at another provider: by issuer and subject alone, never by a name or an address.

A person is linked once, with an invitation, or registered by the provider's word where the settings say so. An account
that is stopped, or has to wait because somebody guesses at it, is so for this way, too.
"""

from dataclasses import dataclass, field, replace
from typing import NoReturn

from careloom.errors import Conflict, QueryError, Unauthenticated
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.clients import NAME_TEXT, UNKNOWN, ClientAsk, new_client
from careloom.services.enrolment import Link
from careloom.services.platform import Platform
from careloom.services.provider_sign_in import Came
from careloom.services.sign_in import Knock, count_try, pass_tries
from careloom.store.accounts import Account, put
from careloom.store.clients import Change, Client
from careloom.store.identities import Identity, link

_REMEDY = "Ask an administrator for an invitation."
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Arrived:
    """Who came, and whether the sign-in is whole: else our second factor is still to come."""

    client: Client = field(repr=False)
    is_whole: bool


def sign_in(platform: Platform, knock: Knock, came: Came) -> Arrived:
    """The person whom the provider says that it is.

    knock   where from; the name is not looked at
    raises  Unauthenticated for nobody, for who is stopped, and for who has no second factor; StateError while one has
            to wait. Both are audited
    """
    provider, now = platform.providers[came.provider], platform.runtime.now()
    known = platform.identities.find(provider.issuer, came.subject)
    if known is None:
        client = _registered(platform, knock, came)
    else:
        found = platform.clients.find(known.client)
        if found is None:
            _refuse(platform, knock, came, None, "provider-unknown")
        client = _as_told(platform, knock, came, found) if known.is_managed else found
    named = replace(knock, name=client.name)
    count_try(platform, named, client)
    if not client.is_active(now):
        _refuse(platform, knock, came, client, "stopped")
    account = platform.accounts.find(client.id)
    if account is None or not (came.shown or account.second_factor or platform.passkeys.of(client.id)):
        _refuse(platform, knock, came, client, "second-factor")
    if came.shown:
        finish(platform, named, came, client)
    return Arrived(client, bool(came.shown))


def finish(platform: Platform, knock: Knock, came: Came, client: Client) -> None:
    """Records a sign-in that is whole by the provider's second factor. Audited"""
    now = platform.runtime.now()
    platform.accounts.change(client.id, lambda account: replace(account, signed_in=now))
    pass_tries(platform, knock, client)
    who = Principal(client.name, frozenset(), frozenset(), request=knock.request)
    detail = {"provider": came.provider, "second_factor": " ".join(came.shown)}
    note(platform, who, "sign-in", "identified", action="execute", detail=detail)


def link_of(platform: Platform, came: Came) -> Link:
    """What links a person who showed an invitation before with who came."""
    identity = (came.provider, platform.providers[came.provider].issuer, came.subject)
    return Link(came.attempt.client, came.attempt.invitation, identity)


def _registered(platform: Platform, knock: Knock, came: Came) -> Client:
    """A person who is registered by the provider's word. raises Unauthenticated"""
    provider, now = platform.providers[came.provider], platform.runtime.now()
    if provider.admission != "mapped":
        _refuse(platform, knock, came, None, "provider-unknown")
    roles, name = provider.roles_of(came.claims), came.claims.get(provider.name)
    if not roles or not came.shown:
        _refuse(platform, knock, came, None, "provider-no-role" if came.shown else "second-factor")
    if not isinstance(name, str) or not NAME_TEXT.fullmatch(name) or name == UNKNOWN:
        _refuse(platform, knock, came, None, "provider-name")
    told = came.claims.get("name")
    is_text = isinstance(told, str) and told.isprintable() and 0 < len(told) <= _LONGEST_NAME
    who = Principal(name, frozenset(), frozenset(), request=knock.request)
    try:
        client = new_client(platform, ClientAsk(name, roles, provider.zones, kind="person"))
        with platform.accounts.writing() as connection:
            Change(connection).add(client)
            put(connection, Account(client.id, str(told) if is_text else name, now))
            link(connection, Identity(provider.issuer, came.subject, client.id, came.provider, True, now))
            detail = {"provider": came.provider, "roles": client.roles, "zones": client.zones}
            note(platform, who, "register-person", "identified", action="create", detail=detail)
    except (Conflict, QueryError) as error:  # the name is somebody's, who is not linked by it
        reason = "provider-name-taken" if isinstance(error, Conflict) else "provider-no-role"
        _refuse(platform, knock, came, None, reason)
    return client


def _as_told(platform: Platform, knock: Knock, came: Came, client: Client) -> Client:
    """A person with the roles that the provider tells now. raises Unauthenticated if those are none, and takes all"""
    provider = platform.providers[came.provider]
    roles = provider.roles_of(came.claims)
    try:
        asked = new_client(platform, ClientAsk(client.name, roles, provider.zones, kind="person"))
    except QueryError:
        asked = replace(client, roles="", zones="", scopes="")
    if (asked.roles, asked.zones, asked.scopes) != (client.roles, client.zones, client.scopes):
        with platform.clients.change() as change:
            kept = change.named(client.name)
            client = replace(kept, roles=asked.roles, zones=asked.zones, scopes=asked.scopes)
            change.replace(client)
            who = Principal(client.name, frozenset(), frozenset(), request=knock.request)
            detail = {"provider": came.provider, "client": client.name, "roles": client.roles, "zones": client.zones}
            note(platform, who, "change-grants", "identified", action="update", detail=detail)
    if not client.roles:
        platform.grants.end_all_of(client.id, platform.runtime.now())
        _refuse(platform, knock, came, client, "provider-no-role")
    return client


def _refuse(platform: Platform, knock: Knock, came: Came, client: Client | None, reason: str) -> NoReturn:
    who = Principal(client.name if client else UNKNOWN, frozenset(), frozenset(), request=knock.request)
    detail = {"reason": reason, "provider": came.provider}
    note(platform, who, "sign-in", "identified", action="execute", outcome="refused", detail=detail)
    raise Unauthenticated("nobody is let in here by this account of the provider", _REMEDY)
