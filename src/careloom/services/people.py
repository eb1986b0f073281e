"""People with accounts: invited, shown, reset and stopped by an administrator, who never learns a password."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from careloom.crypto import one_time_codes
from careloom.errors import AccessError, Conflict, QueryError
from careloom.services.access import ZONES, Principal
from careloom.services.admission import admit, note
from careloom.services.browsers import is_over
from careloom.services.client_grants import within_own_zones
from careloom.services.clients import ClientAsk, as_json, new_client
from careloom.services.platform import Platform
from careloom.services.sign_in import account_mark, codes_key
from careloom.store.accounts import Account, put
from careloom.store.clients import Change, Client
from careloom.store.identities import unlink
from careloom.store.passkeys import remove_all

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person who may come in, and the code that lets the person choose a password once."""

    person: dict[str, Any]
    code: str = field(repr=False)
    until: datetime


def invite(platform: Platform, who: Principal, ask: ClientAsk, full_name: str = "") -> Invitation:
    """Lets a person in once the invitation was accepted.

    full_name  as pages greet the person; the name if it is empty
    raises     AccessError, also for a zone that the administrator has not; QueryError if a role, zone, scope or name
               cannot be; Conflict if the name is taken
    """
    admit(platform, who, "administer", "identified", operation="invite-person")
    if not set(ask.zones) <= who.zones | (set(ask.zones) - ZONES):
        refused: dict[str, object] = {"reason": "zone-not-granted"}
        note(platform, who, "invite-person", "identified", action="create", outcome="refused", detail=refused)
        raise AccessError("nobody gives out a zone that was not granted", "Ask an administrator of that zone.")
    if len(full_name) > _LONGEST_NAME or not full_name.isprintable():
        raise QueryError("the full name is too long, or no text of one line", f"Give at most {_LONGEST_NAME} letters.")
    client = replace(new_client(platform, replace(ask, kind="person", jwks=None)), secret_hash="")
    code, account = _invited(platform, Account(client.id, full_name or client.name, platform.runtime.now()))
    with platform.accounts.writing() as connection:
        Change(connection).add(client)
        put(connection, account)
        detail = {"client": client.name, "roles": client.roles, "zones": client.zones, "scopes": client.scopes}
        note(platform, who, "invite-person", "identified", action="create", detail=detail)
    return _given(platform, client, account, code)


def reset(platform: Platform, who: Principal, name: str) -> Invitation:
    """Takes password, second factors, recovery codes and all tokens from a person, who gets a new invitation.

    What links the person with other providers is forgotten, too. Who signed in with a secret so far gets an account.

    raises  AccessError, also for a person of a zone that the administrator has not; NotFound
    """
    admit(platform, who, "administer", "identified", operation="reset-person")
    with platform.accounts.writing() as connection:
        change = Change(connection)
        client = require_person(change.named(name))
        within_own_zones(platform, who, client.zones.split(), "reset-person")
        found = platform.accounts.find(client.id)
        kept = Account(client.id, found.full_name if found else client.name, platform.runtime.now())
        code, account = _invited(platform, kept)
        client = replace(client, generation=client.generation + 1, secret_hash="")
        change.replace(client)
        put(connection, account)
        unlink(connection, client.id)
        remove_all(connection, client.id)
        note(platform, who, "reset-person", "identified", action="update", detail={"client": client.name})
    platform.accounts.passed([account_mark(platform, client.name)], [], platform.runtime.now())
    return _given(platform, client, account, code)


def unlock(platform: Platform, who: Principal, name: str) -> None:
    """Forgets how often somebody tried to sign in as a person. raises AccessError as `reset`; NotFound"""
    admit(platform, who, "administer", "identified", operation="unlock-person")
    client = require_person(platform.clients.named(name))
    within_own_zones(platform, who, client.zones.split(), "unlock-person")
    note(platform, who, "unlock-person", "identified", action="update", detail={"client": client.name})
    platform.accounts.passed([account_mark(platform, client.name)], [], platform.runtime.now())


def sign_ins(platform: Platform, who: Principal, name: str) -> dict[str, Any]:
    """Where a person is signed in now: ``browsers`` (since, seen) and ``apps`` (app, scopes, since, until).

    raises  AccessError; NotFound
    """
    admit(platform, who, "administer", "identified", operation="show-sign-ins")
    client, now = require_person(platform.clients.named(name)), platform.runtime.now()
    note(platform, who, "show-sign-ins", "identified", detail={"client": client.name})
    browsers = [
        {"since": one.created.isoformat(), "seen": one.seen.isoformat()}
        for one in platform.grants.browsers_of(client.id)
        if one.is_whole and one.generation == client.generation and not is_over(platform, one)
    ]
    apps = [
        {
            "app": grant.app, "scopes": [*grant.context.split(), *grant.scopes.split()],
            "since": grant.created.isoformat(), "until": grant.expires.isoformat(),
        }
        for grant in platform.grants.of_person(client.id, now)
        if grant.generation == client.generation
    ]  # fmt: skip
    return {"name": client.name, "browsers": browsers, "apps": apps}


def end_sign_ins(platform: Platform, who: Principal, name: str) -> dict[str, Any]:
    """Ends every browser session of a person and all that the person let applications do.

    raises  AccessError; NotFound
    """
    admit(platform, who, "administer", "identified", operation="end-sign-ins")
    client = require_person(platform.clients.named(name))
    note(platform, who, "end-sign-ins", "identified", action="delete", detail={"client": client.name})
    platform.grants.end_all_of(client.id, platform.runtime.now())
    return {"name": client.name, "browsers": [], "apps": []}


def list_people(platform: Platform, who: Principal) -> list[dict[str, Any]]:
    """Everybody with an account, by name, as `show_person`."""
    admit(platform, who, "administer", "identified", operation="list-people")
    accounts = platform.accounts.listed()
    clients = [client for client in platform.clients.listed() if client.id in accounts]
    linked, passkeys = platform.identities.by_client(), platform.passkeys.counts()
    found = [
        person_as_json(platform, client, accounts[client.id], linked.get(client.id, ()), passkeys.get(client.id, 0))
        for client in clients
    ]
    note(platform, who, "list-people", "identified", detail={"people": len(found)})
    return found


def show_person(platform: Platform, who: Principal, name: str) -> dict[str, Any]:
    """As `careloom.services.clients.show_client`, with what `person_as_json` adds.

    raises  AccessError; NotFound
    """
    admit(platform, who, "administer", "identified", operation="show-person")
    client = require_person(platform.clients.named(name))
    account = _account(platform, client)
    note(platform, who, "show-person", "identified", detail={"client": client.name})
    passkeys = len(platform.passkeys.of(client.id))
    return person_as_json(platform, client, account, platform.identities.of(client.id), passkeys)


def person_as_json(
    platform: Platform, client: Client, account: Account, providers: Sequence[str] = (), passkeys: int = 0
) -> dict[str, Any]:
    """What may be told of a person: nothing that the person signs in with.

    providers  by whom the person signs in
    passkeys   how many the person has
    """
    now = platform.runtime.now()
    is_open = account.invited_until is not None and now < account.invited_until
    state = "ready" if account.password_hash or providers else "invited" if is_open else "invitation-over"
    told = as_json(client, now)
    for name in ("keys", "signs_in_with", "kind"):
        del told[name]
    return told | {
        "full_name": account.full_name,
        "account": state,
        "providers": list(providers),
        "passkeys": passkeys,
        "recovery_codes_left": len(account.recovery.split()),
        "invited_until": account.invited_until.isoformat() if account.invited_until else None,
        "password_changed": account.changed.isoformat() if account.changed else None,
        "signed_in": account.signed_in.isoformat() if account.signed_in else None,
    }


def _account(platform: Platform, client: Client) -> Account:
    account = platform.accounts.find(client.id)
    if account is None:
        raise QueryError("this person signs in with a secret", "Give an account with careloom people reset.")
    return account


def require_person(client: Client) -> Client:
    """The client, if it is a person. raises QueryError"""
    if client.kind != "person":
        raise QueryError("this is no person", "List people with careloom people list.")
    return client


def _invited(platform: Platform, account: Account) -> tuple[str, Account]:
    code = one_time_codes.new_code(platform.runtime.random_bytes)
    until = platform.runtime.now() + timedelta(hours=platform.settings.access.invitation_hours)
    return code, replace(account, invitation=one_time_codes.code_hash(codes_key(platform), code), invited_until=until)


def _given(platform: Platform, client: Client, account: Account, code: str) -> Invitation:
    if account.invited_until is None:
        raise Conflict("the invitation was taken back meanwhile", "Make another one.")
    return Invitation(person_as_json(platform, client, account), code, account.invited_until)
