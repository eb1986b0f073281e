"""Access tokens of other issuers, such as Entra ID: verified by their keys, and read into who they stand for here.

Nobody is registered here for them: roles and scopes are what the token says, by the mapping of its issuer. What an
issuer takes back holds until the token ends, which the issuer decides.
"""

import logging
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from careloom.errors import QueryError, Unauthenticated
from careloom.logs import log
from careloom.services.access import Principal, Scope
from careloom.services.admission import note
from careloom.services.assertions import LEEWAY
from careloom.services.issuers import Issuer
from careloom.services.platform import Platform
from careloom.services.scopes import narrowed, parse, permitted
from careloom.services.tokens import Session
from careloom.store.clients import Client

ALGORITHMS = ("RS256", "RS384", "PS256")
_LONGEST = 16384
_LEAST_BITS = 2048
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@|-]{0,99}", re.ASCII)
_REMEDY = "Get a token of an issuer that is accepted here, for this installation."


def foreign_session_of(platform: Platform, token: str, *, request: str = "") -> Session | None:
    """Who sends this token, if one of the configured issuers made it; None if it names none of them.

    raises  Unauthenticated if it does not hold. It is audited when the issuer did sign it; of others the log has a line
    """
    if not platform.issuers or len(token) > _LONGEST:
        return None
    named = [(name, one) for name, one in platform.issuers.items() if one.issuer == _claimed_issuer(token)]
    if not named:
        return None
    name, issuer = named[0]
    verified = _verified(platform, issuer, token, request)
    claims = verified.claims
    who = claims.get(issuer.subject)
    if not isinstance(who, str) or not _SUBJECT.fullmatch(who):
        _refuse(platform, name, "token-subject", request)
    actor, now = f"{name}:{who}", platform.runtime.now()
    reason = _fault(issuer, verified, now)
    if reason:
        _refuse(platform, actor, reason, request)
    roles, scopes = issuer.roles_of(claims), _scopes(issuer, claims)
    if not scopes:
        _refuse(platform, actor, "token-nothing-granted", request)
    person = Client(
        id=actor, name=actor, kind="person" if _has_scopes(claims) else "client", roles=" ".join(sorted(roles)),
        zones=" ".join(sorted(issuer.zones)), scopes="", secret_hash="", jwks="", generation=0, created=now,
        expires=None, disabled=None,
    )  # fmt: skip
    return Session(person, scopes, datetime.fromtimestamp(claims["exp"], UTC), str(claims.get("jti", "")))


def _claimed_issuer(token: str) -> str:
    """What a token says who made it, before anything of it is believed."""
    try:
        part = token.split(".")[1]
        read = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return ""
    found = read.get("iss") if isinstance(read, dict) else ""
    return found if isinstance(found, str) else ""


def _verified(platform: Platform, issuer: Issuer, token: str, request: str) -> jwt.Token:
    try:
        head = token.split(".", maxsplit=1)[0]
        header = orjson.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        found = platform.issuer_keys.key(issuer, str(header["kid"]))
        key = RSAKey.import_key({name: found[name] for name in ("kty", "n", "e")}) if found else None
        if key is None or key.public_key.key_size < _LEAST_BITS or str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise ValueError
        return jwt.decode(token, key, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        log(__name__, "a token that its issuer did not sign was refused", level=logging.WARNING, request_id=request)
        raise Unauthenticated("the token is not one that its issuer signed", _REMEDY) from None


_ACCESS_TYPES = ("at+jwt", "application/at+jwt")
_TYPES = ("jwt", *_ACCESS_TYPES)


def _fault(issuer: Issuer, token: jwt.Token, now: datetime) -> str:
    """Why a token that its issuer signed does not hold here and now; empty if it does."""
    claims = token.claims
    stamp, expires, begins = now.timestamp(), claims.get("exp"), claims.get("nbf", 0)
    if not _audiences(claims) & set(issuer.audiences):
        return "token-foreign"
    if issuer.tenant and claims.get("tid") != issuer.tenant:
        return "token-tenant"
    if not _is_access_token(token) or not (_has_scopes(claims) or issuer.roles_of(claims)):
        return "token-no-access-token"
    if type(expires) is not int or expires + LEEWAY.total_seconds() <= stamp:
        return "token-expired"
    if type(begins) is not int or begins > stamp + LEEWAY.total_seconds():
        return "token-not-yet"
    return ""


def _is_access_token(token: jwt.Token) -> bool:
    """False for an id_token, which says who somebody is and allows nothing, though Entra ID writes roles into it too.

    Without scopes only a program's token is one. It has to say so, since it gets all that its roles permit: by its
    ``typ``, or at Entra ID (which names a ``tid``) by ``idtyp``; elsewhere it names a program that is not its audience,
    as it is of every id_token.

    source  OpenID Connect Core 1.0, 2 (``aud``, ``azp``) and 3.1.3.6; RFC 9068, 2.1 and 2.2; Microsoft identity
            platform, optional claims reference (2025), ``idtyp``
    """
    claims = token.claims
    if not _OF_ID_TOKENS.isdisjoint(claims):
        return False
    if _has_scopes(claims):
        return True
    program = next((claims[name] for name in _PROGRAM_IN if name in claims), None)
    if "auth_time" in claims or not isinstance(program, str) or not program:
        return False
    if str(token.header.get("typ", "")).lower() in _ACCESS_TYPES:
        return True
    return claims.get("idtyp") == "app" if "tid" in claims else program not in _audiences(claims)


_OF_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash"})
_PROGRAM_IN = ("azp", "appid", "client_id")


def _audiences(claims: Mapping[str, Any]) -> set[str]:
    named = claims.get("aud")
    listed = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return {one for one in listed if isinstance(one, str)}


def _has_scopes(claims: Mapping[str, Any]) -> bool:
    return "scp" in claims or "scope" in claims


def _scopes(issuer: Issuer, claims: Mapping[str, Any]) -> frozenset[Scope]:
    """What a token allows: its scopes as they are mapped, or all that its roles permit where it has none."""
    most = permitted(issuer.roles_of(claims), issuer.zones)
    if not _has_scopes(claims):
        return most
    named = claims.get("scp", claims.get("scope"))
    words = named.split() if isinstance(named, str) else [one for one in named or () if isinstance(one, str)]
    try:
        asked = parse(" ".join(issuer.scopes.get(word, "") for word in words))
    except QueryError:  # too many at once
        return frozenset()
    return narrowed(asked, most)


def _refuse(platform: Platform, actor: str, reason: str, request: str) -> NoReturn:
    who = Principal(actor, frozenset(), frozenset(), request=request)
    detail = {"reason": reason}
    note(platform, who, "use-token", "identified", action="execute", outcome="refused", detail=detail)
    raise Unauthenticated("the token of this issuer does not hold here, or allows nothing", _REMEDY)
