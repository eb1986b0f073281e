"""FHIR R4 over HTTP: read, read a version, search, and what the server can do; every zone is a FHIR base of its own."""

from functools import lru_cache
from hashlib import sha256
from typing import Literal

import orjson
from flask import Response, request
from flask_openapi3 import OpenAPI
from werkzeug.exceptions import UnsupportedMediaType

from careloom.api import fhir_schemas as schemas
from careloom.api import oauth_metadata
from careloom.api.context import base_url, platform, who
from careloom.api.fhir_addresses import base as base_named
from careloom.api.fhir_addresses import id_of, named, understanding
from careloom.api.fhir_asks import Ask, form_pairs, page_text, query_pairs
from careloom.api.fhir_formats import Format, versioned
from careloom.api.fhir_offered import offered
from careloom.api.fhir_pages import Base, Place, bundle_of, open_page, page_link, text_of, zone_of
from careloom.api.fhir_routes import fhir
from careloom.errors import QueryError
from careloom.services import records
from careloom.services.capability import OwnSearched, capability_statement
from careloom.services.capability_operations import Offered
from careloom.services.search import search
from careloom.store.zone_store import Zone

_READ = [{"oauth2": ["system/*.r"]}]
_SEARCH = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 500, 503)


def register(_app: OpenAPI) -> None:
    """Adds what the routes name."""
    fhir.components_schemas.update(schemas.components())


@fhir.get(
    "/<zone>/<type>/<named:id>",
    summary="Read a resource",
    description="The current version. 304 without a body if If-None-Match or If-Modified-Since says it is known.",
    operation_id="read",
    security=_READ,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.TYPE, schemas.ID, *schemas.CONDITIONS, *schemas.SHAPES, schemas.PREFER]
    },
    responses={
        **schemas.answers(schemas.FhirResource, schemas.RESOURCE_EXAMPLE, "The resource.", is_versioned=True),
        **schemas.errors(*_REFUSALS, 410),
    },
)
def read() -> Response:
    """One resource."""
    with understanding("read"):
        base = base_named()
        resource_id, form = id_of("id"), _form_of_read()
    return _versioned(records.read(platform(), who(), base.zone, base.resource_type, resource_id), form)


@fhir.get(
    "/<zone>/<type>/<id>/_history/<vid>",
    summary="Read one version of a resource",
    description="That version, whether it is the current one or an earlier one.",
    operation_id="vread",
    security=_READ,
    openapi_extensions={
        "parameters": [
            schemas.ZONE, schemas.TYPE, schemas.ID, schemas.VERSION, *schemas.CONDITIONS, *schemas.SHAPES,
            schemas.PREFER,
        ]
    },
    responses={
        **schemas.answers(schemas.FhirResource, schemas.RESOURCE_EXAMPLE, "The version.", is_versioned=True),
        **schemas.errors(*_REFUSALS, 410),
    },
)  # fmt: skip
def read_version() -> Response:
    """One version of one resource."""
    with understanding("read"):
        base = base_named()
        resource_id, version, form = id_of("id"), id_of("vid"), _form_of_read()
    found = records.read_version(platform(), who(), base.zone, base.resource_type, resource_id, version)
    return _versioned(found, form)


@fhir.get(
    "/<zone>/<kind:type>",
    summary="Search",
    description=(
        "A Bundle of type searchset. Besides the parameters below, those of the type that the zone's "
        "CapabilityStatement lists, chained (subject:Patient.name) and reversed (_has:Observation:patient:code) up to "
        "three links, _include, _revinclude and _elements; unknown ones are refused unless the request says "
        "Prefer: handling=lenient."
    ),
    operation_id="search",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.TYPE, *schemas.SEARCH, schemas.PREFER]},
    responses={
        **schemas.answers(schemas.Bundle, schemas.BUNDLE_EXAMPLE, "A page."),
        **schemas.errors(*_REFUSALS),
    },
)
def search_by_address() -> Response:
    """One page of a search."""
    ask = None
    with understanding("search"):
        base, pairs = base_named(), query_pairs()
        form = Format(pairs)
        token = dict(pairs).get("_page")
        if token is None:
            ask = Ask(base, pairs)
            place, here = Place(ask.text), f"{base.url}?{ask.text}" if ask.text else base.url
        else:
            place, here = open_page(base, token), f"{base.url}?{text_of(pairs)}"
            place = place._replace(text=page_text(place.text, pairs, platform().settings.search.default_count))
    return _searched(base, form, place, here, ask)


@fhir.post(
    "/<zone>/<type>/_search",
    summary="Search, parameters in the body",
    description=(
        "As a search by address, Prefer: handling=lenient included; in the body, what is searched reaches no log on "
        "the way."
    ),
    operation_id="search_by_form",
    security=_SEARCH,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.TYPE],  # one that makes any body right would make no body wrong
        "requestBody": schemas.FORM,
    },
    responses={
        **schemas.answers(schemas.Bundle, schemas.BUNDLE_EXAMPLE, "A page."),
        **schemas.errors(*_REFUSALS, 413, 415),
    },
)
def search_by_form() -> Response:
    """One page of a search."""
    with understanding("search"):
        base = base_named()
        body = request.get_data(cache=False)
        if body and request.mimetype != "application/x-www-form-urlencoded":
            raise UnsupportedMediaType
        pairs = [*query_pairs(), *form_pairs(body)]
        form, ask = Format(pairs), Ask(base, pairs)
    place = Place(ask.text)
    try:
        here = page_link(base, place)
    except QueryError:  # too long for an address; the page itself is not
        here = ""
    return _searched(base, form, place, here, ask)


@fhir.get(
    "/<zone>/metadata",
    summary="What a zone can do",
    description="The CapabilityStatement of the zone's FHIR base. Anybody may read it.",
    operation_id="metadata",
    security=[],
    openapi_extensions={"parameters": [schemas.ZONE, schemas.CONDITIONS[0], *schemas.SHAPES]},
    responses={
        **schemas.answers(schemas.CapabilityStatement, schemas.CAPABILITY_EXAMPLE, "The statement.", is_versioned=True),
        **schemas.errors(400, 404, 406),
    },
)
def metadata() -> Response:
    """The CapabilityStatement of a zone."""
    return _capability(zone_of(named("zone")))


@fhir.get(
    "/metadata",
    summary="What this installation can do",
    description="The CapabilityStatement of all zones, with the address of each. Anybody may read it.",
    operation_id="metadata_of_all",
    security=[],
    openapi_extensions={"parameters": [schemas.CONDITIONS[0], *schemas.SHAPES]},
    responses={
        **schemas.answers(schemas.CapabilityStatement, schemas.CAPABILITY_EXAMPLE, "The statement.", is_versioned=True),
        **schemas.errors(400, 406),
    },
)
def metadata_of_all() -> Response:
    """The CapabilityStatement of the installation."""
    return _capability("")


@fhir.get(
    "/<zone>/.well-known/smart-configuration",
    summary="Where tokens come from",
    description="SMART App Launch: the token endpoint, its ways to authenticate, and the scopes. Anybody may read it.",
    operation_id="smart_configuration",
    security=[],
    openapi_extensions={"parameters": [schemas.ZONE]},
    responses={
        "200": {
            "description": "The configuration.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/SmartConfiguration"},
                    "example": schemas.SMART_EXAMPLE,
                }
            },
        },
        **schemas.errors(404),
    },
)
def smart_configuration() -> Response:
    """SMART's configuration of a zone's FHIR base."""
    zone_of(named("zone"))
    return Response(orjson.dumps(oauth_metadata.smart_configuration(base_url())), content_type="application/json")


def _form_of_read() -> Format:
    """The format of an answer that holds one resource. raises QueryError for parameters that a read does not take."""
    pairs = query_pairs()
    form = Format(pairs)
    if pairs:
        Ask.of_read(pairs)
    return form


def _versioned(found: records.Found, form: Format) -> Response:
    return versioned(form.answer(found.content), found.version, found.last_updated)


def _searched(base: Base, form: Format, place: Place, here: str, ask: Ask | None = None) -> Response:
    """Searches, and answers with a Bundle.

    here  the address of this page, empty if it has none
    """
    page = search(platform(), who(), base.zone, f"{base.resource_type}?{place.text}", cursor=place.cursor)
    links = {"self": here} if here else {}
    if page.next_cursor:
        links["next"] = page_link(base, Place(place.text, page.next_cursor))
    outcome = ask.outcome() if ask else None
    response = form.answer(bundle_of(base, page, links, outcome))
    if outcome:
        response.headers["Preference-Applied"] = "handling=lenient"
    return response


def _capability(zone: Zone | Literal[""]) -> Response:
    form = Format(query_pairs())
    own = _own(zone) if zone else ()
    body, version = _statement(base_url(), zone, platform().settings.fhir.update_creates, own, offered())
    response = versioned(form.answer(body), version)
    response.headers["Cache-Control"] = "no-cache"  # may be kept, if the server is asked whether it still holds
    return response


def _own(zone: Zone) -> tuple[OwnSearched, ...]:
    """The zone's own search parameters that are on."""
    index = platform().store(zone).own_parameters() if platform().has_store(zone) else None
    found = [one for one in index.all if one.state == "on"] if index is not None else []
    told = [(one.parameter.resource_type, one.parameter.code, one.parameter.kind, one.url) for one in found]
    return tuple(OwnSearched(*one) for one in sorted(told))


@lru_cache(64)
def _statement(
    url: str, zone: str, update_creates: bool, own: tuple[OwnSearched, ...], routes: Offered
) -> tuple[bytes, str]:
    """The CapabilityStatement as JSON, and a version that tells it from every other."""
    told = capability_statement(url, zone, update_creates=update_creates, own=own, offered=routes)
    body = orjson.dumps(told)
    return body, sha256(body).hexdigest()[:16]
