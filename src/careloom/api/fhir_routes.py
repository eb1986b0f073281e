"""The one blueprint of all FHIR routes of a zone, and what may stand in their addresses."""

from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from werkzeug.routing import BaseConverter

_TAG = Tag(name="FHIR", description="FHIR R4 (4.0.1). Errors are OperationOutcomes.")

fhir = APIBlueprint("fhir", __name__, url_prefix="/fhir", abp_tags=[_TAG])


class _Named(BaseConverter):
    """What may stand for an id in an address: anything but the names of searches, histories and operations."""

    regex = r"(?!_search\Z|_history\Z|\$)[^/]+"


class _Kind(BaseConverter):
    """What may stand for a zone, or for a type in one: no name of something else at that place."""

    regex = r"(?![_.$]|metadata\Z)[^/]+"


def register(app: OpenAPI) -> None:
    """Adds the routes; after the files that declare them have added what these name."""
    app.url_map.converters["named"] = _Named
    app.url_map.converters["kind"] = _Kind
    app.register_api(fhir)
