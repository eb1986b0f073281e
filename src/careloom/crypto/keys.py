"""What a keeper of keys can do; where the keys lie is its own affair."""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from careloom.crypto.envelope import KEY_BYTES, context_of


class KeyProvider(Protocol):
    """Keeps the key-encryption keys (KEK), one root for derived keys and one signing key."""

    def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
        """(id of the current KEK, `data_key` wrapped under it, bound to `context`)."""

    def unwrap(self, kek_id: str, wrapped: bytes, context: bytes) -> bytes:
        """The data key. raises IntegrityError if it does not open, SetupError if that KEK is not here."""

    def rotate(self) -> str:
        """Makes a new current KEK and returns its id; older ones go on to unwrap."""

    def derive(self, purpose: str, scope: str) -> bytes:
        """32 bytes for one purpose and scope (zone, project); never changed by `rotate`, so ids stay stable."""

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""

    def public_key(self) -> bytes:
        """The 32 bytes of the public key that verifies `sign`."""


def subkey(root: bytes, purpose: str, scope: str) -> bytes:
    """A key for one purpose and scope from `root`; keys of different purposes or scopes say nothing about each other.

    source  RFC 5869 (2010), HKDF-Expand with SHA-256; `root` is uniformly random, so extraction is not needed
    """
    info = context_of(("careloom", "1", purpose, scope))
    return HKDFExpand(algorithm=hashes.SHA256(), length=KEY_BYTES, info=info).derive(root)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """True if `signature` over `message` was made by the owner of `public_key`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True
