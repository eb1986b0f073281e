"""Batch and transaction over HTTP: a Bundle in, a Bundle out, entry by entry."""

from contextlib import suppress
from http import HTTPStatus

import orjson
from flask import Response, request
from flask_openapi3 import OpenAPI

from careloom.api import fhir_schemas as schemas
from careloom.api import fhir_write_schemas as shown
from careloom.api.context import base_url, platform, who
from careloom.api.fhir_addresses import named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, without_shapes
from careloom.api.fhir_pages import Base, Place, bundle_of, page_link, zone_of
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.api.fhir_write import location, preference, told
from careloom.api.problems import outcome_of, status_of
from careloom.errors import CareloomError, QueryError
from careloom.fhir.drafts import Resource
from careloom.services.bundle_entries import Get
from careloom.services.bundles import Answer, process
from careloom.services.changes import Done
from careloom.services.records import Found
from careloom.services.search import SearchPage
from careloom.store.rows import instant
from careloom.store.zone_store import Zone

_STATUS = {"created": 201, "deleted": 204, "absent": 204}


def register(_app: OpenAPI) -> None:
    """Adds what the routes name."""
    fhir.components_schemas.update(schemas.components((shown.AskedBundle, shown.AnsweredBundle)))


@fhir.post(
    "/<kind:zone>",
    summary="Batch or transaction",
    description=(
        "A Bundle of interactions. A transaction is done whole or not at all, links between its entries are resolved; "
        "in a batch each entry stands alone."
    ),
    operation_id="batch_or_transaction",
    security=[{"oauth2": ["system/*.cruds"]}],
    openapi_extensions={
        "parameters": [schemas.ZONE, *schemas.SHAPES, shown.RETURN],
        "requestBody": shown.BUNDLE,
    },
    responses={
        **schemas.answers(shown.AnsweredBundle, shown.BUNDLE_ANSWERED, "What each entry came to, in order."),
        **schemas.errors(400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 500, 503),
    },
)
def batch_or_transaction() -> Response:
    """Many interactions."""
    with understanding("batch", "execute"):
        zone, pairs = zone_of(named("zone")), query_pairs()
        form = Format(pairs)
        if without_shapes(pairs):
            raise QueryError("a Bundle takes _format and _pretty only", "Leave other parameters out.")
        request.max_content_length = platform().settings.fhir.max_bundle_bytes
        bundle = resource_sent()
    kind, answers = process(platform(), who(), zone, bundle)
    wanted = preference()
    head = orjson.dumps({"resourceType": "Bundle", "type": f"{kind}-response"})
    entries = b",".join(_entry(zone, one, wanted) for one in answers)
    return form.answer(b'%b,"entry":[%b]}' % (head[:-1], entries) if answers else head)


def _entry(zone: Zone, answer: Answer, wanted: str) -> bytes:
    found = answer.found
    if isinstance(found, CareloomError):
        return orjson.dumps({"response": {"status": _line(status_of(found)), "outcome": outcome_of(found)}})
    if isinstance(found, Done):
        return _of_done(zone, found, wanted)
    if isinstance(found, Found):
        url = f"{base_url()}/fhir/{zone}/{found.resource_type}/{found.id}"
        response = {"status": _line(200), "etag": f'W/"{found.version}"', "lastModified": instant(found.last_updated)}
        return _with(orjson.dumps({"fullUrl": url, "response": response}), found.content)
    return _with(orjson.dumps({"response": {"status": _line(200)}}), _searched(zone, answer, found))


def _of_done(zone: Zone, done: Done, wanted: str) -> bytes:
    """What a change came to; the resource itself only where the client prefers it."""
    response: Resource = {"status": _line(_STATUS.get(done.became, 200))}
    if done.version and done.last_updated is not None:
        if done.became != "deleted":
            response["location"] = location(f"{base_url()}/fhir/{zone}/{done.resource_type}", done)
        response |= {"etag": f'W/"{done.version}"', "lastModified": instant(done.last_updated)}
    if wanted == "operationoutcome":
        response["outcome"] = told(done)
    entry: Resource = {"response": response}
    if done.found is not None and wanted == "representation":
        entry = {"fullUrl": f"{base_url()}/fhir/{zone}/{done.resource_type}/{done.id}", **entry}
        return _with(orjson.dumps(entry), done.found.content)
    return orjson.dumps(entry)


def _searched(zone: Zone, answer: Answer, page: SearchPage) -> bytes:
    ask = answer.asked
    here = Base(zone, ask.resource_type if ask is not None else "")
    query = ask.query or "" if isinstance(ask, Get) else ""
    links: dict[str, str] = {}
    with suppress(QueryError):  # too long for an address; what else the Bundle did is done
        links["self"] = page_link(here, Place(query))
        if page.next_cursor:
            links["next"] = page_link(here, Place(query, page.next_cursor))
    return bundle_of(here, page, links)


def _with(entry: bytes, resource: bytes) -> bytes:
    return b'%b,"resource":%b}' % (entry[:-1], resource)


def _line(status: int) -> str:
    """A status with its words."""
    return f"{status} {HTTPStatus(status).phrase}"
