"""Passkeys as second factor: a person adds some after a new sign-in, and signs in by password and one of them.

A challenge is for one person, one purpose and one browser, good once and for five minutes. The authenticator has to
verify its holder (PIN, finger, face) each time. What makes and checks answers is loaded once somebody has a passkey.

source  W3C, Web Authentication Level 2 (2021), 7.1 and 7.2; NIST SP 800-63B-4 (2025), 3.1.6, 3.1.7 and 4.1.2
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

import orjson
from sqlalchemy import Connection

from careloom.audit import Action, Outcome
from careloom.crypto.pseudonyms import name_of
from careloom.crypto.sealed_values import SealedValues
from careloom.errors import Conflict, IntegrityError, QueryError, StateError, Unauthenticated
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.sign_in import Knock, count_try, pass_tries
from careloom.store.clients import Change, Client
from careloom.store.grants import Browser, mark_of
from careloom.store.passkeys import Asked, Passkey, Purpose, add, remove

if TYPE_CHECKING:
    from careloom.crypto.passkeys import Answer, Place

CHALLENGE_MINUTES = 5
RECENT_MINUTES = 5
"""Since the sign-in: then somebody else may sit there, and nothing that signs in changes."""
MOST = 10
_LONGEST_NAME = 200
_CHALLENGE_BYTES = 32
_ONCE_MORE = "Try again, or another way."


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody in a browser, signed in or half so. `cookie` is the browser's, `request` the id of the request."""

    client: Client
    browser: Browser
    cookie: str = field(repr=False)
    request: str = ""


def is_possible(platform: Platform) -> bool:
    """False where browsers know no passkeys: `api.public_url` has no host name, or no https."""
    return _place(platform) is not None


def is_recent(platform: Platform, browser: Browser) -> bool:
    """True as long as who signed in may change what the person signs in with."""
    return platform.runtime.now() < browser.created + timedelta(minutes=RECENT_MINUTES)


def asks_to_make(platform: Platform, session: Session) -> str:
    """What a page asks the browser for to make a passkey, as JSON. raises QueryError where there can be none"""
    from careloom.crypto import passkeys as webauthn  # noqa: PLC0415 - see above

    place, client = _here(platform), session.client
    account = platform.accounts.find(client.id)
    holder = webauthn.Holder(_handle(platform, client), client.name, account.full_name if account else client.name)
    challenge = _challenge(platform, client, "make", session.cookie)
    known = [key.credential for key in platform.passkeys.of(client.id)]
    return orjson.dumps(
        webauthn.options_to_make(place, holder, challenge, known, CHALLENGE_MINUTES * 60)
    ).decode()  # fmt: skip


def asks_to_use(platform: Platform, client: Client, cookie: str) -> str:
    """The same to use a passkey of the person; empty for who has none that is good here.

    cookie  of the browser in which the person is half signed in
    """
    known = [key.credential for key in platform.passkeys.of(client.id)]
    place = _place(platform) if known else None
    if place is None:
        return ""
    from careloom.crypto import passkeys as webauthn  # noqa: PLC0415 - see above

    challenge = _challenge(platform, client, "use", cookie)
    return orjson.dumps(webauthn.options_to_use(place, challenge, known, CHALLENGE_MINUTES * 60)).decode()


def make(platform: Platform, session: Session, name: str, answer: str) -> Passkey:
    """A new passkey of who signed in just now. Audited, refused or not.

    raises  StateError if the sign-in is too old, or there are `MOST`; QueryError for a name that cannot be;
            Unauthenticated if the answer does not hold; Conflict if the passkey is known already
    """
    from careloom.crypto import passkeys as webauthn  # noqa: PLC0415 - see above

    client, now = session.client, platform.runtime.now()
    _require_recent(platform, session)
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise QueryError("a passkey has a name of one line", f"Give 1 to {_LONGEST_NAME} letters.")
    try:
        place = _here(platform)
        given = webauthn.read(answer)
        _spend(platform, given, Asked(client.id, "make", mark_of(session.cookie)))
        proof = webauthn.proof_of_new(place, given, given.challenge)
    except Unauthenticated as error:
        _tell(platform, session, "add-passkey", "refused", reason=_reason(error))
        raise
    kept = Passkey(
        name_of(platform.runtime.random_bytes(16)), client.id, name.strip(), proof.credential,
        _sealed(platform, client.id, proof.credential, proof.public_key), proof.sign_count, proof.is_synced, now,
    )  # fmt: skip
    with platform.accounts.writing() as connection:
        _require_the_same(connection, client)
        if len(platform.passkeys.of(client.id)) >= MOST:
            raise StateError(f"a person has at most {MOST} passkeys", "Remove one that you do not use.")
        if not add(connection, kept):
            raise Conflict("this passkey is known already", "Use it, or make another one.")
        _tell(platform, session, "add-passkey", "success", passkey=kept.id)
    return kept


def drop(platform: Platform, session: Session, passkey_id: str) -> None:
    """Removes a passkey of who signed in just now; one that is not there is no error. Audited.

    raises  StateError if the sign-in is too old
    """
    _require_recent(platform, session)
    with platform.accounts.writing() as connection:
        _require_the_same(connection, session.client)
        if remove(connection, session.client.id, passkey_id):
            _tell(platform, session, "remove-passkey", "success", passkey=passkey_id)


def check(platform: Platform, knock: Knock, half: Session, answer: str) -> Client:
    """The person whose passkey answered, half signed in by a password before. The sign-in is then whole.

    raises  Unauthenticated if the answer does not hold, or the passkey may be a copy: its count did not grow;
            StateError while one has to wait. All are audited
    """
    from careloom.crypto import passkeys as webauthn  # noqa: PLC0415 - see above

    client, now = half.client, platform.runtime.now()
    count_try(platform, knock, client)
    if not client.is_active(now):
        _refuse(platform, half, "stopped")
    try:
        place = _here(platform)
        given = webauthn.read(answer)
        _spend(platform, given, Asked(client.id, "use", mark_of(half.cookie)))
        key = _key_of(platform, client, given)
        public_key = _opened(platform, key)
        proof = webauthn.proof_of_use(place, given, given.challenge, public_key)
    except Unauthenticated as error:
        _refuse(platform, half, _reason(error))
    if proof.is_synced is not key.is_synced:
        _refuse(platform, half, "passkey-changed", key.id)
    if not platform.passkeys.is_counted(key.id, proof.sign_count, now):
        _refuse(platform, half, "passkey-count", key.id)
    platform.accounts.change(client.id, lambda account: replace(account, signed_in=now))
    _tell(platform, half, "sign-in", "success", second_factor="passkey", passkey=key.id)
    pass_tries(platform, knock, client)
    return client


class _Unknown(Unauthenticated):
    """An answer to a challenge, or by a passkey, that is none of these here; `reason` as the audit chain has it."""

    def __init__(self, reason: str) -> None:
        super().__init__("the passkey's answer is for nothing that is asked here now", _ONCE_MORE)
        self.reason = reason


def _reason(error: Unauthenticated) -> str:
    return error.reason if isinstance(error, _Unknown) else "passkey"


def _challenge(platform: Platform, client: Client, purpose: Purpose, cookie: str) -> bytes:
    made, now = platform.runtime.random_bytes(_CHALLENGE_BYTES), platform.runtime.now()
    until = now + timedelta(minutes=CHALLENGE_MINUTES)
    platform.passkeys.keep_challenge(_text(made), Asked(client.id, purpose, mark_of(cookie)), now, until)
    return made


def _spend(platform: Platform, given: "Answer", expected: Asked) -> None:
    """Uses up the challenge of an answer. raises _Unknown if it was not asked so, was used, or is over"""
    if platform.passkeys.use_challenge(_text(given.challenge), platform.runtime.now()) != expected:
        raise _Unknown("passkey-challenge")


def _key_of(platform: Platform, client: Client, given: "Answer") -> Passkey:
    """The passkey that answered. raises _Unknown if it is none of the person"""
    found = [key for key in platform.passkeys.of(client.id) if key.credential == given.credential]
    is_other = given.handle is not None and not hmac.compare_digest(given.handle, _handle(platform, client))
    if not found or is_other:
        raise _Unknown("passkey-unknown")
    return found[0]


def _require_recent(platform: Platform, session: Session) -> None:
    if not is_recent(platform, session.browser):
        raise StateError("it is too long ago that you signed in", "Sign in again, then change your passkeys.")


def _require_the_same(connection: Connection, client: Client) -> None:
    """raises StateError if the person was reset or stopped meanwhile"""
    kept = Change(connection).named(client.name)
    if kept.generation != client.generation or kept.disabled is not None:
        raise StateError("the account was changed meanwhile", "Sign in again.")


def _place(platform: Platform) -> "Place | None":
    from careloom.crypto.passkeys import place_of  # noqa: PLC0415 - see above

    return place_of(platform.settings.base_url)


def _here(platform: Platform) -> "Place":
    place = _place(platform)
    if place is None:
        raise QueryError("there are no passkeys at this address", "Set api.public_url to https and a host name.")
    return place


def _handle(platform: Platform, client: Client) -> bytes:
    return hmac.new(platform.keys.derive("accounts", "passkey-handles"), client.id.encode(), sha256).digest()


def _sealed(platform: Platform, client_id: str, credential: bytes, public_key: bytes) -> str:
    return _sealer(platform).seal(f"{client_id}\n{sha256(credential).hexdigest()}\n{public_key.hex()}")


def _opened(platform: Platform, key: Passkey) -> bytes:
    client_id, credential, public_key = _sealer(platform).open(key.public_key).split("\n")
    if client_id != key.client or credential != sha256(key.credential).hexdigest():
        raise IntegrityError("a passkey is another person's", "The registry was changed by hand: restore it.")
    return bytes.fromhex(public_key)


def _sealer(platform: Platform) -> SealedValues:
    return SealedValues(
        platform.keys.derive("accounts", "passkey-1") + platform.keys.derive("accounts", "passkey-2"), "passkey"
    )


def _text(challenge: bytes) -> str:
    return urlsafe_b64encode(challenge).decode()


def _refuse(platform: Platform, half: Session, reason: str, passkey_id: str = "") -> NoReturn:
    _tell(platform, half, "sign-in", "refused", reason=reason, **({"passkey": passkey_id} if passkey_id else {}))
    raise Unauthenticated("the passkey did not answer so that it holds here", _ONCE_MORE)


def _tell(platform: Platform, session: Session, operation: str, outcome: Outcome, **detail: str) -> None:
    who = Principal(session.client.name, frozenset(), frozenset(), request=session.request)
    action: Action = "execute" if operation == "sign-in" else "delete" if operation == "remove-passkey" else "create"
    note(platform, who, operation, "identified", action=action, outcome=outcome, detail=detail)
