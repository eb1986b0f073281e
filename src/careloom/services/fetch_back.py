"""Reads of the FHIR server of who calls, by the token that the call brings; the token goes nowhere else, and to no log.

Only https, only hosts of the settings. What a name leads to is looked up once, must not be this machine, its link or
(unless allowed) a private network, and is what is connected to. Redirects are not followed; all reads of a call share
one limit of time and one of bytes.

source  CDS Hooks 2.0, FHIR Resource Access; OWASP, Server Side Request Forgery Prevention Cheat Sheet
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import orjson

from careloom.errors import Precondition
from careloom.services.monitor_alerts import may_be_called
from careloom.settings import Cds

PAGES_AT_MOST = 20
_CHUNK = 65_536
Json = dict[str, Any]
Look = Callable[[str, int], Sequence[str]]
"""(host, port) -> the addresses that it has."""


def addresses_of(host: str, port: int) -> list[str]:
    """What a name leads to; nothing where it leads nowhere."""
    try:
        return sorted({str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except OSError:
        return []


@dataclass(slots=True)
class FhirServer:
    """The FHIR server of a call, as long as the call lasts.

    base   ``https://ehr.example/fhir``
    token  the bearer token that the call brought
    """

    settings: Cds
    base: str
    token: str = field(repr=False)
    look: Look = addresses_of
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    _left_bytes: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)

    def read(self, query: str) -> Iterator[Json]:
        """The resources that a relative query finds: one of a read, or none where it is not there; a search's, by page.

        raises  Precondition that says why it cannot be fetched: not allowed, no answer, refused, too slow, too large
        """
        address, pages = f"{self.base.rstrip('/')}/{query}", 0
        while address:
            pages += 1
            if pages > PAGES_AT_MOST:
                raise _cannot("it has too many pages")
            told = self._get(address)
            if told is None:
                return
            if told.get("resourceType") != "Bundle":
                yield told
                return
            entries = told.get("entry")
            for entry in entries if isinstance(entries, list) else ():
                resource = entry.get("resource") if isinstance(entry, dict) else None
                if isinstance(resource, dict):
                    yield resource
            address = _next(told)
            if address and not address.startswith(f"{self.base.rstrip('/')}/"):
                raise _cannot("its next page lies elsewhere")

    def _get(self, address: str) -> Json | None:
        host, port, path = self._place(address)
        if not self._until:
            self._until, self._left_bytes = monotonic() + self.settings.fhir_seconds, self.settings.fhir_bytes
        status, body = self._answer(host, port, path)
        if status in (404, 410):
            return None
        if status != 200:
            raise _cannot(f"it answered {status}")
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise _cannot("it answered no JSON") from None
        if not isinstance(told, dict):
            raise _cannot("it answered no resource")
        return told

    def _place(self, address: str) -> tuple[str, int, str]:
        try:
            told = urlsplit(address)
            host, port = (told.hostname or "").lower(), told.port or 443
        except ValueError:
            raise _cannot("it is no https address") from None
        if told.scheme != "https" or not host or told.username is not None or told.fragment or "?" in self.base:
            raise _cannot("it is no https address")
        if host not in {one.lower() for one in self.settings.fhir_hosts}:
            raise _cannot("its host is not allowed here (cds.fhir_hosts)")
        return host, port, told.path + (f"?{told.query}" if told.query else "")

    def _answer(self, host: str, port: int, path: str) -> tuple[int, bytes]:
        found = [ip_address(one) for one in self.look(host, port)]
        if not found or not all(may_be_called(one, private=self.settings.fhir_private) for one in found):
            raise _cannot("its host lies where none may lie (cds.fhir_private)")
        context = self.tls or ssl.create_default_context()
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/fhir+json", "User-Agent": "careloom"}
        try:
            with (
                socket.create_connection((str(found[0]), port), self._seconds()) as plain,
                context.wrap_socket(plain, server_hostname=host) as secured,
            ):
                connection = http.client.HTTPSConnection(host, port, context=context)
                connection.sock = secured
                connection.request("GET", path, headers=headers)
                with connection.getresponse() as answer:
                    body = self._body(secured, answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _cannot(f"it does not answer ({type(error).__name__})") from None
        return answer.status, body

    def _body(self, secured: ssl.SSLSocket, answer: http.client.HTTPResponse) -> bytes:
        parts: list[bytes] = []
        while True:
            secured.settimeout(self._seconds())
            part = answer.read1(_CHUNK)
            if not part:
                return b"".join(parts)
            self._left_bytes -= len(part)
            if self._left_bytes < 0:
                raise _cannot("it brings too many bytes (cds.fhir_bytes)")
            parts.append(part)

    def _seconds(self) -> float:
        left = self._until - monotonic()
        if left <= 0:
            raise _cannot("it is too slow (cds.fhir_seconds)")
        return left


def _next(bundle: Json) -> str:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return ""


def _cannot(why: str) -> Precondition:
    return Precondition(
        f"cds: what the fhirServer has cannot be fetched: {why}", "Send it as prefetch, or the patient's record first."
    )
