"""Access tokens: made for a client that proved who it is, and read back into the principal that it stands for.

A token tells who it is for and what it allows at most. What that client may do is read from the registry at every use,
so that disabling it, or taking its secret away, works at once.
"""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_args

from careloom.crypto.access_tokens import kid_of
from careloom.crypto.pseudonyms import name_of
from careloom.errors import AccessError, QueryError, Unauthenticated
from careloom.logs import log
from careloom.services import assertions
from careloom.services.access import Principal, Scope, Zone, default_purpose
from careloom.services.admission import note
from careloom.services.apps import split
from careloom.services.assertions import LEEWAY, Unfit
from careloom.services.clients import UNKNOWN
from careloom.services.first_party import end_browser
from careloom.services.platform import Platform
from careloom.services.purposes import SYSTEM, is_kind_of, known
from careloom.services.scopes import REMEDY, narrowed, parse, permitted, space_for, spaces_of, text_of, words_of
from careloom.services.signing_keys import access_signer, signer_of
from careloom.store.clients import Client
from careloom.store.grants import Grant

_REMEDY = "Get a new token at /oauth2/token."
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - an address
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
_TEXTS = ("iss", "aud", "client_id", "scope", "jti")
_NUMBERS = ("iat", "nbf", "exp", "generation")

_TOLD = {
    "token-expired": "the token has expired",
    "token-not-yet": "the token does not hold yet",
    "token-revoked": "the token was revoked",
    "token-outdated": "the client has signed in anew since, or was stopped",
    "client-stopped": "the client is not let in any more",
    "assertion-issuer": "the assertion's iss and sub are not the client",
    "assertion-audience": "the assertion is not for this token endpoint alone",
    "assertion-expired": "the assertion has expired or has no exp",
    "assertion-too-long": "the assertion expires more than five minutes ahead",
    "assertion-not-yet": "the assertion does not hold yet",
    "assertion-jti": "the assertion has no fitting jti",
    "assertion-replayed": "the assertion was used before",
}
"""Reasons that may be told, for only who holds the key or the token hears them; all others sound the same."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token: what it allows as text, for how many seconds, and the patient to whom it is bound (stored id)."""

    token: str = field(repr=False)
    scope: str
    expires_in: int
    jti: str
    patient: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A token that holds now, and the client that it stands for.

    app, grant  the application that a person let do something, and what; None for who came by themselves
    """

    client: Client
    scopes: frozenset[Scope]
    expires: datetime
    jti: str
    purpose: str = ""
    app: Client | None = None
    grant: Grant | None = None

    def principal(self, request: str = "") -> Principal:
        """Who asks; `request` is the id of the request."""
        return principal_for(self.client, self.scopes, request, self.purpose)


def principal_for(client: Client, scopes: frozenset[Scope], request: str = "", purpose: str = "") -> Principal:
    """The principal that a registered client is, narrowed to some scopes, and what its token says that it is for."""
    zones: frozenset[Zone] = frozenset(zone for zone in get_args(Zone) if zone in client.zones.split())
    roles = frozenset(client.roles.split())
    allowed = frozenset(client.purposes.split()) or None
    if purpose:
        allowed = frozenset({purpose} if allowed is None or is_kind_of(purpose, allowed) else ())
    return Principal(
        client.name,
        roles,
        zones,
        scopes,
        purpose=purpose or default_purpose(roles, client.patient),
        request=request,
        patient=client.patient,
        actors=frozenset(client.actors.split()),
        purposes=allowed,
    )


def authenticate_secret(platform: Platform, client_id: str, secret: str, *, request: str = "") -> Client:
    """The client that this secret proves. It takes as long for a client that is not there.

    raises  Unauthenticated, after the refusal is in the audit chain; StateError if too many sign in at once
    """
    client = platform.clients.find(client_id) if _CLIENT_ID.fullmatch(client_id) else None
    is_proven = platform.secret_hasher.is_secret(client.secret_hash if client else "", secret)
    if client is None or not is_proven:
        raise _refused(platform, client, "authenticate", "secret", request)
    if not client.is_active(platform.runtime.now()):
        raise _refused(platform, client, "authenticate", "client-stopped", request)
    return client


def authenticate_assertion(platform: Platform, assertion: str, *, client_id: str = "", request: str = "") -> Client:
    """The client that signed this assertion with its own key, for this token endpoint, for the first time.

    client_id  what the request calls the client, if it does
    raises     Unauthenticated, after the refusal is in the audit chain
    """
    client = None
    try:
        claimed = assertions.read(assertion)
        if not _CLIENT_ID.fullmatch(claimed.client_id) or client_id not in ("", claimed.client_id):
            raise Unfit("client-id")
        client = platform.clients.find(claimed.client_id)
        if client is None:
            raise Unfit("client-unknown")
        now = platform.runtime.now()
        proven = assertions.proven(claimed, client.jwks, platform.settings.base_url + TOKEN_PATH, now)
        if not client.is_active(now):
            raise Unfit("client-stopped")
        if not platform.clients.is_first_use(client.id, proven.jti, proven.expires):
            raise Unfit("assertion-replayed")
    except Unfit as fault:
        raise _refused(platform, client, "authenticate", fault.reason, request) from None
    return client


def issue(platform: Platform, client: Client, scope_text: str = "", *, purpose: str = "", request: str = "") -> Issued:
    """A token for a client that has just proved who it is: what it asked for, as far as that was granted.

    purpose  purpose of use that the token is for; empty to leave that to each request
    raises  QueryError if a scope means nothing here, or nothing of what it asked for was granted; audited
    """
    granted = _granted(client)
    who = principal_for(client, granted, request)
    try:
        asked, space = parse(scope_text), space_for(scope_text, is_bound=bool(client.patient))
        if purpose and purpose not in known():
            raise QueryError("the purpose of use is none", "Name a code of HL7 v3 PurposeOfUse, such as TREAT.")
        allowed = narrowed(asked, granted) if asked else granted
        if not allowed:
            raise QueryError("nothing of the scopes asked for was granted to this client", REMEDY)
    except QueryError:
        detail = {"client": client.name, "reason": "scope"}
        note(platform, who, "issue-token", "identified", action="execute", outcome="refused", detail=detail)
        raise
    now = platform.runtime.now()
    scope, seconds = text_of(allowed, space), _seconds(platform, client, now)
    more: dict[str, Any] = {"sub": client.id, **(purpose_claim(purpose) if purpose else {})}
    token, jti = signed(platform, client, scope, seconds, more)
    detail = {"client": client.name, "token": jti, "scope": scope}
    note(platform, who, "issue-token", "identified", action="execute", detail=detail)
    return Issued(token, scope, seconds, jti, client.patient)


def purpose_claim(purpose: str) -> dict[str, Any]:
    """The claim by which a token is for one purpose of use.

    source  IHE IUA, Get Access Token [ITI-71], JWT access token, extension ihe_iua
    """
    return {"extensions": {"ihe_iua": {"purpose_of_use": [{"system": SYSTEM, "code": purpose}]}}}


def signed(platform: Platform, client: Client, scope: str, seconds: int, more: Mapping[str, Any]) -> tuple[str, str]:
    """(an access token for this client, its id); `more` are claims beside those that every token has."""
    stamp, jti = int(platform.runtime.now().timestamp()), name_of(platform.runtime.random_bytes(16))
    claims: dict[str, Any] = {
        "iss": platform.settings.base_url,
        "aud": platform.settings.base_url,
        "client_id": client.id,
        "scope": scope,
        "iat": stamp,
        "nbf": stamp,
        "exp": stamp + seconds,
        "jti": jti,
        "generation": client.generation,
    }
    return access_signer(platform).sign({**claims, **more}), jti


def _granted(client: Client) -> frozenset[Scope]:
    return narrowed(parse(client.scopes), permitted(client.roles.split(), client.zones.split()))


def _seconds(platform: Platform, client: Client, now: datetime) -> int:
    api = platform.settings.api
    longest = api.session_seconds if client.kind == "person" else api.token_seconds
    return longest if client.expires is None else min(longest, math.ceil((client.expires - now).total_seconds()))


def principal_of(platform: Platform, token: str, *, request: str = "") -> Principal:
    """Who sends this token; see `session_of`. raises Unauthenticated."""
    return session_of(platform, token, request=request).principal(request)


def session_of(platform: Platform, token: str, *, request: str = "") -> Session:
    """The token, if it holds now: ours, for us, in its time, not revoked, of a client that is let in.

    raises  Unauthenticated. It is audited when the token was ours, for only then is it known who asks; of forged ones
            the log has a line, so that nobody without a token can make the audit chain grow
    """
    claims = _read(platform, token, request)
    found = platform.clients.find_with_token(claims["client_id"], claims["jti"], kid_of(token))
    client, is_revoked, is_key_held = found or (None, False, False)
    try:
        if client is None or claims["iss"] != platform.settings.base_url or claims["aud"] != claims["iss"]:
            raise Unfit("token-foreign")
        now, expires = platform.runtime.now(), _time(claims["exp"])
        if expires + LEEWAY <= now:
            raise Unfit("token-expired")
        if _time(claims["nbf"]) > now + LEEWAY:
            raise Unfit("token-not-yet")
        if is_revoked or not is_key_held:
            raise Unfit("token-revoked")
        if not client.is_active(now):
            raise Unfit("client-stopped")
        if claims["generation"] != client.generation:
            raise Unfit("token-outdated")
        if "grant" in claims:
            return _for_person(platform, client, claims, expires)
        return Session(client, parse(claims["scope"]), expires, claims["jti"], _purpose_of(claims))
    except Unfit as fault:
        raise _refused(platform, client, "use-token", fault.reason, request) from None


def _for_person(platform: Platform, app: Client, claims: Mapping[str, Any], expires: datetime) -> Session:
    """The session of a person in an application, narrowed to the patient of its grant. raises Unfit"""
    person, grant = platform.clients.find(str(claims.get("sub"))), platform.grants.grant(str(claims["grant"]))
    now = platform.runtime.now()
    if person is None or grant is None or grant.revoked is not None:
        raise Unfit("token-revoked")
    if not person.is_active(now):
        raise Unfit("client-stopped")
    if grant.generation != person.generation:
        raise Unfit("token-outdated")
    is_narrow = "patient" in spaces_of(grant.scopes)
    narrow = replace(person, patient=grant.patient) if is_narrow else person
    scopes = parse(" ".join(split(claims["scope"])[1]))
    return Session(narrow, scopes, expires, claims["jti"], _purpose_of(claims), app, grant)


def describe(platform: Platform, session: Session, who: Principal) -> dict[str, Any]:
    """Who the holder of a token is and what it allows: name, kind, roles, zones, scopes, purpose, expires. Audited.

    who  the principal of the session as this request has it

    A token that holds is all that it takes: it is told nothing that it does not carry or stand for.
    """
    note(platform, who, "me", "identified")
    return {
        "name": who.name,
        "kind": session.client.kind,
        "roles": sorted(who.roles),
        "zones": sorted(who.zones),
        "scopes": words_of(session.scopes, "patient" if who.patient else "user" if session.app else "system"),
        "purpose": who.purpose,
        "expires": session.expires.isoformat(),
    }


def revoke(platform: Platform, client: Client, token: str, *, request: str = "") -> None:
    """Makes a token of this client worthless; nothing happens if it is no token, or not in its time.

    raises  AccessError if it is another client's; audited
    """
    who = principal_for(client, frozenset(), request)
    try:
        claims = _read(platform, token, request)
    except Unauthenticated:
        note(platform, who, "revoke-token", "identified", action="delete", outcome="failed")
        return
    detail = {"client": client.name, "token": claims["jti"]}
    if claims["client_id"] != client.id:
        note(platform, who, "revoke-token", "identified", action="delete", outcome="refused", detail=detail)
        raise AccessError("the token is another client's", "Each client revokes its own tokens.")
    note(platform, who, "revoke-token", "identified", action="delete", detail=detail)
    platform.clients.revoke(claims["jti"], _time(claims["exp"]) + LEEWAY)
    end_browser(platform, claims, request=request)


def _read(platform: Platform, token: str, request: str) -> Mapping[str, Any]:
    """The claims that we signed. raises Unauthenticated, and leaves a line in the log."""
    try:
        claims = signer_of(platform, token).read(token)
        if not all(isinstance(claims.get(name), str) for name in _TEXTS) or not all(
            type(claims.get(name)) is int for name in _NUMBERS
        ):
            raise Unauthenticated("the token is not one of this installation", _REMEDY)
    except Unauthenticated:
        log(__name__, "a token that is not ours was refused", level=logging.WARNING, request_id=request)
        raise
    return claims


def _refused(platform: Platform, client: Client | None, operation: str, reason: str, request: str) -> Unauthenticated:
    who = Principal(client.name if client else UNKNOWN, frozenset(), frozenset(), request=request)
    note(platform, who, operation, "identified", action="execute", outcome="refused", detail={"reason": reason})
    if operation == "use-token":
        return Unauthenticated(_TOLD.get(reason, "the token is not for this installation"), _REMEDY)
    return Unauthenticated(
        _TOLD.get(reason, "the client is not known, or did not prove who it is"),
        "Check client_id and secret, or the assertion and the registered key.",
    )


def _purpose_of(claims: Mapping[str, Any]) -> str:
    """The purpose of use that we signed into a token, empty where there is none."""
    try:
        return str(claims["extensions"]["ihe_iua"]["purpose_of_use"][0]["code"])
    except (KeyError, IndexError, TypeError):
        return ""


def _time(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
