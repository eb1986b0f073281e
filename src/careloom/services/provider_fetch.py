"""What other providers say: fetched from where their settings lead and nowhere else, bounded, and kept for a while.

What a name leads to is looked up once, must not be this machine, its link or (unless allowed) a private network, and is
what is connected to. A provider whose issuer is an address of this very machine may lead to this machine alone.
Redirects are not followed, nothing packed is unpacked, and an answer has one limit of time and one of bytes.

source  OpenID Connect Discovery 1.0 (2014), 4; OWASP, Server Side Request Forgery Prevention Cheat Sheet
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from careloom.errors import StateError
from careloom.services.fetch_back import addresses_of
from careloom.services.issuers import safe_address
from careloom.services.monitor_alerts import may_be_called
from careloom.services.providers import Provider

KEPT_SECONDS = 3600.0
RETRIED_SECONDS = 60.0
"""Between two looks, whoever asks for keys that are not there, and after one that failed."""
_TIMEOUT_SECONDS = 5.0
_LONGEST_SECONDS = 10.0
_MOST_BYTES = 512 * 1024
_MOST_KEYS = 100
Look = Callable[[str, int], Sequence[str]]
"""(host, port) -> the addresses that it has."""
Answer = tuple[int, dict[str, Any]]
"""Status and JSON object."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where a provider does what, and its keys by their id.

    end_session  where people sign out there, empty where they cannot
    names_itself true where its answers say who gives them (RFC 9207)
    """

    authorization: str
    token: str
    jwks: str
    end_session: str
    names_itself: bool


@dataclass(slots=True)
class _Known:
    configuration: Configuration | None = None
    keys: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    fetched: float = float("-inf")
    tried: float = float("-inf")
    lock: Any = field(default_factory=Lock, repr=False)


class ProviderDocuments:
    """Configurations and keys by provider. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, look: Look = addresses_of) -> None:
        """clock  seconds that never go back; look  (host, port) -> addresses"""
        self._clock = clock
        self._look = look
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def configuration(self, provider: Provider) -> Configuration:
        """Where the provider does what. raises StateError while it does not answer as it should"""
        found = self._fresh(provider).configuration
        if found is None:
            raise StateError("the provider does not answer as it should", "Try again in a minute.")
        return found

    def key(self, provider: Provider, kid: str) -> dict[str, Any] | None:
        """The key with this id; None if the provider has none of it now. Known ones hold while it does not answer.

        raises  StateError if it never answered
        """
        self.configuration(provider)
        return self._fresh(provider, kid).keys.get(kid)

    def post(self, provider: Provider, address: str, headers: Mapping[str, str], body: str) -> Answer:
        """What an endpoint of the provider answers to a form. raises StateError if that is no JSON object"""
        told = _sent(provider, "POST", address, self._look, dict(headers), body)
        if told is None:
            raise StateError("the provider does not answer as it should", "Try again in a minute.")
        return told

    def _fresh(self, provider: Provider, kid: str = "") -> _Known:
        with self._lock:
            known = self._known.setdefault(provider.issuer, _Known())
        if not known.lock.acquire(blocking=known.configuration is None):
            return known  # somebody looks already, and what is known goes on to hold
        try:
            now = self._clock()
            is_old = now - known.fetched >= KEPT_SECONDS or (bool(kid) and kid not in known.keys)
            if is_old and now - known.tried >= RETRIED_SECONDS:
                known.tried = now
                self._look_at(known, provider, now)
        finally:
            known.lock.release()
        return known

    def _look_at(self, known: _Known, provider: Provider, now: float) -> None:
        address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        configuration = _configuration(provider, _sent(provider, "GET", address, self._look))
        told = _sent(provider, "GET", configuration.jwks, self._look) if configuration else None
        keys = _keys(told)
        if configuration and keys:
            known.configuration, known.keys, known.fetched = configuration, keys, now


def _configuration(provider: Provider, answer: Answer | None) -> Configuration | None:
    """What a discovery document says; None where it is another issuer's, or leads where nothing may lead."""
    if answer is None or answer[0] != 200 or answer[1].get("issuer") != provider.issuer:
        return None
    told = answer[1]
    found = [told.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if not all(isinstance(one, str) and _is_within(provider, one) for one in found):
        return None
    end = told.get("end_session_endpoint", "")
    is_end = isinstance(end, str) and _is_within(provider, end)
    names_itself = told.get("authorization_response_iss_parameter_supported") is True
    authorization, token, jwks = (str(one) for one in found)
    return Configuration(authorization, token, jwks, end if is_end else "", names_itself)


def _keys(answer: Answer | None) -> dict[str, dict[str, Any]]:
    listed = answer[1].get("keys") if answer and answer[0] == 200 else None
    fit = [key for key in listed[:_MOST_KEYS] if isinstance(key, dict)] if isinstance(listed, list) else []
    return {key["kid"]: key for key in fit if isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"}


def _is_here(address: str) -> bool:
    try:
        return ip_address(urlsplit(address).hostname or "").is_loopback
    except ValueError:
        return False


def _is_within(provider: Provider, address: str) -> bool:
    """True for an address that may be asked as far as its text tells: https, or this machine for one that is on it."""
    is_plain = address.isascii() and address.isprintable() and not set(address) & set("#<>\"' \\")
    return is_plain and safe_address(address) and _is_here(address) == _is_here(provider.issuer)


def _sent(
    provider: Provider, method: str, address: str, look: Look, headers: dict[str, str] | None = None, body: str = ""
) -> Answer | None:
    """Status and JSON object; None where nothing may be asked there, or no such answer came."""
    if not _is_within(provider, address):
        return None
    url = httpx.URL(address)
    port = url.port or (443 if url.scheme == "https" else 80)
    found = [ip_address(one) for one in look(url.host, port)]
    is_here = _is_here(provider.issuer)
    allowed = [one.is_loopback if is_here else may_be_called(one, private=provider.private) for one in found]
    if not found or not all(allowed):
        return None
    told = {**(headers or {}), "Host": url.netloc.decode(), "Accept": "application/json", "Accept-Encoding": "identity"}
    request = httpx.Request(
        method, url.copy_with(host=str(found[0])), headers=told, content=body.encode(),
        extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(_TIMEOUT_SECONDS).as_dict()},
    )  # fmt: skip
    try:
        with httpx.HTTPTransport(
            verify=ssl.create_default_context()
        ) as transport:  # without the client, which would log addresses and follow proxies
            response = transport.handle_request(request)
            try:
                read = orjson.loads(b"".join(_bounded(response)))
            finally:
                response.close()
    except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError, OverflowError):
        return None
    return (response.status_code, read) if isinstance(read, dict) else None


def _bounded(response: httpx.Response) -> Iterator[bytes]:
    """The body as it came. raises OverflowError for more than there may be, in bytes or in time"""
    until, left = time.monotonic() + _LONGEST_SECONDS, _MOST_BYTES
    for part in response.iter_raw():
        left -= len(part)
        if left < 0 or time.monotonic() > until:
            raise OverflowError
        yield part
