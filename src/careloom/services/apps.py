"""Applications in which people sign in: registered by an administrator, with the addresses that codes may go to."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from careloom.crypto.client_secrets import new_secret
from careloom.errors import QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.client_keys import checked_keys
from careloom.services.clients import UNKNOWN
from careloom.services.platform import Platform
from careloom.services.scopes import parse, spaces_of
from careloom.store.clients import Change, Client
from careloom.store.grants import App, put_app

CONTEXT: dict[str, str] = {
    "openid": "know who you are",
    "fhirUser": "know which record of staff or patients is yours",
    "offline_access": "stay signed in for you for weeks",
    "launch/patient": "be told which patient you choose",
}
"""What an application asks for beside resources -> what people are told that it means."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+", re.ASCII)
_MOST_REDIRECTS, _LONGEST = 20, 2000


@dataclass(frozen=True, slots=True)
class AppAsk:
    """An application to register.

    name       its ``client_id``, and what the audit chain calls it
    redirects  whole addresses: https, http on this machine alone, or a scheme of its own (``org.example.app:/cb``)
    scopes     the most that it may be granted; of resources, of the platform, and of `CONTEXT`
    title      as people are asked about it
    is_public  it can keep no secret: an application in a browser or on a phone
    jwks       public keys with which it signs who it is, instead of a secret
    """

    name: str
    redirects: Collection[str]
    scopes: str
    title: str = ""
    is_public: bool = False
    jwks: Mapping[str, Any] | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """An application and its secret, which nobody can show again; empty where it has none."""

    client: Client
    app: App
    secret: str = field(repr=False)


def register_app(platform: Platform, who: Principal, ask: AppAsk) -> RegisteredApp:
    """Lets people sign in in an application from now on.

    raises  AccessError; QueryError if a name, address, scope or key cannot be; Conflict if the name is taken
    """
    admit(platform, who, "administer", "identified", operation="register-app")
    _check(ask)
    context, resources = split(ask.scopes)
    is_secret = not ask.is_public and ask.jwks is None
    secret = new_secret(platform.runtime.random_bytes) if is_secret else ""
    client = Client(
        id=ask.name,
        name=ask.name,
        kind="app",
        roles="",
        zones="",
        scopes=" ".join(sorted(resources)),
        secret_hash=platform.secret_hasher.hash(secret) if secret else "",
        jwks="" if ask.jwks is None else checked_keys(ask.jwks),
        generation=1,
        created=platform.runtime.now(),
        expires=ask.expires,
        disabled=None,
    )
    app = App(client.id, ask.title or ask.name, tuple(sorted(set(ask.redirects))), " ".join(context), ask.is_public)
    with platform.accounts.writing() as connection:
        Change(connection).add(client)
        put_app(connection, app)
        detail = {"client": client.name, "scopes": ask.scopes, "public": app.is_public}
        note(platform, who, "register-app", "identified", action="create", detail=detail)
    return RegisteredApp(client, app, secret)


def list_apps(platform: Platform, who: Principal) -> list[dict[str, Any]]:
    """Every application, by name, as `app_as_json`. raises AccessError"""
    admit(platform, who, "administer", "identified", operation="list-apps")
    found = [(platform.clients.find(app.client), app) for app in platform.grants.apps()]
    note(platform, who, "list-apps", "identified", detail={"apps": len(found)})
    now = platform.runtime.now()
    return [app_as_json(client, app, now) for client, app in found if client is not None]


def app_as_json(client: Client, app: App, now: datetime) -> dict[str, Any]:
    """client_id, title, state, redirects, scopes, is_public, signs_in_with, created, expires."""
    way = "nothing" if app.is_public else "key" if client.jwks else "secret"
    return {
        "client_id": client.id,
        "title": app.title,
        "state": "disabled" if client.disabled else "active" if client.is_active(now) else "expired",
        "redirects": list(app.redirects),
        "scopes": [*app.context.split(), *client.scopes.split()],
        "is_public": app.is_public,
        "signs_in_with": way,
        "created": client.created.isoformat(),
        "expires": client.expires.isoformat() if client.expires else None,
    }


def public_app(platform: Platform, client_id: str) -> Client | None:
    """The public application of that name that may come in now: it proves by the code and its verifier alone."""
    client = platform.clients.find(client_id) if _NAME.fullmatch(client_id) else None
    app = platform.grants.app(client.id) if client else None
    is_let = client is not None and client.is_active(platform.runtime.now())
    return client if app is not None and app.is_public and is_let else None


def split(text: str) -> tuple[list[str], list[str]]:
    """(scopes of `CONTEXT`, all others) of a text that divides them by spaces, in its order and each once."""
    words = list(dict.fromkeys(word for word in text.split(" ") if word))
    return [word for word in words if word in CONTEXT], [word for word in words if word not in CONTEXT]


def is_redirect(app: App, address: str) -> bool:
    """True for an address that was registered, letter by letter; on this machine alone the port may be any.

    source  RFC 9700 (2025), 4.1.3; RFC 8252 (2017), 7.3
    """
    return address in app.redirects or _without_port(address) in {_without_port(one) for one in app.redirects} - {""}


def _without_port(address: str) -> str:
    """An address on this machine without its port; empty for any other."""
    try:
        parts = urlsplit(address)
        is_here = parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        own = f"http://{host}:{parts.port}" if parts.port else f"http://{host}"
    except ValueError:
        return ""
    return f"http://{host}{address.removeprefix(own)}" if is_here and address.startswith(own) else ""


def _check(ask: AppAsk) -> None:
    if not _NAME.fullmatch(ask.name) or ask.name == UNKNOWN:
        raise QueryError("this name cannot be an application's", "Use letters, digits, dots and dashes, at most 64.")
    if len(ask.title) > 100 or not ask.title.isprintable():
        raise QueryError("the title is too long, or no text of one line", "Give at most 100 letters.")
    if not 1 <= len(ask.redirects) <= _MOST_REDIRECTS:
        raise QueryError("an application has one to twenty redirect addresses", "Name them with --redirect.")
    for number, address in enumerate(ask.redirects, 1):
        _check_redirect(address, number, is_public=ask.is_public)
    if ask.is_public and ask.jwks is not None:
        raise QueryError("a public application has no keys", "Leave one of both out.")
    context, resources = split(ask.scopes)
    parse(" ".join(resources))
    if not context and not resources:
        raise QueryError("the application could ask for nothing", "Name scopes, such as openid user/*.rs.")
    if "system" in spaces_of(" ".join(resources)):
        raise QueryError("system/ scopes are for programs without a person", "Use user/ or patient/ scopes.")


def _check_redirect(address: str, number: int, *, is_public: bool) -> None:
    remedy = "Use https, http on this machine alone, or a scheme of its own with a dot in it; no fragment, no *."
    try:
        parts = urlsplit(address)
        is_here = parts.hostname == "localhost" or (bool(parts.hostname) and _without_port(address) != "")
        is_web = parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        raise QueryError(f"redirect {number} is no address", remedy) from None
    is_own = is_public and bool(_OWN_SCHEME.fullmatch(parts.scheme))
    is_clean = address.isascii() and address.isprintable() and not set(address) & set("#*\\ <>\"';,")
    if len(address) > _LONGEST or not is_clean or parts.username is not None:
        raise QueryError(f"redirect {number} has what no redirect address has", remedy)
    if not (is_web or is_own or (parts.scheme == "http" and is_here)):
        raise QueryError(f"redirect {number} is not safe to send a code to", remedy)
