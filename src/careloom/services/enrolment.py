"""How a person gets in for the first time, or again: one invitation, a password of one's own, a second factor.

Nothing is kept before the second factor has proven that it works, so that no account stands open with a password alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import orjson
from sqlalchemy import Connection

from careloom.crypto import one_time_codes
from careloom.crypto.sealed_values import SealedValues
from careloom.errors import IntegrityError, Unauthenticated
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.clients import UNKNOWN
from careloom.services.passwords import check_password, kept_form
from careloom.services.platform import Platform
from careloom.services.sign_in import Knock, account_mark, codes_key, sealed_second_factor, wait
from careloom.store.accounts import Account, Pace
from careloom.store.clients import Client
from careloom.store.identities import Identity, link

OF_INVITATION = Pace(free=10, first_seconds=30, longest_seconds=900)
_MINUTES = 30
"""To set up the authenticator in."""
_REMEDY = "Check name and code; an administrator can make a new invitation with careloom people reset."


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A password that was chosen, and the second factor that is to be confirmed.

    draft   what comes back with the confirmation: sealed, it holds for half an hour
    secret  as people type it into an app; `address` is the same as an ``otpauth:`` address
    """

    draft: str = field(repr=False)
    secret: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """Who accepts an invitation by signing in at another provider.

    invitation  hash of the invitation that was shown before
    identity    (provider, issuer, subject)
    """

    client: str
    invitation: str = field(repr=False)
    identity: tuple[str, str, str] = field(repr=False)


def begin(platform: Platform, knock: Knock, invitation: str, password: str) -> Enrolment:
    """A second factor for a person with an invitation who chose a password; nothing is kept yet.

    raises  Unauthenticated; StateError while one has to wait; QueryError for a password that may not be chosen
    """
    client = invited(platform, knock, invitation)
    check_password(password, (client.name, *client.name.replace("@", ".").split("."), *_words_of(platform, client)))
    told = {
        "client": client.id,
        "invitation": invitation_hash(platform, invitation),
        "password": platform.secret_hasher.hash(kept_form(password)),
    }
    return _begun(platform, client, told)


def begin_linked(platform: Platform, link: Link) -> Enrolment:
    """A second factor for a person with an invitation who signs in at another provider; nothing is kept yet.

    raises  Unauthenticated if the person is not there any more
    """
    client = platform.clients.find(link.client)
    if client is None:
        raise Unauthenticated("this enrolment is none of this installation", "Begin again.")
    told = {"client": link.client, "invitation": link.invitation, "password": "", "identity": link.identity}
    return _begun(platform, client, told)


def accept_linked(platform: Platform, link: Link, *, request: str = "") -> Client:
    """The person, who signs in at another provider that asks for the second factor itself.

    raises  Unauthenticated if the invitation was used or is over; Conflict if the identity is somebody's already
    """
    client = platform.clients.find(link.client)
    if client is None:
        _refuse(platform, None, "unknown", request)
    now = platform.runtime.now()

    def accepted(account: Account) -> Account:
        return replace(account, invitation="", invited_until=None, password_hash="", second_factor="", recovery="")

    _accept(platform, client, link.invitation, accepted, link.identity)
    platform.accounts.passed([account_mark(platform, client.name), _mark(platform, client.name)], [], now)
    _tell(platform, client.name, "success", request)
    return client


def _begun(platform: Platform, client: Client, told: Mapping[str, Any]) -> Enrolment:
    secret = one_time_codes.new_second_factor(platform.runtime.random_bytes)
    until = int((platform.runtime.now() + timedelta(minutes=_MINUTES)).timestamp())
    sealed = _sealer(platform).seal(orjson.dumps({**told, "secret": secret.hex(), "until": until}).decode())
    return Enrolment(sealed, one_time_codes.readable(secret), one_time_codes.address_of(secret, client.name))


def again(platform: Platform, draft: str) -> Enrolment:
    """The same enrolment once more, for who mistyped the first code. raises Unauthenticated if it is over"""
    told = _opened(platform, draft)
    secret = bytes.fromhex(told["secret"])
    name = told["client"]
    return Enrolment(draft, one_time_codes.readable(secret), one_time_codes.address_of(secret, name))


def finish(platform: Platform, draft: str, code: str, *, request: str = "") -> tuple[Client, list[str]]:
    """The person, who may sign in from now on, and the recovery codes, which nobody can show again.

    raises  Unauthenticated if the code is not the authenticator's, or the invitation was used or is over
    """
    told = _opened(platform, draft)
    client, now = platform.clients.find(told["client"]), platform.runtime.now()
    if client is None:
        _refuse(platform, None, "unknown", request)
    secret = bytes.fromhex(told["secret"])
    step = one_time_codes.step_of(secret, code.strip(), int(now.timestamp()))
    if step is None:
        _refuse(platform, client, "second-factor", request)
    codes = [one_time_codes.new_code(platform.runtime.random_bytes) for _ in range(one_time_codes.RECOVERY_CODES)]

    def enrolled(account: Account) -> Account:
        return replace(
            account,
            password_hash=told["password"],
            second_factor=sealed_second_factor(platform, client.id, secret),
            last_step=step,
            recovery=" ".join(one_time_codes.code_hash(codes_key(platform), one) for one in codes),
            invitation="",
            invited_until=None,
            changed=now if told["password"] else None,
        )

    _accept(platform, client, told["invitation"], enrolled, told.get("identity", ()), request)
    platform.accounts.passed([account_mark(platform, client.name), _mark(platform, client.name)], [], now)
    _tell(platform, client.name, "success", request)
    return client, codes


def invited(platform: Platform, knock: Knock, invitation: str) -> Client:
    """The person to whom an invitation was given that holds now.

    raises  Unauthenticated; StateError while one has to wait. Both are audited
    """
    now = platform.runtime.now()
    until = platform.accounts.try_at([(_mark(platform, knock.name), OF_INVITATION)], now)
    if until is not None:
        _tell(platform, UNKNOWN, "refused", knock.request, "waiting")
        raise wait(until, now)
    client = platform.clients.find(knock.name) if knock.name.isascii() else None
    account = platform.accounts.find(client.id) if client else None
    kept = [account.invitation] if account and account.invitation else []
    is_right = one_time_codes.matching(codes_key(platform), invitation, kept) is not None
    if client is None or account is None or not is_right or not _is_open(account, now):
        _refuse(platform, client, "invitation", knock.request)
    if not client.is_active(now):
        _refuse(platform, client, "stopped", knock.request)
    return client


def invitation_hash(platform: Platform, invitation: str) -> str:
    """What is kept of an invitation."""
    return one_time_codes.code_hash(codes_key(platform), invitation)


def _accept(
    platform: Platform,
    client: Client,
    invitation: str,
    how: Callable[[Account], Account],
    identity: Sequence[str],
    request: str = "",
) -> None:
    """Changes the account for an invitation that still holds, and links an identity with it in the same transaction."""
    now = platform.runtime.now()

    def accepted(account: Account) -> Account:
        if account.invitation != invitation or not _is_open(account, now):
            _refuse(platform, client, "invitation", request)
        return how(account)

    def linked(connection: Connection) -> None:
        if identity:
            provider, issuer, subject = identity
            link(connection, Identity(issuer, subject, client.id, provider, False, now))

    platform.accounts.change(client.id, accepted, linked)


def _is_open(account: Account, now: datetime) -> bool:
    return bool(account.invitation) and account.invited_until is not None and now < account.invited_until


def _words_of(platform: Platform, client: Client) -> list[str]:
    account = platform.accounts.find(client.id)
    return account.full_name.split() if account else []


def _opened(platform: Platform, draft: str) -> Mapping[str, Any]:
    try:
        told: dict[str, Any] = orjson.loads(_sealer(platform).open(draft))
    except IntegrityError:
        raise Unauthenticated("this enrolment is none of this installation", "Begin again.") from None
    if datetime.fromtimestamp(told["until"], UTC) <= platform.runtime.now():
        raise Unauthenticated("this enrolment took too long", "Begin again with the same invitation.")
    return told


def _sealer(platform: Platform) -> SealedValues:
    key = platform.keys.derive("accounts", "enrolment-1") + platform.keys.derive("accounts", "enrolment-2")
    return SealedValues(key, "enrolment")


def _mark(platform: Platform, name: str) -> bytes:
    return account_mark(platform, f"invitation\0{name}")


def _refuse(platform: Platform, client: Client | None, reason: str, request: str) -> NoReturn:
    _tell(platform, client.name if client else UNKNOWN, "refused", request, reason)
    raise Unauthenticated("name, invitation or code do not fit", _REMEDY)


def _tell(platform: Platform, name: str, outcome: Any, request: str, reason: str = "") -> None:
    who = Principal(name, frozenset(), frozenset(), request=request)
    detail = {"reason": reason} if reason else {}
    note(platform, who, "accept-invitation", "identified", action="update", outcome=outcome, detail=detail)
