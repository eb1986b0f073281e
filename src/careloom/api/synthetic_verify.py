"""The route that tells what a certificate of a release is worth: it changes nothing."""

from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.schemas import Problem
from careloom.api.synthetic import MONITOR, REFUSALS, TAG
from careloom.api.synthetic_verify_schemas import CertificateBody, CertificateWorth

synthetic_verify = APIBlueprint("synthetic_verify", __name__, url_prefix="/api/v1/synthetic", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the route."""
    document(synthetic_verify, Problem, CertificateWorth)
    app.register_api(synthetic_verify)


@synthetic_verify.post(
    "/certificates/verify",
    summary="Verify a certificate",
    operation_id="verify_synthetic_certificate",
    security=MONITOR,
    responses={200: answers(CertificateWorth, "What it is worth."), **problems(*REFUSALS, 413, 415)},
)
def verified(body: CertificateBody) -> Response:
    """Who signed it, whether it is as it was signed, of what it is, and whether its release still stands.

    Of at most 1 MiB. One that was not signed here claims nothing: only the key that it names is told.
    """
    from careloom.services import synthesize_verify as service  # noqa: PLC0415 - see careloom.api.synthetic

    del body  # its form was looked at; what is checked is each byte that was sent
    return json_answer(service.worth(platform(), who(), request.get_data()))
