"""Search over several types over HTTP."""

from flask import Response, request
from flask_openapi3 import OpenAPI
from werkzeug.exceptions import UnsupportedMediaType

from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import named, understanding
from careloom.api.fhir_asks import Ask, form_pairs, page_text, query_pairs
from careloom.api.fhir_formats import Format
from careloom.api.fhir_pages import Base, Place, bundle_of, open_page, page_link, text_of, zone_of
from careloom.api.fhir_routes import fhir
from careloom.errors import QueryError
from careloom.fhir.search_grammar import pairs_of
from careloom.services.search_types import search_types

_SEARCH = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 500, 503)


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.get(
    "/<zone>",
    summary="Search over several types",
    description=(
        "A Bundle of type searchset, by _id, _lastUpdated, _profile, _tag, _security and _source, of the types that "
        "_type names, one after the other; without it, of every type that the caller may search. Others are refused "
        "unless the request says Prefer: handling=lenient."
    ),
    operation_id="search_types",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.TYPES, *schemas.SEARCH_OF_ALL, schemas.PREFER]},
    responses={**schemas.answers(schemas.Bundle, schemas.BUNDLE_EXAMPLE, "A page."), **schemas.errors(*_REFUSALS)},
)
def by_address() -> Response:
    """One page of a search over types."""
    with understanding("search"):
        base, pairs = Base(zone_of(named("zone")), ""), query_pairs()
        form, token, ask = Format(pairs), dict(pairs).get("_page"), None
        if token is None:
            ask = Ask(base, pairs)
            place, here = Place(ask.text), f"{base.url}?{ask.text}" if ask.text else base.url
        else:
            place, here = open_page(base, token), f"{base.url}?{text_of(pairs)}"
            place = place._replace(text=page_text(place.text, pairs, platform().settings.search.default_count))
    return _searched(base, form, place, here, ask)


@fhir.post(
    "/<zone>/_search",
    summary="Search over several types, parameters in the body",
    description="As a search by address; in the body, what is searched reaches no log on the way.",
    operation_id="search_types_by_form",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE], "requestBody": schemas.FORM_OF_ALL},
    responses={
        **schemas.answers(schemas.Bundle, schemas.BUNDLE_EXAMPLE, "A page."),
        **schemas.errors(*_REFUSALS, 413, 415),
    },
)
def by_form() -> Response:
    """One page of a search over types."""
    with understanding("search"):
        base, body = Base(zone_of(named("zone")), ""), request.get_data(cache=False)
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


def _searched(base: Base, form: Format, place: Place, here: str, ask: Ask | None = None) -> Response:
    """Searches, and answers with a Bundle.

    here  the address of this page, empty if it has none
    """
    page = search_types(platform(), who(), base.zone, pairs_of(place.text), cursor=place.cursor)
    links = {"self": here} if here else {}
    if page.next_cursor:
        links["next"] = page_link(base, Place(place.text, page.next_cursor))
    outcome = ask.outcome() if ask else None
    response = form.answer(bundle_of(base, page, links, outcome))
    if outcome:
        response.headers["Preference-Applied"] = "handling=lenient"
    return response
