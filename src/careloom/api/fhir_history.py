"""Histories over HTTP: the versions of a resource, a type or a zone, as Bundles with links to the next page."""

from datetime import datetime
from http import HTTPStatus

import orjson
from flask import Response
from flask_openapi3 import OpenAPI

from careloom.api import fhir_schemas as schemas
from careloom.api import fhir_write_schemas as shown
from careloom.api.context import base_url, platform, who
from careloom.api.fhir_addresses import base, id_of, named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, without_shapes
from careloom.api.fhir_pages import Base, Place, open_page, page_link, text_of, zone_of
from careloom.api.fhir_routes import fhir
from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.primitives import PRIMITIVES
from careloom.fhir.search_grammar import pairs_of
from careloom.services.history import HistoryOf, Version, VersionPage, history
from careloom.store.rows import instant
from careloom.store.zone_store import Zone

_REFUSALS = (400, 401, 403, 404, 406, 409, 500, 503)
_TAKES = "A history takes _count, _since, _format and _pretty."


def register(_app: OpenAPI) -> None:
    """Adds what the routes name."""
    fhir.components_schemas.update(schemas.components((shown.History,)))


@fhir.get(
    "/<zone>/<type>/<named:id>/_history",
    summary="Versions of a resource",
    description="All versions, newest first, deletions without content.",
    operation_id="history_instance",
    security=[{"oauth2": ["system/*.r"]}],
    openapi_extensions={"parameters": [schemas.ZONE, schemas.TYPE, schemas.ID, *shown.HISTORY]},
    responses={
        **schemas.answers(shown.History, shown.HISTORY_EXAMPLE, "A page."),
        **schemas.errors(*_REFUSALS, 410),
    },
)
def of_one() -> Response:
    """One page of the versions of a resource."""
    with understanding("history"):
        here = base()
        name = id_of("id")
        pairs, form, place = _asked(Base(here.zone, f"{here.resource_type}/{name}/_history"))
    return _answered(here.zone, (here.resource_type, name), pairs, form, place)


@fhir.get(
    "/<zone>/<type>/_history",
    summary="Versions of a type",
    description="Every version of every resource of the type, newest first.",
    operation_id="history_type",
    security=[{"oauth2": ["system/*.s"]}],
    openapi_extensions={"parameters": [schemas.ZONE, schemas.TYPE, *shown.HISTORY]},
    responses={
        **schemas.answers(shown.History, shown.HISTORY_EXAMPLE, "A page."),
        **schemas.errors(*_REFUSALS),
    },
)
def of_type() -> Response:
    """One page of the versions of a type."""
    with understanding("history"):
        here = base()
        pairs, form, place = _asked(Base(here.zone, f"{here.resource_type}/_history"))
    return _answered(here.zone, (here.resource_type, ""), pairs, form, place)


@fhir.get(
    "/<zone>/_history",
    summary="Versions of a zone",
    description="Every version of every resource of the zone, newest first.",
    operation_id="history_system",
    security=[{"oauth2": ["system/*.s"]}],
    openapi_extensions={"parameters": [schemas.ZONE, *shown.HISTORY]},
    responses={
        **schemas.answers(shown.History, shown.HISTORY_EXAMPLE, "A page."),
        **schemas.errors(*_REFUSALS),
    },
)
def of_zone() -> Response:
    """One page of the versions of a zone."""
    with understanding("history"):
        zone = zone_of(named("zone"))
        pairs, form, place = _asked(Base(zone, "_history"))
    return _answered(zone, ("", ""), pairs, form, place)


def _asked(here: Base) -> tuple[list[tuple[str, str]], Format, Place]:
    """The parameters of the address, or those that a link to a page holds. raises QueryError; NotFound"""
    pairs = query_pairs()
    form, rest = Format(pairs), without_shapes(pairs)
    token = dict(rest).get("_page")
    if token is None:
        return rest, form, Place(text_of(rest))
    if len(rest) > 1:
        raise QueryError("the link to a page takes no further parameters", "Follow it unchanged.")
    place = open_page(here, token)
    return pairs_of(place.text), form, place


def _answered(zone: Zone, name: tuple[str, str], pairs: list[tuple[str, str]], form: Format, place: Place) -> Response:
    kind, resource_id = name
    with understanding("history"):
        since, count = _narrowed(pairs)
    page = history(platform(), who(), zone, HistoryOf(kind, resource_id, since, count, place.cursor))
    here = Base(zone, "/".join([*filter(None, name), "_history"]))
    links = {"self": page_link(here, place) if place.cursor else f"{here.url}?{place.text}".rstrip("?")}
    if page.next_cursor:
        links["next"] = page_link(here, Place(place.text, page.next_cursor))
    return form.answer(_bundle(f"{base_url()}/fhir/{zone}", page, links))


def _narrowed(pairs: list[tuple[str, str]]) -> tuple[datetime | None, int | None]:
    """``_since`` and ``_count``. raises QueryError"""
    given = dict(pairs)
    if len(given) < len(pairs) or given.keys() - {"_since", "_count"}:
        raise QueryError("there is a parameter twice, or one that a history does not take", _TAKES)
    since, count = given.get("_since"), given.get("_count")
    if since is not None and not PRIMITIVES["instant"](since):
        raise QueryError("_since is no instant", "Write it with seconds and zone: 2026-11-22T10:15:00Z.")
    if count is not None and not (count.isascii() and count.isdigit() and len(count) < 10):
        raise QueryError("_count is no number of versions", "Write a whole number.")
    return (
        datetime.fromisoformat(since) if since is not None else None,
        int(count) if count is not None else None,
    )


def _bundle(url: str, page: VersionPage, links: dict[str, str]) -> bytes:
    head: Resource = {"resourceType": "Bundle", "type": "history"}
    if page.total is not None:
        head["total"] = page.total
    head["link"] = [{"relation": relation, "url": address} for relation, address in links.items()]
    entries = [_entry(url, one) for one in page.versions]
    if not entries:
        return orjson.dumps(head)
    return b'%b,"entry":[%b]}' % (orjson.dumps(head)[:-1], b",".join(entries))


def _entry(url: str, one: Version) -> bytes:
    """A version as an entry. Who made it by which method is not kept: the first is told as POST, others as PUT."""
    name = f"{one.resource_type}/{one.id}"
    if one.found is None:
        method, status = "DELETE", HTTPStatus.NO_CONTENT
    elif one.number == 1:
        method, status = "POST", HTTPStatus.CREATED
    else:
        method, status = "PUT", HTTPStatus.OK
    told: Resource = {
        "fullUrl": f"{url}/{name}",
        "request": {"method": method, "url": one.resource_type if method == "POST" else name},
        "response": {
            "status": str(status.value), "etag": f'W/"{one.number}"', "lastModified": instant(one.last_updated),
        },
    }  # fmt: skip
    body = orjson.dumps(told)
    return body if one.found is None else b'%b,"resource":%b}' % (body[:-1], one.found.content)
