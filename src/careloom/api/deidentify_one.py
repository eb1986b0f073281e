"""Route of one text or resource: without identity, told to whoever asked, and kept nowhere."""

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI

from careloom.api.answers import answers, document, problems
from careloom.api.context import platform, who
from careloom.api.deidentifications import TAG
from careloom.api.deidentify_one_schemas import DeidentifiedOne, DeidentifyOneAsk
from careloom.api.schemas import Problem
from careloom.services import deidentify_one as service

_PREVIEWS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/preview"]}]

one = APIBlueprint("deidentify_one", __name__, url_prefix="/api/v1/deidentify", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the route."""
    document(one, Problem, DeidentifiedOne)
    app.register_api(one)


@one.post(
    "",
    summary="De-identify one text or resource",
    operation_id="deidentify_one",
    security=_PREVIEWS,
    responses={
        200: answers(DeidentifiedOne, "What came out, or why nothing did."),
        **problems(400, 401, 403, 404, 409, 410, 413, 415, 500, 503),
    },
)
def deidentified(body: DeidentifyOneAsk) -> Response:
    """By a policy; spans say where something identified, never what. Needs both zones; nothing is kept.

    With a patient also `system/Patient.r` in the identified zone; with a project `careloom/deidentify`.
    """
    ask = service.OneAsk(body.text, body.resource, body.policy, body.style, body.patient, body.project)
    made = service.deidentify_one(platform(), who(), ask).as_json()
    return Response(orjson.dumps(made), content_type="application/json")
