"""``$everything`` over HTTP: what is in a patient's compartment, or belongs to an encounter, page by page.

source  FHIR R4 (4.0.1), patient-operation-everything and encounter-operation-everything
"""

from flask import Response, request
from flask_openapi3 import OpenAPI

from careloom.api import fhir_operations_schemas as shown
from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import id_of, named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, is_lenient, without_shapes
from careloom.api.fhir_pages import Base, Place, bundle_of, open_page, page_link, text_of, zone_of
from careloom.api.fhir_parameters import Given, given
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.errors import QueryError
from careloom.fhir.search_grammar import pairs_of
from careloom.services.everything import OPERATION, EverythingAsk, everything

_SCOPE = [{"oauth2": ["system/*.r", "system/*.s"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 410, 500, 503)
_NAMES = ("start", "end", "_since", "_type", "_count")
_WORDS = (
    "A Bundle of type searchset, page by page: resources in the order in which they first came, and beside them "
    "(search.mode include) the organizations, people, places and medications that they refer to."
)


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.get(
    "/<zone>/Patient/<named:id>/$everything",
    summary="Everything of a patient",
    description=_WORDS,
    operation_id="patient_everything",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.ID, *shown.EVERYTHING, *schemas.SHAPES]},
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS)},
)
def patient_everything() -> Response:
    """A page of one patient's compartment."""
    return _page("Patient", "id")


@fhir.post(
    "/<zone>/Patient/<named:id>/$everything",
    summary="Everything of a patient, asked in a body",
    description=f"As by GET; the parameters stand in a Parameters resource. {_WORDS}",
    operation_id="patient_everything_by_body",
    security=_SCOPE,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.ID, *schemas.SHAPES], "requestBody": shown.EVERYTHING_BODY,
    },
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS, 413, 415)},
)  # fmt: skip
def patient_everything_by_body() -> Response:
    """A page of one patient's compartment."""
    return _page("Patient", "id")


@fhir.get(
    "/<zone>/Patient/$everything",
    summary="Everything of all patients",
    description=f"Of the one patient for who is bound to one, else of every patient. {_WORDS}",
    operation_id="patients_everything",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, *shown.EVERYTHING, *schemas.SHAPES]},
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS)},
)
def patients_everything() -> Response:
    """A page of the compartments of all patients."""
    return _page("Patient", "")


@fhir.get(
    "/<zone>/Encounter/<named:id>/$everything",
    summary="Everything of an encounter",
    description=f"The encounter, what points to it, and its patient beside. {_WORDS}",
    operation_id="encounter_everything",
    security=_SCOPE,
    openapi_extensions={"parameters": [schemas.ZONE, schemas.ID, *shown.EVERYTHING, *schemas.SHAPES]},
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS)},
)
def encounter_everything() -> Response:
    """A page of what belongs to an encounter."""
    return _page("Encounter", "id")


@fhir.post(
    "/<zone>/Encounter/<named:id>/$everything",
    summary="Everything of an encounter, asked in a body",
    description=f"As by GET; the parameters stand in a Parameters resource. {_WORDS}",
    operation_id="encounter_everything_by_body",
    security=_SCOPE,
    openapi_extensions={
        "parameters": [schemas.ZONE, schemas.ID, *schemas.SHAPES], "requestBody": shown.EVERYTHING_BODY,
    },
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS, 413, 415)},
)  # fmt: skip
def encounter_everything_by_body() -> Response:
    """A page of what belongs to an encounter."""
    return _page("Encounter", "id")


def _page(kind: str, part: str) -> Response:
    with understanding(OPERATION):
        zone, pairs, resource_id = zone_of(named("zone")), query_pairs(), id_of(part) if part else ""
        here = Base(zone, "/".join(part for part in (kind, resource_id, "$everything") if part))
        form, rest = Format(pairs), without_shapes(pairs)
        token = dict(rest).get("_page")
        if token is None:
            place = Place(text_of(rest + _sent()))
        elif len(rest) == 1:
            place = open_page(here, token)
        else:
            raise QueryError("the link to a page takes no further parameters", "Follow it unchanged.")
        ask = _ask(kind, resource_id, given(pairs_of(place.text), names=_NAMES, is_lenient=is_lenient()), place)
    page = everything(platform(), who(), zone, ask)
    by_address = token is None and request.method != "POST"
    links = {"self": f"{here.url}?{place.text}".rstrip("?") if by_address else page_link(here, place)}
    if page.next_cursor:
        links["next"] = page_link(here, Place(place.text, page.next_cursor))
    return form.answer(bundle_of(here, page, links))


def _sent() -> list[tuple[str, str]]:
    """The parameters of a body, as those of an address."""
    if request.method != "POST":
        return []
    found = given((), resource_sent(), names=_NAMES, is_lenient=is_lenient())
    return [(name, value) for name, values in found.values.items() for value in values]


def _ask(kind: str, resource_id: str, asked: Given, place: Place) -> EverythingAsk:
    count = asked.one("_count")
    if count and not (count.isascii() and count.isdigit() and len(count) < 10 and int(count) > 0):
        raise QueryError("_count is no number of resources", "Write a whole number from 1 on.")
    return EverythingAsk(
        kind, resource_id, asked.one("start"), asked.one("end"), asked.one("_since"), tuple(asked.listed("_type")),
        int(count) if count else None, place.cursor,
    )  # fmt: skip
