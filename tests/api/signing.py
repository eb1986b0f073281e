"""Clients that sign their own assertions, and tokens that are not what they seem."""

import hmac
from base64 import b64encode, urlsafe_b64encode
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import quote_plus

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from tests.api.kit import BASE_URL

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_URL = f"{BASE_URL}/oauth2/token"
EC = ECKey.generate_key("P-384", parameters={"kid": "ec"})
RSA = RSAKey.generate_key(2048, parameters={"kid": "rsa"})
STRANGER = ECKey.generate_key("P-384", parameters={"kid": "ec"})
PUBLIC = {"keys": [{**key.as_dict(private=False), "kid": key.kid} for key in (EC, RSA)]}
_numbers = count(1)


def assertion(
    client_id: str, now: datetime, *, key: Key = EC, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """An assertion as SMART has it, for five minutes; `claims` and `header` differ from that, None leaves one out."""
    algorithm = "RS384" if key.key_type == "RSA" else "ES384"
    told = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
    says = {
        "iss": client_id, "sub": client_id, "aud": TOKEN_URL, "exp": int(now.timestamp()) + 300,
        "jti": f"jti-{next(_numbers)}",
    } | claims  # fmt: skip
    kept = {name: value for name, value in says.items() if value is not None}
    shown = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(shown, kept, key, algorithms=[algorithm], default_type=None)


def asserted(text: str, **more: str) -> dict[str, str]:
    """The form that carries an assertion."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": text,
    } | more


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic, form-encoded first as RFC 6749 asks."""
    both = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}


def pieced(header: dict[str, Any], claims: Any, secret: bytes = b"") -> str:
    """A token put together by hand, which no library would make; signed by HMAC if there is a secret."""
    signing_input = b".".join(_text(orjson.dumps(part)) for part in (header, claims))
    digest = {"HS256": "sha256", "HS384": "sha384"}.get(header.get("alg", ""), "sha256")
    signature = hmac.digest(secret, signing_input, digest) if secret else b""
    return (signing_input + b"." + _text(signature)).decode()


def _text(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
