"""Requests on the wire: TLS always verified, no redirects, no cookies, nothing logged; repeated where that is harmless.

Transports of httpx are used without its client, which would log every address, and addresses name records.
"""

import ssl
import sys
import urllib.request
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from careloom.client.address import is_loopback, origin
from careloom.client.pace import Pace
from careloom.client.problems import clean
from careloom.errors import CareloomError, InputError, SetupError

JSON = "application/json"
FHIR_JSON = "application/fhir+json"
AGAIN_LATER = frozenset({429, 502, 503, 504})
"""Statuses after which a repeatable request is sent again."""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_POINTLESS = (httpx.TimeoutException, httpx.LocalProtocolError, httpx.UnsupportedProtocol)

Refused = Callable[[httpx.Response], Exception]
"""Makes the error of an answer."""


class Body(Protocol):
    """What a request carries."""

    @property
    def is_new_each_time(self) -> bool:
        """True if `chunks` begins anew whenever it is called; False for what can be read once."""
        ...

    def headers(self) -> dict[str, str]:
        """Content-Type, and Content-Length where the length is known."""
        ...

    def chunks(self) -> Iterable[bytes]:
        """The bytes, in pieces of moderate size."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request before it knows who makes it.

    headers        beside those of every request
    is_repeatable  sending it twice does no more than sending it once
    """

    method: str
    url: str
    accept: str = JSON
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or not all of it: the error to raise, and whether to ask again first."""

    error: CareloomError
    can_repeat: bool


def trace_headers() -> dict[str, str]:
    """``traceparent`` of the span that the caller is in, where the caller uses OpenTelemetry (W3C Trace Context, 2021).

    Nobody who does not use it has to have it: it is not imported here.
    """
    library: Any = sys.modules.get("opentelemetry.trace")
    if library is None:
        return {}
    place = library.get_current_span().get_span_context()
    if not place.is_valid:
        return {}
    return {"traceparent": f"00-{place.trace_id:032x}-{place.span_id:016x}-{int(place.trace_flags):02x}"}


class Manners:
    """How every wire asks: headers, what is repeated, and what is said of a connection that broke."""

    def __init__(self, base: str, timeout: float, pace: Pace) -> None:
        self.base = base
        self.pace = pace
        self._timeout_seconds = timeout

    def request(
        self, ask: Ask, headers: dict[str, str], *, content: Iterable[bytes] | AsyncIterable[bytes] | None
    ) -> httpx.Request:
        """What is sent."""
        own = {"Accept": ask.accept, "Accept-Encoding": "gzip", "User-Agent": "careloom-client"}
        return httpx.Request(
            ask.method,
            ask.url,
            headers=own | trace_headers() | dict(ask.headers) | headers | (ask.body.headers() if ask.body else {}),
            content=content,
            extensions={"timeout": httpx.Timeout(self._timeout_seconds).as_dict()},
        )

    def wait_seconds(self, ask: Ask, came: httpx.Response | Broken, attempts_made: int) -> float | None:
        """How long to wait before asking again; None where what came is the answer."""
        if isinstance(came, Broken):
            return self.pace.wait_seconds(attempts_made) if came.can_repeat else None
        is_under_way = came.status_code == 409 and "Retry-After" in came.headers
        if (came.status_code in AGAIN_LATER or is_under_way) and ask.is_repeatable:
            return self.pace.wait_seconds(attempts_made, came.headers.get("Retry-After", ""))
        return None

    def broken(self, ask: Ask, error: httpx.RequestError) -> Broken:
        """What a connection that broke comes to."""
        place, kind = origin(self.base), type(error).__name__
        if isinstance(error, _UNSENT):
            reason = clean(str(error)) or kind
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                remedy = "Give the file of its authority as ca=; a certificate that does not hold is never accepted."
                return Broken(SetupError(f"the certificate of {place} does not hold: {reason}", remedy), False)
            return Broken(SetupError(f"no connection to {place}: {reason}", "Look at the address, or wait."), True)
        if isinstance(error, httpx.TimeoutException):
            where = f"{place} gave no answer within {self._timeout_seconds:g} seconds ({kind})"
        else:
            where = f"the connection to {place} broke before the whole answer had come ({kind})"
        remedy = "Try again in a while." if ask.is_repeatable else "It may have taken effect: look before trying again."
        return Broken(SetupError(where, remedy), ask.is_repeatable and not isinstance(error, _POINTLESS))


class Wire(Manners):
    """Sends requests to one platform; may be shared by threads.

    transport  used in place of a network connection and left open; None opens connections
    ca         PEM file of the authorities to trust in place of the public ones
    """

    def __init__(
        self, base: str, *, transport: httpx.BaseTransport | None, timeout: float, ca: str | Path | None, pace: Pace
    ) -> None:
        super().__init__(base, timeout, pace)
        self._is_own = transport is None
        self._transport = transport or httpx.HTTPTransport(verify=trusted_by(ca), proxy=proxy_of(httpx.URL(base)))

    def close(self) -> None:
        """Closes the connections that this wire opened."""
        if self._is_own:
            self._transport.close()

    def send(self, ask: Ask, headers: dict[str, str]) -> httpx.Response:
        """The whole answer, whatever its status.

        raises  SetupError if none came, or not all of it
        """
        attempts_made = 0
        while True:
            came = self._attempt(ask, headers)
            attempts_made += 1
            wait_seconds = self.wait_seconds(ask, came, attempts_made)
            if wait_seconds is None:
                if isinstance(came, Broken):
                    raise came.error
                return came
            self.pace.sleep(wait_seconds)

    def lines(self, ask: Ask, headers: dict[str, str], refused: Refused) -> Iterator[str]:
        """The lines of an answer as they come, asked for once.

        raises  what `refused` makes of an answer that is none of success; SetupError if the connection breaks
        """
        try:
            with closing(self._transport.handle_request(self.request(ask, headers, content=None))) as response:
                if not response.is_success:
                    response.read()
                    raise refused(response)
                yield from response.iter_lines()
        except httpx.RequestError as error:
            raise self.broken(ask, error).error from None

    def _attempt(self, ask: Ask, headers: dict[str, str]) -> httpx.Response | Broken:
        request = self.request(ask, headers, content=ask.body.chunks() if ask.body else None)
        try:
            with closing(self._transport.handle_request(request)) as response:
                response.read()
        except httpx.RequestError as error:
            return self.broken(ask, error)
        return response


def trusted_by(ca: str | Path | None) -> ssl.SSLContext:
    """Whom a connection trusts: the authorities of a file, or the public ones. raises InputError"""
    if ca is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        raise InputError(
            f"the file of authorities cannot be used ({type(error).__name__})", "Give a file of PEM certificates."
        ) from None


def proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment names for an address; none stands between this machine and itself."""
    if url.scheme != "https" or is_loopback(url.host) or urllib.request.proxy_bypass(url.host):
        return None
    return urllib.request.getproxies().get("https")
