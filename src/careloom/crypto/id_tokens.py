"""Keys that sign who a person is: RSA of 2048 bits, RS256, which every application can verify.

source  OpenID Connect Core 1.0 (2014), 2 and 15.1; SMART App Launch 2.2 (2024), scopes for requesting identity data
"""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
_BITS = 2048


def new_key() -> bytes:
    """A private key, to be sealed before it is kept."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def signed(key: bytes, claims: Mapping[str, Any]) -> str:
    """The claims as an id_token."""
    held = RSAKey.import_key(key)
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": held.thumbprint()}
    return jwt.encode(header, dict(claims), held, algorithms=[ALGORITHM])


def public_key(key: bytes) -> dict[str, Any]:
    """The public half, as a JWK Set holds it."""
    held = RSAKey.import_key(key)
    return {**held.as_dict(private=False), "kid": held.thumbprint(), "alg": ALGORITHM, "use": "sig"}
