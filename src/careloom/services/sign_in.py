"""How a person signs in: password, then a one-time code; who guesses waits longer and longer.

Tries are counted for the account and for the address they come from. A browser from which the person signed in before
is counted by itself, so that nobody who guesses elsewhere keeps the person out.

source  NIST SP 800-63B-4 (2025), 3.2.2; OWASP, Slow Down Online Guessing Attacks with Device Cookies
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

from careloom.audit import Outcome
from careloom.crypto import one_time_codes
from careloom.crypto.sealed_values import SealedValues
from careloom.errors import IntegrityError, StateError, Unauthenticated
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.clients import UNKNOWN
from careloom.services.passwords import kept_form
from careloom.services.platform import Platform
from careloom.store.accounts import Account, Pace
from careloom.store.clients import Client

if TYPE_CHECKING:
    from datetime import datetime

OF_ACCOUNT = Pace(free=6, first_seconds=30, longest_seconds=3600)
OF_ADDRESS = Pace(free=60, first_seconds=30, longest_seconds=900)
"""A hospital may have one address for everybody."""
_REMEDY = "Check name, password and code; an administrator can reset the account."
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Knock:
    """Who knocks, and from where.

    address  as one is counted: an IPv4 address or the /64 of an IPv6 one
    device   what the browser keeps from an earlier sign-in (`device_mark`), empty if it keeps nothing
    request  id of the request
    """

    name: str
    address: str
    device: str = field(default="", repr=False)
    request: str = ""


def check_password(platform: Platform, knock: Knock, password: str) -> Client:
    """The person whose password this is; the second factor is still to come.

    raises  Unauthenticated, the same for whatever was wrong; StateError while one has to wait. Both are audited
    """
    client, account = _person(platform, knock.name)
    count_try(platform, knock, client)
    kept = account.password_hash if account else ""
    is_right = platform.secret_hasher.is_secret(kept, kept_form(password))
    if client is None or account is None or not is_right:
        _refuse(platform, knock, client, "password")
    if not client.is_active(platform.runtime.now()):
        _refuse(platform, knock, client, "stopped")
    platform.accounts.lift([mark for mark, _ in _marks(platform, knock, client)], platform.runtime.now())
    return client


def check_second_factor(platform: Platform, knock: Knock, code: str) -> Client:
    """The person whose one-time or recovery code this is; each code holds once. The sign-in is then whole.

    raises  Unauthenticated; StateError. Both are audited
    """
    client, account = _person(platform, knock.name)
    count_try(platform, knock, client)
    if client is None or account is None or not account.second_factor:
        _refuse(platform, knock, client, "second-factor")
    now = platform.runtime.now()
    if not client.is_active(now):
        _refuse(platform, knock, client, "stopped")
    used: list[str] = []

    def taken(found: Account) -> Account:
        changed, way = _used(platform, found, code, int(now.timestamp()))
        used.append(way)
        return replace(changed, signed_in=now)

    try:
        platform.accounts.change(client.id, taken)
    except Unauthenticated:
        _refuse(platform, knock, client, "second-factor")
    _tell(platform, client.name, "sign-in", "success", knock.request, second_factor=used[0])
    pass_tries(platform, knock, client)
    return client


def pass_tries(platform: Platform, knock: Knock, client: Client) -> None:
    """Forgets the tries at an account after a whole sign-in."""
    own, shared = _own(platform, knock, client), [_address(platform, knock)]
    platform.accounts.passed([own], shared, platform.runtime.now())


def device_mark(platform: Platform, client: Client) -> str:
    """What a browser keeps after a sign-in: it shows that this person signed in there, and proves nothing else."""
    nonce = urlsafe_b64encode(platform.runtime.random_bytes(16)).decode().rstrip("=")
    return f"{nonce}.{_device_proof(platform, nonce, client)}"


def account_mark(platform: Platform, name: str) -> bytes:
    """Under which tries at a name are counted that come from no browser that is known."""
    return _mark(platform, "account", name)


def sealed_second_factor(platform: Platform, client_id: str, secret: bytes) -> str:
    """The secret of an authenticator, as it is kept."""
    return _sealer(platform).seal(f"{client_id}\n{secret.hex()}")


def codes_key(platform: Platform) -> bytes:
    """Under which codes that hold once are hashed."""
    return platform.keys.derive("accounts", "codes")


def _person(platform: Platform, name: str) -> tuple[Client | None, Account | None]:
    client = platform.clients.find(name) if 0 < len(name) <= _LONGEST_NAME and name.isascii() else None
    if client is None or client.kind != "person":
        return None, None
    return client, platform.accounts.find(client.id)


def _used(platform: Platform, account: Account, code: str, seconds: int) -> tuple[Account, str]:
    """The account once its code was used, and which kind it was. raises Unauthenticated"""
    opened, _, secret = _sealer(platform).open(account.second_factor).partition("\n")
    if opened != account.client:
        raise IntegrityError("a second factor is another person's", "The registry was changed by hand: restore it.")
    step = one_time_codes.step_of(bytes.fromhex(secret), code.strip(), seconds, after=account.last_step)
    if step is not None:
        return replace(account, last_step=step), "one-time-code"
    spent = one_time_codes.matching(codes_key(platform), code, account.recovery.split())
    if spent is None:
        raise Unauthenticated("the code is none that holds now", _REMEDY)
    left = " ".join(kept for kept in account.recovery.split() if kept != spent)
    return replace(account, recovery=left), "recovery-code"


def count_try(platform: Platform, knock: Knock, client: Client | None) -> None:
    """Counts a try before it is known whether it is right. raises StateError where it has to wait, audited"""
    now = platform.runtime.now()
    until = platform.accounts.try_at(_marks(platform, knock, client), now)
    if until is not None:
        _tell(platform, client.name if client else UNKNOWN, "sign-in", "refused", knock.request, reason="waiting")
        raise wait(until, now)


def wait(until: "datetime", now: "datetime") -> StateError:
    """The error of who has to wait."""
    seconds = max(1, round((until - now).total_seconds()))
    return StateError("there were too many tries to sign in", f"Try again in {seconds} seconds.")


def _marks(platform: Platform, knock: Knock, client: Client | None) -> Sequence[tuple[bytes, Pace]]:
    own = _own(platform, knock, client)
    if own != account_mark(platform, knock.name):
        return [(own, OF_ACCOUNT)]  # a known browser waits for nobody else
    return [(own, OF_ACCOUNT), (_address(platform, knock), OF_ADDRESS)]


def _own(platform: Platform, knock: Knock, client: Client | None) -> bytes:
    nonce, _, proof = knock.device.partition(".")
    is_known = client is not None and hmac.compare_digest(
        proof.encode(), _device_proof(platform, nonce, client).encode()
    )
    return _mark(platform, "device", nonce) if is_known else account_mark(platform, knock.name)


def _address(platform: Platform, knock: Knock) -> bytes:
    return _mark(platform, "address", knock.address)


def _mark(platform: Platform, kind: str, text: str) -> bytes:
    return hmac.new(platform.keys.derive("sign-in", "pace"), f"{kind}\0{text}".encode(), sha256).digest()


def _device_proof(platform: Platform, nonce: str, client: Client) -> str:
    key = platform.keys.derive("sign-in", "devices")
    return hmac.new(key, f"{nonce}\0{client.id}\0{client.generation}".encode(), sha256).hexdigest()


def _sealer(platform: Platform) -> SealedValues:
    key = platform.keys.derive("accounts", "second-factor-1") + platform.keys.derive("accounts", "second-factor-2")
    return SealedValues(key, "second-factor")


def _refuse(platform: Platform, knock: Knock, client: Client | None, reason: str) -> NoReturn:
    _tell(platform, client.name if client else UNKNOWN, "sign-in", "refused", knock.request, reason=reason)
    raise Unauthenticated("name, password or code do not fit", _REMEDY)


def _tell(platform: Platform, name: str, operation: str, outcome: Outcome, request: str, **detail: str) -> None:
    who = Principal(name, frozenset(), frozenset(), request=request)
    note(platform, who, operation, "identified", action="execute", outcome=outcome, detail=detail)
