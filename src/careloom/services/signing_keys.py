"""Keys that sign who a person is: made when first needed, renewed by an administrator, shown while they may hold."""

from datetime import timedelta
from typing import Any

from careloom.crypto import id_tokens
from careloom.crypto.envelope import context_of, seal, unseal
from careloom.errors import Conflict
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform

SHOWN_FOR = timedelta(days=1)
"""After a newer key signs: longer than anything that the older one signed holds."""


def signing_key(platform: Platform) -> bytes:
    """The newest key; made if there is none."""
    found = platform.grants.signing_keys()
    if not found:
        _add(platform, 1)
        found = platform.grants.signing_keys()
    number, sealed, *_ = found[0]
    return _opened(platform, number, sealed)


def public_keys(platform: Platform) -> list[dict[str, Any]]:
    """The public halves of all keys whose signatures may still hold, newest first."""
    now, found = platform.runtime.now(), platform.grants.signing_keys()
    held = [(number, sealed) for number, sealed, _, until in found if until is None or now < until]
    return [id_tokens.public_key(_opened(platform, number, sealed)) for number, sealed in held]


def rotate_signing_key(platform: Platform, who: Principal) -> dict[str, Any]:
    """Makes a new key that signs from now on; the older one is shown for a day more.

    raises  AccessError; Conflict if somebody else does so at this moment
    """
    admit(platform, who, "administer", "identified", operation="rotate-signing-key")
    signing_key(platform)
    number = platform.grants.signing_keys()[0][0] + 1
    note(platform, who, "rotate-signing-key", "identified", action="create", detail={"number": number})
    if not _add(platform, number):
        raise Conflict("somebody else made a new key at this moment", "Look at the keys before making another one.")
    told = public_keys(platform)
    return {"number": number, "kid": told[0]["kid"], "shown": [key["kid"] for key in told]}


def _add(platform: Platform, number: int) -> bool:
    sealed = seal(_key(platform), id_tokens.new_key(), _context(number), platform.runtime.random_bytes)
    now = platform.runtime.now()
    return platform.grants.add_signing_key(number, sealed, now, now + SHOWN_FOR)


def _opened(platform: Platform, number: int, sealed: bytes) -> bytes:
    return unseal(_key(platform), sealed, _context(number))


def _key(platform: Platform) -> bytes:
    return platform.keys.derive("tokens", "signing-keys")


def _context(number: int) -> bytes:
    return context_of(("signing-key", str(number)))
