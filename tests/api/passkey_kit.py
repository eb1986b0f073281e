"""An authenticator in software: makes passkeys and answers by them as a device does, with real P-256 signatures.

And a browser at a public address, in which people add passkeys and sign in by them.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from secrets import token_bytes
from typing import Any

import cbor2
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from werkzeug.test import TestResponse

from tests.api.kit import Installation
from tests.api.people_kit import PASSWORD, Person, Web

ORIGIN, HOST = "https://careloom.example.org", "careloom.example.org"
PRESENT, VERIFIED, SYNCABLE, SYNCED, ATTESTED = 1, 4, 8, 16, 64
"""Flags of authenticator data (WebAuthn Level 3, 6.1)."""


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """One passkey. What is set here is what it tells, whether true or not.

    count  how often it signed; kept at 0 where `counts` is False
    """

    origin: str
    host: str
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential: bytes = field(default_factory=lambda: token_bytes(32))
    handle: bytes = b""
    client: dict[str, Any] = field(default_factory=dict)

    def cose(self) -> bytes:
        """The public key as COSE: EC2, ES256, P-256."""
        point = self.key.public_key().public_numbers()
        told = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        return cbor2.dumps(told)

    def make(self, asked: dict[str, Any], *, fmt: str = "none", statement: dict[str, Any] | None = None) -> str:
        """The answer to ``navigator.credentials.create``, as the page sends it."""
        self.handle = decoded(asked["user"]["id"])
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + self.cose()
        raw = cbor2.dumps({"fmt": fmt, "attStmt": statement or {}, "authData": self._data(ATTESTED) + attested})
        client = self._client("webauthn.create", asked)
        return self._answer({"clientDataJSON": encoded(client), "attestationObject": encoded(raw)})

    def use(self, asked: dict[str, Any]) -> str:
        """The answer to ``navigator.credentials.get``."""
        self.count += self.counts
        data, client = self._data(), self._client("webauthn.get", asked)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        told = {"authenticatorData": data, "clientDataJSON": client, "signature": signature, "userHandle": self.handle}
        return self._answer({name: encoded(raw) for name, raw in told.items()})

    def _data(self, more: int = 0) -> bytes:
        flags = bytes([self.flags | more])
        return sha256(self.host.encode()).digest() + flags + (self.count * self.counts).to_bytes(4, "big")

    def _client(self, kind: str, asked: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": asked["challenge"], "origin": self.origin, "crossOrigin": False}
        return orjson.dumps(told | self.client)

    def _answer(self, response: dict[str, Any]) -> str:
        known = encoded(self.credential)
        return orjson.dumps({"id": known, "rawId": known, "type": "public-key", "response": response}).decode()


def asked_by(page: str) -> dict[str, Any]:
    """What a page asks the browser for."""
    found = re.search(r'data-asked="([^"]+)"', page)
    assert found, page
    told: dict[str, Any] = orjson.loads(unescape(found[1]))
    return told


class Browser(Web):
    """A browser at the public address, over TLS."""

    def __init__(self, made: Installation) -> None:
        super().__init__(made)
        opened = self.client.open
        self.client.open = lambda *args, **more: opened(*args, **({"base_url": ORIGIN} | more))  # type: ignore[method-assign]

    def post(self, address: str, **typed: str) -> TestResponse:
        """Sends a form of the page to an address of its own, with what the page's first form carries."""
        self.page = self.client.post(address, data=self.hidden() | typed)
        return self.page

    def hidden(self) -> dict[str, str]:
        found = dict(re.findall(r'type="hidden" name="(form|request)" value="([^"]*)"', self.page.text))
        return {name: unescape(value) for name, value in found.items()}


def device(**more: Any) -> Device:
    return Device(ORIGIN, HOST, **more)


def added(web: Browser, who: Person, one: Device, name: str = "Phone") -> TestResponse:
    """Signs in by the authenticator, and adds a passkey."""
    if "Sign out" not in web.get("/oauth2/sign-in").text:
        web.sign_in(who)
    asked = asked_by(web.get("/oauth2/passkeys").text)
    return web.post("/oauth2/passkeys", name=name, answer=one.make(asked))


def halfway(web: Browser, who: Person) -> dict[str, Any]:
    """Types name and password; what the page then asks the browser for."""
    if "Sign out" in web.get("/oauth2/sign-in").text:
        web.post("/oauth2/sign-out")
        web.get("/oauth2/sign-in")
    web.send(name=who.name, password=PASSWORD)
    return asked_by(web.page.text)


def last(made: Installation) -> tuple[str, str, str]:
    event = made.events()[-1]
    return event["operation"], event["outcome"], event["detail"].get("reason", "")


LIES: list[tuple[str, Callable[[Device], None]]] = [
    ("another origin", lambda one: setattr(one, "origin", "https://careloom.example.org.evil.example")),
    ("another port", lambda one: setattr(one, "origin", ORIGIN + ":8443")),
    ("plain http", lambda one: setattr(one, "origin", "http://careloom.example.org")),
    ("another host", lambda one: setattr(one, "host", "evil.example")),
    ("nobody there", lambda one: setattr(one, "flags", VERIFIED)),
    ("nobody verified", lambda one: setattr(one, "flags", PRESENT)),
    ("a frame of another page", lambda one: one.client.update(crossOrigin=True)),
    ("a frame below another page", lambda one: one.client.update(topOrigin="https://evil.example")),
    ("another challenge", lambda one: one.client.update(challenge=encoded(b"x" * 32))),
    ("a challenge that is none", lambda one: one.client.update(challenge="not base64!")),
    ("the other ceremony", lambda one: one.client.update(type="webauthn.other")),
    ("synced, but not syncable", lambda one: setattr(one, "flags", PRESENT | VERIFIED | SYNCED)),
]
