"""Addresses: where a client may send its token, and what may stand in a path."""

import ipaddress
import re
from typing import Any

import httpx

from careloom.errors import InputError, QueryError, SetupError

_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,128}")


def base_address(text: str, *, has_own_transport: bool) -> str:
    """The address of a platform without a slash at its end.

    raises  InputError if it is none, carries a name and a password, or would send a token over the network in the clear
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise InputError("the base URL is no address", "Write it as https://host or https://host/path.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise InputError("the base URL is no address of the web", "Write it as https://host or https://host/path.")
    if url.userinfo or url.query or url.fragment:
        raise InputError("the base URL holds more than an address", "Leave names, passwords, ? and # out of it.")
    if url.scheme == "http" and not has_own_transport and not is_loopback(url.host):
        raise InputError("the base URL is not encrypted", "Begin it with https:// so that nobody reads along.")
    return str(url).rstrip("/")


def is_loopback(host: str) -> bool:
    """True for a name or address of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(address: str) -> str:
    """``https://host:8443`` of an address: where a token for it may go."""
    url = httpx.URL(address)
    return str(httpx.URL(scheme=url.scheme, host=url.host, port=url.port)).rstrip("/")


def segment(text: Any, what: str) -> str:
    """A name as one part of a path.

    raises  QueryError if it could be read as more than that; the error names `what`, never the text
    """
    if isinstance(text, str) and _SEGMENT.fullmatch(text) and text.strip("."):
        return text
    raise QueryError(
        f"that is no {what}", "Letters, digits, hyphens, dots and underscores make one, 128 characters at most."
    )


def linked(base: str, link: str, below: str) -> str:
    """The address that a link of an answer leads to.

    base, below  the platform's address, and the path under it that the link must stay in, e.g. ``/fhir/research/``
    raises       SetupError if it leads elsewhere: a token goes to the platform's own address only
    """
    home = httpx.URL(base)
    try:
        url = httpx.URL(f"{base}/").join(link)
    except (httpx.InvalidURL, TypeError):
        raise SetupError("the answer links to what is no address", "Tell the operator of the platform.") from None
    same_origin = (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port)
    is_below = url.path.startswith(home.path.rstrip("/") + below) and ".." not in url.path.split("/")
    if not same_origin or not is_below or url.userinfo:
        raise SetupError(
            "the answer links to an address outside of what was asked; it is not followed",
            "Make the client with the platform's public address ([api] public_url) as its base URL.",
        )
    return str(url)
