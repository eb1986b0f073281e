"""The route of the overview."""

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, problems
from careloom.api.context import platform, who
from careloom.api.schemas import Model, Overview, Problem
from careloom.services import overview as service

_TAG = Tag(name="Overview", description="What this installation holds, what arrives and how good it is.")

overview = APIBlueprint("overview", __name__, url_prefix="/api/v1/overview", abp_tags=[_TAG])


class NoQuery(Model):
    """No parameter is taken."""


def register(app: OpenAPI) -> None:
    """Adds the route."""
    document(overview, Problem, Overview)
    app.register_api(overview)


@overview.get(
    "",
    summary="The installation on one page",
    operation_id="overview",
    security=[{"oauth2": ["careloom/monitor"]}],
    responses={200: answers(Overview, "The numbers as they stand."), **problems(400, 401, 403, 409, 500, 503)},
)
def shown(query: NoQuery) -> Response:
    """Counts only, nothing of a patient. What the caller may not monitor is left out, or null."""
    return Response(orjson.dumps(service.overview(platform(), who())), content_type="application/json")
