"""Routes of overview."""

from flask_openapi3 import OpenAPI


def register(app: OpenAPI) -> None:
    """Adds the routes."""
