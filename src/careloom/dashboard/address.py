"""Addresses inside the dashboard: what page a path names, and links to pages. No patient's value ever stands in one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

PREFIX = "/dashboard"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the browser is: ``/dashboard/runs/2026-abc?code=x`` is ``("runs", "2026-abc")`` and a query."""

    parts: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)


def read(path: str | None, search: str | None) -> Address:
    """The address of a path below `PREFIX` and a query string as the browser gives them."""
    below = (path or "").removeprefix(PREFIX)
    parts = tuple(unquote(part) for part in below.split("/") if part)
    return Address(parts, dict(parse_qsl((search or "").removeprefix("?"))))


def href(*parts: str, **query: str) -> str:
    """A link to a page; empty query values are left out."""
    path = "/".join([PREFIX, *(quote(part, safe="") for part in parts)]) if parts else f"{PREFIX}/"
    kept = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path


def local(target: str) -> str:
    """`target` if it is a page of this dashboard, else the overview: a sign-in never sends anybody elsewhere."""
    try:
        url = urlsplit(target)
    except ValueError:
        return href()
    plain = target.isascii() and target.isprintable() and "\\" not in target and " " not in target
    is_here = plain and not url.scheme and not url.netloc and url.path.startswith(f"{PREFIX}/")
    below = url.path.removeprefix(f"{PREFIX}/")
    is_page = not below.startswith(("_", "sign-", "callback", "static/", "/")) and ".." not in unquote(below)
    return target if is_here and is_page else href()
