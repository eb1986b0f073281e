"""The public keys of other issuers: fetched from where they say (`issuer_fetch`), kept a while, never in a hurry."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from careloom.errors import StateError
from careloom.services.fetch_back import addresses_of
from careloom.services.issuer_fetch import Home, Look
from careloom.services.issuers import Issuer

KEPT_SECONDS = 3600.0
RETRIED_SECONDS = 60.0
"""Between two looks, whoever asks for keys that are not there, and after one that failed."""
_MOST_KEYS = 100


@dataclass(slots=True)
class _Known:
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    fetched: float = float("-inf")
    tried: float = float("-inf")


class IssuerKeys:
    """Keys by issuer and key id. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, look: Look = addresses_of) -> None:
        """clock  seconds that never go back; look  (host, port) -> addresses"""
        self._clock = clock
        self._where = look
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def key(self, issuer: Issuer, kid: str) -> dict[str, Any] | None:
        """The RSA key of an issuer with this id; None if it has none of it now.

        Keys that are known go on to hold while the issuer does not answer.

        raises  StateError if the issuer never answered
        """
        with self._lock:
            known, now = self._known.setdefault(issuer.issuer, _Known()), self._clock()
            is_old = now - known.fetched >= KEPT_SECONDS
            is_due = (is_old or kid not in known.keys) and now - known.tried >= RETRIED_SECONDS
            if is_due:
                known.tried = now
                if not known.keys:  # whoever comes meanwhile waits for the first keys, and not for later ones
                    self._look(known, issuer, now)
        if is_due and known.keys and known.fetched != now:
            self._look(known, issuer, now)
        if known.fetched == float("-inf"):
            raise StateError("the issuer of this token does not answer", "Try again in a minute.")
        return known.keys.get(kid)

    def _look(self, known: _Known, issuer: Issuer, now: float) -> None:
        fetched = _fetched(Home(issuer.issuer, issuer.private, self._where))
        if fetched:
            known.keys, known.fetched = fetched, now


def _fetched(home: Home) -> dict[str, dict[str, Any]] | None:
    """The keys that an issuer's discovery leads to; None if it does not answer as it should."""
    told = _document(home, f"{home.issuer.rstrip('/')}/.well-known/openid-configuration")
    if told is None or told.get("issuer") != home.issuer:
        return None
    address = told.get("jwks_uri")
    found = _document(home, address) if isinstance(address, str) else None
    keys = found.get("keys") if found else None
    if not isinstance(keys, list):
        return None
    fit = [key for key in keys[:_MOST_KEYS] if isinstance(key, dict) and key.get("kty") == "RSA"]
    return {key["kid"]: key for key in fit if isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"}


def _document(home: Home, address: str) -> dict[str, Any] | None:
    answer = home.sent("GET", address)
    return answer[1] if answer and answer[0] == 200 else None
