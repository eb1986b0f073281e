"""The OpenAPI document as a page to read and try: Swagger UI from this server alone, under a strict policy."""

import base64
from hashlib import sha256

from flask import Flask, Response, request
from flask_openapi3 import OpenAPI

_START = """
window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "none", displayRequestDuration: true,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", validatorUrl: null
});
"""
PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Careloom API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="swagger/css/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="swagger/js/swagger-ui-bundle.js"></script>
<script>{_START}</script>
</body>
</html>
"""
FIRST_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="UTF-8"><title>Careloom API</title>
<meta http-equiv="refresh" content="0; url=/openapi/swagger"></head>
<body><p><a href="/openapi/swagger">Careloom API</a></p></body>
</html>
"""
_HASH = base64.b64encode(sha256(_START.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; script-src 'self' 'sha256-{_HASH}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Scripts of this server and the one above; Swagger UI styles its elements in place."""


def install(app: Flask) -> None:
    """Puts our page in the place of the maker's, and its policy on it.

    The first page answers with and without a slash at its end: a redirect would repeat what the Host header says.
    """
    for rule in app.url_map.iter_rules():
        if not rule.is_leaf:
            rule.strict_slashes = False
    app.config["SWAGGER_HTML_STRING"] = PAGE
    app.config["OPENAPI_HTML_STRING"] = FIRST_PAGE

    def guard(response: Response) -> Response:
        if request.blueprint in {"swagger", "openapi"} and response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = POLICY
        return response

    app.after_request(guard)


def finish(app: OpenAPI) -> None:
    """Writes the document; call it once every route is there.

    Its maker adds to each operation an answer to requests that break their schema, of a shape of its own. Ours is a
    problem document, which the operations that can give it declare themselves.
    """
    app.generate_spec_json()  # type: ignore[no-untyped-call]
    document = app.spec_json
    theirs = app.validation_error_model.__name__
    del document["components"]["schemas"][theirs]
    for operation in (told for methods in document["paths"].values() for told in methods.values()):
        answers = operation["responses"]
        if theirs in str(answers.get(app.validation_error_status)):
            del answers[app.validation_error_status]
