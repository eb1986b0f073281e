"""Tokens of applications in which people sign in: for a code, for a refresh token, and the end of both.

A refresh token is good once: with each use the application gets the next one. One that comes back after its use was
stolen, or its successor was, and nobody can tell: then all that the person let this application do ends.

source  RFC 6749 (2012), 4.1.3 and 6; RFC 7636 (2015), 4.6; RFC 9700 (2025), 4.14; OpenID Connect Core 1.0 (2014), 2
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from careloom.crypto.id_tokens import signed as signed_identity
from careloom.errors import AccessError, QueryError
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.apps import split
from careloom.services.authorize import fhir_user
from careloom.services.platform import Platform
from careloom.services.scopes import narrowed, parse, spaces_of, text_of
from careloom.services.signing_keys import identity_key
from careloom.services.tokens import signed
from careloom.store.clients import Client
from careloom.store.grants import Grant

REFRESH_PREFIX = "careloom_refresh_"
"""What every refresh token begins with, so that scanners of code can find one."""
UNUSED_FOR = timedelta(days=14)
"""A refresh token that was not used for so long is worth nothing."""
_REMEDY = "Send the person to /oauth2/authorize again."


@dataclass(frozen=True, slots=True)
class AppTokens:
    """What an application gets.

    scope    as text, with those beside resources
    patient  stored id of the patient to whom it is narrowed, empty for nobody
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)


def exchange(
    platform: Platform, app: Client, code: str, redirect: str, verifier: str, *, request: str = ""
) -> AppTokens:
    """The tokens for a code. raises AccessError for a code that is not good, or not this application's; audited.

    A code that comes twice ends all that it stood for.
    """
    now = platform.runtime.now()
    found = platform.grants.use_code(code, now)
    sent, is_first = found or (None, False)
    grant = platform.grants.grant(sent.app_grant) if sent else None
    if sent is None or grant is None or grant.app != app.id:
        raise _refused(platform, app, grant, "code-unknown", request)
    if not is_first:
        platform.grants.revoke(grant.id, now)
        raise _refused(platform, app, grant, "code-used", request)
    expected = create_s256_code_challenge(verifier) if verifier.isascii() and 43 <= len(verifier) <= 128 else ""
    if now >= sent.expires:
        raise _refused(platform, app, grant, "code-expired", request)
    if not hmac.compare_digest(expected.encode(), sent.challenge.encode()) or redirect not in ("", sent.redirect):
        platform.grants.revoke(grant.id, now)
        raise _refused(platform, app, grant, "code-proof", request)
    return _issued(platform, app, grant, _held(platform, app, grant, request), sent.nonce, request)


def refresh(platform: Platform, app: Client, token: str, scope: str = "", *, request: str = "") -> AppTokens:
    """The next tokens for a refresh token, of as much as was granted or less.

    raises  AccessError for a token that is not good, or not this application's; QueryError for scopes beyond the grant.
            Audited
    """
    now = platform.runtime.now()
    kept = platform.grants.refresh(token)
    grant = platform.grants.grant(kept.app_grant) if kept else None
    if kept is None or grant is None or grant.app != app.id:
        raise _refused(platform, app, grant, "refresh-unknown", request)
    if now >= kept.expires or now >= grant.expires:
        raise _refused(platform, app, grant, "refresh-expired", request)
    person = _held(platform, app, grant, request)
    narrow = _narrow(grant, scope)
    if not platform.grants.is_first_refresh(token, now):
        platform.grants.revoke(grant.id, now)
        raise _refused(platform, app, grant, "refresh-reused", request)
    return _issued(platform, app, narrow, person, "", request)


def end(platform: Platform, app: Client, token: str, *, request: str = "") -> bool:
    """True where a refresh token was this application's: all that it stood for has ended. Audited"""
    kept = platform.grants.refresh(token) if token.startswith(REFRESH_PREFIX) else None
    grant = platform.grants.grant(kept.app_grant) if kept else None
    if grant is None:
        return False
    who = Principal(app.name, frozenset(), frozenset(), request=request)
    outcome: Literal["success", "refused"] = "success" if grant.app == app.id else "refused"
    detail = {"client": app.name, "grant": grant.id}
    note(platform, who, "revoke-token", "identified", action="delete", outcome=outcome, detail=detail)
    if grant.app != app.id:
        raise AccessError("the token is another client's", "Each client revokes its own tokens.")
    platform.grants.revoke(grant.id, platform.runtime.now())
    return True


def _issued(platform: Platform, app: Client, grant: Grant, person: Client, nonce: str, request: str) -> AppTokens:
    now = platform.runtime.now()
    is_long = "offline_access" in grant.context.split()
    longest = platform.settings.api.token_seconds if is_long else platform.settings.api.session_seconds
    ends = min(one for one in (grant.expires, app.expires, person.expires) if one is not None)
    seconds = max(1, min(longest, int((ends - now).total_seconds())))
    scope = f"{grant.context} {_allowed(app, grant, person)}".strip()
    token, jti = signed(platform, app, scope, seconds, {"sub": person.id, "grant": grant.id})
    next_token = ""
    if is_long:
        raw = platform.runtime.random_bytes(32)
        next_token = REFRESH_PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")
        platform.grants.keep_refresh(next_token, grant.id, min(grant.expires, now + UNUSED_FOR))
    identity = _identity(platform, app, grant, person, nonce, now) if "openid" in grant.context.split() else ""
    who = Principal(person.name, frozenset(), frozenset(), request=request)
    detail = {"client": app.name, "grant": grant.id, "token": jti, "scope": scope}
    note(platform, who, "issue-token", "identified", action="execute", detail=detail)
    return AppTokens(token, seconds, scope, next_token, identity, grant.patient)


def _identity(platform: Platform, app: Client, grant: Grant, person: Client, nonce: str, now: datetime) -> str:
    """Who the person is, signed; it holds for minutes, for the application reads it at once."""
    claims: dict[str, Any] = {
        "iss": platform.settings.base_url,
        "sub": person.id,
        "aud": app.id,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + 300,
        "auth_time": int(grant.signed_in.timestamp()),
        "amr": grant.ways.split(),
    }
    if nonce:
        claims["nonce"] = nonce
    if "fhirUser" in grant.context.split():
        claims["fhirUser"] = identity_address(platform, person)
    return signed_identity(identity_key(platform), claims)


def identity_address(platform: Platform, person: Client) -> str:
    """The address of the resource that is the person."""
    return f"{platform.settings.base_url}/fhir/identified/{fhir_user(person)}"


def _allowed(app: Client, grant: Grant, person: Client) -> str:
    """What is left of a grant: of the application's and the person's scopes as they are now."""
    most = narrowed(parse(app.scopes), parse(person.scopes))
    space = "patient" if "patient" in spaces_of(grant.scopes) else "user"
    return text_of(narrowed(parse(grant.scopes), most), space)


def _narrow(grant: Grant, scope: str) -> Grant:
    """The grant as far as it is asked for. raises QueryError for more than that"""
    if not scope:
        return grant
    context, resources = split(scope)
    asked, held = parse(" ".join(resources)), parse(grant.scopes)
    if not set(context) <= set(grant.context.split()) or narrowed(asked, held) != asked:
        raise QueryError("the scopes are more than the person allowed", _REMEDY)
    kept = [word for word in grant.context.split() if word in (*context, "offline_access")]
    space = "patient" if "patient" in spaces_of(grant.scopes) else "user"
    return replace(grant, scopes=text_of(asked, space), context=" ".join(kept))


def _held(platform: Platform, app: Client, grant: Grant, request: str) -> Client:
    """The person of a grant that holds now. raises AccessError, audited"""
    person = platform.clients.find(grant.person)
    if person is None or grant.revoked is not None:
        raise _refused(platform, app, grant, "grant-revoked", request)
    if not person.is_active(platform.runtime.now()) or person.generation != grant.generation:
        raise _refused(platform, app, grant, "person-stopped", request)
    return person


def _refused(platform: Platform, app: Client, grant: Grant | None, reason: str, request: str) -> AccessError:
    who = Principal(app.name, frozenset(), frozenset(), request=request)
    detail = {"client": app.name, "reason": reason} | ({"grant": grant.id} if grant else {})
    note(platform, who, "issue-token", "identified", action="execute", outcome="refused", detail=detail)
    return AccessError("the code or refresh token is not good for this application", _REMEDY)
