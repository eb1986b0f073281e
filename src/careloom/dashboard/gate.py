"""The gate before every request: who is signed in, whether a form is ours; and the security headers on every answer."""

from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

from flask import Flask, Response, g, jsonify, make_response, redirect, request

from careloom.dashboard import session
from careloom.dashboard.address import PREFIX, href
from careloom.errors import AccessError, Unauthenticated

STATIC = frozenset(
    {
        "static_file",
        "plotly",
        "/_favicon.ico",
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
    }
)
OPEN = STATIC | {"sign_in.show", "sign_in.sign_in", "sign_in.start", "sign_in.callback"}
"""Endpoints that anybody may reach; Dash names its own by their paths."""

SIGN_IN = f"{PREFIX}/sign-in"

Answer = Response | None

ACTING = frozenset({"ask", "risk", "at"})
"""Words of an address that have something computed and noted: a link on another site leads there by a click alone."""
_BY_ITSELF = '<meta http-equiv="refresh" content="0">'
_AGAIN = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Careloom</title>
{_BY_ITSELF}</head><body><p><a href="">Go on to the dashboard</a></p></body></html>"""


def install(app: Flask, script_hashes: Callable[[], Sequence[str]], *, is_secure: bool) -> None:
    """Puts the gate before every view of `app`.

    script_hashes  the inline scripts that a page may run, asked for with each page: some are added late
    """
    app.before_request(_refuse_foreign_forms)
    app.before_request(_let_in)

    def finish(response: Response) -> Response:
        return _headers(response, script_hashes() if response.mimetype == "text/html" else (), is_secure=is_secure)

    app.after_request(finish)


def _refuse_foreign_forms() -> Answer:
    """Only a page of ours may change anything: the cookie is SameSite=Strict, and this holds without that, too."""
    if request.method in {"GET", "HEAD", "OPTIONS"} or _is_same_origin():
        return None
    return problem(
        403, AccessError.code, "this request comes from another site", "Open the dashboard itself and try again."
    )


def _is_same_origin() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.host


def _let_in() -> Answer:
    """Lets a signed-in person in; sends others to the sign-in page, and programs away."""
    if request.endpoint in OPEN:
        return None
    person = session.find()
    if person is not None:
        g.person = person
        return None
    if _comes_from_elsewhere():
        return make_response(_AGAIN if ACTING.isdisjoint(request.args) else _AGAIN.replace(_BY_ITSELF, ""))
    if request.path.startswith("/_") or request.method != "GET":
        return problem(401, Unauthenticated.code, "nobody is signed in, or the session is over", "Sign in again.")
    back = href() if request.path == "/" else PREFIX + request.full_path.rstrip("?")
    why = "&why=ended" if session.has_ended() else ""
    return make_response(redirect(f"{SIGN_IN}?next={quote(back, safe='/')}{why}"))


def _comes_from_elsewhere() -> bool:
    """True for a link on another site: the browser holds the cookie back, and sends it when our page asks again."""
    return (
        request.method == "GET"
        and request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
        and request.headers.get("Sec-Fetch-Mode") == "navigate"
        and not request.path.startswith("/_")
    )


def problem(status: int, code: str, title: str, remedy: str) -> Response:
    """A problem document. source  RFC 9457"""
    answer = jsonify({"title": title, "status": status, "code": code, "remedy": remedy})
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


def _headers(response: Response, hashes: Sequence[str], *, is_secure: bool) -> Response:
    headers = response.headers
    scripts = " ".join(["'self'", *hashes])
    headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    if request.endpoint not in STATIC:
        headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return response
