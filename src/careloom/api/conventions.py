"""What HTTP promises at every address alike, in the order in which a request meets it."""

from collections.abc import Sequence

from flask_openapi3 import OpenAPI

from careloom.api import cors, deprecation, etags, idempotency, packing, rates, tracing, unpacking
from careloom.api.deprecation import Deprecated
from careloom.api.json_bounds import BoundedRequest


def install(app: OpenAPI, deprecated: Sequence[Deprecated]) -> None:
    """Puts the conventions around every view; call it after the gate and before any route is added.

    What is named first meets a request first and its answer last.
    """
    app.request_class = BoundedRequest
    tracing.install(app)
    cors.install(app)
    rates.install(app)
    unpacking.install(app)
    packing.install(app)
    etags.install(app)
    deprecation.install(app, deprecated)
    idempotency.install(app)


def finish(app: OpenAPI, deprecated: Sequence[Deprecated]) -> None:
    """Writes them into the finished document."""
    deprecation.mark(app, deprecated)
    idempotency.describe(app)
    etags.describe(app)
    rates.describe(app)
