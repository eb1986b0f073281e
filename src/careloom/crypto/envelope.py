"""AES-256-GCM with a random nonce: what is sealed under a key opens under that key and that context only.

A sealed value is 12 bytes of nonce, the ciphertext and 16 bytes of tag. A random 96-bit nonce is safe for 2^32 values
under one key (NIST SP 800-38D, 2007, section 8.3): far above what one patient's key ever seals.
"""

import secrets
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careloom.errors import IntegrityError

KEY_BYTES = 32
NONCE_BYTES = 12
OVERHEAD_BYTES = NONCE_BYTES + 16

RandomBytes = Callable[[int], bytes]


class Sealer:
    """One data key, ready to seal and open. The key itself cannot be read back from it."""

    __slots__ = ("_gcm",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes")
        self._gcm = AESGCM(key)

    def seal(self, plain: bytes, context: bytes, nonce: bytes) -> bytes:
        """`plain` sealed, bound to `context`; `nonce` must be fresh and random (`nonces`)."""
        return nonce + self._gcm.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed under the same key and context.

        raises  IntegrityError if one byte of it, the key or the context differs
        """
        try:
            return self._gcm.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise IntegrityError(
                "a sealed value does not open", "restore it from a backup; see careloom doctor"
            ) from None


def nonces(count: int, random_bytes: RandomBytes = secrets.token_bytes) -> list[bytes]:
    """That many fresh nonces from one call to the random source: none is kept, so none survives a fork."""
    pool = random_bytes(count * NONCE_BYTES)
    return [pool[start : start + NONCE_BYTES] for start in range(0, len(pool), NONCE_BYTES)]


def seal(key: bytes, plain: bytes, context: bytes, random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    """`plain` sealed under `key`, bound to `context`."""
    return Sealer(key).seal(plain, context, random_bytes(NONCE_BYTES))


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The inverse of `seal`; raises IntegrityError if anything differs."""
    return Sealer(key).open(sealed, context)


def context_of(parts: Sequence[str]) -> bytes:
    """Names as one context without ambiguity: each part carries its length (``ab`` + ``c`` is not ``a`` + ``bc``)."""
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))
