"""Access tokens as signed text: JWT of one type, one algorithm and one key. What they mean is decided elsewhere.

source  RFC 9068 (2021), JWT profile for access tokens; RFC 9864 (2025), Ed25519 in JOSE; RFC 8725 (2020), best practice
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from types import MappingProxyType
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from careloom.errors import Unauthenticated

ALGORITHM = "Ed25519"
TYPE = "at+jwt"
LONGEST_TOKEN = 4096
_LONGEST_HEADER = 512
_REMEMBERED = 1024


class TokenSigner:
    """Signs claims and reads back what it signed. Safe to share between threads."""

    def __init__(self, seed: bytes) -> None:
        """seed  32 secret bytes; the same seed is the same key"""
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self._key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _text(public), "d": _text(seed)})
        self.key_id: str = self._key.thumbprint()
        self._known: OrderedDict[bytes, Mapping[str, Any]] = OrderedDict()
        self._lock = Lock()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a token."""
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self.key_id}
        return jwt.encode(header, dict(claims), self._key, algorithms=[ALGORITHM])

    def read(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that this key signed; whether they hold now is the caller's question.

        A signature that held once is remembered by the token's hash, for the signature of the same bytes never changes.
        raises  Unauthenticated
        """
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise _forged()
        digest = sha256(token.encode()).digest()
        with self._lock:
            known = self._known.get(digest)
            if known is not None:
                self._known.move_to_end(digest)
                return known
        claims = MappingProxyType(self._verified(token))
        with self._lock:
            self._known[digest] = claims
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            read = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError):  # joserfc lets some of Python's own errors through
            raise _forged() from None
        if read.header.get("typ") != TYPE or read.header.get("kid") != self.key_id:
            raise _forged()
        return read.claims

    def public_key(self) -> dict[str, Any]:
        """The public half, as a JWK Set (RFC 7517) holds it."""
        return {**self._key.as_dict(private=False), "kid": self.key_id, "alg": ALGORITHM, "use": "sig"}


@lru_cache(maxsize=64)
def _kid_in(header: str) -> str:
    try:
        told = orjson.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        return ""
    kid = told.get("kid") if isinstance(told, dict) else None
    return kid if isinstance(kid, str) else ""


def kid_of(token: str) -> str:
    """Which key a token says that it was signed by, nothing of it verified; empty where it says none."""
    header = token.partition(".")[0]
    return _kid_in(header) if len(header) <= _LONGEST_HEADER else ""


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _forged() -> Unauthenticated:
    return Unauthenticated("the token is not one of this installation", "Get one at /oauth2/token.")
