"""Calls of CDS Hooks that an EHR signs itself: a JWT of its own, for one address, once, of a client that is registered.

The ``iss`` is the client_id of the registered client, the key one of those registered with it. A ``jku`` is not
followed: keys come by registration alone, so nobody can make this installation fetch anything.

source  CDS Hooks 2.0, Trusting CDS Clients (https://cds-hooks.hl7.org); RFC 7519 (2015); RFC 8725 (2020)
"""

import logging
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError

from careloom.errors import Unauthenticated
from careloom.logs import log
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.assertions import LONGEST_ASSERTION, Unfit, checked
from careloom.services.client_keys import ALGORITHMS, key_for
from careloom.services.platform import Platform
from careloom.services.scopes import narrowed, parse, permitted
from careloom.services.tokens import Session
from careloom.store.clients import Client

FEEDBACK = "/feedback"
_TOLD = {
    "assertion-malformed": "the JWT cannot be read",
    "assertion-header": "the JWT's header is not alg RS384 or ES384, typ JWT and a kid",
    "assertion-unknown": "no client is registered for the JWT's iss, kid and signature",
    "assertion-iat": "the JWT has no iat",
    "assertion-audience": "the JWT's aud is not the address that was called",
    "assertion-expired": "the JWT has expired or has no exp",
    "assertion-too-long": "the JWT expires more than five minutes ahead",
    "assertion-not-yet": "the JWT does not hold yet",
    "assertion-jti": "the JWT has no fitting jti",
    "assertion-replayed": "the JWT was used before: each call needs one of its own",
    "client-stopped": "the client is not let in any more",
}
"""Every reason, as it is told. Which of issuer, key and signature is wrong is not."""
_REMEDY = "See docs/reference/cds-hooks.md: how a call is signed, and how a client is registered."


def is_signed_by_client(token: str) -> bool:
    """Whether a bearer token is a JWT as CDS Hooks has it, and not one that this installation made."""
    return _header(token).get("alg") != "Ed25519" and token.count(".") == 2


def _header(token: str) -> dict[str, Any]:
    if len(token) > LONGEST_ASSERTION or not token.isascii():
        return {}
    try:
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, KeyError):
        return {}


def signed_session(platform: Platform, token: str, path: str, *, request: str = "") -> Session:
    """The client that signed this JWT for this address, for the first time, with all that was granted to it.

    path    of the address that was called; feedback may also be signed for the service that it is about
    raises  Unauthenticated. It is audited where the signature was the client's; of others the log has a line
    """
    now, client = platform.runtime.now(), None
    try:
        client, claims = _proven(platform, token)
        if "iat" not in claims:
            raise Unfit("assertion-iat")
        base = platform.settings.base_url
        found = checked(claims, (base + path, base + path.removesuffix(FEEDBACK)), now)
        if not client.is_active(now):
            raise Unfit("client-stopped")
        if not platform.clients.is_first_use(client.id, found.jti, found.expires):
            raise Unfit("assertion-replayed")
    except Unfit as fault:
        if client is None:
            log(__name__, "a signed call was refused", level=logging.WARNING, request_id=request, reason=fault.reason)
        else:
            who = Principal(client.name, frozenset(), frozenset(), request=request)
            detail = {"reason": fault.reason}
            note(platform, who, "authenticate", "identified", action="execute", outcome="refused", detail=detail)
        raise Unauthenticated(_TOLD[fault.reason], _REMEDY) from None
    granted = narrowed(parse(client.scopes), permitted(client.roles.split(), client.zones.split()))
    return Session(client, granted, found.expires, found.jti)


def _proven(platform: Platform, token: str) -> tuple[Client, dict[str, Any]]:
    """The client whose registered key signed, and what it says. raises Unfit"""
    header = _header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not header:
        raise Unfit("assertion-malformed")
    if algorithm not in ALGORITHMS or header.get("typ") != "JWT" or not isinstance(kid, str):
        raise Unfit("assertion-header")
    try:
        issuer = orjson.loads(jws.extract_compact(token.encode()).payload)["iss"]
    except (JoseError, ValueError, TypeError, KeyError):
        raise Unfit("assertion-malformed") from None
    client = platform.clients.find(issuer) if isinstance(issuer, str) else None
    key = None if client is None else key_for(client.jwks, kid, algorithm)
    if client is None or key is None:
        raise Unfit("assertion-unknown")
    try:
        return client, jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, KeyError):
        raise Unfit("assertion-unknown") from None
