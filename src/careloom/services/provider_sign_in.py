"""A sign-in at another provider: begun here, bound to one browser, and believed once when it comes back.

The state is good once, for ten minutes, in the browser that got it, and for the provider it was made for, whose answers
have an address of their own. Who the person is here is decided by `careloom.services.provider_accounts`.

source  OpenID Connect Core 1.0 (2014), 3.1.2; RFC 7636 (2015); RFC 9207 (2022); RFC 9700 (2025), 2.1, 4.4 and 4.7
"""

import hmac
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn
from urllib.parse import urlencode

import orjson
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from careloom.crypto.envelope import seal, unseal
from careloom.crypto.pseudonyms import name_of
from careloom.errors import AccessError, IntegrityError, QueryError, StateError, Unauthenticated
from careloom.services import provider_tokens as tokens
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.assertions import Unfit
from careloom.services.clients import UNKNOWN
from careloom.services.platform import Platform
from careloom.services.provider_fetch import Configuration
from careloom.services.providers import Provider

ATTEMPT_MINUTES = 10
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 120
_LONGEST_ANSWER = 4096
_REMEDY = "Sign in again."
_CONTEXT, _HINT = b"provider-attempt", b"provider-sign-out"
_LONGEST_HINT = 4096
_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a sign-in at a provider is for.

    request     of the application from which the person comes, sealed; empty where there is none
    is_anew     an older sign-in at the provider will not do
    client      id of the person who accepts an invitation by it; empty for who only signs in
    invitation  hash of that invitation
    """

    request: str = field(default="", repr=False)
    is_anew: bool = False
    client: str = ""
    invitation: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it keeps meanwhile."""

    address: str = field(repr=False)
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody who signed in at a provider.

    claims  of the ID token, which was verified
    shown   claims that show a second factor; empty where ours has to be asked
    hint    the ID token, sealed, where a sign-out here leads to the provider's; else empty
    """

    provider: str
    claims: Mapping[str, Any] = field(repr=False)
    shown: tuple[str, ...]
    attempt: Attempt
    hint: str = field(default="", repr=False)

    @property
    def subject(self) -> str:
        """What the provider calls the person."""
        return str(self.claims["sub"])


def provider_named(platform: Platform, name: str) -> Provider:
    """The provider of the settings. raises QueryError"""
    found = platform.providers.get(name)
    if found is None:
        raise QueryError("there is no provider of this name here", "Go back to the sign-in.")
    return found


def answer_address(platform: Platform, name: str) -> str:
    """Where a provider sends its answers: to be registered there, letter by letter."""
    return f"{platform.settings.base_url}/oauth2/provider/{name}/answer"


def begin(platform: Platform, name: str, attempt: Attempt) -> Begun:
    """A sign-in at a provider. raises QueryError; StateError while the provider does not answer"""
    provider, now = provider_named(platform, name), platform.runtime.now()
    configuration = platform.provider_documents.configuration(provider)
    state, nonce, verifier, cookie = (_random(platform) for _ in range(4))
    kept = [name, _hash(cookie), nonce, verifier, int(now.timestamp()), *_as_list(attempt)]
    sealed = seal(_key(platform), orjson.dumps(kept), _CONTEXT, platform.runtime.random_bytes)
    platform.identities.keep_attempt(state, sealed, now, now + timedelta(minutes=ATTEMPT_MINUTES))
    more = {"prompt": "login", "max_age": "0"} if attempt.is_anew else {}
    address: str = prepare_grant_uri(
        configuration.authorization, client_id=provider.client_id, response_type="code",
        redirect_uri=answer_address(platform, name), scope=provider.scopes, state=state, nonce=nonce,
        code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
        **provider.parameters, **more,
    )  # fmt: skip
    return Begun(address, cookie)


def answered(platform: Platform, name: str, told: Mapping[str, str], cookie: str, *, request: str = "") -> Came:
    """Who came back from a provider, by the parameters of its answer and what the browser kept.

    raises  AccessError for an answer to no question of this browser, after which nothing is known of the sign-in;
            Unauthenticated, audited, for one that does not hold; StateError while the provider does not answer
    """
    provider, now = provider_named(platform, name), platform.runtime.now()
    if any(len(value) > _LONGEST_ANSWER for value in told.values()):
        raise AccessError("the provider's answer is longer than any that means something", _REMEDY)
    sealed = platform.identities.use_attempt(told.get("state", ""), now)
    try:
        kept = orjson.loads(unseal(_key(platform), sealed, _CONTEXT)) if sealed else None
    except IntegrityError:
        kept = None
    if kept is None or kept[0] != name or not hmac.compare_digest(kept[1].encode(), _hash(cookie).encode()):
        _refuse(platform, name, "provider-state", request)
    _, _, nonce, verifier, stamp, *rest = kept
    attempt = Attempt(*rest)
    configuration = platform.provider_documents.configuration(provider)
    begun = datetime.fromtimestamp(stamp, UTC) if attempt.is_anew else None
    try:
        code = _code(provider, configuration, told)
        identity, access = _exchanged(platform, name, configuration, code, verifier)
        key = platform.provider_documents.key(provider, tokens.key_id(identity))
        claims = tokens.verified(provider, key, identity, tokens.Expected(nonce, access, begun), now)
        if len(tokens.shows(claims, provider.claims)) != len(provider.claims):
            raise Unfit("provider-claims")
        if provider.domains and not tokens.has_domain(claims, provider.domains):
            raise Unfit("provider-domain")
    except Unfit as fault:
        _refuse(platform, name, fault.reason, request)
    shown = tuple(tokens.shows(claims, provider.second_factor))
    return Came(name, claims, shown, attempt, _hint(platform, identity) if provider.signs_out else "")


def end_address(platform: Platform, name: str, hint: str = "") -> str:
    """Where a person signs out at a provider too; empty where nobody can, or it does not answer.

    hint    as `Came.hint`: with it a provider need not ask who signs out
    source  OpenID Connect RP-Initiated Logout 1.0 (2022), 2
    """
    provider = platform.providers.get(name)
    try:
        end = platform.provider_documents.configuration(provider).end_session if provider else ""
    except StateError:
        return ""
    if provider is None or not end:
        return ""
    back = f"{platform.settings.base_url}/oauth2/sign-in"
    told = {"client_id": provider.client_id, "post_logout_redirect_uri": back}
    query = urlencode(told | _as_parameter(platform, hint))
    return f"{end}{'&' if '?' in end else '?'}{query}"


def _hint(platform: Platform, identity: str) -> str:
    """The ID token as it is kept until the person signs out; empty for one that no address has room for."""
    if len(identity) > _LONGEST_HINT:
        return ""
    return b64encode(seal(_key(platform), identity.encode(), _HINT, platform.runtime.random_bytes)).decode()


def _as_parameter(platform: Platform, hint: str) -> dict[str, str]:
    try:
        return {"id_token_hint": unseal(_key(platform), b64decode(hint), _HINT).decode()} if hint else {}
    except (IntegrityError, ValueError):
        return {}  # kept under keys of before: the provider asks


def _code(provider: Provider, configuration: Configuration, told: Mapping[str, str]) -> str:
    """The code of an answer. raises Unfit"""
    issuer = told.get("iss", "")
    if issuer != provider.issuer and (issuer or configuration.names_itself):
        raise Unfit("provider-mixed-up")
    if "error" in told:
        raise Unfit("provider-error")
    if not told.get("code"):
        raise Unfit("provider-no-code")
    return told["code"]


def _exchanged(
    platform: Platform, name: str, configuration: Configuration, code: str, verifier: str
) -> tuple[str, str]:
    """(ID token, access token) for a code. raises Unfit; StateError"""
    provider = provider_named(platform, name)
    more = {"client_id": provider.client_id} if provider.proof in ("none", "private_key_jwt") else {}
    if provider.proof == "private_key_jwt":
        assertion = _assertion(platform, provider, configuration.token)
        more |= {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion}
    body: str = prepare_token_request(
        "authorization_code", redirect_uri=answer_address(platform, name), code=code, code_verifier=verifier, **more
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if provider.proof in ("client_secret_basic", "client_secret_post"):
        proof = ClientAuth(provider.client_id, provider.secret, provider.proof)
        _, headers, body = proof.prepare("POST", configuration.token, headers, body)
    status, told = platform.provider_documents.post(provider, configuration.token, headers, body)
    identity, access = told.get("id_token"), told.get("access_token")
    if status != 200 or not isinstance(identity, str) or not isinstance(access, str):
        raise Unfit("provider-code")
    return identity, access


def _assertion(platform: Platform, provider: Provider, audience: str) -> str:
    """What proves by a key of its own who this installation is (RFC 7523, 2.2). raises StateError"""
    stamp = int(platform.runtime.now().timestamp())
    header = {"alg": provider.signs, "typ": "JWT"} | ({"kid": provider.key_id} if provider.key_id else {})
    claims = {
        "iss": provider.client_id, "sub": provider.client_id, "aud": audience, "iat": stamp, "nbf": stamp,
        "exp": stamp + _ASSERTION_SECONDS, "jti": name_of(platform.runtime.random_bytes(16)),
    }  # fmt: skip
    try:
        if "-----BEGIN CERTIFICATE-----" in provider.secret:
            found = x509.load_pem_x509_certificates(provider.secret.encode())[0].fingerprint(SHA256())
            header["x5t#S256"] = urlsafe_b64encode(found).decode().rstrip("=")
        pem = _PRIVATE_KEY.search(provider.secret)
        key = jwk.import_key(pem[0] if pem else "", "EC" if provider.signs == "ES256" else "RSA")
        return jwt.encode(header, claims, key, algorithms=[provider.signs])
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        words = f"access.providers: the key of this installation cannot sign ({type(error).__name__})"
        raise StateError(words, "Look at proof_file and signs.") from None


def _as_list(attempt: Attempt) -> list[Any]:
    return [attempt.request, attempt.is_anew, attempt.client, attempt.invitation]


def _random(platform: Platform) -> str:
    return urlsafe_b64encode(platform.runtime.random_bytes(32)).decode().rstrip("=")


def _hash(cookie: str) -> str:
    return sha256(cookie.encode()).hexdigest()


def _key(platform: Platform) -> bytes:
    return platform.keys.derive("sign-in", "providers")


def _refuse(platform: Platform, name: str, reason: str, request: str) -> NoReturn:
    who = Principal(UNKNOWN, frozenset(), frozenset(), request=request)
    detail = {"reason": reason, "provider": name}
    note(platform, who, "sign-in", "identified", action="execute", outcome="refused", detail=detail)
    if reason == "provider-state":
        raise AccessError("this answer of a provider is not for this browser, was used, or is too old", _REMEDY)
    raise Unauthenticated("the provider did not say who you are so that it holds here", _REMEDY)
