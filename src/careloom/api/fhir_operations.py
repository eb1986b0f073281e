"""The FHIR operations of a zone, as the application adds them: each stands in a file of its own."""

from flask_openapi3 import OpenAPI

from careloom.api import fhir_deidentify, fhir_documents, fhir_everything, fhir_validate, fhir_view_export, fhir_views

_ROOMS = (fhir_deidentify, fhir_documents, fhir_everything, fhir_validate, fhir_view_export, fhir_views)


def register(app: OpenAPI) -> None:
    """Adds what the routes name."""
    for room in _ROOMS:
        room.register(app)
