"""One-time codes of an authenticator app, and codes that hold once instead of it.

source  RFC 6238 (2011), TOTP: six digits, SHA-1, thirty seconds, which is what every app understands
"""

import hmac
from base64 import b32encode
from collections.abc import Iterable
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from careloom.crypto.envelope import RandomBytes

SECRET_BYTES = 20
STEP_SECONDS = 30
RECOVERY_CODES = 10
_DIGITS = 6
_DRIFT_STEPS = 1
"""A clock may be half a minute off."""
_CODE_BYTES = 10


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), STEP_SECONDS, enforce_key_length=False)  # noqa: S303 - what apps understand  # nosec B303


def new_second_factor(random_bytes: RandomBytes) -> bytes:
    """The secret of an authenticator."""
    return random_bytes(SECRET_BYTES)


def readable(secret: bytes) -> str:
    """The secret as people type it into an app."""
    text = b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address_of(secret: bytes, name: str) -> str:
    """The ``otpauth:`` address that an app on the same device opens."""
    return _totp(secret).get_provisioning_uri(name, "Careloom")


def code_at(secret: bytes, seconds: int) -> str:
    """The code at a time, in seconds since 1970."""
    return _totp(secret).generate(seconds).decode()


def step_of(secret: bytes, code: str, seconds: int, *, after: int = 0) -> int | None:
    """The time step whose code this is, one before or after now; None if it is none, or not after step `after`."""
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    now = seconds // STEP_SECONDS
    found = None
    for step in range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1):  # all of them, whichever it is
        try:
            _totp(secret).verify(code.encode(), step * STEP_SECONDS)
        except InvalidToken:
            continue
        if step > after:
            found = step
    return found


def new_code(random_bytes: RandomBytes) -> str:
    """A code of 80 bits that people can type: four groups of four letters and digits."""
    text = b32encode(random_bytes(_CODE_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def code_hash(key: bytes, code: str) -> str:
    """What is kept of a code; typed with or without dashes, in small or capital letters, it is the same."""
    plain = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hmac.new(key, plain.encode(), sha256).hexdigest()


def matching(key: bytes, code: str, hashes: Iterable[str]) -> str | None:
    """The one of the kept hashes that is this code's; all are looked at."""
    mine, found = code_hash(key, code), None
    for kept in hashes:
        if hmac.compare_digest(mine, kept):
            found = kept
    return found
