"""ID tokens of other providers: who somebody is, believed after every check that the standard asks for, and no other.

source  OpenID Connect Core 1.0 (2014), 3.1.3.7 and 3.1.3.8; RFC 8725 (2020), best practice of JWTs
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import extract_compact

from careloom.services.assertions import Unfit
from careloom.services.providers import Provider

LONGEST = 16384
LONGEST_SUBJECT = 255
"""ASCII letters of a subject (OpenID Connect Core 1.0, 2)."""
LEEWAY_SECONDS = 60
"""By which the provider's clock may differ from ours."""
_OLDEST_SECONDS = 600
_LEAST_BITS = 2048


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token of this sign-in has to fit.

    nonce         that went with the request
    access_token  that came beside it
    begun         since when the person had to sign in anew; None where an older sign-in will do
    """

    nonce: str = field(repr=False)
    access_token: str = field(repr=False)
    begun: datetime | None = None


def key_id(token: str) -> str:
    """Which key a token says that signed it, before anything of it is believed. raises Unfit"""
    header = _header(token)
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Unfit("provider-token-key")
    return kid


def verified(
    provider: Provider, key: Mapping[str, Any] | None, token: str, expected: Expected, now: datetime
) -> Mapping[str, Any]:
    """The claims of an ID token that holds here and now, for this sign-in. raises Unfit that says why not"""
    claims = _signed(provider, key, token)
    subject, stamp = claims.get("sub"), int(now.timestamp())
    if claims.get("iss") != provider.issuer:
        raise Unfit("provider-token-issuer")
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        raise Unfit("provider-token-audience")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise Unfit("provider-token-party")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isascii():
        raise Unfit("provider-token-subject")
    _check_times(claims, stamp)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise Unfit("provider-token-nonce")
    half = str(claims.get("at_hash", "")).encode()
    if "at_hash" in claims and not hmac.compare_digest(half, half_hash(expected.access_token).encode()):
        raise Unfit("provider-token-at-hash")
    if expected.begun is not None:
        since = claims.get("auth_time")
        if type(since) is not int or since < int(expected.begun.timestamp()) - LEEWAY_SECONDS:
            raise Unfit("provider-token-old-sign-in")
    return claims


def half_hash(text: str) -> str:
    """The left half of a hash, as ``at_hash`` is for the three algorithms that are taken here."""
    return urlsafe_b64encode(sha256(text.encode()).digest()[:16]).decode().rstrip("=")


def shows(claims: Mapping[str, Any], allowed: Mapping[str, list[str]]) -> list[str]:
    """Claims of `allowed` in which a token has one of the values, sorted."""
    return sorted(name for name, values in allowed.items() if not set(values).isdisjoint(_listed(claims.get(name))))


def has_domain(claims: Mapping[str, Any], domains: list[str]) -> bool:
    """True where the token has a mail address that the provider verified, in one of the domains."""
    mail = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(mail, str) or mail.count("@") != 1:
        return False
    return mail.rpartition("@")[2].lower() in {one.lower() for one in domains}


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _header(token: str) -> dict[str, Any]:
    try:
        if not 0 < len(token) <= LONGEST or not token.isascii():
            raise ValueError
        return dict(extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError, KeyError, orjson.JSONDecodeError):
        raise Unfit("provider-token-form") from None


def _signed(provider: Provider, key: Mapping[str, Any] | None, token: str) -> dict[str, Any]:
    algorithm = str(_header(token).get("alg"))
    if algorithm not in provider.algorithms or key is None or key.get("alg", algorithm) != algorithm:
        raise Unfit("provider-token-algorithm")
    try:
        if algorithm == "ES256":
            made: ECKey | RSAKey = ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})
        else:
            made = RSAKey.import_key({name: key[name] for name in ("kty", "n", "e")})
            if made.public_key.key_size < _LEAST_BITS:
                raise ValueError
        return dict(jwt.decode(token, made, algorithms=[algorithm]).claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise Unfit("provider-token-signature") from None


def _check_times(claims: Mapping[str, Any], stamp: int) -> None:
    expires, issued, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if type(expires) is not int or expires + LEEWAY_SECONDS <= stamp:
        raise Unfit("provider-token-expired")
    if type(issued) is not int or not stamp - _OLDEST_SECONDS <= issued <= stamp + LEEWAY_SECONDS:
        raise Unfit("provider-token-issued")
    if type(begins) is not int or begins > stamp + LEEWAY_SECONDS:
        raise Unfit("provider-token-not-yet")
