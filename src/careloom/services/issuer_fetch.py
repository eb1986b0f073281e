"""What another issuer's host says: asked where its documents may lead and nowhere else, and bounded.

What a name leads to is looked up once, must not be this machine, its link or (unless allowed) a private network, and is
what is connected to. An issuer that is an address of this very machine may lead to this machine alone. Redirects are
not followed, nothing packed is unpacked, and an answer has one limit of time and one of bytes.

source  OWASP, Server Side Request Forgery Prevention Cheat Sheet
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from careloom.services.fetch_back import addresses_of
from careloom.services.issuers import safe_address
from careloom.services.monitor_alerts import may_be_called

_TIMEOUT_SECONDS = 5.0
_LONGEST_SECONDS = 10.0
_MOST_BYTES = 512 * 1024
Look = Callable[[str, int], Sequence[str]]
"""(host, port) -> the addresses that it has."""
Answer = tuple[int, dict[str, Any]]
"""Status and JSON object."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where an issuer may be asked.

    issuer   its address
    private  true where its hosts may lie in a private network
    """

    issuer: str
    private: bool
    look: Look = addresses_of

    def holds(self, address: str) -> bool:
        """True for an address that may be asked as far as its text tells: https, or this machine for one on it."""
        is_plain = address.isascii() and address.isprintable() and not set(address) & set("#<>\"' \\")
        return is_plain and safe_address(address) and _is_here(address) == _is_here(self.issuer)

    def sent(
        self, method: str, address: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> Answer | None:
        """Status and JSON object; None where nothing may be asked there, or no such answer came."""
        if not self.holds(address):
            return None
        url = httpx.URL(address)
        port = url.port or (443 if url.scheme == "https" else 80)
        found = [ip_address(one) for one in self.look(url.host, port)]
        is_here = _is_here(self.issuer)
        allowed = [one.is_loopback if is_here else may_be_called(one, private=self.private) for one in found]
        if not found or not all(allowed):
            return None
        own = {"Host": url.netloc.decode(), "Accept": "application/json", "Accept-Encoding": "identity"}
        request = httpx.Request(
            method, url.copy_with(host=str(found[0])), headers={**(headers or {}), **own}, content=body.encode(),
            extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(_TIMEOUT_SECONDS).as_dict()},
        )  # fmt: skip
        return _answered(request)


def _is_here(address: str) -> bool:
    try:
        return ip_address(urlsplit(address).hostname or "").is_loopback
    except ValueError:
        return False


def _answered(request: httpx.Request) -> Answer | None:
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
