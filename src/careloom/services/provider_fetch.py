"""What other providers say: fetched from where their settings lead (`issuer_fetch`), and kept for a while.

source  OpenID Connect Discovery 1.0 (2014), 4
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from careloom.errors import StateError
from careloom.services.fetch_back import addresses_of
from careloom.services.issuer_fetch import Answer, Home, Look
from careloom.services.providers import Provider

KEPT_SECONDS = 3600.0
RETRIED_SECONDS = 60.0
"""Between two looks, whoever asks for keys that are not there, and after one that failed."""
_MOST_KEYS = 100


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
        told = self._home(provider).sent("POST", address, headers, body)
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

    def _home(self, provider: Provider) -> Home:
        return Home(provider.issuer, provider.private, self._look)

    def _look_at(self, known: _Known, provider: Provider, now: float) -> None:
        address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        home = self._home(provider)
        configuration = _configuration(home, home.sent("GET", address))
        told = home.sent("GET", configuration.jwks) if configuration else None
        keys = _keys(told)
        if configuration and keys:
            known.configuration, known.keys, known.fetched = configuration, keys, now


def _configuration(home: Home, answer: Answer | None) -> Configuration | None:
    """What a discovery document says; None where it is another issuer's, or leads where nothing may lead."""
    if answer is None or answer[0] != 200 or answer[1].get("issuer") != home.issuer:
        return None
    told = answer[1]
    found = [told.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if not all(isinstance(one, str) and home.holds(one) for one in found):
        return None
    end = told.get("end_session_endpoint", "")
    is_end = isinstance(end, str) and home.holds(end)
    names_itself = told.get("authorization_response_iss_parameter_supported") is True
    authorization, token, jwks = (str(one) for one in found)
    return Configuration(authorization, token, jwks, end if is_end else "", names_itself)


def _keys(answer: Answer | None) -> dict[str, dict[str, Any]]:
    listed = answer[1].get("keys") if answer and answer[0] == 200 else None
    fit = [key for key in listed[:_MOST_KEYS] if isinstance(key, dict)] if isinstance(listed, list) else []
    return {key["kid"]: key for key in fit if isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"}
