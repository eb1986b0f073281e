"""``$docref`` over HTTP: references to a patient's documents.

source  US Core 8.0.0, OperationDefinition docref
"""

from flask import Response, request
from flask_openapi3 import OpenAPI

from careloom.api import fhir_operations_schemas as shown
from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.fhir_addresses import named, understanding
from careloom.api.fhir_asks import query_pairs
from careloom.api.fhir_formats import Format, is_lenient, without_shapes
from careloom.api.fhir_pages import Base, bundle_of, text_of, zone_of
from careloom.api.fhir_parameters import Given, given
from careloom.api.fhir_routes import fhir
from careloom.api.fhir_sent import resource_sent
from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.services.documents_of import OPERATION, DocumentsAsk, documents_of
from careloom.services.search import SearchPage

_SEARCH = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 404, 406, 409, 500, 503)
_NAMES = ("patient", "start", "end", "type", "on-demand", "profile")
_WORDS = (
    "A Bundle of DocumentReferences. With start or end those of care in that range, without both the newest current "
    "one of each type. No document is made on demand: on-demand=true finds none, and says so."
)


def register(_app: OpenAPI) -> None:
    """Adds nothing: the routes stand on the blueprint of all FHIR routes."""


@fhir.get(
    "/<zone>/DocumentReference/$docref",
    summary="A patient's documents",
    description=_WORDS,
    operation_id="docref",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, *shown.DOCUMENTS, *schemas.SHAPES]},
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS)},
)
def docref() -> Response:
    """References to documents."""
    return _documents()


@fhir.post(
    "/<zone>/DocumentReference/$docref",
    summary="A patient's documents, asked in a body",
    description=f"As by GET; the parameters stand in a Parameters resource. {_WORDS}",
    operation_id="docref_by_body",
    security=_SEARCH,
    openapi_extensions={"parameters": [schemas.ZONE, *schemas.SHAPES], "requestBody": shown.DOCUMENTS_BODY},
    responses={**shown.PAGE, **schemas.errors(*_REFUSALS, 413, 415)},
)
def docref_by_body() -> Response:
    """References to documents."""
    return _documents()


def _documents() -> Response:
    with understanding(OPERATION):
        zone, pairs = zone_of(named("zone")), query_pairs()
        here, form, rest = Base(zone, "DocumentReference/$docref"), Format(pairs), without_shapes(pairs)
        body = resource_sent() if request.method == "POST" else None
        asked = given(rest, body, names=_NAMES, is_lenient=is_lenient())
        ask = _ask(asked)
    found = documents_of(platform(), who(), zone, ask)
    links = {"self": here.url if body is not None else f"{here.url}?{text_of(rest)}"}  # what a body says stays there
    outcome = _NOTHING_ON_DEMAND if ask.is_on_demand else None
    return form.answer(bundle_of(here, SearchPage(found, len(found)), links, outcome))


def _ask(asked: Given) -> DocumentsAsk:
    patient = asked.one("patient").removeprefix("Patient/")
    if not schemas.is_id(patient):
        raise QueryError("patient is no id of FHIR", "Give the id of the patient; $docref is about one.")
    types = asked.listed("type")
    for name, text in (("type", ",".join(types)), ("profile", asked.one("profile"))):
        if len(text) > shown.LONGEST_ASKED:
            raise QueryError(f"{name} is too long", f"Give up to {shown.LONGEST_ASKED} characters.")
    return DocumentsAsk(
        patient, asked.one("start"), asked.one("end"), tuple(types), asked.one("profile"),
        _truth(asked, "on-demand"),
    )  # fmt: skip


def _truth(asked: Given, name: str) -> bool:
    value = asked.one(name) or "false"
    if value not in ("true", "false"):
        raise QueryError(f"{name} is neither true nor false", "Write true or false.")
    return value == "true"


_TEXT = "this installation makes no document on demand; what is stored is found without on-demand=true"
_NOTHING_ON_DEMAND: Resource = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "information", "code": "not-supported", "details": {"text": _TEXT}, "diagnostics": _TEXT}
    ],
}  # fmt: skip
