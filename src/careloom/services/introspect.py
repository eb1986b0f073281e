"""What a token is worth now, told to resource servers and to the application that has it.

source  RFC 7662 (2015), Token Introspection; SMART App Launch 2.2 (2024), Token Introspection
"""

from typing import Any

from careloom.errors import Unauthenticated
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.app_tokens import REFRESH_PREFIX, identity_address
from careloom.services.authorize import fhir_user
from careloom.services.platform import Platform
from careloom.services.signing_keys import signer_of
from careloom.services.tokens import session_of
from careloom.store.clients import Client
from careloom.store.grants import Grant

INACTIVE: dict[str, Any] = {"active": False}


def introspect_any(platform: Platform, who: Principal, token: str) -> dict[str, Any]:
    """What any token is worth, told to who may ``introspect``. raises AccessError; audited"""
    admit(platform, who, "introspect", "identified", operation="introspect-token")
    told = _told(platform, token, who.request)
    _note(platform, who, told)
    return told


def introspect_own(platform: Platform, client: Client, token: str, *, request: str = "") -> dict[str, Any]:
    """What a token of this client is worth; another's is told to be worth nothing. Audited"""
    told = _told(platform, token, request)
    own = told if told.get("client_id") == client.id else INACTIVE
    _note(platform, Principal(client.name, frozenset(), frozenset(), request=request), own)
    return own


def _told(platform: Platform, token: str, request: str) -> dict[str, Any]:
    if token.startswith(REFRESH_PREFIX):
        return _of_refresh(platform, token)
    try:
        session = session_of(platform, token, request=request)
        claims = signer_of(platform, token).read(token)
    except Unauthenticated:
        return INACTIVE
    told = {name: claims[name] for name in ("scope", "client_id", "exp", "iat", "iss", "aud", "sub", "jti")}
    told |= {"active": True, "token_type": "Bearer"}
    if session.grant is not None:
        return told | _of_grant(platform, session.grant, session.client)
    return told | ({"patient": session.client.patient} if session.client.patient else {})


def _of_refresh(platform: Platform, token: str) -> dict[str, Any]:
    now, kept = platform.runtime.now(), platform.grants.refresh(token)
    grant = platform.grants.grant(kept.app_grant) if kept else None
    person = platform.clients.find(grant.person) if grant else None
    if kept is None or grant is None or person is None or kept.used is not None or grant.revoked is not None:
        return INACTIVE
    ends = min(kept.expires, grant.expires)
    if now >= ends or not person.is_active(now) or person.generation != grant.generation:
        return INACTIVE
    told = {
        "active": True,
        "client_id": grant.app,
        "scope": f"{grant.context} {grant.scopes}".strip(),
        "exp": int(ends.timestamp()),
        "iss": platform.settings.base_url,
        "sub": person.id,
    }
    return told | _of_grant(platform, grant, person)


def _of_grant(platform: Platform, grant: Grant, person: Client) -> dict[str, Any]:
    told = {"patient": grant.patient} if grant.patient else {}
    if "fhirUser" in grant.context.split() and fhir_user(person):
        told["fhirUser"] = identity_address(platform, person)
    return told


def _note(platform: Platform, who: Principal, told: dict[str, Any]) -> None:
    detail = {name: told[name] for name in ("client_id", "jti") if name in told}
    note(platform, who, "introspect-token", "identified", detail=detail | {"active": told["active"]})
