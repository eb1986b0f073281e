"""Signing people in where their accounts are: authorization code with PKCE, at the platform's own pages.

What was begun is kept in a signed cookie of ten minutes: state, nonce and verifier of the last few of this browser. An
answer is taken once, of the platform that was asked, in the browser that asked; nothing of it is on the server.

source  RFC 6749 (2012), 4.1 and 10.12; RFC 7636 (2015); RFC 9207 (2022); RFC 9700 (2025); OpenID Connect Core 1.0,
        3.1.3.7
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Flask, Response, current_app, redirect, request

from careloom.client.credentials import SignInCode
from careloom.dashboard import session
from careloom.dashboard.address import PREFIX, href, local
from careloom.dashboard.calls import ApiOf
from careloom.errors import AccessError, CareloomError

FLOW_SECONDS = 600
MOST_FLOWS = 4
"""Begun in one browser at a time: as many tabs."""
_SALT = "careloom-dashboard-flow"
_WHY = {"access_denied": "denied", "invalid_scope": "nothing"}
LONGEST = 2048


@dataclass(frozen=True, slots=True)
class PeoplePages:
    """Where people sign in.

    issuer     the platform's public address, which its answers name
    client_id  of this dashboard, as an application there
    scope      what it asks for: at most what a person may is given
    """

    issuer: str
    client_id: str
    scope: str

    @property
    def callback(self) -> str:
        """The address of this dashboard to which answers come; it is served beside the API."""
        return f"{self.issuer}{PREFIX}/callback"


def install(app: Flask, api_of: ApiOf, people: PeoplePages, session_seconds: int) -> None:
    """Adds the two addresses of a sign-in to `app`."""

    @app.get("/sign-in/start", endpoint="sign_in.start")
    def start() -> Response:
        flow = {
            "state": secrets.token_urlsafe(24), "nonce": secrets.token_urlsafe(24),
            "verifier": secrets.token_urlsafe(48), "next": local(request.args.get("next", "")),
        }  # fmt: skip
        digest = sha256(flow["verifier"].encode()).digest()
        asked = {
            "response_type": "code", "client_id": people.client_id, "redirect_uri": people.callback,
            "scope": people.scope, "state": flow["state"], "nonce": flow["nonce"],
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
        }  # fmt: skip
        if request.args.get("anew"):
            asked["prompt"] = "login"
        answer = _redirect(f"{people.issuer}/oauth2/authorize?{urlencode(asked)}")
        _keep(answer, [*_kept(), flow][-MOST_FLOWS:])
        return answer

    @app.get("/callback", endpoint="sign_in.callback")
    def callback() -> Response:
        told = {name: value for name, value in request.args.items() if len(value) <= LONGEST}
        flow, others = _taken(told.get("state", ""))
        if flow is None or told.get("iss", "") != people.issuer:
            return _refused("stale", href())
        if "code" not in told:
            answer = _refused(_WHY.get(told.get("error", ""), "failed"), flow["next"])
        else:
            answer = _come(api_of, people, flow, told["code"], session_seconds)
        _keep(answer, others)
        return answer


def _come(api_of: ApiOf, people: PeoplePages, flow: Mapping[str, str], code: str, seconds: int) -> Response:
    """Gets the token for a code and begins a new session with it, whatever the browser had before."""
    try:
        with api_of(SignInCode(people.client_id, code, people.callback, flow["verifier"])) as api:
            token = api.sign_in()
            _check(token.identity, people, flow["nonce"])
            me = api.me()
    except CareloomError:
        return _refused("failed", flow["next"])
    last = session.now() + timedelta(seconds=seconds)
    session.begin(session.Person(me.name, me.zones, frozenset(me.scopes), min(me.expires, last), token.text))
    return _redirect(local(flow["next"]))


def _check(identity: str, people: PeoplePages, nonce: str) -> None:
    """Returns where an id_token is of this sign-in. raises AccessError

    It came straight from the token endpoint: its signature need not be looked at (OpenID Connect Core 1.0, 3.1.3.7, 6).
    """
    claims = _claims(identity)
    is_ours = claims.get("iss") == people.issuer and claims.get("aud") == people.client_id
    expires = claims.get("exp")
    is_new = isinstance(expires, int) and session.now().timestamp() < expires
    if not (is_ours and is_new and hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())):
        raise AccessError("the answer is not of this sign-in", "Sign in again.")


def _claims(identity: str) -> dict[str, Any]:
    parts = identity.split(".")
    try:
        told = orjson.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))) if len(parts) == 3 else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _signed(flows: list[dict[str, str]]) -> str:
    """Flows as a cookie that nobody else can make, with the time at which it was made."""
    content = urlsafe_b64encode(orjson.dumps([int(session.now().timestamp()), flows])).decode()
    return f"{content}.{_signature(content)}"


def _signature(content: str) -> str:
    secret = current_app.secret_key or b""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, f"{_SALT}\0{content}".encode(), sha256).hexdigest()


def _opened(cookie: str) -> list[dict[str, str]]:
    """The flows of a cookie that is ours and not too old; none of another one."""
    content, _, signature = cookie.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(content).encode()):
        return []
    made, flows = orjson.loads(urlsafe_b64decode(content))
    return list(flows) if session.now().timestamp() < made + FLOW_SECONDS else []


def _name() -> str:
    return "__Secure-careloom-flow" if current_app.config["SESSION_COOKIE_SECURE"] else "careloom-flow"


def _kept() -> list[dict[str, str]]:
    """The sign-ins that were begun in this browser in the last ten minutes, oldest first."""
    return _opened(request.cookies.get(_name(), ""))


def _taken(state: str) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
    """(the one that was begun with this state, None where none was; the others)."""
    kept = _kept()
    same = [one for one in kept if hmac.compare_digest(one["state"].encode(), state.encode())]
    return (same[0] if same else None), [one for one in kept if one not in same]


def _keep(answer: Response, flows: list[dict[str, str]]) -> None:
    """Lax, not Strict: another provider may lead the browser back here."""
    told: dict[str, Any] = {
        "path": PREFIX, "secure": current_app.config["SESSION_COOKIE_SECURE"], "httponly": True, "samesite": "Lax",
    }  # fmt: skip
    if flows:
        answer.set_cookie(_name(), _signed(flows), max_age=FLOW_SECONDS, **told)
    else:
        answer.delete_cookie(_name(), **told)


def _refused(why: str, target: str) -> Response:
    query = urlencode({"why": why, **({"next": target} if target != href() else {})})
    return _redirect(f"{PREFIX}/sign-in?{query}")


def _redirect(target: str) -> Response:
    return redirect(target, 303)  # type: ignore[return-value]
