"""Routes of people who sign in in a browser, and let applications do something in their name."""

import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from careloom.api import oauth_forms as forms
from careloom.api import oauth_pages as pages
from careloom.api.answers import problems
from careloom.api.context import platform, request_id
from careloom.api.oauth_form_schemas import AUTHORIZE, form_of
from careloom.api.oauth_second_step import second_step
from careloom.api.pace_address import address
from careloom.api.problems import of_error
from careloom.errors import AccessError, CareloomError, QueryError, StateError, Unauthenticated
from careloom.services import authorize as service
from careloom.services import browsers, enrolment, first_party, provider_sign_in, sign_in
from careloom.services.apps import CONTEXT
from careloom.services.clients import NAME_TEXT
from careloom.services.scopes import meaning_of
from careloom.store.clients import Client

TAG = Tag(name="Sign-in of people", description="Pages: authorization code with PKCE, second factor, consent.")
_PAGE: Any = {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}}
_ANSWERS: Any = {
    200: {"description": "A page.", "content": _PAGE},
    303: {
        "description": "On to the application, or the next page.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to."}},
    },
    403: {"description": "A page that says why not.", "content": _PAGE},
    **problems(413, 429),
}
people = APIBlueprint("people", __name__, abp_tags=[TAG])
PACED = ("people.password", "people.code", "people.accept", "people.confirm")
"""Endpoints where somebody may guess."""


@people.errorhandler(CareloomError)
def refused(error: CareloomError) -> Response:
    """A page in place of a problem document; what is no refusal keeps its document and status."""
    if not isinstance(error, (AccessError, QueryError, StateError)):
        return of_error(error)
    return forms.shown(pages.said("That did not work", f"{error.where}.", error.remedy), 403)


def route(summary: str, name: str, **more: Any) -> dict[str, Any]:
    """What the document says of a page."""
    return {"summary": summary, "operation_id": name, "security": [], "responses": _ANSWERS, **more}


@people.get("/oauth2/authorize", **route("Let a person sign in in an application", "authorize"), **AUTHORIZE)
def authorize() -> Response:
    """The authorization endpoint (RFC 6749, 3.1): code alone, with PKCE by S256; the answer names `iss` (RFC 9207).

    Who is not signed in signs in first, with a second factor; then the person is asked. Audited.
    """
    return _begun(request.args.to_dict())


@people.post(
    "/oauth2/authorize", **route("The same by POST", "authorize_post", openapi_extensions=form_of("authorize"))
)
def authorize_post() -> Response:
    """As by GET; the parameters stand in the body (SMART's authorize-post)."""
    return _begun(request.form.to_dict())


def _begun(sent: dict[str, str]) -> Response:
    return _next(sent, forms.carry(sent), platform().runtime.now())


def _next(sent: dict[str, str], carried: str, begun: datetime, session: str | None = None) -> Response:
    """What comes next for a request: the sign-in, the question, or an answer to the application.

    session  the cookie of a session that begins with this answer
    """
    _, app, redirect = service.addressed(platform(), sent)
    try:
        asked = service.read(platform(), sent)
        cookie = forms.cookie(forms.SESSION) if session is None else session
        found = browsers.signed_in(platform(), cookie)
        if found is None or not service.is_fresh(asked, found[1].created, begun, platform().runtime.now()):
            if "none" in asked.prompt:
                raise service.Refusal("login_required", "nobody is signed in")
            page = pages.sign_in(forms.hidden(carried), forms.asks(title=app.title))
            return forms.shown(page, target=redirect)
        if first_party.is_ours(platform(), asked.client.id, asked.redirect) and "consent" not in asked.prompt:
            answer = service.allow(platform(), asked, *found, request=request_id())
            return forms.sent_to(answer, session=session)
        if "none" in asked.prompt:
            raise service.Refusal("consent_required", "the person is asked each time")
        return _question(asked, found[0], carried, session)
    except service.Refusal as why:
        return forms.sent_to(service.refused(platform(), redirect, sent.get("state", ""), why), session=session)


def _question(
    asked: service.Asked, who: Client, carried: str, session: str | None = None, problem: str = ""
) -> Response:
    offered = service.offer(asked, who)
    meanings = [CONTEXT[word] for word in offered.context]
    meanings += [meaning_of(word) for word in offered.words]
    host = urlsplit(asked.redirect).netloc or urlsplit(asked.redirect).scheme
    question = pages.Question(asked.app.title, host, who.name, meanings, offered.needs_patient)
    page = pages.consent(forms.hidden(carried, session), question, problem=problem)
    return forms.shown(page, 403 if problem else 200, target=asked.redirect, session=session)


@people.get("/oauth2/sign-in", **route("Sign in in this browser", "sign_in_page"))
def sign_in_page() -> Response:
    """Asks for name and password, or says who is signed in."""
    found = forms.person()
    if found is not None:
        return forms.shown(pages.signed_in(forms.hidden(), found[0].name))
    return forms.shown(pages.sign_in(forms.hidden(), forms.asks()))


@people.post("/oauth2/sign-in", **route("Name and password", "password", openapi_extensions=form_of("password")))
def password() -> Response:
    """The first step; the second factor follows. Audited when refused; who guesses waits longer and longer."""
    forms.check_form()
    carried, name = request.form.get("request", ""), request.form.get("name", "")
    title, target = coming_from(carried)
    try:
        client = sign_in.check_password(platform(), forms.knock(name, address()), request.form.get("password", ""))
    except (Unauthenticated, StateError) as error:
        shown_name = name if NAME_TEXT.fullmatch(name) else ""
        problem = f"{error.where}. {error.remedy}"
        page = pages.sign_in(forms.hidden(carried), forms.asks(shown_name, title=title, problem=problem))
        return forms.shown(page, 403, target=target)
    session = browsers.begin(
        platform(), client, browsers.Came("pwd"), is_whole=False, instead_of=forms.cookie(forms.SESSION)
    )
    return second_step(client, carried, target=target, session=session)


@people.post("/oauth2/second-factor", **route("The second factor", "code", openapi_extensions=form_of("code")))
def code() -> Response:
    """A code of the authenticator or a recovery code; then the person is signed in in this browser. Audited."""
    forms.check_form()
    carried, half = request.form.get("request", ""), forms.person(is_whole=False)
    _, target = coming_from(carried)
    if half is None:
        return too_late(carried)
    given = request.form.get("code", "")
    try:
        client = sign_in.check_second_factor(platform(), forms.knock(half[0].name, address()), given)
    except (Unauthenticated, StateError) as error:
        problem = f"{error.where}. {error.remedy}"
        return second_step(half[0], carried, target=target, problem=problem)
    came = browsers.Came(f"{half[1].ways} otp mfa".strip(), half[1].provider, half[1].hint)
    return whole(client, came, carried)


def too_late(carried: str) -> Response:
    """The sign-in page again, for who is not half signed in any more."""
    title, target = coming_from(carried)
    asks = forms.asks(title=title, problem="That took too long. Sign in again.")
    return forms.shown(pages.sign_in(forms.hidden(carried), asks), 403, target=target)


def whole(client: Client, came: browsers.Came, carried: str) -> Response:
    """What comes after a sign-in that is whole: the next page of the application's request, or of none."""
    session = browsers.begin(platform(), client, came, is_whole=True, instead_of=forms.cookie(forms.SESSION))
    kept = forms.opened(carried)
    if kept is None or forms.PAGE in kept[0]:
        response = forms.sent_to(kept[0][forms.PAGE] if kept else "/oauth2/sign-in", session=session)
    else:
        response = _next(dict(kept[0]), carried, kept[1], session)
    forms.keep(response, forms.DEVICE, sign_in.device_mark(platform(), client))
    return response


@people.post("/oauth2/consent", **route("Allow or deny", "consent", openapi_extensions=form_of("consent")))
def consent() -> Response:
    """What the person decided; the browser goes on to the application. Audited."""
    forms.check_form()
    kept, found = forms.carried(), forms.person()
    if kept is None:
        raise AccessError("the form carries no request of an application", "Go back to the application.")
    sent, begun = kept
    if found is None:
        return _next(dict(sent), request.form["request"], begun)
    who, browser = found
    try:
        asked = service.read(platform(), sent)
        offered = service.offer(asked, who)
    except service.Refusal as why:
        _, _, redirect = service.addressed(platform(), sent)
        return forms.sent_to(service.refused(platform(), redirect, sent.get("state", ""), why))
    if not service.is_fresh(asked, browser.created, begun, platform().runtime.now()):
        return _next(dict(sent), request.form["request"], begun)
    if request.form.get("decision") != "allow":
        return forms.sent_to(service.deny(platform(), asked, who, request=request_id()))
    try:
        named, patient = request.form.get("patient", ""), ""
        if offered.needs_patient:
            patient = service.chosen_patient(platform(), who, named, request=request_id())
    except (AccessError, QueryError) as error:
        return _question(asked, who, request.form["request"], problem=f"{error.where}. {error.remedy}")
    return forms.sent_to(service.allow(platform(), asked, who, browser, patient=patient, request=request_id()))


@people.get("/oauth2/welcome", **route("Set up an account", "welcome"))
def welcome() -> Response:
    """Asks who was invited for the invitation and a new password."""
    return forms.shown(pages.welcome(forms.hidden(), forms.asks()))


@people.post("/oauth2/welcome", **route("Accept an invitation", "accept", openapi_extensions=form_of("accept")))
def accept() -> Response:
    """A password is chosen; nothing is kept before the second factor is confirmed. Audited when refused."""
    forms.check_form()
    form = request.form
    name = form.get("name", "")
    try:
        if not hmac.compare_digest(form.get("password", "").encode(), form.get("again", "").encode()):
            raise QueryError("the two passwords differ", "Type the same one twice.")
        knock = forms.knock(name, address())
        begun = enrolment.begin(platform(), knock, form.get("invitation", ""), form.get("password", ""))
    except (Unauthenticated, StateError, QueryError) as error:
        shown_name = name if NAME_TEXT.fullmatch(name) else ""
        problem = f"{error.where}. {error.remedy}"
        return forms.shown(pages.welcome(forms.hidden(), forms.asks(shown_name, problem=problem)), 403)
    return forms.shown(pages.enrol(forms.hidden(begun.draft), begun.secret, begun.address))


@people.post("/oauth2/enrol", **route("Confirm the authenticator", "confirm", openapi_extensions=form_of("confirm")))
def confirm() -> Response:
    """The first code of the authenticator; then the account is ready, and recovery codes are shown once. Audited."""
    forms.check_form()
    draft = request.form.get("request", "")
    try:
        _, codes = enrolment.finish(platform(), draft, request.form.get("code", ""), request=request_id())
    except Unauthenticated as error:
        begun = enrolment.again(platform(), draft)
        problem = f"{error.where}. {error.remedy}"
        return forms.shown(pages.enrol(forms.hidden(draft), begun.secret, begun.address, problem=problem), 403)
    return forms.shown(pages.recovery(codes))


@people.post("/oauth2/sign-out", **route("Sign out", "sign_out", openapi_extensions=form_of("sign_out")))
def sign_out() -> Response:
    """Nobody is signed in in this browser any more; applications that were let stay signed in do. Audited.

    Where the person came by another provider, the page leads to the sign-out there, or offers it.
    """
    forms.check_form()
    found = forms.person()
    browsers.end(platform(), forms.cookie(forms.SESSION), request=request_id())
    provider = found[1].provider if found else ""
    away = provider_sign_in.end_address(platform(), provider, found[1].hint) if found and provider else ""
    if away and platform().providers[provider].signs_out:
        response = forms.shown(pages.onward(away, platform().providers[provider].title))
    else:
        link = (away, f"Sign out at {platform().providers[provider].title} too") if away else None
        response = forms.shown(pages.said("Signed out", "Nobody is signed in in this browser.", link=link))
    forms.drop(response, forms.SESSION)
    return response


def coming_from(carried: str) -> tuple[str, str]:
    """(title, redirect address) of the application whose request is carried along; empty where none is."""
    kept = forms.opened(carried)
    if kept is None or forms.PAGE in kept[0]:
        return "", ""
    _, app, redirect = service.addressed(platform(), kept[0])
    return app.title, redirect
