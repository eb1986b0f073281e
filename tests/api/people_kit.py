"""People and applications of an installation, and a browser in which people sign in."""

import re
from base64 import b32decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from careloom.crypto import one_time_codes
from careloom.runtime import Runtime
from careloom.services import enrolment, people
from careloom.services.apps import AppAsk, RegisteredApp, register_app
from careloom.services.clients import ClientAsk
from careloom.services.sign_in import Knock
from tests.api.kit import Clock, Installation

PASSWORD = "three lamps over the harbour"  # pragma: allowlist secret
REDIRECT = "https://growth.example.org/after"
SCOPES = "openid fhirUser offline_access launch/patient user/*.rs patient/*.rs"
VERIFIER = "o28xyrYY7-lGYfnKwRjHEZWlFIPlzVnFPYMWbH-g_BsNnQNem-IAg9fDh92X0Kt"


def challenge(verifier: str = VERIFIER) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class Person:
    """Somebody with an account, and the authenticator."""

    made: Installation
    clock: Clock
    name: str
    secret: bytes
    recovery: list[str]

    def code(self) -> str:
        """The next code, which was never used: half a minute later."""
        self.clock.move(seconds=30)
        return one_time_codes.code_at(self.secret, int(self.clock.now.timestamp()))


def person(made: Installation, clock: Clock, name: str = "mara.lind", **ask: Any) -> Person:
    asked = {"roles": ["clinician"], "zones": ["identified"], "actors": ["Practitioner/d1"]} | ask
    invited = people.invite(made.platform, made.operator, ClientAsk(name, kind="person", **asked), "Mara Lind")
    begun = enrolment.begin(made.platform, Knock(name, "local"), invited.code, PASSWORD)
    secret = b32decode(begun.secret.replace(" ", ""))
    code = one_time_codes.code_at(secret, int(clock.now.timestamp()))
    _, codes = enrolment.finish(made.platform, begun.draft, code)
    return Person(made, clock, name, secret, codes)


def app(made: Installation, name: str = "growth", **ask: Any) -> RegisteredApp:
    asked = {"redirects": [REDIRECT], "scopes": SCOPES, "title": "Growth Chart", "is_public": True} | ask
    return register_app(made.platform, made.operator, AppAsk(name, **asked))


@dataclass
class Web:
    """A browser: it keeps cookies, and sends the form of the page that it shows."""

    made: Installation
    client: FlaskClient = field(init=False)
    page: TestResponse = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.made.app.test_client()

    def get(self, address: str, **query: str) -> TestResponse:
        self.page = self.client.get(address, query_string=query)
        return self.page

    def ask(self, **more: str) -> TestResponse:
        """Comes from an application."""
        return self.get("/oauth2/authorize", **asked(**more))

    def send(self, **typed: str) -> TestResponse:
        """Fills the form of the page and sends it."""
        text = self.page.text
        to = re.search(r'action="([^"]+)"', text)
        assert to, text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
        self.page = self.client.post(to[1], data={name: unescape(value) for name, value in hidden.items()} | typed)
        return self.page

    def sign_in(self, who: Person, password: str = PASSWORD) -> TestResponse:
        self.send(name=who.name, password=password)
        assert self.page.status_code == 200, self.page.text
        return self.send(code=who.code())

    def told(self) -> dict[str, str]:
        """What the browser brings to the application."""
        assert self.page.status_code == 303, self.page.text
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.headers["Location"]).query).items()}

    def code(self, who: Person, patient: str = "", **more: str) -> str:
        """The code of a whole sign-in and a consent."""
        self.ask(**more)
        self.sign_in(who)
        self.send(decision="allow", **({"patient": patient} if patient else {}))
        return self.told()["code"]


def asked(**more: str) -> dict[str, str]:
    """A request of the application `app`, as its parameters."""
    told = {
        "response_type": "code", "client_id": "growth", "redirect_uri": REDIRECT, "scope": "openid fhirUser user/*.rs",
        "state": "0hJc1S9O4oW54XuY", "code_challenge": challenge(), "code_challenge_method": "S256",
    } | more  # fmt: skip
    return {name: value for name, value in told.items() if value}


def exchanged(made: Installation, code: str, **more: str) -> TestResponse:
    """The answer to the application that shows a code."""
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "growth",
        "code_verifier": VERIFIER,
    } | more  # fmt: skip
    return made.client.post("/oauth2/token", data={name: value for name, value in form.items() if value})


def at(clock: Clock) -> Runtime:
    return Runtime(clock=clock)
