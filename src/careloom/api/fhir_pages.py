"""Pages of a search: Bundles, and links to the next page that show nothing of what was searched."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID

import orjson

from careloom.api.context import base_url, platform
from careloom.crypto.envelope import context_of, seal, unseal
from careloom.errors import IntegrityError, NotFound, QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_parameters import resource_types
from careloom.services.platform import STORED_ZONES
from careloom.services.records import Found
from careloom.services.search import SearchPage
from careloom.store.zone_store import Zone

LASTS = timedelta(hours=1)
LONGEST_LINK = 7500
"""Characters: servers and proxies refuse longer request lines, most of them from 8190 on."""
_SAFE = ":/,$"


class Base(NamedTuple):
    """What is searched: the resources of one type in one zone; the type is empty for a search over several."""

    zone: Zone
    resource_type: str

    @property
    def url(self) -> str:
        """Its address, which ids follow after a slash and parameters after a question mark."""
        return f"{base_url()}/fhir/{self.zone}" + (f"/{self.resource_type}" if self.resource_type else "")


class Place(NamedTuple):
    """Where a search goes on: its parameters as ``name=value&...``, and the cursor of the page before."""

    text: str
    cursor: str = ""


def base_of(zone: str, resource_type: str) -> Base:
    """The resources that an address names. raises NotFound if FHIR or this installation has none such."""
    named = zone_of(zone)
    if resource_type not in resource_types():
        raise NotFound("FHIR R4 has no resource type of this name", f"The types stand in /fhir/{named}/metadata.")
    return Base(named, resource_type)


def zone_of(name: str) -> Zone:
    """The zone of an address. raises NotFound if there is none such, or it keeps no resources."""
    for zone in STORED_ZONES:
        if zone == name:
            return zone
    raise NotFound("there is no FHIR zone of this name", f"Choose one of {', '.join(STORED_ZONES)}.")


def text_of(pairs: Sequence[tuple[str, str]]) -> str:
    """Parameters as ``name=value&...``, encoded."""
    return urlencode(pairs, quote_via=quote, safe=_SAFE)


def page_link(base: Base, place: Place) -> str:
    """The address of a page; it opens for an hour, at this base only, and shows neither parameters nor cursor.

    raises  QueryError if the parameters are too long for an address
    """
    expires = int((platform().runtime.now() + LASTS).timestamp())
    plain = zlib.compress(f"{expires}\n{place.cursor}\n{place.text}".encode(), 1)
    sealed = seal(_key(base), plain, _context(base), platform().runtime.random_bytes)
    link = f"{base.url}?_page={base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"
    if len(link) > LONGEST_LINK:
        raise QueryError(
            "the matches need more than one page, and the search is too long for a link to the next",
            "Ask for fewer values at a time, or for a larger _count.",
        )
    return link


def open_page(base: Base, token: str) -> Place:
    """The page that a link names. raises NotFound if it was changed, is of another base, or has expired."""
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        plain = zlib.decompress(unseal(_key(base), sealed, _context(base))).decode()
    except (binascii.Error, ValueError, IntegrityError):
        raise _no_page() from None
    expires, cursor, text = plain.split("\n", 2)
    if int(expires) < platform().runtime.now().timestamp():
        raise _no_page()
    return Place(text, cursor)


def _no_page() -> NotFound:
    minutes = int(LASTS.total_seconds() // 60)
    return NotFound(
        "there is no such page of this search", f"Links are good for {minutes} minutes, unchanged: search again."
    )


def _key(base: Base) -> bytes:
    return platform().keys.derive("pages", base.zone)


def _context(base: Base) -> bytes:
    return context_of(("page", base.zone, base.resource_type))


def bundle_of(base: Base, page: SearchPage, links: dict[str, str], outcome: Resource | None = None) -> bytes:
    """A Bundle of type ``searchset`` as JSON; the resources' own bytes are not read again.

    links    relation -> address
    outcome  what the server has to say about the search itself
    """
    head: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        head["total"] = page.total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    zone_url = f"{base_url()}/fhir/{base.zone}"
    entries = [_entry(zone_url, one, b"match") for one in page.found]
    entries += [_entry(zone_url, one, b"include") for one in page.included]
    if outcome is not None:
        name = UUID(bytes=platform().runtime.random_bytes(16), version=4).urn
        entries.append(orjson.dumps({"fullUrl": name, "resource": outcome, "search": {"mode": "outcome"}}))
    if not entries:
        return orjson.dumps(head)
    return b'%b,"entry":[%b]}' % (orjson.dumps(head)[:-1], b",".join(entries))


def _entry(zone_url: str, one: Found, mode: bytes) -> bytes:
    url = f"{zone_url}/{one.resource_type}/{one.id}"
    return b'{"fullUrl":"%b","resource":%b,"search":{"mode":"%b"}}' % (url.encode(), one.content, mode)
