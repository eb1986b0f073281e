"""The dashboard as one WSGI application under ``/dashboard``; it holds nothing, so any number of workers serve it."""

from hashlib import sha256
from io import BytesIO

from dash import Dash
from flask import Flask, Response, abort, send_file

from careloom.dashboard import gate, patient, patients, routing, session, shell, sign_in, theme
from careloom.dashboard.address import PREFIX
from careloom.dashboard.calls import ApiOf
from careloom.runtime import Runtime, packaged

STATIC = {
    "careloom.css": "text/css",
    "careloom.js": "text/javascript",
    "inter-latin.woff2": "font/woff2",
    "mark.svg": "image/svg+xml",
}


def create_dashboard(
    api_of: ApiOf, secret: bytes, session_seconds: int, *, is_secure: bool, runtime: Runtime | None = None
) -> Flask:
    """The application, to be mounted at `careloom.dashboard.address.PREFIX`.

    api_of           makes an SDK client for a credential: over the network, or within this process
    secret           signs the session cookies; every worker has the same
    session_seconds  the longest a person stays signed in; less when the access token ends before
    is_secure        people come by https: cookies are kept to it
    runtime          its clock ends sessions; the real one by default
    """
    server = Flask("careloom.dashboard", static_folder=None)
    server.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024
    session.install(server, secret, seconds=session_seconds, is_secure=is_secure, runtime=runtime or Runtime())
    app = _dash(server)
    gate.install(server, app.csp_hashes, is_secure=is_secure)
    sign_in.install(server, api_of, session_seconds)
    _serve_static(server)
    routing.register(app, api_of)
    patients.register(app, api_of)
    patient.register(app, api_of)
    return server


def _dash(server: Flask) -> Dash:
    app = Dash(
        "careloom.dashboard",
        server=server,  # type: ignore[arg-type]  # dash 4.4 declares less than it takes
        title="Careloom",
        update_title="",
        routes_pathname_prefix="/",
        requests_pathname_prefix=f"{PREFIX}/",
        index_string=shell.DOCUMENT,
        include_assets_files=False,
        suppress_callback_exceptions=True,
        use_pages=False,
        enable_mcp=False,
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = shell.frame()
    return app


def _serve_static(server: Flask) -> None:
    """Our own style sheets, script, font and mark; nothing comes from another host."""
    texts = {name: packaged("dashboard", f"static/{name}") for name in STATIC}
    texts["theme.css"] = theme.style_sheet().encode()
    names = {name: sha256(text).hexdigest()[:16] for name, text in texts.items()}

    @server.get("/static/<name>")
    def static_file(name: str) -> Response:
        if name not in texts:
            abort(404)
        kind = STATIC.get(name, "text/css")
        return send_file(BytesIO(texts[name]), mimetype=kind, etag=names[name], max_age=3600)
