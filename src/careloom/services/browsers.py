"""Browsers in which somebody is signed in: begun by a password, whole with the second factor, over after a while."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import timedelta

from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.store.clients import Client
from careloom.store.grants import Browser

_HALF = timedelta(minutes=10)
"""For the second factor after the password."""
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Came:
    """How a person came: the ways as ``amr`` has them, and the other provider where one was asked.

    hint  as `careloom.store.grants.Browser`
    """

    ways: str
    provider: str = ""
    hint: str = field(default="", repr=False)


def begin(platform: Platform, client: Client, came: Came, *, is_whole: bool, instead_of: str = "") -> str:
    """The cookie of a browser in which this person is signed in now; the one that it had before ends."""
    now = platform.runtime.now()
    platform.grants.purge(now, now - timedelta(hours=platform.settings.access.session_hours))
    cookie = urlsafe_b64encode(platform.runtime.random_bytes(32)).decode().rstrip("=")
    browser = Browser(client.id, client.generation, is_whole, now, now, came.ways, came.provider, came.hint)
    platform.grants.keep_browser(cookie, browser, instead_of=instead_of)
    return cookie


def signed_in(platform: Platform, cookie: str, *, is_whole: bool = True) -> tuple[Client, Browser] | None:
    """Who is signed in with a cookie, and since when; None once it was idle for too long, or the person was stopped.

    is_whole  with the second factor; else one that waits for it
    """
    browser = platform.grants.browser(cookie) if cookie else None
    if browser is None or browser.is_whole is not is_whole:
        return None
    now = platform.runtime.now()
    if is_over(platform, browser):
        platform.grants.forget_browser(cookie)
        return None
    client = platform.clients.find(browser.person)
    if client is None or not client.is_active(now) or client.generation != browser.generation:
        return None
    if now >= browser.seen + _SEEN_EVERY:
        platform.grants.keep_browser(cookie, replace(browser, seen=now))
    return client, browser


def is_over(platform: Platform, browser: Browser) -> bool:
    """True where a browser was idle for too long, or signed in too long ago."""
    now, access = platform.runtime.now(), platform.settings.access
    longest = timedelta(hours=access.session_hours) if browser.is_whole else _HALF
    return now >= browser.created + longest or now >= browser.seen + timedelta(minutes=access.idle_minutes)


def end(platform: Platform, cookie: str, *, request: str = "") -> None:
    """Nobody is signed in with this cookie any more. Audited if somebody was."""
    found = signed_in(platform, cookie)
    platform.grants.forget_browser(cookie)
    if found is not None:
        who = Principal(found[0].name, frozenset(), frozenset(), request=request)
        note(platform, who, "sign-out", "identified", action="execute")
