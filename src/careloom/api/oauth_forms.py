"""What the pages of sign-in keep in the browser: cookies, proof that a form is ours, a request carried along."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import orjson
from flask import Response, g, request

from careloom.api import oauth_pages as pages
from careloom.api.context import base_url, platform, request_id
from careloom.crypto.envelope import seal, unseal
from careloom.errors import AccessError, IntegrityError
from careloom.services import browsers
from careloom.services.sign_in import Knock
from careloom.store.clients import Client
from careloom.store.grants import Browser

SESSION, FORM, DEVICE = "careloom-session", "careloom-form", "careloom-device"
PROVIDER = "careloom-provider"
"""What ties a sign-in at another provider to the browser in which it began."""
_KNOWN_FOR = timedelta(days=180)
_REQUEST_FOR = timedelta(hours=1)
_CARRIED = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "aud", "code_challenge",
    "code_challenge_method", "prompt", "max_age", "request", "request_uri",
)  # fmt: skip
_LONGEST_REQUEST = 8192
PAGE = "page"
"""What is carried along in place of a request: see `carry_page`. No application can send it."""


def cookie(name: str) -> str:
    """What the browser keeps under a name, empty if it keeps nothing."""
    return request.cookies.get(_named(name), "")


def keep(response: Response, name: str, value: str) -> None:
    """Has the browser keep a value, for as long as it is open; that it is a known one, for half a year."""
    lasts = _KNOWN_FOR if name == DEVICE else None
    response.set_cookie(
        _named(name), value, max_age=lasts, path="/", secure=_is_secure(), httponly=True, samesite="Lax"
    )


def drop(response: Response, name: str) -> None:
    """Has the browser keep it no longer."""
    response.delete_cookie(_named(name), path="/", secure=_is_secure(), httponly=True, samesite="Lax")


def _named(name: str) -> str:
    """With the prefix that binds a cookie to this host and TLS, where there is TLS."""
    return f"__Host-{name}" if _is_secure() else name


def _is_secure() -> bool:
    return base_url().startswith("https:")


def hidden(carried: str = "", session: str | None = None) -> pages.Hidden:
    """What a form carries along; `session` is the cookie of a session that begins with this answer."""
    return pages.Hidden(_proof(_form_nonce(), cookie(SESSION) if session is None else session), carried)


def check_form() -> None:
    """Returns when the form at hand was given to the browser that sends it. raises AccessError"""
    sent, nonce = request.form.get("form", ""), cookie(FORM)
    if not nonce or not hmac.compare_digest(sent.encode(), _proof(nonce, cookie(SESSION)).encode()):
        raise AccessError("this form is too old, or another page sent it", "Begin again, with cookies allowed.")


def shown(
    page: str, status: int = 200, *, target: str = "", session: str | None = None, runs: bool = False
) -> Response:
    """A page as the answer.

    target   the address to which its form may lead on
    session  a new session's cookie
    runs     True for a page that asks for a passkey, by our one script
    """
    response = Response(page, status, content_type="text/html; charset=utf-8")
    script = base_url() + pages.SCRIPT if runs else ""
    response.headers["Content-Security-Policy"] = pages.policy(_origin(target) if target else "", script)
    if not hmac.compare_digest(cookie(FORM).encode(), _form_nonce().encode()):
        keep(response, FORM, _form_nonce())
    if session:
        keep(response, SESSION, session)
    return response


def sent_to(address: str, *, session: str | None = None) -> Response:
    """Leads the browser on by a new request."""
    response = Response(status=303, headers={"Location": address})
    del response.headers["Content-Type"]
    if session:
        keep(response, SESSION, session)
    return response


def carry(sent: Mapping[str, str]) -> str:
    """A request of an application, sealed, so that forms carry it along and nobody changes it."""
    return _carried({name: sent[name] for name in _CARRIED if sent.get(name)})


def carry_page(address: str) -> str:
    """In place of a request: the page of ours to which a new sign-in leads, whatever sign-in there was before."""
    return _carried({PAGE: address, "prompt": "login"})


def _carried(held: Mapping[str, str]) -> str:
    told = orjson.dumps([int(platform().runtime.now().timestamp()), held])
    if len(told) > _LONGEST_REQUEST:
        raise AccessError("the application's request is longer than any that means something", "Ask whoever runs it.")
    return urlsafe_b64encode(seal(_key(), told, b"request", platform().runtime.random_bytes)).decode()


def carried() -> tuple[Mapping[str, str], datetime] | None:
    """(the request that the form at hand carries, when it came); None where it carries none. raises AccessError"""
    return opened(request.form.get("request", ""))


def opened(text: str) -> tuple[Mapping[str, str], datetime] | None:
    """The same of what `carry` sealed. raises AccessError"""
    if not text:
        return None
    try:
        stamp, held = orjson.loads(unseal(_key(), urlsafe_b64decode(text), b"request"))
    except (IntegrityError, ValueError):
        raise AccessError("the form carries a request that is none of ours", "Go back to the application.") from None
    begun = datetime.fromtimestamp(stamp, UTC)
    if platform().runtime.now() >= begun + _REQUEST_FOR:
        raise AccessError("the application's request is too old", "Go back to the application.")
    return held, begun


def person(*, is_whole: bool = True) -> tuple[Client, Browser] | None:
    """Who is signed in in this browser."""
    return browsers.signed_in(platform(), cookie(SESSION), is_whole=is_whole)


def asks(name: str = "", *, title: str = "", problem: str = "") -> pages.Asks:
    """What a sign-in page shows, with the providers of the settings."""
    providers = {one: provider.title for one, provider in platform().providers.items()}
    return pages.Asks(name, title, problem, providers)


def knock(name: str, address: str) -> Knock:
    """Who asks to come in by the form at hand."""
    return Knock(name, address, cookie(DEVICE), request_id())


def _form_nonce() -> str:
    if "form_nonce" not in g:
        made = urlsafe_b64encode(platform().runtime.random_bytes(16)).decode().rstrip("=")
        g.form_nonce = cookie(FORM) or made
    found: str = g.form_nonce
    return found


def _proof(nonce: str, session: str) -> str:
    return hmac.new(_key(), f"form\0{nonce}\0{session}".encode(), sha256).hexdigest()


def _key() -> bytes:
    return platform().keys.derive("sign-in", "forms")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("https", "http") else f"{parts.scheme}:"
