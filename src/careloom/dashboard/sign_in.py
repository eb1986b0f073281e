"""The sign-in page: a plain form that works without scripts; and the way out."""

from datetime import timedelta

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template_string, request
from werkzeug.exceptions import LengthRequired

from careloom.client.credentials import Bearer, ClientSecret
from careloom.dashboard import session
from careloom.dashboard.address import local
from careloom.dashboard.calls import ApiOf
from careloom.errors import AccessError, CareloomError, InputError, Unauthenticated
from careloom.runtime import packaged

LONGEST = 512
"""Characters of a client id or a secret; longer ones are nobody's."""
MOST_BYTES = 8192
"""Bytes of a filled-in form."""

REASONS = {
    "ended": "Your session is over, so we signed you out. Sign in again and you are back where you were.",
    "out": "You are signed out, here and where you signed in. Your access token no longer works.",
    "denied": "You did not want to sign in.",
    "nothing": "Your account may do nothing here. Ask an administrator what was granted to you.",
    "stale": "That sign-in was begun elsewhere, is over, or was used before. Begin again.",
    "failed": "That sign-in did not work. Begin again.",
}

_HAS_PEOPLE = "CARELOOM_HAS_PEOPLE"
PAGE = packaged("dashboard", "static/sign-in.html").decode()


def install(app: Flask, api_of: ApiOf, session_seconds: int, *, has_people: bool = False) -> None:
    """Adds the pages of signing in and out to `app`.

    has_people  people sign in at the platform's own pages; else everybody shows a secret
    """
    app.config[_HAS_PEOPLE] = has_people
    pages = Blueprint("sign_in", __name__)

    @pages.get("/sign-in")
    def show() -> Response:
        target = local(request.args.get("next", ""))
        if session.find() is not None:
            return make_response(redirect(target))
        return _page(target, reason=REASONS.get(request.args.get("why", ""), ""))

    @pages.post("/sign-in")
    def sign_in() -> Response:
        request.max_content_length = MOST_BYTES
        if request.content_length is None and "Transfer-Encoding" in request.headers:
            raise LengthRequired
        target = local(request.form.get("next", ""))
        client_id = request.form.get("client_id", "").strip()
        try:
            session.begin(_authenticate(api_of, client_id, request.form.get("secret", ""), session_seconds))
        except CareloomError as error:
            return _page(target, client_id=client_id[:LONGEST], problem=_kindly(error), status=_status(error))
        return make_response(redirect(target, 303))

    @pages.post("/sign-out")
    def sign_out() -> Response:
        person = session.person()
        session.end()
        try:
            with api_of(Bearer(person.token)) as api:
                api.sign_out()
        except CareloomError:
            return make_response(redirect("sign-in", 303))  # the cookie is gone; the token ends by itself soon
        return make_response(redirect("sign-in?why=out", 303))

    app.register_blueprint(pages)


def _authenticate(api_of: ApiOf, client_id: str, secret: str, session_seconds: int) -> session.Person:
    if not client_id or not secret or max(len(client_id), len(secret)) > LONGEST:
        raise InputError("The client id or the secret is missing or too long.", "Fill in both.")
    with api_of(ClientSecret(client_id, secret)) as api:
        token = api.sign_in().text
        me = api.me()
    last = session.now() + timedelta(seconds=session_seconds)
    return session.Person(me.name, me.zones, frozenset(me.scopes), min(me.expires, last), token)


def _kindly(error: CareloomError) -> CareloomError:
    """One message for an unknown id and for a wrong secret, so that neither can be guessed apart."""
    if isinstance(error, Unauthenticated):
        return Unauthenticated(
            "No client has this id and this secret.", "Check both; an administrator can make a new secret."
        )
    return error


def _status(error: CareloomError) -> int:
    if isinstance(error, Unauthenticated):
        return 401
    return 403 if isinstance(error, AccessError) else 400 if isinstance(error, InputError) else 503


def _page(
    target: str,
    *,
    reason: str = "",
    client_id: str = "",
    problem: CareloomError | None = None,
    status: int = 200,
) -> Response:
    has_people = current_app.config[_HAS_PEOPLE]
    by_secret = not has_people or problem is not None or bool(client_id) or "secret" in request.args
    text = render_template_string(
        PAGE, target=target, reason=reason, client_id=client_id, problem=problem, longest=LONGEST,
        has_people=has_people, by_secret=by_secret,
    )  # fmt: skip
    return make_response(text, status)
