"""The sign-in of a person in the browser, for a command at this machine: code with PKCE, brought by a loopback address.

source  RFC 8252 (2017), 7.3 and 8; RFC 7636 (2015); RFC 8414 (2018), 3.3; RFC 9207 (2022)
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlencode, urlsplit

from careloom.client.address import base_address
from careloom.client.credentials import Fields, sign_in_of
from careloom.client.decoding import document_of
from careloom.client.pace import Pace
from careloom.client.problems import error_of
from careloom.client.sign_ins import SignIns
from careloom.client.transport import Ask, Wire
from careloom.errors import AccessError, QueryError, SetupError, StateError

PATH = "/signed-in"
REDIRECT = f"http://127.0.0.1{PATH}"
"""As the application is registered; a port is added, which may be any (RFC 8252, 7.3)."""
WAIT_SECONDS = 300.0
_DONE = "You may close this page: the command goes on."
_FAILED = "That did not work: look at the command."


@dataclass(frozen=True, slots=True)
class BrowserSignIn:
    """One sign-in, from its address to its tokens."""

    wire: Wire
    client_id: str
    scope: str
    authorization: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @staticmethod
    def begin(base: str, client_id: str, scope: str) -> "BrowserSignIn":
        """A sign-in at a platform. raises SetupError if it does not answer, or calls itself otherwise"""
        address = base_address(base, has_own_transport=False)
        wire = Wire(address, transport=None, timeout=30.0, ca=None, pace=Pace())
        response = wire.send(Ask(method="GET", url=f"{address}/.well-known/oauth-authorization-server"), {})
        if response.status_code != 200:
            raise error_of(response)
        told = document_of(response)
        authorization = told.get("authorization_endpoint")
        if told.get("issuer") != address or not isinstance(authorization, str):
            raise SetupError("the platform calls itself by another address", "Use its public one ([api] public_url).")
        return BrowserSignIn(wire, client_id, scope, authorization)

    def address(self, redirect: str = REDIRECT) -> str:
        """Where the person signs in; the answer comes to `redirect`."""
        digest = sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": redirect, "scope": self.scope,
            "state": self.state, "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self.authorization}?{urlencode(asked)}"

    def is_answer(self, told: Mapping[str, str]) -> bool:
        """True for an answer to this sign-in, of this platform."""
        is_ours = hmac.compare_digest(told.get("state", "").encode(), self.state.encode())
        return is_ours and told.get("iss") == self.wire.base

    def finish(self, told: Mapping[str, str], redirect: str = REDIRECT) -> None:
        """Gets the tokens for an answer, and keeps them for this person's programs.

        raises  AccessError for an answer that is none to this sign-in, or a person who did not want it
        """
        if not self.is_answer(told):
            raise AccessError("that is no answer to this sign-in", "Run careloom login again.")
        if "code" not in told:
            kind = told.get("error", "")
            shown = kind if kind.replace("_", "").isalpha() and len(kind) < 40 else "no code"
            raise AccessError(f"the platform did not sign you in: {shown}", "Run careloom login again.")
        form = {
            "grant_type": "authorization_code", "client_id": self.client_id, "redirect_uri": redirect,
            "code": told["code"], "code_verifier": self.verifier,
        }  # fmt: skip
        ask = Ask(
            method="POST", url=f"{self.wire.base}/oauth2/token", body=Fields(form.items()), is_repeatable=False
        )  # fmt: skip
        response = self.wire.send(ask, {})
        if response.status_code != 200:
            raise error_of(response, hide=(told["code"], self.verifier))
        SignIns().keep(self.wire.base, sign_in_of(response, self.client_id, time.time()))


def read(pasted: str) -> dict[str, str]:
    """The parameters of an address that a person copied from the browser. raises QueryError for none"""
    try:
        query = urlsplit(pasted.strip()).query
    except ValueError:
        query = ""
    if not query:
        raise QueryError("that is no address with an answer", "Copy the whole address, from http to its end.")
    return {name: values[0] for name, values in parse_qs(query).items()}


class Loopback:
    """Waits on this machine for the browser to bring the answer of one sign-in."""

    def __init__(self, flow: BrowserSignIn, wait_seconds: float = WAIT_SECONDS) -> None:
        self._until = time.monotonic() + wait_seconds
        self._told: dict[str, str] = {}
        waiting = self

        class Handler(BaseHTTPRequestHandler):
            """Takes the one answer; everything else is told nothing."""

            timeout = 5

            def do_GET(self) -> None:
                """Whatever asks."""
                path, _, query = self.path.partition("?")
                told = {name: values[0] for name, values in parse_qs(query).items()} if path == PATH else {}
                if not flow.is_answer(told):
                    self.send_error(404)
                    return
                waiting._told = told
                page = (_DONE if "code" in told else _FAILED).encode()
                self.send_response(200)
                for name, value in _HEADERS.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Nothing: the address holds a code."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.redirect = f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def wait(self) -> dict[str, str]:
        """The parameters of the answer. raises StateError where none came in time"""
        while not self._told:
            left = self._until - time.monotonic()
            if left <= 0:
                raise StateError("nobody signed in in the browser in time", "Run careloom login again.")
            self._server.timeout = left
            self._server.handle_request()
        return self._told


_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}  # fmt: skip
