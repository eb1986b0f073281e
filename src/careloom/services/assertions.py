"""Assertions: what a client signs with its own key to prove at the token endpoint who it is.

source  SMART App Launch 2.2 (2024), client-confidential-asymmetric; RFC 7523 (2015); RFC 8725 (2020)
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError

from careloom.services.client_keys import ALGORITHMS, key_for

LEEWAY = timedelta(seconds=5)
"""How far two clocks may differ."""
LONGEST_LIFE = timedelta(minutes=5)
"""How far ahead an assertion may expire: SMART, the claim ``exp``."""
LONGEST_ASSERTION = 8192
_LONGEST_JTI = 256


class Unfit(Exception):  # noqa: N818 - reads as what happened
    """Why a credential does not hold, as a code for the audit chain; never leaves this room."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as it came: nothing in it is proven before `proven` says so."""

    text: str
    header: dict[str, Any]
    client_id: str


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proven assertion says: its id, and until when it could be used again."""

    jti: str
    expires: datetime


def read(text: str) -> Assertion:
    """The assertion with the client that it claims to come from. raises Unfit if it is none."""
    if len(text) > LONGEST_ASSERTION or not text.isascii():
        raise Unfit("assertion-malformed")
    try:
        compact = jws.extract_compact(text.encode())
        claims = orjson.loads(compact.payload)
        header, client_id = compact.headers(), claims["sub"]
    except (JoseError, ValueError, TypeError, KeyError):  # joserfc lets some of Python's own errors through
        raise Unfit("assertion-malformed") from None
    if not isinstance(client_id, str):
        raise Unfit("assertion-malformed")
    return Assertion(text, header, client_id)


def proven(assertion: Assertion, jwks: str, audience: str, now: datetime) -> Proven:
    """What the assertion says, once its signature and every claim hold; its single use is the caller's question.

    jwks      the registered keys of the client that it claims to come from
    audience  the address of the token endpoint
    raises    Unfit
    """
    header = assertion.header
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS or header.get("typ", "JWT") != "JWT" or "jku" in header:
        raise Unfit("assertion-header")
    key = key_for(jwks, kid, algorithm) if isinstance(kid, str) else None
    if key is None:
        raise Unfit("assertion-key")
    try:
        claims = jwt.decode(assertion.text, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, KeyError):
        raise Unfit("assertion-signature") from None
    if not claims.get("iss") == claims.get("sub") == assertion.client_id:
        raise Unfit("assertion-issuer")
    return checked(claims, (audience,), now)


def checked(claims: dict[str, Any], audiences: tuple[str, ...], now: datetime) -> Proven:
    """What signed claims say, once they are for one of these addresses alone, and in their time. raises Unfit"""
    told = claims.get("aud")  # several audiences at once: another one could use it here
    if (told[0] if isinstance(told, list) and len(told) == 1 else told) not in audiences:
        raise Unfit("assertion-audience")
    expires = _time(claims.get("exp"))
    if expires is None or expires + LEEWAY <= now:
        raise Unfit("assertion-expired")
    if expires > now + LONGEST_LIFE + LEEWAY:
        raise Unfit("assertion-too-long")
    for name in ("nbf", "iat"):
        begins = _time(claims.get(name, 0))
        if begins is None or begins > now + LEEWAY:
            raise Unfit("assertion-not-yet")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _LONGEST_JTI:
        raise Unfit("assertion-jti")
    return Proven(jti, expires + LEEWAY)


def _time(stamp: object) -> datetime | None:
    """A NumericDate (RFC 7519); None if it is none, or of no time that Python knows."""
    if not isinstance(stamp, int | float):
        return None
    try:
        return datetime.fromtimestamp(stamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None
