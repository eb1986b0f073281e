"""Style sheets, scripts, the font and the mark: ours and those of Dash, all from here, packed for the way."""

import gzip
import re
from hashlib import sha256
from io import BytesIO

from flask import Flask, Response, abort, request, send_file

from careloom.dashboard import theme
from careloom.runtime import packaged

KINDS = {
    "careloom.css": "text/css",
    "careloom.js": "text/javascript",
    "exports.js": "text/javascript",
    "keys.js": "text/javascript",
    "inter-latin.woff2": "font/woff2",
    "mark.svg": "image/svg+xml",
    "plotly.js": "text/javascript",
    "regenerator.js": "text/javascript",
    "viewer.css": "text/css",
    "viewer.js": "text/javascript",
}
PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"
"""Where Dash looks for plotly.js when a page has its first figure; it gets the parts that our figures use instead, a
fifth of it (`tools/figures`)."""
UNUSED_SCRIPTS = re.compile(r'<script src="[^"]*/(?:dash/deps/polyfill|dash/dash_table/)[^"]*"></script>\s*')
"""What Dash adds to each page for browsers of 2013 (but for regenerator.js, which its scripts expect), and for tables
that no page has."""
PACKED_FOLDERS = ("/_dash-component-suites/", "/static/")
PACKED_KINDS = frozenset({"application/javascript", "text/javascript", "text/css", "image/svg+xml"})
SMALLEST_BYTES = 1024


def install(app: Flask) -> None:
    """Adds our files to `app`, and packs every static file by gzip, once per process.

    Only files that are the same for everybody are packed: what holds a person's data never is, so that its length tells
    nothing (the BREACH attack).
    """
    texts = {name: packaged("dashboard", f"static/{name}") for name in KINDS}
    texts["theme.css"] = theme.style_sheet().encode()
    names = {name: sha256(text).hexdigest()[:16] for name, text in texts.items()}
    packed: dict[str, bytes] = {}

    @app.get("/static/<name>")
    def static_file(name: str) -> Response:
        if name not in texts:
            abort(404)
        return send_file(BytesIO(texts[name]), mimetype=KINDS.get(name, "text/css"), etag=names[name], max_age=3600)

    @app.get(PLOTLY)
    def plotly() -> Response:
        return static_file("plotly.js")

    @app.after_request
    def pack(response: Response) -> Response:
        if _is_packable(response):
            response.direct_passthrough = False
            if request.path not in packed:
                packed[request.path] = gzip.compress(response.get_data(), 9, mtime=0)
            response.set_data(packed[request.path])
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Vary"] = "Accept-Encoding"
        return response


def _is_packable(response: Response) -> bool:
    return (
        response.status_code == 200
        and request.method == "GET"
        and request.path.startswith(PACKED_FOLDERS)
        and response.mimetype in PACKED_KINDS
        and (response.content_length or SMALLEST_BYTES) >= SMALLEST_BYTES
        and request.accept_encodings.quality("gzip") > 0
    )
