"""How much a client may ask for in a while: dear requests count more, and every answer says what is left.

source  draft-ietf-httpapi-ratelimit-headers-10 (2025); RFC 6585 (2012) 4; what a request costs stands in `rates.toml`
"""

import logging
import math
import os
import threading
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g
from flask import request as asked
from flask_limiter import Limit, Limiter
from flask_openapi3 import OpenAPI
from redis.exceptions import RedisError

from careloom.api.answers import problems
from careloom.api.context import EXTENSION
from careloom.api.fhir_schemas import errors
from careloom.api.problems import HTTP_REMEDIES, HTTP_WORDS, answer
from careloom.api.route_names import named_route
from careloom.errors import SetupError
from careloom.logs import log
from careloom.services.dependencies import REDIS_PASSWORD as PASSWORD

_POLICY = "client"
_EXTENSION = "careloom-rates"
_WARN_SECONDS = 60.0


@cache
def costs() -> Mapping[str, int]:
    """Route -> units; 1 for what is not here."""
    table = tomllib.loads(files("careloom.api").joinpath("rates.toml").read_text("utf-8"))
    return dict(table["cost"])


@dataclass(frozen=True, slots=True)
class Account:
    """Where a client stands after a request."""

    is_over: bool
    remaining: int
    reset_seconds: int


class Rates:
    """Counts what clients use in windows of time; in Redis for all processes together, else in each.

    rate     units and time, ``100000/minute``
    storage  ``redis://host:port/number``, or empty for the memory of this process
    raises   SetupError where one of them is none
    """

    def __init__(self, rate: str, storage: str) -> None:
        try:
            found = list(Limit(rate, key_function=str))
        except ValueError:
            found = []
        if len(found) != 1:
            raise SetupError("settings: api.client_rate is no rate", "Write it as 100000/minute, or leave it empty.")
        self._limit = found[0].limit
        self._memory = _Memory(self._limit.amount, self._limit.get_expiry())
        self._shared = _shared(storage) if storage else None
        self._warned = -_WARN_SECONDS

    @property
    def policy(self) -> str:
        """The header RateLimit-Policy."""
        return f'"{_POLICY}";q={self._limit.amount};w={self._limit.get_expiry()}'

    def take(self, client: str, units: int) -> Account:
        """Counts a request. Where Redis does not answer, this process counts alone, and says so once a minute."""
        if self._shared is not None:
            try:
                return self._taken(self._shared, client, units)
            except (RedisError, OSError) as error:
                self._warn(error)
        return self._memory.take(client, units)

    def _taken(self, strategy: Any, client: str, units: int) -> Account:
        is_within = strategy.hit(self._limit, client, cost=units)
        reset, remaining = strategy.get_window_stats(self._limit, client)
        return Account(not is_within, max(0, remaining), max(1, math.ceil(reset - time.time())))

    def _warn(self, error: Exception) -> None:
        if time.monotonic() - self._warned >= _WARN_SECONDS:
            self._warned = time.monotonic()
            log(
                __name__, "Redis does not answer: rates are counted by each process alone", level=logging.WARNING,
                error_code=type(error).__name__,
            )  # fmt: skip


class _Memory:
    """Counts in the memory of this process. The library's own starts a thread for nearly every request (limits 5)."""

    def __init__(self, amount: int, seconds: int) -> None:
        self._amount, self._seconds = amount, seconds
        self._used: dict[str, tuple[float, int]] = {}
        self._sweep = 0.0
        self._lock = threading.Lock()

    def take(self, client: str, units: int) -> Account:
        """Counts a request in the client's window, which begins with its first."""
        now = time.time()
        with self._lock:
            if now >= self._sweep:
                self._used = {name: told for name, told in self._used.items() if told[0] > now}
                self._sweep = now + self._seconds
            ends, used = self._used.get(client, (0.0, 0))
            ends, used = (ends, used + units) if ends > now else (now + self._seconds, units)
            self._used[client] = (ends, used)
        return Account(used > self._amount, max(0, self._amount - used), max(1, math.ceil(ends - now)))


def install(app: Flask) -> None:
    """Counts requests of known clients after the gate; nothing where the settings name no rate. raises SetupError"""
    api = app.extensions[EXTENSION].settings.api
    if api.client_rate:
        app.extensions[_EXTENSION] = Rates(api.client_rate, api.rate_storage)
        app.before_request(_count)
        app.after_request(_tell)


def _count() -> Response | None:
    principal = g.get("principal")
    if principal is None:
        return None
    rates: Rates = current_app.extensions[_EXTENSION]
    g.account = rates.take(principal.name, costs().get(named_route(asked), 1))
    if not g.account.is_over:
        return None
    refused = answer(429, "http.too-many-requests", HTTP_WORDS[429], HTTP_REMEDIES[429])
    refused.headers["Retry-After"] = str(g.account.reset_seconds)
    return refused


def _tell(response: Response) -> Response:
    account: Account | None = g.get("account")
    if account is not None:
        rates: Rates = current_app.extensions[_EXTENSION]
        response.headers["RateLimit-Policy"] = rates.policy
        response.headers["RateLimit"] = f'"{_POLICY}";r={account.remaining};t={account.reset_seconds}'
    return response


_HEADERS: dict[str, dict[str, Any]] = {
    "RateLimit-Policy": {
        "description": "Units that a client has, and the seconds of a window.", "schema": {"type": "string"},
        "example": f'"{_POLICY}";q=100000;w=60',
    },
    "RateLimit": {
        "description": "Units that are left to the client, and the seconds until the window ends.",
        "schema": {"type": "string"}, "example": f'"{_POLICY}";r=99950;t=30',
    },
    "Retry-After": {
        "description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}, "example": 30,
    },
}  # fmt: skip
_COUNTED = ("RateLimit-Policy", "RateLimit")


def describe(app: OpenAPI) -> None:
    """Tells of 429 and of the headers in the finished document, where a client is known before it is answered."""
    app.spec_json["components"].setdefault("headers", {}).update(_HEADERS)
    for path, methods in app.spec_json["paths"].items():
        for operation in methods.values():
            answers = operation["responses"]
            if path.startswith("/api/v1/"):
                answers.setdefault("429", problems(429)[429])
            elif path.startswith("/fhir/") and operation.get("security"):
                answers.setdefault("429", errors(429)["429"])
            if operation.get("security"):
                for status, told in answers.items():
                    _tell_of(told, _COUNTED if status != "401" else ())
            if "429" in answers:
                _tell_of(answers["429"], ("Retry-After",))


def _tell_of(answer: dict[str, Any], names: Sequence[str]) -> None:
    named = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    answer["headers"] = {**answer.get("headers", {}), **named}


def _shared(storage: str) -> Any:
    parts = urlsplit(storage)
    if parts.scheme not in ("redis", "rediss", "redis+unix"):
        raise SetupError("settings: api.rate_storage is no address of Redis", "Write it as redis://host:6379/0.")
    if parts.password:
        raise SetupError("settings: api.rate_storage holds a password", f"Set {PASSWORD} in the environment.")
    password = os.environ.get(PASSWORD)
    options: dict[str, Any] = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return _strategy(storage, options | ({"password": password} if password else {}))


def _strategy(storage: str, options: Mapping[str, Any]) -> Any:
    """How windows are counted. An application of its own keeps the limiter's hooks off ours."""
    limiter = Limiter(
        str, app=Flask("rates"), storage_uri=storage, storage_options=dict(options), strategy="fixed-window"
    )  # fmt: skip
    return limiter.limiter
