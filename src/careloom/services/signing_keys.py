"""Keys that sign tokens: made when first needed, renewed and revoked by an administrator, shown while they hold.

A new key is shown before it signs, so that whoever verifies has fetched it by then; the one before is shown until what
it signed has expired. Every use looks into the registry, so that all processes go by what one of them changed.

source  RFC 7517 (2015), JSON Web Key; NIST SP 800-57 Part 1 (2020), 5.3.6: one to three years at most
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from careloom.crypto import access_tokens, id_tokens
from careloom.crypto.access_tokens import TokenSigner
from careloom.crypto.envelope import context_of, seal, unseal
from careloom.errors import Conflict, NotFound, Unauthenticated
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.store.signing_keys import KeptKey

Use = Literal["access", "identity"]
State = Literal["next", "current", "retired"]
USES: tuple[Use, ...] = ("access", "identity")
SHOWN_FOR = timedelta(days=1)
"""After a newer key signs: longer than anything that the older one signed holds (`api.session_seconds`: 12 hours)."""
_SEED_BYTES = 32
_ALGORITHMS: dict[Use, str] = {"access": access_tokens.ALGORITHM, "identity": id_tokens.ALGORITHM}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key as it is told.

    use         access: access tokens (Ed25519); identity: id_tokens (RS256)
    state       next: shown, and does not sign yet; current: signs; retired: only what it signed holds
    signs_from  when it began to sign, or will
    until       when it leaves, None while no newer key is there
    """

    kid: str
    use: Use
    algorithm: str
    state: State
    created: datetime
    signs_from: datetime
    until: datetime | None


def access_signer(platform: Platform) -> TokenSigner:
    """What signs access tokens now."""
    return _signer(platform, _current(platform, "access"))


def signer_of(platform: Platform, token: str) -> TokenSigner:
    """What signed a token, by its kid; whether the key still holds is the registry's to say. raises Unauthenticated"""
    kid = access_tokens.kid_of(token)
    if kid not in platform.token_signers:
        for key in _held(platform, "access"):
            _signer(platform, key)
    try:
        return platform.token_signers[kid]
    except KeyError:
        raise Unauthenticated("the token is not one of this installation", "Get one at /oauth2/token.") from None


def identity_key(platform: Platform) -> bytes:
    """The private key that signs id_tokens now."""
    return _opened(platform, _current(platform, "identity"))


def public_keys(platform: Platform) -> list[dict[str, Any]]:
    """The public halves of all keys whose signatures hold, or will: access tokens' first, newest first."""
    return [_public(platform, key) for use in USES for key in _held(platform, use)]


def list_keys(platform: Platform, who: Principal) -> list[SigningKey]:
    """All keys that are shown. raises AccessError; audited"""
    admit(platform, who, "administer", "identified", operation="list-signing-keys")
    found = told(platform)
    note(platform, who, "list-signing-keys", "identified", detail={"keys": len(found)})
    return found


def told(platform: Platform) -> list[SigningKey]:
    """The same for who was admitted already."""
    return [one for use in USES for one in _told(platform, _held(platform, use))]


def rotate_keys(platform: Platform, who: Principal, uses: Sequence[Use] = USES) -> list[SigningKey]:
    """Makes new keys, which sign once they were shown for `access.key_overlap_hours`; all keys as they are then.

    raises  AccessError; Conflict where a key waits already, or somebody else makes one at this moment
    """
    admit(platform, who, "administer", "identified", operation="rotate-signing-keys")
    now = platform.runtime.now()
    signs = now + timedelta(hours=platform.settings.access.key_overlap_hours)
    waiting = [one.kid for one in told(platform) if one.state == "next" and one.use in uses]
    if waiting:
        detail = {"waiting": " ".join(waiting)}
        note(platform, who, "rotate-signing-keys", "identified", action="create", outcome="failed", detail=detail)
        raise Conflict("a new key waits already", "It signs by itself once it was shown for long enough.")
    for use in uses:
        made = _made(platform, use, signs)
        detail = {"use": use, "kid": made.kid, "signs": signs.isoformat()}
        note(platform, who, "rotate-signing-keys", "identified", action="create", detail=detail)
        if not platform.signing_keys.add(made, now, signs + SHOWN_FOR):
            raise Conflict("somebody else made a new key at this moment", "Look at the keys before making another one.")
    return told(platform)


def revoke_key(platform: Platform, who: Principal, kid: str) -> list[SigningKey]:
    """Ends a key at once, and all that it signed; another signs from now on. All keys as they are then.

    raises  AccessError; NotFound; Conflict if the keys were changed at this moment
    """
    admit(platform, who, "administer", "identified", operation="revoke-signing-key")
    held = {_kid(platform, key): key for use in USES for key in _held(platform, use)}
    if kid not in held:
        raise NotFound("there is no signing key of this kid", "List them with careloom keys list.")
    key, now = held[kid], platform.runtime.now()
    use = _use(key)
    note(platform, who, "revoke-signing-key", "identified", action="delete", detail={"use": use, "kid": kid})
    if not platform.signing_keys.remove(key, now, _made(platform, use, now)):
        raise Conflict("somebody else changed the keys at this moment", "Look at them again.")
    platform.token_signers.pop(kid, None)
    return told(platform)


def begun_of_current(held: Sequence[KeptKey], now: datetime) -> list[datetime]:
    """Since when each of the keys has signed that sign now."""
    newest: dict[str, datetime] = {}
    for key in held:
        if key.signs <= now:
            newest.setdefault(key.purpose, max(key.created, key.signs))
    return list(newest.values())


def _held(platform: Platform, use: Use) -> list[KeptKey]:
    """The keys of one use, newest first; the first one is made when it is first asked for."""
    for _ in range(4):  # somebody else may make a key of the same number meanwhile
        now = platform.runtime.now()
        found = [key for key in platform.signing_keys.held(now) if key.purpose == use]
        if found:
            return found
        platform.signing_keys.add(_made(platform, use, now, is_first=True), now, now + SHOWN_FOR)
    raise Conflict("the keys are being changed", "Try again.")


def _current(platform: Platform, use: Use) -> KeptKey:
    now, held = platform.runtime.now(), _held(platform, use)
    return next((key for key in held if key.signs <= now), held[-1])


def _made(platform: Platform, use: Use, signs: datetime, *, is_first: bool = False) -> KeptKey:
    """A new key. The first one of access tokens is the one that versions before rotation had, so that theirs hold."""
    now = platform.runtime.now()
    number = max((key.number for key in platform.signing_keys.held(now)), default=0) + 1
    if use == "identity":
        raw = id_tokens.new_key()
    else:
        raw = platform.keys.derive("tokens", "signing") if is_first else platform.runtime.random_bytes(_SEED_BYTES)
    kid = str(id_tokens.public_key(raw)["kid"]) if use == "identity" else TokenSigner(raw).key_id
    sealed = seal(_sealing_key(platform), raw, _context(number), platform.runtime.random_bytes)
    return KeptKey(number, use, kid, sealed, now, signs)


def _signer(platform: Platform, key: KeptKey) -> TokenSigner:
    known = platform.token_signers.get(key.kid)
    if known is None:
        known = platform.token_signers[key.kid] = TokenSigner(_opened(platform, key))
    return known


def _told(platform: Platform, held: list[KeptKey]) -> list[SigningKey]:
    now = platform.runtime.now()
    current = next((key.number for key in held if key.signs <= now), held[-1].number)
    return [
        SigningKey(
            _kid(platform, key), _use(key), _ALGORITHMS[_use(key)],
            "current" if key.number == current else "next" if key.number > current else "retired",
            key.created, max(key.created, key.signs), key.until,
        )
        for key in held
    ]  # fmt: skip


def _use(key: KeptKey) -> Use:
    return "identity" if key.purpose == "identity" else "access"


def _kid(platform: Platform, key: KeptKey) -> str:
    return key.kid or str(_public(platform, key)["kid"])


def _public(platform: Platform, key: KeptKey) -> dict[str, Any]:
    if key.purpose == "identity":
        return id_tokens.public_key(_opened(platform, key))
    return _signer(platform, key).public_key()


def _opened(platform: Platform, key: KeptKey) -> bytes:
    return unseal(_sealing_key(platform), key.sealed, _context(key.number))


def _sealing_key(platform: Platform) -> bytes:
    return platform.keys.derive("tokens", "signing-keys")


def _context(number: int) -> bytes:
    return context_of(("signing-key", str(number)))
